"""`evaluate depth`: hands in rendered images with the depth image of a simulated sensor.

The sensor has noise, holes and pixels that fly at edges; hands may wear sleeves and hold things,
and a wall is behind them.  The pose network sees the true region, moved as a tracker's would be.
Beside the package's answers stands what many programs do: the depth image at the wrist's pixel,
and the flesh's mean thickness added.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np

from hand_pose_25d.frame import Frame
from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.inference.landmarks import Landmarks, predict_landmarks
from hand_pose_25d.inference.metric_poses import solve
from hand_pose_25d.inference.pose_network import PoseNetwork, load_pose_network
from hand_pose_25d.inference.surfaces import observe_surfaces
from hand_pose_25d.io.rendered_joints import to_network_keypoints
from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d.reconstruction.depth_samples import metres
from hand_pose_25d.reconstruction.surface_offsets import POLYNOMIALS
from hand_pose_25d.skeleton import WRIST
from hand_pose_25d_train.evaluation.project.crops import CHI2_95_3, TRACKER
from hand_pose_25d_train.evaluation.project.surface_fit import fit_offsets
from hand_pose_25d_train.render.body.rig import hand_shape
from hand_pose_25d_train.render.pose.pose import sample_pose
from hand_pose_25d_train.render.scene.compose import Painter
from hand_pose_25d_train.render.scene.cutoff import in_the_way
from hand_pose_25d_train.render.scene.depth import DepthSensor
from hand_pose_25d_train.render.scene.instance import HandInstance, instantiate
from hand_pose_25d_train.render.scene.shot import Shot
from hand_pose_25d_train.render.scene.viewpoint import sample_orientation

BODIES = range(600, 800)
"""People that neither the networks nor the offsets were made with."""
_SIZE, _FOCAL = (640, 480), 600.0
_WALL = (0.15, 1.5)  # m behind the hand
_COLUMNS = ("wrist median", "wrist 95 %", "depth median", "depth 95 %", "keypoint median",
            "in ellipsoid")  # fmt: skip


@dataclass(frozen=True)
class DepthTrial:
    """One rendered hand, what the network makes of it, and what the sensor sees."""

    frame: Frame
    landmarks: Landmarks
    p_right: float
    truth: np.ndarray
    """(21, 3) m."""


def camera_of_trials() -> Camera:
    """Return the camera that sees all hands."""
    width, height = _SIZE
    return Camera(_FOCAL, _FOCAL, (width - 1) / 2, (height - 1) / 2, width, height)


def place_at(rng: np.random.Generator, distance: float, bodies: range) -> HandInstance:
    """Draw a hand whose middle is so far before the camera, not hidden by its own arm."""
    shape = hand_shape(int(rng.integers(bodies.start, bodies.stop)))
    pose, is_right = sample_pose(shape, rng), bool(rng.random() < 0.5)
    aside = np.append(rng.uniform(-0.25, 0.25, 2) * (1.0, 0.6), 1.0)
    middle = pose.joints.mean(0) * ([1, 1, 1] if is_right else [-1, 1, 1])
    for _ in range(12):
        rotation = sample_orientation(rng, is_right)
        hand = instantiate(shape, pose, is_right, rotation, distance * aside - rotation @ middle)
        if not in_the_way(hand):
            break
    return hand


def make_trial(
    painter: Painter, network: PoseNetwork, seed: int, distance: float, sensor: DepthSensor
) -> DepthTrial:
    """Render the hand of a seed and run the network on it."""
    rng = np.random.default_rng([seed, 11])
    camera = camera_of_trials()
    hand = place_at(rng, distance, painter.bodies)
    sample, depth = painter.paint_with_depth(Shot([hand], camera.K, _SIZE, seed), rng)
    wall = float(hand.keypoints[:, 2].max() + rng.uniform(*_WALL))
    measured = sensor.measure(np.minimum(depth, wall), rng)
    frame = Frame(sample.image, camera, depth=measured)
    truth = to_network_keypoints(hand.keypoints, hand.is_right)
    (region,) = TRACKER.place(camera.project(truth)[None], np.random.default_rng((7, seed)))
    landmarks = predict_landmarks(network, frame, [region], [not hand.is_right])
    return DepthTrial(frame, landmarks, float(hand.is_right), truth)


def at_wrist_pixel(trial: DepthTrial, scale: float) -> np.ndarray:
    """Return the wrist (3,) m by the depth image's one pixel, NaN in a hole."""
    pixel = trial.landmarks.keypoints_2d[0, WRIST]
    u, v = np.clip(np.rint(pixel).astype(int), 0, np.array(_SIZE) - 1)
    assert trial.frame.depth is not None
    depth = float(metres(trial.frame.depth[[v], [u]])[0]) + POLYNOMIALS[0, 0] * scale
    return depth * np.append(trial.frame.camera.rays(pixel), 1.0)


