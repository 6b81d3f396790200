"""Check and time everything on a GPU in one run of a few minutes; needs torch with CUDA.

    python scripts/gpu_check.py                      exit code 1 where an answer is wrong
    python scripts/gpu_check.py --json FILE          write the figures there, too

Checked: both networks against the CPU, graphs against step-by-step runs, crops drawn on the GPU
against OpenCV's, whole images against the CPU's hands.  Timed: each batch size, the detector, and
whole images with one and two hands followed, with and without a detection.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from hand_pose_25d import HandPoseEstimator
from hand_pose_25d.frame import Frame
from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.geometry.virtual_camera import VirtualCamera
from hand_pose_25d.inference.backends.cuda_graphs import BATCHES
from hand_pose_25d.inference.backends.torch_crops import UploadedImage, sample_crops
from hand_pose_25d.inference.detector import Detector
from hand_pose_25d.inference.pose_network import PoseNetwork, load_pose_network
from hand_pose_25d.io.clips import CLIP, load_clip

GOALS = {"track, 2 hands": 2.0, "track, 2 hands, detection on every image": 4.0}
"""Milliseconds an image, on a GPU of the H100's class."""
IMAGES = 100
TOLERANCE = {"float32": 2e-2, "float16": 0.3}
"""Crop pixels, of the keypoints' 95 %, against float32 on the CPU."""


def median_ms(work: Callable[[], object], runs: int = 100) -> float:
    """Return the median time of a call that ends when its answers are on the CPU."""
    for _ in range(10):
        work()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1e3 * float(np.median(times))


class Run:
    """What was found: figures by name, and what is wrong."""

    def __init__(self) -> None:
        self.ms: dict[str, float] = {}
        self.wrong: list[str] = []

    def check(self, name: str, value: float, limit: float) -> None:
        """Print a difference, and note where it is above the limit."""
        good = value <= limit
        print(f"{'ok ' if good else 'BAD'}  {name:58s} {value:10.4f}  (limit {limit:g})")
        if not good:
            self.wrong.append(name)

    def time(self, name: str, milliseconds: float) -> None:
        """Print a time, beside its goal where it has one."""
        goal = f"  (goal {GOALS[name]:g})" if name in GOALS else ""
        print(f"     {name:58s} {milliseconds:8.2f} ms{goal}")
        self.ms[name] = milliseconds


def crops_of(images: list[np.ndarray], camera, hands, size: int) -> tuple[list, np.ndarray]:
    """Return frames with virtual cameras, and the crops that OpenCV draws of them."""
    made, crops = [], []
    for image, seen in zip(images, hands, strict=True):
        frame = Frame(image, camera)
        for hand in seen:
            low, high = hand.uv.min(0), hand.uv.max(0)
            middle = (low + high) / 2
            region = Region((middle[0], middle[1]), 1.25 * float((high - low).max()))
            virtual = VirtualCamera.from_region(camera, region, size)
            made.append((frame, virtual))
            crops.append(virtual.sample(image))
    return made, np.array(crops)


