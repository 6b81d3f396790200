"""Looks: what the detector gets of an image, whole or in halves, and where that lies."""

from __future__ import annotations

import numpy as np
import pytest

from hand_pose_25d.inference.looks import HALVES_OVERLAP, Look, look_input, parts_of


@pytest.mark.parametrize(
    ("shape", "size", "expected", "scale"),
    [
        ((480, 640), 384, (288, 384), 0.6),
        ((640, 480), 384, (384, 288), 0.6),
        ((100, 100), 192, (192, 192), 1.92),
        ((30, 30), 384, (128, 128), 4.0),  # no more than fourfold
        ((1, 1), 64, (32, 32), 4.0),
        ((1080, 1920), 384, (224, 384), 0.2),
    ],
)
def test_a_whole_look(shape, size, expected, scale):
    given = look_input(np.full((*shape, 3), 255, np.uint8), Look(size))
    assert given.images.shape == (1, *expected, 3) and given.images.dtype == np.uint8
    assert given.scale == pytest.approx(scale)
    assert given.offset == (0.0, 0.0) and given.owned == (-np.inf, np.inf)
    assert given.images[0, 0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize(
    ("shape", "axis", "halves", "start", "middle"),
    [
        ((480, 640), 0, (192, 160), 96.0, 319.5),
        ((640, 480), 1, (160, 192), 96.0, 319.5),
        ((720, 1280), 0, (160, 160), 96.0, 639.5),
        ((64, 64), 1, (160, 256), 96.0, 31.5),
    ],
)
def test_halves_overlap_and_share_the_image(shape, axis, halves, start, middle):
    """At 256 px: 160 of 256 each, 64 of them in both; which is wider than high if square."""
    image = np.full((*shape, 3), 255, np.uint8)
    first, second = (look_input(image, Look(256, half)) for half in (0, 1))
    if shape[0] == shape[1]:
        axis, halves = 0, (256, 160)
    assert first.images.shape == second.images.shape == (1, *halves, 3)
    assert first.axis == second.axis == axis
    assert first.offset == (0.0, 0.0) and second.offset[axis] == start
    assert first.owned == (-np.inf, middle) and second.owned == (middle, np.inf)
    assert 160 - start >= HALVES_OVERLAP


def test_what_both_halves_show_is_the_same():
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    whole, left, right = (look_input(image, Look(256, half)) for half in (None, 0, 1))
    assert np.array_equal(whole.images[:, :, :160], left.images)
    assert np.array_equal(whole.images[:, :, 96:], right.images)


@pytest.mark.parametrize("shape", [(480, 640), (720, 1280), (1080, 1920), (481, 641), (300, 300)])
@pytest.mark.parametrize("size", [256, 128])
def test_pixels_are_averages_in_their_places(shape, size):
    """A slope stays where it was; what is finer than the input's pixels is gone."""
    height, width = shape
    rows = np.arange(height)[:, None] * 100 / height
    columns = np.arange(width) * 100 / width
    finest = 25.0 * (1 - 2 * (np.arange(width) % 2))
    image = np.repeat((rows + columns + 25 + finest)[..., None], 3, -1).astype(np.uint8)
    given = look_input(image, Look(size))
    down, across = round(height * given.scale), round(width * given.scale)
    v, u = ((np.arange(n) + 0.5) * whole / n for n, whole in ((down, height), (across, width)))
    expected = v[:, None] * 100 / height + u * 100 / width + 25
    inner = np.s_[2 : down - 2, 2 : across - 2]
    error = given.images[0, :down, :across, 0][inner] - expected[inner]
    assert np.abs(error.mean()) < 1.0
    if width >= 2 * size:
        assert np.abs(error).max() < 0.3 * 25


def test_parts_are_the_small_scales_and_the_halves():
    assert parts_of((256, 128)) == [[Look(128)], [Look(256, 0)], [Look(256, 1)]]
    assert parts_of((96, 256, 128)) == [[Look(128), Look(96)], [Look(256, 0)], [Look(256, 1)]]
    assert parts_of((256,)) == [[Look(256, 0)], [Look(256, 1)]]
