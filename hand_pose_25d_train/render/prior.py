"""The bone lengths of the renderer's own people, as the prior of the package's reconstruction."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hand_pose_25d.io.rendered_joints import to_network_keypoints
from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d.skeleton import bone_lengths
from hand_pose_25d_train.render.body.rig import hand_shape
from hand_pose_25d_train.render.pose.pose import sample_pose

POSES = 20
EXTRA = 0.04
"""People differ more than shape targets do: so much of each bone on its own (deviation)."""


def measure(bodies: range) -> np.ndarray:
    """Return the bone lengths (N, 20) m of these people's hands, between the network's keypoints.

    Those move a little with the pose (io/rendered_joints.py): each person's are the mean over
    POSES.
    """
    if len(bodies) < 40:
        raise ValueError(f"20 bones need at least 40 bodies for a covariance, got {len(bodies)}")
    rows = []
    for seed in bodies:
        shape, rng = hand_shape(seed), np.random.default_rng([seed, 909])
        joints = np.stack([sample_pose(shape, rng).joints for _ in range(POSES)])
        rows.append(bone_lengths(to_network_keypoints(joints, True)).mean(0))
    return np.stack(rows)


def rendered_ruler(bodies: range, lengths: np.ndarray) -> float:
    """Return how much longer these people's flat hands are by a ruler than by their keypoints.

    By a ruler: from the wrist's joint along the bones to the skin of the middle finger's tip.
    """
    ratios = []
    for seed, bones in zip(bodies, lengths, strict=True):
        shape = hand_shape(seed)
        tip, along = shape.joints[12], shape.joints[12] - shape.joints[11]
        near = shape.vertices[np.linalg.norm(shape.vertices - tip, axis=1) < 0.02]
        skin = float(((near - tip) @ along).max() / np.linalg.norm(along))
        ratios.append((shape.length + skin) / bones[[8, 9, 10, 11]].sum())
    return float(np.mean(ratios))


def prior_of(lengths: np.ndarray, source: str = "", ruler: float = 1.0) -> BoneLengthPrior:
    """Return the Gaussian (mean, covariance) of a population's bone lengths (N, 20)."""
    mean = lengths.mean(0)
    covariance = np.cov(lengths, rowvar=False) + np.diag((EXTRA * mean) ** 2)
    return BoneLengthPrior(mean, covariance, source, ruler)


def size_correlation(lengths: np.ndarray) -> np.ndarray:
    """Return the correlation (20,) of each bone with the flat hand's length."""
    hand = lengths[:, [8, 9, 10, 11]].sum(1)
    return np.array([np.corrcoef(lengths[:, i], hand)[0, 1] for i in range(lengths.shape[1])])


def write_prior(bodies: range, path: Path) -> BoneLengthPrior:
    """Measure the people and write the prior where `BoneLengthPrior.load` reads it."""
    lengths = measure(bodies)
    prior = prior_of(
        lengths,
        f"{len(bodies)} body shapes of the renderer (hand-pose-25d render --prior, body seeds "
        f"{bodies.start} to {bodies.stop - 1}; MakeHuman's targets, adults and children), right "
        f"hands, plus {EXTRA:.0%} of each bone on its own",
        rendered_ruler(bodies, lengths),
    )
    path = Path(path)
    comment = ""
    if path.exists():  # what people wrote at the top stays
        lines = path.read_text().splitlines(keepends=True)
        comment = "".join(line for line in lines if line.startswith("#"))
    prior.save(path, size_correlation=[round(float(c), 3) for c in size_correlation(lengths)])
    path.write_text(comment + path.read_text())
    return prior
