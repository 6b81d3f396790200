"""Rendered clips with ground truth: an MP4 and, beside it, a JSON of the same name.

The JSON holds `camera` (fx, fy, cx, cy, width, height), `fps` and `frames`; a frame has `stamp`
(s) and `hands`; a hand has `id` (the same in all frames), `handedness`, `keypoints` (21 x 3,
metres in the camera's optical frame), `keypoints_2d` (21 x 2 px) and `visibility` (21 of 0 or 1).
Stored are the joints of the rendered body; reading moves them to the network's keypoints
(io/rendered_joints.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.io.bounded import load_json
from hand_pose_25d.io.labelled_hand import LabelledHand, with_network_keypoints

FORMAT = 1
_MOST_BYTES = 2**28
"""Of a description; that of a minute has some 4 MB."""
CLIP = Path(__file__).resolve().parent.parent / "demo_data" / "hands.mp4"
"""The bundled clip."""


@dataclass
class Clip:
    """A video with the hands of every frame."""

    video: Path
    camera: Camera
    fps: float
    stamps: np.ndarray
    """(T,) s from the clip's beginning."""
    hands: list[list[LabelledHand]]
    """Per frame; masks are not kept."""

    def __len__(self) -> int:
        return len(self.hands)

    def images(self) -> Iterator[np.ndarray]:
        """Yield the frames, (H, W, 3) uint8 RGB; OSError where the video cannot be read."""
        capture = cv2.VideoCapture(str(self.video))
        try:
            for number in range(len(self)):
                ok, image = capture.read()
                if not ok:
                    raise OSError(
                        f"{self.video}: only {number} of {len(self)} frames could be decoded"
                    )
                yield np.ascontiguousarray(image[:, :, ::-1])
        finally:
            capture.release()


def load_clip(path: Path | str, convert: bool = True) -> Clip:
    """Read a clip by the path of its .json or .mp4.

    `convert`: give the network's keypoints (io/rendered_joints.py), not the rendered body's
    joints.

    Raises FileNotFoundError where one of the two is missing, ValueError where the JSON is not a
    clip's.
    """
    path = Path(path)
    text, video = path.with_suffix(".json"), path.with_suffix(".mp4")
    for file in (text, video):
        if not file.is_file():
            raise FileNotFoundError(
                f"a clip is an .mp4 and a .json of one name; {file} is missing"
            )
    try:
        stored = load_json(text, _MOST_BYTES)
        camera = Camera(**stored["camera"])
        frames = stored["frames"]
        hands = [[_hand(hand) for hand in frame["hands"]] for frame in frames]
        if convert:
            hands = [[with_network_keypoints(hand, camera.K) for hand in frame] for frame in hands]
        stamps = np.array([frame["stamp"] for frame in frames], dtype=np.float64)
        fps = float(stored["fps"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"{text} is not the description of a clip: {error!r}") from error
    return Clip(video, camera, fps, stamps, hands)


def save_description(
    path: Path, camera: Camera, fps: float, frames: list[tuple[float, list[LabelledHand]]]
) -> None:
    """Write a clip's JSON: `frames` are (stamp, hands)."""
    described = {
        "format": FORMAT,
        "camera": {
            name: getattr(camera, name) for name in ("fx", "fy", "cx", "cy", "width", "height")
        },
        "fps": fps,
        "frames": [
            {"stamp": round(stamp, 6), "hands": [_describe(hand) for hand in hands]}
            for stamp, hands in frames
        ],
    }
    Path(path).write_text(json.dumps(described, separators=(",", ":")) + "\n")


def _hand(stored: dict) -> LabelledHand:
    keypoints = np.array(stored["keypoints"], dtype=np.float64)
    uv = np.array(stored["keypoints_2d"], dtype=np.float64)
    if keypoints.shape != (21, 3) or uv.shape != (21, 2):
        raise ValueError(f"a hand needs 21 keypoints, got {keypoints.shape} and {uv.shape}")
    if stored["handedness"] not in ("left", "right"):
        raise ValueError(f"handedness must be 'left' or 'right', got {stored['handedness']!r}")
    return LabelledHand(
        keypoints=keypoints,
        uv=uv,
        visibility=np.array(stored["visibility"], dtype=bool),
        is_right=stored["handedness"] == "right",
        hand_id=int(stored["id"]),
    )


def _describe(hand: LabelledHand) -> dict:
    return {
        "id": int(hand.hand_id),
        "handedness": "right" if hand.is_right else "left",
        "keypoints": np.round(np.asarray(hand.keypoints, dtype=np.float64), 5).tolist(),
        "keypoints_2d": np.round(np.asarray(hand.uv, dtype=np.float64), 2).tolist(),
        "visibility": [int(v) for v in hand.visibility],
    }
