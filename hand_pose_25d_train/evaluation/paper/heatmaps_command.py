"""`hand-pose-25d heatmaps IMAGE`: draw the paper's Fig. 2 for the best hand of an image.

A heatmap and a depth map for each keypoint, as the network gives them before Eq. 15 and 16.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from hand_pose_25d.commands.inputs import add_camera_arguments, described_camera
from hand_pose_25d.estimator import HandPoseEstimator
from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.geometry.virtual_camera import VirtualCamera
from hand_pose_25d.io.images import read_photo, write_image
from hand_pose_25d_train.evaluation.paper.heatmaps import figure, need_maps, network_maps
from hand_pose_25d_train.networks.formulations import load_any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("image", type=Path)
    parser.add_argument("-o", "--output", type=Path, help="default: IMAGE_heatmaps.png")
    parser.add_argument(
        "--weights", default="accurate", help="a shipped network's name, or a .safetensors file"
    )
    parser.add_argument(
        "--box",
        type=float,
        nargs=4,
        metavar=("X", "Y", "W", "H"),
        help="of the hand, pixels; without it the detector finds one",
    )
    add_camera_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Find the hand, run the pose network once more and draw its maps."""
    if not args.image.is_file():
        raise FileNotFoundError(f"no image {args.image}")
    image, orientation = read_photo(args.image)
    camera = described_camera(args).camera(image.shape[1], image.shape[0], orientation)
    network = load_any(args.weights)
    need_maps(network)
    estimator = HandPoseEstimator(device="cpu", network=network, max_hands=1)
    hands = estimator.estimate(image, camera, boxes=[args.box] if args.box else None)
    if not hands:
        raise ValueError(f"no hand found in {args.image}; --box X Y W H says where one is")
    hand = hands[0]
    region = Region.from_keypoints(hand.keypoints_2d)
    size = int(network.input_size)  # type: ignore[arg-type]
    crop = VirtualCamera.from_region(camera, region, size, mirror=hand.handedness == "left")
    output = args.output or args.image.with_name(f"{args.image.stem}_heatmaps.png")
    write_image(output, figure(network_maps(network, crop, image)))
    mirrored = ", its crop mirrored as the network sees it" if crop.mirror else ""
    print(f"{hand.handedness} hand, score {hand.score:.2f}{mirrored}: {output}")
    return 0
