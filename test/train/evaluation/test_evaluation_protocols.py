"""The paper's protocols: predictions from annotations, and their figures against hand work."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import hand_pose_25d.inference.hypotheses
from hand_pose_25d.geometry.virtual_camera import VirtualCamera
from hand_pose_25d.inference.landmarks import Landmarks
from hand_pose_25d.inference.pose_network import Prediction
from hand_pose_25d.reconstruction import pose25d
from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d.skeleton import FINGERTIPS, bone_lengths
from hand_pose_25d_train.datasets.sample import Sample, unknown
from hand_pose_25d_train.datasets.standin import drawn_hands, mirrored_hand, placed, without_3d
from hand_pose_25d_train.datasets.standin_formats import STANDIN_FORMATS
from hand_pose_25d_train.evaluation.paper import predict, protocols, report
from hand_pose_25d_train.evaluation.paper.dataset_command import evenly_spread, shp_prior
from hand_pose_25d_train.evaluation.paper.predict import Estimate, annotation, estimate, shortened
from hand_pose_25d_train.evaluation.paper.protocols import PROTOCOLS, result_rows

TIPS = list(FINGERTIPS)


def hand(right: bool = True, seed: int = 4) -> Sample:
    """Return a drawn hand in a camera with the principal point off its middle."""
    drawn = next(iter(drawn_hands(1, seed=seed)))
    drawn = drawn if right else mirrored_hand(drawn)
    K = np.array([[500.0, 0, 300], [0, 510, 260], [0, 0, 1]])
    there = placed(drawn, K, (640, 480), np.random.default_rng(seed))
    assert there is not None
    return there.sample


def perfect_network(sample: Sample, seen: list | None = None):
    """Return a `predict_landmarks` whose network sees the truth in every crop."""

    def predict_landmarks(runtime, frame, regions, mirror):
        crops = [
            VirtualCamera.from_region(frame.camera, region, 128, mirror=bool(flip))
            for region, flip in zip(regions, mirror, strict=True)
        ]
        n = len(crops)
        if seen is not None:
            seen.extend(crops)
        uv = np.stack([crop.image_to_crop(sample.uv) for crop in crops])
        depth = np.stack(
            [pose25d.encode(crop.to_virtual(sample.xyz)).relative_depth for crop in crops]
        )
        prediction = Prediction(
            uv, depth, np.tile(np.eye(2) * 0.01, (n, 21, 1, 1)), np.full((n, 21), 1e-6),
            np.ones((n, 21)), np.ones(n), np.ones(n),
        )  # fmt: skip
        pixels = np.stack([c.crop_to_image(p) for c, p in zip(crops, uv, strict=True)])
        return Landmarks(list(regions), crops, prediction, pixels)

    return predict_landmarks


@pytest.mark.parametrize("right", [True, False])
@pytest.mark.parametrize("how", predict.CROP_PLACEMENTS)
def test_a_perfect_network_makes_no_error(monkeypatch, right, how):
    sample = hand(right)
    seen: list[VirtualCamera] = []
    monkeypatch.setattr(predict, "predict_landmarks", perfect_network(sample, seen))
    module = hand_pose_25d.inference.hypotheses
    monkeypatch.setattr(module, "predict_landmarks", perfect_network(sample, seen))
    prior = BoneLengthPrior.exact(bone_lengths(sample.xyz))
    found = estimate(None, sample, prior, how)
    np.testing.assert_allclose(found.uv, sample.uv, atol=1e-6)
    assert set(found.keypoints) == {"closed_form", "map", "true_depth"}
    for points in found.keypoints.values():
        np.testing.assert_allclose(points, sample.xyz, atol=1e-4)
    assert all(crop.mirror != right for crop in seen)
    assert len(seen) == {"search": 6, "box": 1, "keypoints": 1}[how]


def test_the_box_is_70_percent_of_the_crop():
    sample = hand()
    region = annotation(sample).region()
    _, _, width, height = sample.tight_box()
    assert max(width, height) / region.size == pytest.approx(0.7)
    assert region.angle == 0
    own = replace(sample, box=(10.0, 20.0, 40.0, 30.0))
    assert annotation(own).region().size == pytest.approx(40 / 0.7)
    assert annotation(own).region().center == (30, 35)


def test_fingertips_alone_give_a_wider_region():
    sample = hand()
    uv = unknown(21, 2)
    uv[TIPS] = sample.uv[TIPS]
    place = annotation(replace(sample, uv=uv, is_right=None))
    width, height = np.ptp(sample.uv[TIPS], axis=0)
    assert place.region().size == pytest.approx(2.5 * max(width, height))
    assert np.isnan(place.p_right)
    with pytest.raises(ValueError, match="no keypoint is annotated"):
        annotation(replace(sample, uv=unknown(21, 2)))


def test_two_dimensional_samples_have_no_3d(monkeypatch):
    sample = hand()
    monkeypatch.setattr(predict, "predict_landmarks", perfect_network(sample))
    found = estimate(None, without_3d(sample), BoneLengthPrior.default(), "box")
    assert found.keypoints == {}
    with pytest.raises(ValueError, match="'glance'.*search, box, keypoints"):
        estimate(None, sample, BoneLengthPrior.default(), "glance")


def test_shortening_by_hand():
    points = np.zeros((21, 3))
    points[7], points[8] = (0, 0, 1.0), (0, 0.02, 1.0)
    moved = shortened(points, FINGERTIPS, 0.9)
    assert moved[8].tolist() == pytest.approx([0, 0.018, 1.0])
    assert moved[7].tolist() == [0, 0, 1] and points[8].tolist() == [0, 0.02, 1.0]


def truths_and_estimates(shift):
    """Two hands at rest, predicted `shift` metres off, and 6 px off."""
    truths = [hand(seed=4), hand(seed=5)]
    estimates = []
    for sample in truths:
        points = sample.xyz + shift
        estimates.append(Estimate(sample.uv + (6.0, 0.0), {"closed_form": points, "map": points}))
    return truths, estimates


def test_root_aligned_protocols_forgive_a_shift():
    truths, estimates = truths_and_estimates((0.03, 0.0, 0.04))
    rows = result_rows(PROTOCOLS["rhp"], "net", truths, estimates)
    assert [row.method for row in rows] == ["closed form (paper)", "all-bone MAP (default)"]
    assert rows[0].summary_3d.mean == pytest.approx(0, abs=1e-12) and rows[0].summary_3d.auc == 1
    assert rows[0].summary_2d.mean == pytest.approx(6) and rows[0].summary_2d.count == 42
    assert rows[0].summary_2d.auc == pytest.approx(1 - 6 / 30)
    assert rows[0].extra["root mm"] == pytest.approx(50)
    assert rows[0].extra["root median mm"] == pytest.approx(50)
    assert rows[0].extra["CS-MPJPE mm"] == pytest.approx(50)
    assert rows[0].extra["PA-MPJPE mm"] == pytest.approx(0, abs=1e-9)


def test_root_aligned_range_is_20_to_50_mm():
    truths, estimates = truths_and_estimates((0.0, 0.0, 0.0))
    for found in estimates:
        found.keypoints["map"] = found.keypoints["map"].copy()
        found.keypoints["map"][1:, 2] += 0.035  # every keypoint but the root
    row = result_rows(PROTOCOLS["shp"], "net", truths, estimates)[1]
    # 20 of 21 errors of 35 mm: half of the range lies above them.
    assert row.summary_3d.auc == pytest.approx((1 + 20 * 0.5) / 21)
    assert row.summary_3d.median == pytest.approx(0.035)


@pytest.mark.parametrize("name", ["dexter_object", "ego_dexter"])
def test_fingertip_protocols_are_absolute_and_shortened(name):
    truths, estimates = truths_and_estimates((0.03, 0.0, 0.04))
    for sample in truths:  # annotated on the pad: the last bone is 0.9 as long
        sample.xyz = shortened(sample.xyz, FINGERTIPS, 0.9)
        sample.xyz[[i for i in range(21) if i not in TIPS]] = np.nan
        sample.xyz[4] = np.nan
    rows = result_rows(PROTOCOLS[name], "net", truths, estimates)
    assert [row.method for row in rows] == [
        "closed form (paper)",
        "all-bone MAP (default)",
        "closed form (paper), last bones x 0.9",
        "all-bone MAP (default), last bones x 0.9",
    ]
    assert rows[0].summary_3d.count == 8
    assert rows[2].summary_3d.mean == pytest.approx(0.05)  # the shift stays
    assert rows[2].summary_3d.auc == pytest.approx(0.5)  # of 0-100 mm
    assert abs(rows[0].summary_3d.mean - 0.05) > 1e-4
    assert rows[0].extra == {}


def test_unsolved_hands_count_as_missed():
    truths, estimates = truths_and_estimates((0.0, 0.0, 0.0))
    estimates[0].keypoints["closed_form"] = unknown(21, 3)
    closed, best = result_rows(PROTOCOLS["freihand"], "net", truths, estimates)
    assert closed.summary_3d.missing == 21 and best.summary_3d.missing == 0
    assert closed.summary_3d.auc == pytest.approx(0.5)


def test_mpii_is_in_2d_with_pckh():
    truths, estimates = truths_and_estimates((0.0, 0.0, 0.0))
    heads = (10.0, 30.0)
    truths = [replace(without_3d(s), head_size=h) for s, h in zip(truths, heads, strict=True)]
    estimates = [Estimate(e.uv, {}) for e in estimates]
    (row,) = result_rows(PROTOCOLS["mpii_nzsl"], "net", truths, estimates)
    # 6 px are 0.6 and 0.2 heads, 6 / 7 and 6 / 21 boxes.
    assert row.extra["PCKh@0.5"] == 0.5 and row.extra["PCK@0.2 box"] == 0.0
    assert row.extra["AUC box"] == pytest.approx(((1 - 6 / 7) + (1 - 6 / 21)) / 2)
    assert row.summary_3d is None


def test_every_protocol_has_its_dataset():
    for protocol in PROTOCOLS.values():
        assert protocol.name in STANDIN_FORMATS
    with pytest.raises(ValueError, match="no samples"):
        protocols.run_protocol(PROTOCOLS["rhp"], [], [], "net", lambda sample: None)


def test_shp_prior_is_the_mean_of_its_bones():
    class Labels:
        def poses(self):
            base = hand(seed=4).xyz
            return np.stack([base, 1.1 * base])

    prior = shp_prior(Labels())
    np.testing.assert_allclose(prior.mean, 1.05 * bone_lengths(hand(seed=4).xyz))
    assert prior.source == "SHP's training set"


def test_spread_by_hand():
    assert evenly_spread(5, None) == [0, 1, 2, 3, 4] == evenly_spread(5, 9)
    assert evenly_spread(101, 3) == [0, 50, 100]
    with pytest.raises(ValueError, match="at least 1"):
        evenly_spread(5, 0)


def test_table_has_the_paper_beside_ours():
    truths, estimates = truths_and_estimates((0.03, 0.0, 0.04))
    protocol = PROTOCOLS["rhp"]
    cells = report.table(protocol, result_rows(protocol, "net", truths, estimates))
    assert cells[0][1:7] == list(report.REPORT_COLUMNS)
    assert cells[1][:7] == [
        "paper: latent 2.5D heatmaps", "0.89", "2.20", "3.57", "0.910", "13.82", "15.77",
    ]  # fmt: skip
    ours = dict(zip(cells[0], cells[3], strict=True))
    assert ours[""] == "ours: net, closed form (paper)"
    assert (ours["AUC 2D"], ours["mean px"], ours["root mm"]) == ("0.80", "6.00", "50.0")
    text = report.format_table(cells)
    assert len({len(line) for line in text.splitlines()}) == 1 and text.count("\n") == 5


def test_curves_by_hand():
    truths, estimates = truths_and_estimates((0.03, 0.0, 0.04))
    rows = result_rows(PROTOCOLS["dexter_object"], "net", truths, estimates)
    found = report.curves(PROTOCOLS["dexter_object"], rows)
    thresholds, lines = found["2d"]
    assert [line.label for line in lines] == ["net", "net, last bones x 0.9"]
    assert lines[0].pck[thresholds < 5.99].max() == 0
    assert lines[0].pck[thresholds > 6.01].min() == 1
    thresholds, lines = found["3d"]
    assert thresholds[-1] == pytest.approx(100) and len(lines) == 4
    assert lines[0].pck[thresholds < 49.9].max() == 0
    assert lines[0].pck[thresholds > 50.1].min() == 1
    assert lines[0].auc == pytest.approx(0.5)