def errors_by_method(trials: list[DepthTrial], prior: BoneLengthPrior) -> dict[str, np.ndarray]:
    """Return errors of each method, (N, 23): of the wrist, of its depth, then of the keypoints
    (m); and (N, 21) under "in ellipsoid", whether the fused ones lie in theirs."""
    rows: dict[str, list[np.ndarray]] = {"without depth": [], "with depth": [], "one pixel": []}
    inside: dict[str, list[np.ndarray]] = {"without depth": [], "with depth": []}
    for trial in trials:
        surfaces = observe_surfaces(trial.frame, trial.landmarks, [trial.p_right])
        for name, seen in (("without depth", None), ("with depth", surfaces)):
            poses = solve(trial.landmarks, prior, surfaces=seen)
            difference = poses.keypoints[0] - trial.truth
            rows[name].append(_figures(difference))
            solved = np.linalg.solve(poses.covariance[0], difference[..., None])[..., 0]
            inside[name].append((difference * solved).sum(-1) < CHI2_95_3)
            if seen is None:
                scale = float(poses.scale[0])
        wrist = at_wrist_pixel(trial, scale) - trial.truth[WRIST]
        rows["one pixel"].append(_figures(np.tile(wrist, (21, 1))))
    found = {name: np.array(values) for name, values in rows.items()}
    return found | {f"inside {name}": np.array(values) for name, values in inside.items()}


def _figures(difference: np.ndarray) -> np.ndarray:
    distance = np.linalg.norm(difference, axis=-1)
    return np.concatenate([[distance[WRIST], abs(difference[WRIST, 2])], distance])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--count", type=int, default=300, help="images (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the first image")
    parser.add_argument("--distance", type=float, default=0.6, help="m (default: %(default)s)")
    parser.add_argument("--noise", type=float, default=0.01, help="of a pixel, over its depth")
    parser.add_argument("--holes", type=float, default=0.1, help="share of the pixels")
    parser.add_argument(
        "--fit", action="store_true", help="fit how deep joints lie under the skin, and print it"
    )


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    if args.fit:
        for row, deviation in zip(*fit_offsets(2000, range(600)), strict=True):
            print(" ".join(f"{value:6.3f}" for value in row), f"  +- {deviation:.3f}")
        return 0
    if args.count < 1 or not 0.2 <= args.distance <= 3 or not 0 <= args.holes < 1:
        raise ValueError("needs --count from 1 on, --distance of 0.2 to 3 m, --holes below 1")
    painter, network = Painter(BODIES), load_pose_network("accurate", device="cpu")
    sensor = DepthSensor(noise=args.noise, holes=args.holes)
    seeds = range(args.seed, args.seed + args.count)
    trials = [make_trial(painter, network, seed, args.distance, sensor) for seed in seeds]
    found = errors_by_method(trials, BoneLengthPrior.default())
    print(
        f"{args.count} hands at {args.distance:g} m, depth with {100 * args.noise:g} % noise and "
        f"{100 * args.holes:g} % holes; errors in mm\n"
    )
    print(f"| distance by | {' | '.join(_COLUMNS)} |")
    print("|---" * (len(_COLUMNS) + 1) + "|")
    for name in ("without depth", "one pixel", "with depth"):
        table = 1e3 * found[name]
        cells = [f"{v:.1f}" for i in (0, 1) for v in np.nanpercentile(table[:, i], (50, 95))]
        cells += ["", ""]
        if name != "one pixel":
            share = 100 * found[f"inside {name}"].mean()
            cells[4:] = [f"{np.nanmedian(table[:, 2:]):.1f}", f"{share:.1f} %"]
        print(f"| {name} | {' | '.join(cells)} |")
    missing = np.isnan(found["one pixel"][:, 0]).mean()
    print(f"\nholes at the wrist's pixel: {100 * missing:.0f} %")
    return 0
