"""Write every number that the estimator gives for the bundled clip, or compare with such a file.

    python scripts/same_answers.py write FILE.npz        before a change
    python scripts/same_answers.py compare FILE.npz      after it: exit code 1 where a bit differs

Run both on one machine: arithmetic differs between processors.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import cv2
import numpy as np

from hand_pose_25d import Camera, HandPoseEstimator

CLIP = Path(__file__).resolve().parent.parent / "hand_pose_25d" / "demo_data" / "hands.mp4"
FIELDS = (
    "keypoints", "covariance", "keypoints_2d", "relative_depth", "confidence", "handedness_score",
    "score", "box", "scale", "track_id",
)  # fmt: skip


def answers(images: int, backend: str) -> dict[str, np.ndarray]:
    """Return {"mode/image/hand/field": values} of `track`, `estimate` and given boxes."""
    described = json.loads(CLIP.with_suffix(".json").read_text())["camera"]
    camera = Camera(**{k: described[k] for k in ("fx", "fy", "cx", "cy", "width", "height")})
    options = {"device": "cpu", "backend": backend}
    tracking, single = HandPoseEstimator(**options), HandPoseEstimator(**options, max_hands=4)
    capture, found = cv2.VideoCapture(str(CLIP)), {}

    def note(mode: str, image: int, hands: list) -> None:
        found[f"{mode}/{image}"] = np.array([len(hands)])
        for i, hand in enumerate(hands):
            for field in FIELDS:
                found[f"{mode}/{image}/{i}/{field}"] = np.asarray(getattr(hand, field))
            words = f"{hand.handedness} {hand.state} {hand.scale_source}"
            found[f"{mode}/{image}/{i}/words"] = np.array(words)

    for number in range(images):
        read, image = capture.read()
        if not read:
            break
        image = np.ascontiguousarray(image[:, :, ::-1])
        hands = tracking.track(image, camera, number / 30)
        note("track", number, hands)
        if number % 20 == 0:
            note("estimate", number, single.estimate(image, camera))
            boxes = [hand.box for hand in hands if hand.state != "lost"]
            note("boxes", number, single.estimate(image, camera, boxes=boxes))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=("write", "compare"))
    parser.add_argument("file", type=Path)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--backend", default="torch")
    args = parser.parse_args()
    found = answers(args.images, args.backend)
    if args.action == "write":
        np.savez_compressed(args.file, **found)
        print(f"{len(found)} arrays written")
        return 0
    with np.load(args.file) as stored:
        before = {name: stored[name] for name in stored.files}
    differing = sorted(before.keys() ^ found.keys()) + [
        name for name in before.keys() & found.keys()
        if before[name].tobytes() != found[name].tobytes()
    ]  # fmt: skip
    print(f"{len(before)} arrays compared, {len(differing)} differ: {differing[:5]}")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
