#!/usr/bin/env python3
"""Turn a video of a hand into a robot hand's joint angles, without ROS: keypoints to a CSV file.

    pip install "dex-retargeting<0.5"        # the last that takes the NumPy 1 of ROS 2
    python3 examples/retarget_video.py video.mp4 --focal 600 --urdf-dir dex-urdf/robots/hands \\
        --robot allegro --side right -o joints.csv

The robots' URDF files are in the repository dexsuite/dex-urdf.  The CSV has a row an image in
which the hand is seen: its time in seconds, then the joints' angles in radians.
"""

import argparse
import csv
from pathlib import Path

import cv2
import numpy as np

from hand_pose_25d import Camera, HandPose, HandPoseEstimator


def mano_keypoints(hand: HandPose) -> np.ndarray:
    """Return the keypoints (21, 3) in metres as dex-retargeting wants them.

    Its origin is the wrist, its axes are MANO's: x out of the palm, y to the thumb's side of a
    right hand (the little finger's of a left one), z the way the fingers point.  The wrist frame
    of HandPose has the same directions in another order: x fingers, y the same, z out of the back.
    """
    pose = hand.wrist_pose
    x, y, z = ((hand.keypoints - pose.position) @ pose.rotation).T
    return np.stack([-z, y, x], axis=1)


def reference(optimizer, points: np.ndarray) -> np.ndarray:
    """Return what an optimizer is to reach: positions, or vectors between keypoints."""
    indices = optimizer.target_link_human_indices
    if optimizer.retargeting_type == "POSITION":
        return points[indices]
    origins, tasks = indices
    return points[tasks] - points[origins]


def load_robot(options):
    """Load the robot by name, or from a configuration file of dex-retargeting."""
    from dex_retargeting.constants import (
        HandType,
        RetargetingType,
        RobotName,
        get_default_config_path,
    )
    from dex_retargeting.retargeting_config import RetargetingConfig

    path = options.config or get_default_config_path(
        RobotName[options.robot], RetargetingType[options.type], HandType[options.side]
    )
    RetargetingConfig.set_default_urdf_dir(str(Path(options.urdf_dir).expanduser()))
    return RetargetingConfig.load_from_file(path).build()


def joint_rows(options, retargeting):
    """Yield time and joint angles of every image in which the hand is seen."""
    video = cv2.VideoCapture(options.video)
    width = int(video.get(cv2.CAP_PROP_FRAME_WIDTH))
    height = int(video.get(cv2.CAP_PROP_FRAME_HEIGHT))
    camera = Camera(options.focal, options.focal, (width - 1) / 2, (height - 1) / 2, width, height)
    estimator = HandPoseEstimator(smoothing=True)
    rate, count = video.get(cv2.CAP_PROP_FPS) or 30.0, 0
    while (read := video.read())[0] and count != options.images:
        image = cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB)
        for hand in estimator.track(image, camera, stamp=count / rate):
            points = mano_keypoints(hand)
            if hand.handedness == options.side and np.isfinite(points).all():
                angles = retargeting.retarget(reference(retargeting.optimizer, points))
                yield [count / rate, *angles]
                break  # one robot hand follows one hand: the longest tracked
        count += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("video")
    parser.add_argument("--focal", type=float, required=True, help="focal length, px")
    parser.add_argument("--urdf-dir", default="", help="dex-urdf/robots/hands")
    parser.add_argument("--robot", default="allegro")
    parser.add_argument("--side", default="right", choices=("left", "right"))
    parser.add_argument("--type", default="vector", choices=("vector", "dexpilot", "position"))
    parser.add_argument("--config", help="a configuration file of dex-retargeting, instead")
    parser.add_argument("--images", type=int, help="stop after so many")
    parser.add_argument("-o", "--output", type=Path, default=Path("joints.csv"))
    options = parser.parse_args()
    try:
        retargeting = load_robot(options)
    except ImportError as error:
        parser.exit(2, f'{error}: pip install "dex-retargeting<0.5"\n')
    with options.output.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["time", *retargeting.joint_names])
        for row in joint_rows(options, retargeting):
            writer.writerow(f"{value:.6g}" for value in row)


if __name__ == "__main__":
    main()
