"""Faults of the library: what a program hands over, and files that it names."""

from __future__ import annotations

import json
import os
import pickle
import struct
import zipfile
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from campaign.faults import Fault
from forks import in_a_fork

from hand_pose_25d import BoneLengthPrior, Camera, EstimatorSettings, HandPoseEstimator
from hand_pose_25d.inference.detection import Detection
from hand_pose_25d.io.cameras import CameraDescription
from hand_pose_25d.io.images import MAX_PIXELS, decode_image, read_image, write_image
from hand_pose_25d.io.outputs import refuse_overwriting
from hand_pose_25d.io.sources import open_source
from hand_pose_25d.io.yaml import read_yaml
from hand_pose_25d.reconstruction.hand_calibration import Calibration

REFUSED = "refused in one sentence; the next good image is right"
CAMERA = Camera(600.0, 600.0, 319.5, 239.5, 640, 480)
BLACK = np.zeros((480, 640, 3), np.uint8)
YAML = (
    "image_width: 640\nimage_height: 480\ndistortion_model: plumb_bob\n"
    "distortion_coefficients: {rows: 1, cols: 5, data: [0, 0, 0, 0, 0]}\n"
    "camera_matrix: {rows: 3, cols: 3, data: [600, 0, 320, 0, 600, 240, 0, 0, 1]}\n"
)


def refused(letter: str, name: str, says: str, act: Any) -> Fault:
    """A call that raises ValueError, TypeError or OSError; `act` takes estimator and folder."""
    return Fault(letter, name, act, says, REFUSED)


def estimates(image: Any = BLACK, camera: Any = CAMERA, **more: Any) -> Any:
    return lambda estimator, folder: estimator.estimate(image, camera, **more)


def tracks(stamp: Any) -> Any:
    return lambda estimator, folder: estimator.track(BLACK, CAMERA, stamp)


def makes(**changes: Any) -> Any:
    values = {"fx": 600.0, "fy": 600.0, "cx": 320.0, "cy": 240.0, "width": 640, "height": 480}
    return lambda estimator, folder: Camera(**{**values, **changes})


def sets(**options: Any) -> Any:
    return lambda estimator, folder: EstimatorSettings(**options)


def tunes(**options: Any) -> Any:
    return lambda estimator, folder: estimator.tune(**options)


def file(folder: Path, content: str | bytes, name: str = "file.yaml") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def reads(content: str | bytes, name: str = "file.yaml", read: Any = read_yaml) -> Any:
    return lambda estimator, folder: read(file(folder, content, name))


def decodes(data: bytes) -> Any:
    return lambda estimator, folder: decode_image(data)


def png(width: int, height: int) -> bytes:
    """A PNG of few bytes whose header says so many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def laughs(line: str = "{0}: &{0} [{1}]\n") -> str:
    """A YAML file of 400 bytes that stands for billions of values."""
    names = "abcdefghijk"
    lines = [
        line.format(b, ", ".join([f"*{a}"] * 9)) for a, b in zip(names, names[1:], strict=False)
    ]
    return "".join(["a: &a {x: 1}\n", *lines])


def all_read(source: Any) -> Any:
    return [frame.name for frame in open_source(source).frames]


def fork(estimator: HandPoseEstimator, folder: Path) -> None:
    """Use the estimator in a fork; raise what it raised there."""
    raise ValueError(in_a_fork(lambda: estimator.estimate(BLACK, CAMERA)))


def network(config: dict[str, Any]) -> Any:
    """Load weights whose configuration is this."""

    def load(estimator: HandPoseEstimator, folder: Path) -> None:
        import torch
        from safetensors.torch import save_file

        from hand_pose_25d.networks.weights import load_network

        path = folder / "giant.safetensors"
        save_file({"a": torch.zeros(1)}, path, {"config": json.dumps(config)})
        load_network(path)

    return load


def flipped(suffix: str) -> Any:
    """Load the shipped detector with one bit of its file turned over."""

    def load(estimator: HandPoseEstimator, folder: Path) -> None:
        from hand_pose_25d.inference.load import load_backend
        from hand_pose_25d.networks.files import weights_path

        data = bytearray(weights_path("detector", suffix).read_bytes())
        data[len(data) // 2] ^= 1
        backend = "onnxruntime" if suffix == ".onnx" else "torch"
        load_backend(file(folder, bytes(data), f"bad{suffix}"), "detector", "cpu", backend)

    return load


def unpickles(data: bytes) -> Any:
    def load(estimator: HandPoseEstimator, folder: Path) -> None:
        from hand_pose_25d_train.datasets.safe_pickle import load_pickle

        load_pickle(file(folder, data, "file.pickle"))

    return load


class Touch:
    """A pickle that makes a file when it is read plainly."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("was_run",)


