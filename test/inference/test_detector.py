"""The detector around its network: pixels in and out, merging, boxes given by others."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hand_pose_25d.geometry.roi import Region, region_iou
from hand_pose_25d.inference.detector import (
    Detection,
    Detector,
    overlaps,
    postprocess,
    rows_of,
)
from hand_pose_25d.inference.export import export_network
from hand_pose_25d.inference.looks import LookInput
from hand_pose_25d.io.clips import CLIP, load_clip
from hand_pose_25d.networks.detector_net import DetectorNet
from hand_pose_25d.networks.files import weights_path
from hand_pose_25d.networks.weights import save_network


@pytest.fixture(scope="module")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained detector that looks at small images, as its users have it: as a graph."""
    pytest.importorskip("onnx", reason="needs the extra [onnx]")
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_network(DetectorNet(), {"formulation": "detector", "sizes": [64]}, path)
    export_network(path, path.with_suffix(".onnx"), "onnx")
    return path.with_suffix(".onnx")


def look(scale: float, offset: tuple[float, float] = (0.0, 0.0)) -> LookInput:
    return LookInput(np.zeros((1, 32, 32, 3), np.uint8), scale, offset, 0, (-np.inf, np.inf))


def make_row(
    score: float = 0.9, u: float = 100.0, v: float = 100.0, size: float = 80.0, up: float = -1.0
) -> np.ndarray:
    half = size / 3
    box = [u - half, v - half, u + half, v + half]
    return np.array([score, *box, u, v, size, 0.0, up, 2.0, 1.0])


def test_a_cell_comes_back_to_the_pixels_of_the_image() -> None:
    """A mark at (321, 123) of the image is found there again after scaling there and back."""
    scale = 0.6
    u, v = (321 + 0.5) * scale - 0.5, (123 + 0.5) * scale - 0.5
    cells = {
        "score": np.array([[3.0, -3.0]]),
        "box": np.array([[[u - 12, v - 24, u + 12, v + 24]] * 2]),
        "center": np.array([[[u, v]] * 2]),
        "size": np.array([[60.0, 60.0]]),
        "direction": np.array([[[1.0, 0.0]] * 2]),
        "right": np.array([[-2.0, 0.0]]),
    }
    rows = rows_of(cells, 0, 0.5, look(scale))
    assert len(rows) == 1
    (detection,) = postprocess(rows, 5)
    assert detection.score == pytest.approx(1 / (1 + math.exp(-3)), rel=1e-5)
    assert detection.box == pytest.approx((321 - 20, 123 - 40, 40, 80), abs=1e-3)
    assert detection.region().center == pytest.approx((321, 123), abs=1e-3)
    assert detection.region().size == pytest.approx(100, rel=1e-5)
    assert detection.angle == pytest.approx(math.pi / 2), "the fingers point to the right"
    assert detection.p_right == pytest.approx(1 / (1 + math.exp(2)), rel=1e-4)


def test_a_half_reports_the_hands_of_its_side() -> None:
    """Cells at 20 and 120 px of a half that begins at 96 of an image scaled by 0.4."""
    cells = {
        "score": np.array([[3.0, 2.0]]),
        "box": np.array([[[10.0, 10, 30, 30], [110, 10, 130, 30]]]),
        "center": np.array([[[20.0, 20.0], [120.0, 20.0]]]),
        "size": np.array([[30.0, 30.0]]),
        "direction": np.ones((1, 2, 2)),
        "right": np.zeros((1, 2)),
    }
    expected = (96 + 120 + 0.5) / 0.4 - 0.5
    for owned, us in (((319.5, np.inf), [expected]), ((-np.inf, 319.5), [290.75])):
        given = replace(look(0.4, (96.0, 0.0)), owned=owned)
        rows = rows_of(cells, 0, 0.5, given)
        assert rows[:, 5] == pytest.approx(us) and rows[:, 6] == pytest.approx([50.75])
        assert rows[:, 1] == pytest.approx([u - 25 for u in us])


def test_parts_together_find_what_a_whole_look_finds() -> None:
    """The hands of the bundled clip that a whole look is sure of."""
    detector = Detector("cpu", threshold=0.7)
    assert detector.parts == 3
    sure = seen = 0
    for number, image in enumerate(load_clip(CLIP).images()):
        if number % 20:
            continue
        found = [d for part in range(3) for d in detector.detect_parts(image, [part])]
        for hand in detector.detect(image):
            sure += 1
            seen += any(region_iou(hand.region(), d.region()) > 0.5 for d in found)
        assert detector.detect_parts(image, []) == []
    assert sure >= 12 and seen == sure


def test_rows_that_are_not_finite_or_have_no_size_are_dropped() -> None:
    cells = {
        "score": np.full((1, 3), 3.0),
        "box": np.zeros((1, 3, 4)),
        "center": np.array([[[5.0, 5.0], [float("nan"), 5.0], [5.0, 5.0]]]),
        "size": np.array([[50.0, 50.0, -1.0]]),
        "direction": np.ones((1, 3, 2)),
        "right": np.zeros((1, 3)),
    }
    assert len(rows_of(cells, 0, 0.5, look(1.0))) == 1


