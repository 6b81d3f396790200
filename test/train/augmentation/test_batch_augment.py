"""data/batch_{augment,occlusion,jpeg}.py: whole batches look as single images do."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from hand_pose_25d_train.augmentation import augment as single
from hand_pose_25d_train.augmentation.augment import Augmentation
from hand_pose_25d_train.augmentation.batch_augment import (
    add_noise,
    augment,
    blur,
    grey,
    lower_resolution,
    recolour,
)
from hand_pose_25d_train.augmentation.batch_jpeg import jpeg, tables
from hand_pose_25d_train.augmentation.batch_occlusion import occlude
from hand_pose_25d_train.datasets.backgrounds import procedural

SIZE = 96
NOTHING = Augmentation(*[0.0] * 7)


def pictures(count: int, seed: int = 0) -> list[np.ndarray]:
    """(S, S, 3) uint8 clutter with sharp edges."""
    rng = np.random.default_rng(seed)
    found = [procedural(SIZE, rng) for _ in range(count)]
    for image in found:
        cv2.rectangle(image, (20, 30), (60, 70), (250, 20, 90), -1)
    return found


def stacked(images: list[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()


def sharpness(images: Tensor) -> float:
    return float(images.diff(dim=-1).square().mean())


@pytest.mark.parametrize("quality", [30, 60, 89])
def test_jpeg_is_what_opencv_writes(quality: int) -> None:
    images = pictures(3)
    found = jpeg(stacked(images), np.full(3, quality)).permute(0, 2, 3, 1).numpy()
    for image, mine in zip(images, found, strict=True):
        _, data = cv2.imencode(".jpg", image[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, quality))
        theirs = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1].astype(float)
        damage = np.abs(theirs - image).mean()
        assert np.abs(mine - theirs).mean() < 0.25 * damage + 0.3


def test_jpeg_tables_scale_with_the_quality() -> None:
    table = np.array([[16.0, 11.0], [12.0, 99.0]])
    found = tables(table, np.array([50, 25, 100, 75]))
    assert found[:, 0, 0].tolist() == [16, 32, 1, 8]
    assert found[1, 1, 1] == 198


def test_jpeg_needs_whole_blocks() -> None:
    with pytest.raises(ValueError, match="multiples of 16 px, are \\(90, 90\\)"):
        jpeg(torch.zeros(1, 3, 90, 90), np.array([50]))


@pytest.mark.parametrize("seed", range(4))
def test_lower_resolution_is_opencv_s(seed: int) -> None:
    """The same size and modes, by cv2.resize."""
    images = pictures(8, seed)
    found = lower_resolution(stacked(images), np.random.default_rng(seed))
    rng = np.random.default_rng(seed)
    small = (SIZE * np.exp(rng.uniform(np.log(0.18), 0, 8))).astype(int).clip(4)
    area, linear = rng.random((8, 1, 1)) < 0.7, rng.random((8, 1, 1)) < 0.7
    for i, image in enumerate(images):
        down = cv2.INTER_AREA if area[i] else cv2.INTER_LINEAR
        back = cv2.INTER_LINEAR if linear[i] else cv2.INTER_CUBIC
        reduced = cv2.resize(image, (int(small[i]),) * 2, interpolation=down)
        expected = cv2.resize(reduced, (SIZE, SIZE), interpolation=back).astype(float)
        inner = (slice(8, -8), slice(8, -8))  # the cubic kernel ends otherwise at the border
        mine = found[i].clamp(0, 255).permute(1, 2, 0).numpy()
        assert np.abs(mine - expected)[inner].mean() < 1.0


def test_recolouring_has_the_spread_of_single_images() -> None:
    images = pictures(1) * 200
    rng = np.random.default_rng(0)
    mine = recolour(stacked(images), rng).mean((2, 3))
    theirs = np.stack([single.recolour(image, rng).mean((0, 1)) for image in images])
    assert mine.mean(0).numpy() == pytest.approx(theirs.mean(0), rel=0.08)
    assert mine.std(0).numpy() == pytest.approx(theirs.std(0), rel=0.25)


def test_blur_has_the_strength_of_single_images() -> None:
    images = pictures(1) * 200
    rng = np.random.default_rng(0)
    batch = stacked(images)
    mine = sharpness(blur(batch, rng))
    theirs = sharpness(stacked([single.blur(image, rng) for image in images]))
    assert mine == pytest.approx(theirs, rel=0.1)
    assert mine < 0.8 * sharpness(batch)
    flat = torch.full((4, 3, SIZE, SIZE), 77.0)
    assert torch.allclose(blur(flat, rng), flat, atol=1e-2)


def test_occluders_cover_as_much_as_those_of_single_images() -> None:
    black, white = np.zeros((SIZE, SIZE, 3), np.uint8), np.full((SIZE, SIZE, 3), 255, np.uint8)
    rng = np.random.default_rng(0)
    mine = occlude(stacked([black] * 400), stacked([white] * 400), rng) > 0
    theirs = np.stack([single.occlude(black, white, rng) for _ in range(400)]) > 0
    assert float(mine.float().mean()) == pytest.approx(theirs.mean(), rel=0.12)
    assert bool(mine.any(-1).any(-1).any(-1).float().mean() > 0.9)


def test_noise_is_of_single_pixels_or_of_cells() -> None:
    flat = torch.full((60, 3, SIZE, SIZE), 128.0)
    rng, generator = np.random.default_rng(0), torch.Generator().manual_seed(0)
    noise = add_noise(flat, rng, generator) - flat
    beside = (noise[..., 1:] * noise[..., :-1]).mean((1, 2, 3)) / noise.square().mean((1, 2, 3))
    assert float((beside < 0.1).float().mean()) == pytest.approx(0.5, abs=0.2)
    assert float((beside > 0.4).float().mean()) == pytest.approx(0.5, abs=0.2)
    assert float(noise.std((1, 2, 3)).mean()) == pytest.approx(8 * 0.8 * 0.83, rel=0.3)


def test_each_effect_touches_its_share() -> None:
    images = stacked(pictures(1) * 400)
    generator = torch.Generator().manual_seed(0)

    def touched(**shares: float) -> float:
        chosen = Augmentation(**{**NOTHING.__dict__, **shares})
        found = augment(images, images, chosen, np.random.default_rng(1), generator)
        assert found.min() >= 0 and found.max() <= 255
        return float((found != images).flatten(1).any(1).float().mean())

    assert touched() == 0
    assert touched(colour=0.8) == pytest.approx(0.8, abs=0.06)
    assert touched(jpeg=0.3) == pytest.approx(0.3, abs=0.06)
    assert touched(grey=1.0) == 1
    grey_ones = augment(
        images, images, Augmentation(0, 1, 0, 0, 0, 0, 0), np.random.default_rng(0), generator
    )
    assert torch.equal(grey_ones[:, 0], grey_ones[:, 2])
    assert torch.allclose(grey_ones[:, :1], grey(images).round())


def test_the_seed_decides() -> None:
    images = stacked(pictures(6))

    def drawn(seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        return augment(images, images, Augmentation(), np.random.default_rng(seed), generator)

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))
