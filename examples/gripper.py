#!/usr/bin/env python3
"""Print what a gripper's controller asks of a hand: pinch and grasp, with their uncertainty.

python3 examples/gripper.py video.mp4 --focal 600
"""

import argparse

import cv2

from hand_pose_25d import Camera, HandPoseEstimator

CLOSED = 0.03  # m between the fingertips: the gripper closes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("video")
    parser.add_argument("--focal", type=float, required=True, help="focal length, px")
    parser.add_argument("--images", type=int, help="stop after so many")
    options = parser.parse_args()
    video = cv2.VideoCapture(options.video)
    width = int(video.get(cv2.CAP_PROP_FRAME_WIDTH))
    height = int(video.get(cv2.CAP_PROP_FRAME_HEIGHT))
    camera = Camera(options.focal, options.focal, (width - 1) / 2, (height - 1) / 2, width, height)
    estimator = HandPoseEstimator(max_hands=1)
    rate, count = video.get(cv2.CAP_PROP_FPS) or 30.0, 0
    while (read := video.read())[0] and count != options.images:
        image = cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB)
        for hand in estimator.track(image, camera, stamp=count / rate):
            if hand.state == "lost":
                continue
            gesture = hand.gesture
            # Close only where it is sure: two standard deviations below the threshold.
            sure = gesture.pinch_distance + 2 * gesture.pinch_distance_sigma < CLOSED
            print(
                f"{count / rate:6.2f} s  {hand.handedness:5s}  "
                f"pinch {1000 * gesture.pinch_distance:5.1f} +- "
                f"{1000 * gesture.pinch_distance_sigma:4.1f} mm  "
                f"closure {gesture.closure:.2f} +- {gesture.closure_sigma:.2f}  "
                f"{'close' if sure else 'open'}",
                flush=True,
            )
        count += 1


if __name__ == "__main__":
    main()
