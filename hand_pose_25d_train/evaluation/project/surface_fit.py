"""How far keypoints lie behind the skin: the numbers of `reconstruction/surface_offsets.py`.

Rendered hands have both, keypoints (the network's, io/rendered_joints.py) and a surface.  What
something hides is left out; the rest is fitted by least squares with the weights of a Cauchy
distribution.
"""

from __future__ import annotations

import numpy as np

from hand_pose_25d.io.rendered_joints import to_network_keypoints
from hand_pose_25d.reconstruction.surface_offsets import KINDS, camera_directions, terms
from hand_pose_25d.skeleton import NUM_KEYPOINTS, REFERENCE_BONE
from hand_pose_25d_train.render.gl.gl import Drawer
from hand_pose_25d_train.render.scene.crops import place_hand
from hand_pose_25d_train.render.scene.depth import surface_depth

_SIDE = 224  # px, of the images
_PATCH = 0.03  # of the bone wrist - index MCP: half the side of what is looked at
_HIDDEN = 2.2  # times the flesh's thickness: a surface so far before a joint is another one's
_ROUNDS = 10


def offset_samples(count: int, bodies: range) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return joints' kinds (M,), directions of the camera (M, 3) and offsets (M,) of renders."""
    drawer = Drawer()
    kinds, directions, offsets = [], [], []
    for seed in range(count):
        hand, _, side = place_hand(np.random.default_rng([seed, 5]), bodies)
        focal, middle = (_SIDE - 1) / side, (_SIDE - 1) / 2
        K = np.array([[focal, 0, middle], [0, focal, middle], [0, 0, 1.0]])
        depth = surface_depth(drawer, [hand], K, (_SIDE, _SIDE))
        points = to_network_keypoints(hand.keypoints, hand.is_right)
        scale = float(np.linalg.norm(np.subtract(*points[list(REFERENCE_BONE)])))
        towards = camera_directions(points[None], np.array([hand.is_right]))[0]
        thickness = hand.radii() / scale
        for k in range(NUM_KEYPOINTS):
            u, v = focal * points[k, :2] / points[k, 2] + middle
            half = _PATCH * scale * focal / points[k, 2]
            if min(u, v) < half or max(u, v) > _SIDE - 1 - half:
                continue
            rows, columns = (slice(round(c - half), round(c + half) + 1) for c in (v, u))
            seen = depth[rows, columns]
            seen = seen[np.isfinite(seen)]
            if len(seen) < 3:
                continue
            offset = (points[k, 2] - float(np.median(seen))) / scale
            if -0.02 < offset < _HIDDEN * thickness[k]:
                kinds.append(KINDS[k])
                directions.append(towards[k])
                offsets.append(offset)
    return np.array(kinds), np.array(directions), np.array(offsets)


def fit_offsets(count: int, bodies: range) -> tuple[np.ndarray, np.ndarray]:
    """Return polynomials (9, 7) and the deviations (9,) of what they leave unexplained."""
    kinds, directions, offsets = offset_samples(count, bodies)
    rows, deviations = [], []
    for kind in range(int(KINDS.max()) + 1):
        columns, values = terms(directions[kinds == kind]), offsets[kinds == kind]
        weights = np.ones(len(values))
        for _ in range(_ROUNDS):
            row = np.linalg.lstsq(columns * weights[:, None], values * weights, rcond=None)[0]
            error = values - columns @ row
            deviation = 1.4826 * float(np.median(np.abs(error)))
            weights = 1 / np.sqrt(1 + np.square(error / (2 * deviation)))
        rows.append(row)
        deviations.append(deviation)
    return np.array(rows), np.array(deviations)
