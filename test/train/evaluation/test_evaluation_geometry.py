"""`evaluate geometry`: the command's table, and the hands that it is measured on."""

import numpy as np
import pytest

from hand_pose_25d.cli import main
from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d.reconstruction.reconstruct import Reconstruction
from hand_pose_25d.skeleton import FINGERTIPS, bone_lengths
from hand_pose_25d_train.evaluation.project import geometry
from hand_pose_25d_train.evaluation.project.kinematic_hand import (
    pose_hands,
    sample_hands,
    sample_lengths,
)

PRIOR = BoneLengthPrior.default()


def test_hands_have_their_bones_and_their_distance():
    rng = np.random.default_rng(0)
    hands = sample_hands(PRIOR, 500, rng, (0.4, 0.9), np.radians(40))
    np.testing.assert_allclose(bone_lengths(hands.keypoints), hands.lengths, atol=1e-12)
    middle = (hands.keypoints.max(1) + hands.keypoints.min(1)) / 2
    assert (middle[:, 2] >= 0.4 - 1e-9).all()
    assert (middle[:, 2] <= 0.9 + 1e-9).all()
    assert np.degrees(np.arccos(middle[:, 2] / np.linalg.norm(middle, axis=1))).max() < 40
    assert 0.4 < hands.is_right.mean() < 0.6
    people = sample_lengths(PRIOR, 4000, rng)
    np.testing.assert_allclose(people.mean(0), PRIOR.mean, rtol=0.02)


def test_poses_run_from_open_to_fist():
    rng = np.random.default_rng(1)
    hands = pose_hands(sample_lengths(PRIOR, 2000, rng), rng)
    length = bone_lengths(hands)[:, [8, 9, 10, 11]].sum(1)
    reach = np.linalg.norm(hands[:, 12], axis=-1) / length
    assert reach.max() > 0.97
    assert reach.min() < 0.5
    palm_side = hands[:, list(FINGERTIPS[1:]), 2] - hands[:, [5, 9, 13, 17], 2]
    assert (palm_side > -0.03).mean() > 0.95  # fingers bend towards the palm
    normal = np.cross(hands[:, 5] - hands[:, 0], hands[:, 17] - hands[:, 0])
    assert (normal[:, 2] > 0).all()  # right hands, palm towards z: index on the thumb's side


def test_judge_on_numbers_worked_by_hand():
    truth = np.zeros((4, 21, 3)) + (0, 0, 0.5)
    found = truth.copy()
    found[:, :, 2] += np.array([0.01, -0.02, 0.03, np.nan])[:, None]
    covariance = np.tile(np.eye(3) * 0.01**2, (4, 21, 1, 1))
    rows = geometry.judge(
        Reconstruction(
            found,
            covariance,
            np.ones(4),
            found[:, 0, 2],
            np.array([True, True, True, False]),
            np.zeros((4, 63, 63)),
            np.zeros(4),
        ),
        truth,
    )
    assert rows["depth mean"] == pytest.approx(20.0)
    assert rows["depth median"] == pytest.approx(20.0)
    assert rows["depth 95 %"] == pytest.approx(29.0)
    assert rows["keypoint median"] == pytest.approx(20.0)
    assert rows["root-relative MPJPE"] == pytest.approx(0.0)
    assert rows["in ellipsoid"] == pytest.approx(2 / 3)  # 1 and 2 sigma; 3 sigma is outside 2.8
    assert rows["failed"] == pytest.approx(0.25)


def test_command_prints_the_table_that_evaluate_gives_again(capsys):
    assert main(["evaluate", "geometry", "--hands", "20", "--seed", "3"]) == 0
    out = capsys.readouterr().out
    table = [line.strip("| ").split(" | ") for line in out.splitlines() if "|" in line]
    table, wrist = table[:10], table[10:]
    assert [cells[:2] for cells in wrist[2:4]] == [
        ["population", "0.4 m"], ["true bone lengths", "0.4 m"]
    ]  # fmt: skip
    assert len(wrist) == 2 + 6 and all(cells[2].endswith(" deg") for cells in wrist[2:])
    rows = geometry.evaluate_geometry(20, 3, geometry.Noise(), (0.4, 0.9))
    assert [cells[0] for cells in table[2:]] == list(rows)
    for cells in table[2:]:
        assert float(cells[2]) == pytest.approx(rows[cells[0]]["depth median"], abs=0.051)
    assert "one hand in one call" in out


def test_command_refuses_what_makes_no_sense(capsys):
    assert main(["evaluate", "geometry", "--hands", "1"]) == 2
    assert main(["evaluate", "geometry", "--distance", "0.9", "0.4"]) == 2
    assert "--distance" in capsys.readouterr().err
