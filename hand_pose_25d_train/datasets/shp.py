"""SHP (Stereo Hand Pose, also STB): Zhang et al., ICIP 2017.

`images/B{1..6}{Counting,Random}/{BB_left,BB_right,SK_color}_{0..1499}.png`, 640 x 480, and
`labels/<sequence>_{BB,SK}.mat` with `handPara` (3, 21, 1500) in millimetres.  Left hands.  The
order is the palm's centre, then little, ring, middle, index, thumb, each base to tip.

Keypoint 0 is the palm's centre and not the wrist.  By the convention of the field the wrist lies
as far beyond it as the ring finger's base lies before: ring MCP + 2 (palm - ring MCP).
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from hand_pose_25d_train.datasets.sample import (
    Part,
    Sample,
    intrinsics,
    need_array,
    need_folder,
    project,
    read_dataset_image,
)

FRAMES = 1500
"""Frames of each sequence."""

SPLITS = {
    "training": tuple(f"B{n}{kind}" for n in range(2, 7) for kind in ("Counting", "Random")),
    "evaluation": ("B1Counting", "B1Random"),
}

ORDER = (0, 17, 18, 19, 20, 13, 14, 15, 16, 9, 10, 11, 12, 5, 6, 7, 8, 1, 2, 3, 4)
"""Canonical keypoint -> SHP's index."""

RING_MCP = 13  # canonical

CAMERAS: dict[str, np.ndarray] = {
    "BB_left": intrinsics(822.79041, 822.79041, 318.47345, 250.31296),
    "BB_right": intrinsics(822.79041, 822.79041, 318.47345, 250.31296),
    "SK_color": intrinsics(607.92271, 607.88192, 314.78337, 236.42484),
}
BASELINE = 0.120054
"""Metres from the left to the right camera of the stereo pair."""

SK_ROTATION = cv2.Rodrigues(np.array([0.00531, -0.01196, 0.00301]))[0]
SK_TRANSLATION = np.array([-24.0381, -0.4563, -1.2326]) / 1000
"""Colour camera -> depth camera of the SK sensor, metres; the labels are in the depth camera."""


class SHP:
    """The frames of one camera."""

    def __init__(self, folder: Path, split: str = "evaluation", camera: str = "BB_left") -> None:
        """Read the labels of the split's sequences that are there.

        Raises ValueError for an unknown split or camera or a damaged label file, and
        FileNotFoundError where no sequence of the split has its labels.
        """
        if split not in SPLITS:
            raise ValueError(f"SHP has the splits {', '.join(SPLITS)}, not {split!r}")
        if camera not in CAMERAS:
            raise ValueError(f"SHP has the cameras {', '.join(CAMERAS)}, not {camera!r}")
        self.folder, self.camera = Path(folder), camera
        need_folder(self.folder / "labels", "SHP's labels")
        self.labels: dict[str, np.ndarray] = {}
        paths = [label_path(self.folder, name, camera) for name in SPLITS[split]]
        for name, path in zip(SPLITS[split], paths, strict=True):
            if path.is_file():
                self.labels[name] = read_labels(path)
        if not self.labels:
            names = ", ".join(path.name for path in paths)
            raise FileNotFoundError(f"none of {names} in {self.folder / 'labels'}")
        self.index = [(name, n) for name, xyz in self.labels.items() for n in range(len(xyz))]

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, index: int) -> Sample:
        """Read one frame; errors name the file."""
        sequence, number = self.index[index]
        xyz = to_camera(self.labels[sequence][number], self.camera)
        K = CAMERAS[self.camera]  # noqa: N806
        return Sample(
            name=f"{sequence}/{self.camera}_{number}",
            image=read_dataset_image(image_path(self.folder, sequence, self.camera, number)),
            K=K,
            uv=project(xyz, K),
            xyz=xyz,
            valid=np.ones(21, bool),
            visibility=np.full(21, np.nan),
            is_right=False,
        )

    def poses(self) -> np.ndarray:
        """Return all (N, 21, 3) labels in metres, without reading images: for bone lengths."""
        return np.concatenate(list(self.labels.values()))


def read_labels(path: Path) -> np.ndarray:
    """Return (N, 21, 3) canonical keypoints in metres, in the frame of the labels."""
    from scipy.io import loadmat

    try:
        content = loadmat(path)
    except Exception as error:  # scipy raises anything from struct.error to its own
        raise ValueError(f"{path} is not a readable MATLAB file: {error}") from error
    if "handPara" not in content:
        raise ValueError(f"{path} has no 'handPara'")
    para = need_array(content["handPara"], (3, 21, None), f"{path}: 'handPara'")
    xyz = para.transpose(2, 1, 0)[:, ORDER] / 1000
    xyz[:, 0] = 2 * xyz[:, 0] - xyz[:, RING_MCP]
    return xyz


def to_camera(xyz: np.ndarray, camera: str) -> np.ndarray:
    """Move (..., 3) points from the frame of the labels into the camera's, metres."""
    if camera == "BB_right":
        return xyz - (BASELINE, 0.0, 0.0)
    if camera == "SK_color":
        return (xyz - SK_TRANSLATION) @ SK_ROTATION  # rows: R^T (X - t)
    return xyz


def label_path(folder: Path, sequence: str, camera: str) -> Path:
    """Return where a sequence's labels for a camera are."""
    return folder / "labels" / f"{sequence}_{camera[:2]}.mat"


def image_path(folder: Path, sequence: str, camera: str, number: int) -> Path:
    """Return where a frame is."""
    return folder / "images" / sequence / f"{camera}_{number}.png"


def inventory(folder: Path) -> list[Part]:
    """List the labels and images of every sequence and camera."""
    parts = []
    for split, sequences in SPLITS.items():
        for sequence in sequences:
            for camera in CAMERAS:
                name = f"{split} {sequence} {camera}"
                path = label_path(folder, sequence, camera)
                if not path.is_file():
                    parts.append(Part(name, 0, FRAMES, [str(path)]))
                    continue
                try:
                    count = len(read_labels(path))
                except ValueError as error:
                    parts.append(Part(name, 0, FRAMES, [str(error)]))
                    continue
                paths = [image_path(folder, sequence, camera, n) for n in range(count)]
                missing = [str(p) for p in paths if not p.is_file()]
                parts.append(Part(name, count - len(missing), FRAMES, missing))
    return parts
