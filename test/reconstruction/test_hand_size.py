"""Which prior is in use, and who said how large the hand is."""

from __future__ import annotations

import numpy as np
import pytest

from hand_pose_25d import BoneLengthPrior
from hand_pose_25d.reconstruction.hand_size import HandSize

DEFAULT = BoneLengthPrior.default()


def test_sources_and_scales(tmp_path):
    path = tmp_path / "bones.yaml"
    DEFAULT.scaled(0.9).save(path)
    cases = [
        (HandSize(), "prior", None, 1.0),
        (HandSize(hand_scale=1.05), "configured", 1.05, 1.05),
        (HandSize(DEFAULT), "configured", None, 1.0),
        (HandSize(path), "configured", None, 0.9),
        (HandSize(str(path), 1.1), "configured", 1.1, 0.99),
    ]
    for size, source, scale, factor in cases:
        assert (size.source, size.scale) == (source, scale)
        np.testing.assert_allclose(size.prior.mean, DEFAULT.mean * factor, rtol=1e-4)


def test_set_replaces_and_none_takes_back():
    size = HandSize()
    size.set(1.1, "calibrated")
    size.set(1.2, "calibrated")
    assert size.source == "calibrated"
    np.testing.assert_allclose(size.prior.mean, DEFAULT.mean * 1.2)
    size.set(None, "calibrated")
    assert size.source == "prior" and size.prior is DEFAULT


def test_a_refused_scale_changes_nothing():
    size = HandSize(hand_scale=1.1)
    with pytest.raises(ValueError, match="scale"):
        size.set(9.0, "calibrated")
    assert (size.scale, size.source) == (1.1, "configured")
    np.testing.assert_allclose(size.prior.mean, DEFAULT.mean * 1.1)