def unfolds(size: int, header: str) -> Any:
    """Read a shard whose only array has such a header and so many zeros."""

    def load(estimator: HandPoseEstimator, folder: Path) -> None:
        from hand_pose_25d_train.datasets.shards import ShardDataset

        text = header.encode()
        with zipfile.ZipFile(folder / "shard-00000.npz", "w", zipfile.ZIP_DEFLATED) as archive:
            with archive.open("seed.npy", "w", force_zip64=True) as entry:
                entry.write(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text)
                for _ in range(size // 2**20):
                    entry.write(bytes(2**20))
        ShardDataset(folder)

    return load


def boxes_of_an_array(estimator: HandPoseEstimator, folder: Path) -> str:
    """Read a Detection2DArray of which every second box is none."""
    from hand_pose_25d.ros.detections import detections_from_message

    name = SimpleNamespace

    def box(size: float) -> Any:
        center = name(position=name(x=50.0, y=40.0), theta=0.0)
        return name(bbox=name(center=center, size_x=size, size_y=size), results=[])

    said: list[str] = []
    sizes = (20.0, 0.0, 30.0, 1e30, 40.0, float("nan"))
    message = name(detections=[box(size) for size in sizes])
    found = detections_from_message(message, lambda kind, text: said.append(text))
    assert [d.box[2] for d in found] == [20.0, 30.0, 40.0] and len(said) == 3
    return said[0]


SHAPE = "{'descr': '<f8', 'fortran_order': False, 'shape': (%s,), }"
BIG = 2**31
FAULTS = [
    refused(
        "B",
        "a calibration file with an unknown lens",
        "unknown distortion model",
        reads(YAML.replace("plumb_bob", "kb8").replace("[0, 0", "[1, 0"), read=Camera.from_yaml),
    ),
    refused(
        "B",
        "a calibration file without its matrix",
        "key 'camera_matrix' is missing",
        reads("image_width: 640", read=Camera.from_yaml),
    ),
    refused(
        "B",
        "a calibration file of a width of text",
        "file.yaml",
        reads(YAML.replace("640", "wide", 1), read=Camera.from_yaml),
    ),
    refused(
        "B",
        "a calibration file that is not there",
        "No such file",
        lambda e, f: Camera.from_yaml(f / "none.yaml"),
    ),
    refused(
        "B", "a folder for a calibration file", "Is a directory", lambda e, f: Camera.from_yaml(f)
    ),
    refused(
        "B",
        "a calibration of other proportions than the images",
        "other proportions",
        lambda e, f: CameraDescription(file(f, YAML)).camera(640, 640),
    ),
    refused(
        "B",
        "`~nobody` in a path",
        "home directory in it is not known",
        sets(bone_lengths="~nobody_here/hand.yaml"),
    ),
    refused(
        "B",
        "bone lengths of another file",
        "hand|bone|prior|mean",
        reads(YAML, read=BoneLengthPrior.load),
    ),
    refused(
        "B", "a hand calibration without its scale", "lacks", reads("a: 1", read=Calibration.load)
    ),
    refused("C", "a stamp of NaN", "finite number of seconds", tracks(float("nan"))),
    refused("C", "a stamp of infinity", "finite number of seconds", tracks(float("inf"))),
    refused("C", "a stamp of 1e300 s", "finite number of seconds", tracks(1e300)),
    refused("C", "a stamp of text", "finite number of seconds", tracks("1.5")),
    refused(
        "C",
        "a field of view of 0 degrees",
        "field of view",
        lambda e, f: CameraDescription(field_of_view=0.0),
    ),
    refused(
        "C",
        "a field of view of 400 degrees",
        "field of view",
        lambda e, f: CameraDescription(field_of_view=400.0),
    ),
    refused("D", "a file of no bytes for an image", "0 bytes", decodes(b"")),
    refused("D", "text for an image", "no JPEG", decodes(b"hello, world")),
    refused(
        "D", "a PNG of 60,000 x 60,000 by its header", "60000 x 60000", decodes(png(60000, 60000))
    ),
    refused(
        "D",
        "a PNG of 16,000 x 16,000 in 31 KB",
        f"{MAX_PIXELS / 1e6:.0f} million",
        decodes(png(16000, 16000)),
    ),
    refused("D", "a PNG of 0 x 5", "0 x 5", decodes(png(0, 5))),
    refused("D", "a PNG whose data are too few", "PNG", decodes(png(64, 64)[:60])),
    refused("D", "a GIF", "no JPEG", decodes(b"GIF89a" + bytes(60))),
    refused(
        "D",
        "a JPEG of a header alone",
        "JPEG|no JPEG",
        decodes(b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(20)),
    ),
    refused(
        "D",
        "an image file that is not there",
        "No such file",
        lambda e, f: read_image(f / "no.png"),
    ),
    refused("D", "an empty folder of images", "no images", lambda e, f: all_read(f)),
    refused(
        "D",
        "a folder whose images are none",
        "not one of 2",
        lambda e, f: (file(f, "x", "a.png"), file(f, "y", "b.png"), all_read(f)),
    ),
    refused("D", "a video of text", "no video", reads("hello", "clip.mp4", all_read)),
    refused("D", "a camera that is not there", "cannot be opened", lambda e, f: open_source("97")),
    refused(
        "D",
        "a stream of an unknown kind",
        "streams begin with",
        lambda e, f: open_source("gopher://x"),
    ),
    refused(
        "D",
        "a pipe for a video",
        "pipe or socket",
        lambda e, f: (os.mkfifo(f / "pipe"), open_source(f / "pipe")),
    ),
    refused("D", "an image of one channel", r"\(H, W, 3\)", estimates(BLACK[..., :1])),
    refused("D", "an image of floats", "float64", estimates(BLACK / 255)),
    refused("D", "an image of no pixels", "not empty", estimates(BLACK[:0])),
    refused("D", "a list for an image", "numpy array", estimates([[1]])),
    refused(
        "D",
        "an image of another size than its camera's",
        "camera was calibrated for",
        estimates(BLACK[:240]),
    ),
    refused(
        "D",
        "a picture written as text",
        "name ends in one of",
        lambda e, f: write_image(f / "a.txt", BLACK),
    ),
    refused(
        "A",
        "an output that is an input",
        "would be overwritten",
        lambda e, f: refuse_overwriting([f / "a" / ".." / "b"], [f / "b"]),
    ),
    refused("F", "max_hands of text", "max_hands must be a whole number", sets(max_hands="2")),
    refused("F", "max_hands of 0", "max_hands must be", sets(max_hands=0)),
    refused("F", "a threshold of 2", "presence_threshold must be", sets(presence_threshold=2.0)),
    refused("F", "a device that is none", "device must be", sets(device="gpu")),
    refused(
        "F", "a number of 400 digits", "redetect_interval must be", sets(redetect_interval=10**400)
    ),
    refused("F", "an option that is none", "no such option|unexpected keyword", tunes(max_hand=1)),
    refused(
        "F",
        "an option that does not change",
        "cannot change|fixed|tunable|run",
        tunes(max_hands=1),
    ),
    refused("F", "a hand of 3 m", "bone|hand|scale", lambda e, f: e.set_hand_scale(20.0)),
    refused(
        "F",
        "weights that are not there",
        "no such file",
        lambda e, f: HandPoseEstimator(weights="none"),
    ),
    refused(
        "F",
        "the detector for the pose network",
        "a detector, not a pose network",
        lambda e, f: HandPoseEstimator("cpu", weights="detector"),
    ),
    refused("H", "a focal length of 0", "fx=0", makes(fx=0.0)),
    refused("H", "a focal length of NaN", "fy=nan", makes(fy=float("nan"))),
    refused("H", "a focal length of 1e300 px", "fx and fy from", makes(fx=1e300)),
    refused("H", "a centre of 1e30 px", "finite intrinsics", makes(cx=1e30)),
    refused("H", "an image of 10^12 px", "1000000000000", makes(width=10**12)),
    refused("H", "three coefficients of a lens", "4 or 5", makes(distortion=(0.1, 0.2, 0.3))),
    refused("H", "coefficients of NaN", "finite", makes(distortion=(float("nan"),) * 5)),
    refused("I", "a box of 1e30 px", "beyond 1e", estimates(boxes=[(1, 1, 1e30, 1e30)])),
    refused(
        "I", "a box of 1e-300 px", "at least 0.001", estimates(boxes=[(1, 1, 1e-300, 1e-300)])
    ),
    refused("I", "a box of NaN", "finite", estimates(boxes=[(1, float("nan"), 3, 4)])),
    refused(
        "I", "a box outside the image", "outside the image", estimates(boxes=[(700, 1, 3, 4)])
    ),
    refused("I", "a box of three numbers", "numbers", estimates(boxes=[(1, 2, 3)])),
    refused(
        "I", "a number of 400 digits in a box", "numbers", estimates(boxes=[(10**400, 1, 1, 1)])
    ),
    refused(
        "I", "a detection of 1e30 px", "beyond 1e", lambda e, f: Detection((0.0, 0.0, 1e30, 1.0))
    ),
    Fault(
        "I",
        "three bad boxes of an array of six",
        boxes_of_an_array,
        "detection 1 of 6",
        "the three good ones count; said once",
    ),
    refused("I", "a fork after use", "'spawn'", fork),
    refused(
        "I", "an estimator pickled for another process", "spawn", lambda e, f: pickle.dumps(e)
    ),
    refused("I", "weights with a flipped bit", "damaged", flipped(".safetensors")),
    refused("I", "a graph with a flipped bit", "damaged", flipped(".onnx")),
    refused(
        "I",
        "weights of a width of 10^9",
        "width lies between",
        network({"formulation": "latent", "width": 10**9}),
    ),
    refused(
        "I",
        "weights of 10^6 stages",
        "stages lies between",
        network({"formulation": "latent", "stages": 10**6}),
    ),
    refused(
        "I",
        "weights that would take 40 GB",
        "does not fit",
        network({"formulation": "latent", "width": 16000, "expansions": [16000] * 14}),
    ),
    refused(
        "I",
        "a YAML file of 400 bytes that means billions of values",
        "more than 50000 values",
        reads(laughs()),
    ),
    refused(
        "I",
        "the same by merged keys",
        "more than 50000 values",
        reads(laughs("{0}: &{0}\n  <<: [{1}]\n")),
    ),
    refused("I", "100,000 brackets in YAML", "more than 32 lists", reads("a: " + "[" * 100_000)),
    refused("I", "YAML that contains itself", "part of", reads("a: &a [*a]")),
    refused(
        "I",
        "YAML that names Python's functions",
        "not a YAML file",
        reads("a: !!python/object/apply:os.getcwd []"),
    ),
    refused("I", "a number of 9,000 digits in YAML", "digits", reads("a: " + "9" * 9_000)),
    refused("I", "a YAML file of 300 KB", "more than 262144 bytes", reads("a: " + "1," * 150_000)),
    refused(
        "I",
        "/dev/zero for a calibration",
        "pipe or a device",
        lambda e, f: Camera.from_yaml("/dev/zero"),
    ),
    refused("I", "a pickle that runs a program", "not allowed", unpickles(pickle.dumps(Touch()))),
    refused(
        "I",
        "a pickle of 24 bytes a level that means billions of values",
        "more than 10000000 values",
        unpickles(
            b"\x80\x02]q\x00("
            + b"K\x01" * 10
            + b"e"
            + b"".join(
                b"]q" + bytes([n]) + b"(" + (b"h" + bytes([n - 1])) * 10 + b"e"
                for n in range(1, 12)
            )
            + b"."
        ),
    ),
    refused(
        "I",
        "a pickle of 9 bytes that asks for 8 GB",
        "memo 536870911",
        unpickles(b"\x80\x02]r\xff\xff\xff\x1f."),
    ),
    refused(
        "I",
        "a pickle of 200,000 lists in one another",
        "more than 32 levels",
        unpickles(b"\x80\x02" + b"]" * 200_000 + b"a" * 199_999 + b"."),
    ),
    refused(
        "I",
        "a pickle that contains itself",
        "more than 32 levels",
        unpickles(b"\x80\x02]q\x00h\x00a."),
    ),
    refused(
        "I", "a shard of 2 MB that unfolds to 2 GB", "unfolds to", unfolds(BIG, SHAPE % (BIG // 8))
    ),
    refused(
        "I", "a shard whose header says 8 TB", "which is no array", unfolds(0, SHAPE % 10**12)
    ),
    refused(
        "I", "a shard of objects", "holds objects", unfolds(0, SHAPE.replace("<f8", "|O") % 0)
    ),
]