def networks(run: Run, made: list, crops: np.ndarray) -> None:
    """Check and time both networks and the drawing of crops."""
    cpu = load_pose_network(device="cpu", backend="torch")
    expected = cpu(crops)
    for precision in ("float32", "float16"):
        gpu = load_pose_network(device="cuda", backend="torch", precision=precision)
        off = np.abs(gpu(crops).uv - expected.uv)
        run.check(f"pose network, {precision}: px, 95 %", float(np.quantile(off, 0.95)),
                  TOLERANCE[precision])  # fmt: skip
        run.check(f"no graph failed, {precision}", float(gpu.backend.largest_crops == 0), 0)
        for batch in BATCHES:
            rows = np.resize(crops, (batch, *crops.shape[1:]))
            run.time(f"pose network, {precision}, batch {batch}", median_ms(lambda r=rows: gpu(r)))  # noqa: B023
    eager = load_pose_network(device="cuda", backend="torch", precision="float16")
    eager.backend._graphs = None  # type: ignore[attr-defined]
    for batch in BATCHES:
        rows = np.resize(crops, (batch, *crops.shape[1:]))
        run.time(f"the same without graphs, batch {batch}", median_ms(lambda r=rows: eager(r)))
    uploaded = UploadedImage(torch.device("cuda"))
    frame, virtual = made[0]
    drawn = sample_crops(uploaded.of(frame), [virtual])[0].cpu().numpy()
    off = np.abs(drawn.astype(int) - crops[0])
    run.check("crop drawn on the GPU, grey levels, mean", float(off.mean()), 2.0)
    _drawing(run, gpu, made)
    for precision in ("float32", "float16"):
        detector = Detector("cuda", backend="torch", precision=precision)
        run.time(f"detector, {precision}, {detector.sizes} px",
                 median_ms(lambda d=detector: d.detect(frame.image)))  # fmt: skip


def _drawing(run: Run, network: PoseNetwork, made: list) -> None:
    frame = made[0][0]
    cameras = [camera for other, camera in made if other is frame][:2]

    def once() -> None:
        new = Frame(frame.image, frame.camera)  # a new image is sent each time
        network.of_frame(new, cameras)

    run.time(f"image sent, {len(cameras)} crops drawn, pose network, float16", median_ms(once))


def whole_images(run: Run, images: list[np.ndarray], camera, stamps) -> None:
    """Check and time whole images."""
    answers = {}
    for device in ("cpu", "cuda"):
        estimator = HandPoseEstimator(device=device, max_hands=2)
        answers[device] = [
            estimator.track(i, camera, s) for i, s in zip(images, stamps, strict=True)
        ]
    pairs = [
        np.linalg.norm(a.keypoints_2d - b.keypoints_2d, axis=-1)
        for one, two in zip(answers["cpu"], answers["cuda"], strict=True)
        for a, b in zip(one, two, strict=False)
        if a.track_id == b.track_id and a.state != "lost" and b.state != "lost"
    ]
    run.check("track: keypoints against the CPU, px, median", float(np.median(pairs)), 1.0)
    for name, most, interval in (
        ("track, 1 hand", 1, 60.0),
        ("track, 2 hands", 2, 60.0),
        ("track, 2 hands, detection on every image", 2, 0.0),
    ):
        estimator = HandPoseEstimator(device="cuda", max_hands=most, redetect_interval=interval)
        times = []
        for image, stamp in zip(images, stamps, strict=True):
            start = time.perf_counter()
            hands = estimator.track(image, camera, stamp)
            if len(hands) == most:
                times.append(1e3 * (time.perf_counter() - start))
        run.time(name, float(np.median(times)))
        run.time(f"{name}, 95 %", float(np.quantile(times, 0.95)))


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print(f"torch {torch.__version__} sees no CUDA device", file=sys.stderr)
        return 2
    title = f"{torch.cuda.get_device_name()}, torch {torch.__version__}, {platform.machine()}"
    print(title)
    clip = load_clip(CLIP)
    images = list(islice(tqdm(clip.images(), leave=False), IMAGES))
    stamps = [float(stamp) for stamp in clip.stamps[:IMAGES]]
    run = Run()
    made, crops = crops_of(images, clip.camera, clip.hands[:IMAGES],
                           load_pose_network(device="cpu").input_size)  # fmt: skip
    networks(run, made, crops[:64])
    whole_images(run, images, clip.camera, stamps)
    memory = torch.cuda.max_memory_allocated() / 2**20
    print(f"     memory of the GPU at most {memory:.0f} MiB")
    if options.json is not None:
        figures = {"machine": title, "median_ms": run.ms, "wrong": run.wrong, "MiB": memory}
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    print("all answers are right" if not run.wrong else f"wrong: {', '.join(run.wrong)}")
    return 1 if run.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
