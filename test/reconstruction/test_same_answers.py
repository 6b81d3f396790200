"""The answers of `reconstruct` on fixed hands, to the last digits: speed must not move them."""

from pathlib import Path

import numpy as np
import pytest

from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d.reconstruction.reconstruct import METHODS, reconstruct

# Eight hands: three of the bundled clip, three with usual and two with strong noise, of these two
# with keypoints not seen; and the answers that the solver gave for them when they were stored.
STORED = np.load(Path(__file__).with_name("answers.npz"))
MEASURED = [STORED[k] for k in ("xy", "relative_depth", "xy_covariance", "depth_variance")]
FIELDS = ("keypoints", "covariance", "scale", "root_depth", "valid")
PRIORS = {
    "adult": BoneLengthPrior.population("adult"),
    "exact": BoneLengthPrior.exact(BoneLengthPrior.population("child").mean),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", PRIORS)
def test_answers_are_the_stored_ones(method, name):
    found = reconstruct(*MEASURED, PRIORS[name], method)
    assert found.valid.sum() >= 6
    for field in FIELDS:
        expected = STORED[f"{method}/{name}/{field}"]
        largest = np.nanmax(np.abs(expected), initial=0.0)
        np.testing.assert_allclose(
            getattr(found, field), expected, rtol=1e-9, atol=1e-12 * largest, err_msg=field
        )


def test_a_hand_alone_has_the_same_answer():
    for i in range(len(MEASURED[0])):
        found = reconstruct(*(a[i : i + 1] for a in MEASURED), PRIORS["adult"])
        expected = STORED["map/adult/keypoints"][i : i + 1]
        np.testing.assert_allclose(found.keypoints, expected, rtol=1e-9, atol=1e-12)
