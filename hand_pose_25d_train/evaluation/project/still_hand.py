"""What a hand's answer depends on besides the hand: sensor noise, and where its crop lies."""

from __future__ import annotations

import numpy as np

from hand_pose_25d.estimator import HandPoseEstimator
from hand_pose_25d.frame import Frame
from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.geometry.wrist_frame import PALM
from hand_pose_25d.inference.detector import load_detector
from hand_pose_25d.inference.hand_networks import HandNetworks
from hand_pose_25d.inference.landmarks import solve
from hand_pose_25d.inference.pose_network import load_pose_network
from hand_pose_25d.io.clips import Clip
from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior

STILL_IMAGES = 60
SENSOR_NOISE = 4.0
"""Standard deviation in grey levels, of the still hand's images."""
CROPS = 40
CROP_SHIFT, CROP_SCALE, CROP_ANGLE = 0.02, 0.02, 2.0
"""Standard deviations: shares of the region's size, degrees."""


def still_hand_lines(image: np.ndarray, clip: Clip) -> list[str]:
    """Return lines for the terminal: the jitter of an image's hand, and its crop sensitivity."""
    lines = []
    for smoothing in (False, True):
        mm, px = measured_jitter(image, clip, smoothing)
        name = "with" if smoothing else "without"
        lines.append(f"still hand {name} the filter: {mm:.2f} mm, pixels {px:.2f}")
    mm, px, share = crop_sensitivity(image, clip)
    lines.append(
        f"crop moved by {CROP_SHIFT:.0%}, scaled by {CROP_SCALE:.0%}, rotated by "
        f"{CROP_ANGLE:g} degrees: palm's distance {mm:.2f} mm, pixels {px:.2f} "
        f"({share:.2%} of the region)"
    )
    return lines


def measured_jitter(
    image: np.ndarray, clip: Clip, smoothing: bool, images: int = STILL_IMAGES
) -> tuple[float, float]:
    """Return how much the keypoints of a still image's first hand move, under sensor noise.

    Standard deviation over the images, root mean square over the keypoints, of their position (mm)
    and of their pixels.  Raises ValueError where the hand is not followed throughout.
    """
    estimator = HandPoseEstimator("auto", max_hands=1, smoothing=smoothing)
    rng = np.random.default_rng(0)
    points, pixels = [], []
    for i in range(images):
        noisy = image + rng.normal(0, SENSOR_NOISE, image.shape)
        hands = estimator.track(noisy.clip(0, 255).astype(np.uint8), clip.camera, i / 30)
        if len(hands) == 1 and hands[0].state != "lost":
            points.append(hands[0].keypoints)
            pixels.append(hands[0].keypoints_2d)
    if len(points) < 0.9 * images:
        raise ValueError(f"the still hand was seen in {len(points)} of {images} images only")
    settled = slice(len(points) // 3, None)  # the filter and the region have settled by then

    def spread(values: list[np.ndarray]) -> float:
        deviation = np.array(values)[settled] - np.mean(values[settled], axis=0)
        return float(np.sqrt((deviation**2).sum(axis=-1).mean()))

    return 1000 * spread(points), spread(pixels)


def crop_sensitivity(
    image: np.ndarray, clip: Clip, crops: int = CROPS
) -> tuple[float, float, float]:
    """Return how much an answer depends on its crop: a hand's region moved, scaled and rotated.

    Standard deviations of the palm's mean distance (mm) and of the keypoints' pixels (root mean
    square over the keypoints and both coordinates), and these over the region's size.  Raises
    ValueError where the image shows no hand.
    """
    networks = HandNetworks(load_detector(None, None), load_pose_network("realtime"))
    frame = Frame(image, clip.camera)
    hands = networks.resolve(frame, networks.detect(frame)[:1], again=True)
    if not len(hands.landmarks):
        raise ValueError("no hand was found in this image")
    region = Region.from_keypoints(hands.landmarks.extended_2d[0])
    rng = np.random.default_rng(0)
    regions = [
        Region(
            tuple(region.center + CROP_SHIFT * region.size * rng.standard_normal(2)),
            region.size * float(np.exp(CROP_SCALE * rng.standard_normal())),
            region.angle + float(np.radians(CROP_ANGLE) * rng.standard_normal()),
        )
        for _ in range(crops)
    ]
    seen = networks.landmarks(frame, regions, [float(hands.p_right[0])] * crops)
    palm = solve(seen, BoneLengthPrior.default()).keypoints[:, PALM].mean(axis=1)
    pixels = float(np.sqrt(seen.keypoints_2d.var(axis=0).mean()))
    distance = 1000 * float(np.linalg.norm(palm, axis=-1).std())
    return distance, pixels, pixels / region.size