@pytest.mark.parametrize(
    ("rows", "count"),
    [
        ([], 0),
        ([make_row(0.6), make_row(0.9, u=104)], 1),
        ([make_row(), make_row(u=160)], 2),
        ([make_row(), make_row(u=400)], 2),
        ([make_row(size=80), make_row(size=220)], 2),
        ([make_row(size=160), make_row(0.6, u=120, size=90)], 1),  # a part of it
        ([make_row(0.6, size=160), make_row(u=120, size=90)], 1),  # and the whole around it
        ([make_row(size=160), make_row(0.6, u=190, size=90)], 2),
        ([make_row(u=50.0 * i, score=0.9 - 0.01 * i) for i in range(9)], 5),
    ],
)
def test_postprocess_merges_what_is_one_hand(rows: list[np.ndarray], count: int) -> None:
    found = postprocess(np.array(rows).reshape(-1, 12), 5)
    assert len(found) == count
    assert [d.score for d in found] == sorted((d.score for d in found), reverse=True)


def test_merging_averages_by_score_and_keeps_the_best() -> None:
    rows = [make_row(0.45, u=100), make_row(0.9, u=104), make_row(0.8, u=125, size=35)]
    (found,) = postprocess(np.array(rows), 5)
    assert found.score == 0.9
    expected = 104 - 4 * 0.5**8 / (1 + 0.5**8)
    assert found.region().center[0] == pytest.approx(expected, abs=1e-6), "no part"


def test_overlaps_agree_with_the_definition() -> None:
    rows = [make_row(u=100), make_row(u=140), make_row(u=300), make_row(size=40)]
    overlap, inside = overlaps(rows[0], np.array([*rows, make_row(size=20)]))
    assert overlap == pytest.approx([1, 1 / 3, 0, 0.25, 1 / 16])
    assert inside == pytest.approx([1, 0.5, 0, 1, 0]), "0: far too small for a part"


def test_a_box_from_elsewhere_leaves_the_rest_open() -> None:
    found = Detection((10, 20, 30, 40))
    assert found.score == 1.0 and math.isnan(found.angle) and math.isnan(found.p_right)
    assert found.region() == Region.from_box((10, 20, 30, 40))


@pytest.mark.parametrize(
    ("box", "word"), [((1, 2, 0, 3), "above 0"), ((1, math.nan, 2, 3), "finite")]
)
def test_wrong_boxes_are_named(box: tuple[float, float, float, float], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        Detection(box)


def test_a_detection_with_an_angle_turns_its_region() -> None:
    assert Detection((0, 0, 10, 20), angle=0.7).region().angle == 0.7


def test_detect_runs_whatever_the_image(tiny_weights: Path) -> None:
    detector = Detector(weights=tiny_weights, threshold=0.01)
    assert detector.sizes == (64,)
    rng = np.random.default_rng(0)
    for shape in ((1, 1), (480, 640), (33, 7), (7, 1000)):
        image = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
        first, second = detector.detect(image), detector.detect(image)
        assert first == second, "deterministic"
        assert len(first) <= detector.max_hands


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
        None,
    ],
)
def test_wrong_images_are_refused(tiny_weights: Path, image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8 RGB"):
        Detector(weights=tiny_weights).detect(image)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"threshold": 0.0}, "threshold"),
        ({"sizes": []}, "sizes"),
        ({"sizes": [8]}, "sizes"),
        ({"sizes": [10**9]}, "at most 8192"),
        ({"sizes": [64.5]}, "whole"),
        ({"sizes": [64] * 9}, "1 to 8"),
    ],
)
def test_wrong_options_are_named(
    tiny_weights: Path, options: dict[str, object], word: str
) -> None:
    with pytest.raises(ValueError, match=word):
        Detector(weights=tiny_weights, **options)  # type: ignore[arg-type]


def test_a_single_image_gets_larger_passes(tiny_weights: Path) -> None:
    detector, sides = Detector("cpu", tiny_weights), []
    run = detector.backend.run

    def watched(images: np.ndarray) -> list[np.ndarray]:
        sides.append(images.shape[1:3])
        return run(images)

    detector.backend.run = watched  # type: ignore[method-assign]
    detector.detect(np.zeros((480, 640, 3), np.uint8))
    detector.detect_single(np.zeros((480, 640, 3), np.uint8))
    assert sides == [(64, 64), (96, 96)]  # 48 x 64 and 72 x 96, padded to multiples of 32


def test_missing_and_foreign_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        Detector(weights=tmp_path / "nowhere.safetensors")
    with pytest.raises(ValueError, match="not a detector"):
        Detector(weights="realtime")


def test_the_shipped_detector_fits_the_size_limit_and_sees_no_hand_in_noise() -> None:
    for suffix in (".safetensors", ".onnx"):
        assert weights_path("detector", suffix).stat().st_size < 8e6
    detector = Detector()
    rng = np.random.default_rng(1)
    for image in (
        np.zeros((480, 640, 3), np.uint8),
        np.full((480, 640, 3), 200, np.uint8),
        rng.integers(0, 256, (480, 640, 3), dtype=np.uint8),
    ):
        assert detector.detect(image) == []
