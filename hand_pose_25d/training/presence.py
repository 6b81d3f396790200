"""Fit a pose network's presence to what the detector takes for hands.

    python -m hand_pose_25d.training.presence runs/realtime/weights.safetensors \\
        --scenes renders/scenes --crops renders/crops --photos hands=hands.npz \\
        --backgrounds photos --out fitted.safetensors

The detector asks about faces, feet, elbows and leaves that look like hands: crops that random
negatives hardly hold.  Nothing of the network changes but the linear layer that answers (logistic
regression on the features before it, kept near to where it was), so the poses stay the same.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from tqdm import tqdm

from hand_pose_25d.camera import Camera
from hand_pose_25d.data.backgrounds import Backgrounds
from hand_pose_25d.data.shards import ShardDataset
from hand_pose_25d.detector import Detector
from hand_pose_25d.evaluation.crops import collect
from hand_pose_25d.network.latent import LatentNetwork
from hand_pose_25d.network.weights import load_network, read_config, save_network, weights_path
from hand_pose_25d.runtime import Runtime, load_runtime
from hand_pose_25d.search import refine, search
from hand_pose_25d.training.command import photo_folder
from hand_pose_25d.training.detector_photos import load_cut_outs
from hand_pose_25d.training.detector_renders import RenderFolder
from hand_pose_25d.training.detector_scenes import ComposedScenes, SceneHand
from hand_pose_25d.training.distractors import load_distractors

MOST = 8
"""Detections of an image that are asked about."""
SAME, FAR = 0.4, 0.05
"""Overlap (IoU) of a pose's box and a true hand's from which on it is that hand, and up to which
it is none; nothing is asked of what lies between."""
SEEN = 0.2
"""Share of a hand's keypoints that must be visible for it to count as one."""
SIDE = 480
"""Pixels of a composed scene."""
FOCAL = 1.0
"""Of the pinhole camera that photographs are looked at through, in image widths."""
DECAY = 1e-3
"""Weight of the squared change of the layer, its inputs scaled to unit variance."""
BATCH = 16

Image = tuple[np.ndarray, list[SceneHand]]


@dataclass
class Asked:
    """Crops with the right answers."""

    crops: list[np.ndarray] = field(default_factory=list)
    """(S, S, 3) uint8 RGB."""
    answers: list[float] = field(default_factory=list)
    """1 where a hand is shown, else 0."""
    parts: list[int] = field(default_factory=list)
    """Which source a crop comes from."""

    def add(self, crop: np.ndarray, answer: float, part: int) -> None:
        """Append one."""
        self.crops.append(crop)
        self.answers.append(answer)
        self.parts.append(part)


def scenes(folder: Path, count: int) -> Iterator[Image]:
    """Yield rendered scenes and the hands in them."""
    source = RenderFolder(folder)
    for index in range(min(count, len(source))):
        yield source[index].image, source[index].hands


def composed(args: argparse.Namespace, seed: int = 0) -> Iterator[Image]:
    """Yield photographed hands before photographs without: real things are not all "no"."""
    cut_outs = [c for folder, labels in args.photos for c in load_cut_outs(folder, labels, False)]
    backgrounds, distractors = Backgrounds(args.backgrounds), load_distractors(args.distractors)
    source, rng = ComposedScenes(cut_outs, backgrounds, distractors), np.random.default_rng(seed)
    for _ in range(args.count):
        scene = source.draw(SIDE, rng)
        yield scene.image, scene.hands


def box_iou(uv: np.ndarray, other: np.ndarray) -> float:
    """Return the IoU of the boxes around two (21, 2) sets of pixels."""
    low = np.maximum(uv.min(0), other.min(0))
    high = np.minimum(uv.max(0), other.max(0))
    common = float(np.clip(high - low, 0, None).prod())
    areas = float(np.ptp(uv, axis=0).prod() + np.ptp(other, axis=0).prod())
    return common / max(areas - common, 1e-9)


def judge(uv: np.ndarray, hands: list[SceneHand]) -> float | None:
    """Tell whether a pose (21, 2) px is one of the hands: 1 yes, 0 no, None not to be asked."""
    overlaps = [box_iou(uv, hand.uv) for hand in hands]
    best = int(np.argmax(overlaps)) if hands else -1
    if best < 0 or overlaps[best] <= FAR:
        return 0.0
    if overlaps[best] >= SAME and hands[best].visible >= SEEN:
        return 1.0
    return None


def ask(
    runtime: Runtime, detector: Detector, image: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the crop (S, S, 3) and the pose (21, 2) px that every detection leads to."""
    height, width = image.shape[:2]
    center = ((width - 1) / 2, (height - 1) / 2)
    camera = Camera(FOCAL * width, FOCAL * width, *center, width, height)
    detections = detector.detect(image)
    if not detections:
        return
    first = search(runtime, image, camera, detections)
    second = refine(runtime, image, camera, first, detections)
    for views in (first.views, second.views):
        for crop, uv in zip(views.crops, views.keypoints_2d, strict=True):
            if np.isfinite(uv).all():
                yield crop.sample(image), uv


def presence_layer(network: LatentNetwork) -> nn.Linear:
    """Return the layer that answers whether a crop shows a hand."""
    layer = network.backbone.presence
    assert isinstance(layer, nn.Linear)
    return layer


def features_of(network: LatentNetwork, crops: list[np.ndarray]) -> Tensor:
    """Return what the presence layer is given for (S, S, 3) uint8 crops: (N, C)."""
    seen: list[Tensor] = []
    layer = presence_layer(network)
    handle = layer.register_forward_pre_hook(lambda _, given: seen.append(given[0].float()))
    with torch.inference_mode():
        for start in range(0, len(crops), BATCH):
            stack = np.stack(crops[start : start + BATCH]).transpose(0, 3, 1, 2)
            network(torch.from_numpy(np.ascontiguousarray(stack)).float() / 255)
    handle.remove()
    return torch.cat(seen).clone()


def fit(layer: nn.Linear, features: Tensor, truth: Tensor, weights: Tensor) -> None:
    """Move the layer to the weighted logistic regression of truth (N,) on features (N, C)."""
    mean, scale = features.mean(0), features.std(0) + 1e-3
    x = (features - mean) / scale
    change = torch.zeros(x.shape[1] + 1, requires_grad=True)
    with torch.no_grad():
        before = layer(features)[:, 0]
    optimizer = torch.optim.LBFGS([change], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        logit = before + x @ change[1:] + change[0]
        cross = F.binary_cross_entropy_with_logits(logit, truth, weights)
        value = cross + DECAY * change[1:].square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    with torch.no_grad():
        moved = change[1:] / scale
        layer.weight[0].add_(moved)
        layer.bias.add_(change[0] - moved @ mean)


def balanced(truth: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Return weights (N,) that let every part, and in it yes and no, count alike; mean 1."""
    weights = np.zeros(len(truth))
    for part in np.unique(parts):
        for answer in (0.0, 1.0):
            rows = (parts == part) & (truth == answer)
            weights[rows] = 1 / max(int(rows.sum()), 1)
    return np.asarray(weights / weights.mean())


def kept(network: LatentNetwork, features: Tensor, truth: np.ndarray) -> str:
    """Describe the layer's answers: hands kept, and others taken for hands, at 0.5."""
    layer = presence_layer(network)
    with torch.inference_mode():
        yes = (layer(features)[:, 0] > 0).numpy()
    shares = [float(yes[truth == t].mean()) if (truth == t).any() else math.nan for t in (1, 0)]
    return f"{shares[0]:.1%} of hands kept, {shares[1]:.1%} of others"


def gather(args: argparse.Namespace, network: LatentNetwork) -> Asked:
    """Collect crops, answers and what they are of: rendered crops, scenes, composed scenes."""
    truth = collect(ShardDataset(args.crops, masks=False), 0, args.count, network.input_size)
    seen = [bool(hand.visibility.mean() >= SEEN) for hand in truth.hands]
    asked = Asked()
    for crop, is_seen in zip(truth.crops, seen, strict=True):
        if is_seen:
            asked.add(crop, 1.0, 0)
    for crop in truth.empty:
        asked.add(crop, 0.0, 0)
    sources = [scenes(args.scenes, args.count)]
    if args.photos:
        sources.append(composed(args))
    runtime = load_runtime(network, "cpu", "torch", threads=1)
    detector = Detector("cpu", args.detector, args.threshold, max_hands=MOST)
    for part, source in enumerate(sources, start=1):
        for image, hands in tqdm(source, total=args.count, unit="image", mininterval=5):
            for crop, uv in ask(runtime, detector, image):
                answer = judge(uv, hands)
                if answer is not None:
                    asked.add(crop, answer, part)
    return asked


def fitted(network: LatentNetwork, features: Tensor, asked: Asked, rows: np.ndarray) -> None:
    """Fit the network's presence layer to some of the crops."""
    layer = presence_layer(network)
    truth, parts = np.array(asked.answers)[rows], np.array(asked.parts)[rows]
    weights = torch.from_numpy(balanced(truth, parts)).float()
    fit(layer, features[rows], torch.from_numpy(truth).float(), weights)


def main(arguments: list[str] | None = None) -> None:
    """Ask, fit, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights", help="a pose network's name or file")
    parser.add_argument("--detector", default="detector", help="a detector's name or file")
    parser.add_argument("--scenes", type=Path, required=True, help="folder of rendered scenes")
    parser.add_argument("--crops", type=Path, required=True, help="folder of rendered crops")
    parser.add_argument(
        "--photos", type=photo_folder, nargs="*", default=[], metavar="DIR=NPZ",
        help="photographs and their label file",
    )  # fmt: skip
    parser.add_argument("--backgrounds", type=Path, nargs="*", default=[],
                        help="photographs without hands")  # fmt: skip
    parser.add_argument("--distractors", type=Path, nargs="*", default=[],
                        help="folders of cut-outs (RGBA PNG), such as faces")  # fmt: skip
    parser.add_argument("--count", type=int, default=1000, help="images of each kind")
    parser.add_argument(
        "--threshold", type=float, default=0.25,
        help="score from which on the detector's answers are asked about",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(arguments)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    network = load_network(args.weights)
    if not isinstance(network, LatentNetwork):
        parser.error(f"{args.weights} is not a latent network")
    asked = gather(args, network)
    truth = np.array(asked.answers)
    if len(np.unique(truth)) < 2:
        parser.error("need hands as well as other things; got only one of them")
    features = features_of(network, asked.crops)
    rows = np.random.default_rng(0).permutation(len(truth))
    test, rest = rows[: len(rows) // 5], rows[len(rows) // 5 :]
    print(f"{len(truth)} crops, {int(truth.sum())} of hands")
    print(f"a fifth of them, before: {kept(network, features[test], truth[test])}")
    trial = load_network(args.weights)
    assert isinstance(trial, LatentNetwork)
    fitted(trial, features, asked, rest)
    print(f"fitted to the others:    {kept(trial, features[test], truth[test])}")
    fitted(network, features, asked, rows)
    save_network(network, read_config(weights_path(args.weights)), args.out)


if __name__ == "__main__":
    main()
