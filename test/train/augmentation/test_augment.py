"""augmentation/*.py: an effect looks the same on a CPU and on a GPU, and as strong as intended."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from hand_pose_25d_train.augmentation.augment import Augmentation, Effect, augment
from hand_pose_25d_train.augmentation.blur import Blur, LowResolution
from hand_pose_25d_train.augmentation.colour import Greying, Recolouring, SensorNoise
from hand_pose_25d_train.augmentation.jpeg import Compression, tables
from hand_pose_25d_train.augmentation.occlusion import Occlusion
from hand_pose_25d_train.datasets.backgrounds import procedural

SIZE = 96
NOTHING = Augmentation(*[0.0] * 7)


def pictures(count: int, seed: int = 0, size: int = SIZE) -> np.ndarray:
    """(B, S, S, 3) uint8 clutter with sharp edges."""
    rng = np.random.default_rng(seed)
    found = np.stack([procedural(size, rng) for _ in range(count)])
    for image in found:
        cv2.rectangle(image, (20, 30), (60, 70), (250, 20, 90), -1)
    return found


def same(count: int, value: int | None = None) -> np.ndarray:
    """(B, S, S, 3) uint8: one picture, or one grey value."""
    if value is None:
        return np.repeat(pictures(1), count, 0)
    return np.full((count, SIZE, SIZE, 3), value, np.uint8)


def tensors(images: np.ndarray) -> Tensor:
    return torch.from_numpy(images.copy()).permute(0, 3, 1, 2)


def by_opencv(effect: Effect, images: np.ndarray) -> np.ndarray:
    return np.stack([effect.on_array(image.copy(), i) for i, image in enumerate(images)])


def by_torch(effect: Effect, images: np.ndarray) -> np.ndarray:
    changed = effect.on_tensor(tensors(images).float()).round().clamp(0, 255)
    return changed.permute(0, 2, 3, 1).numpy().astype(np.uint8)


def white_occluders(count: int, rng: np.random.Generator, size: int = SIZE) -> Occlusion:
    return Occlusion.draw(torch.full((count, 3, size, size), 255, dtype=torch.uint8), rng)


def textured(count: int, rng: np.random.Generator, size: int = SIZE) -> Occlusion:
    return Occlusion.draw(tensors(pictures(count, 1, size)), rng)


WAYS = {"opencv": by_opencv, "torch": by_torch}
EFFECTS = {  # how it is drawn, and how far the pixels of the two ways may be apart, mean and 99 %
    "blur": (lambda n, rng, size: Blur.draw(n, size, rng), 0.6, 4),
    "resolution": (lambda n, rng, size: LowResolution.draw(n, size, rng), 0.7, 6),
    "colour": (lambda n, rng, size: Recolouring.draw(n, rng), 1.2, 3),
    "grey": (lambda n, rng, size: Greying(), 0.3, 1),
    "jpeg": (lambda n, rng, size: Compression.draw(n, rng), 1.2, 9),
    "occlusion": (textured, 1.0, 12),
}


@pytest.mark.parametrize("name", EFFECTS)
@pytest.mark.parametrize("size", [SIZE, 90])
def test_an_effect_is_the_same_on_both_devices(name: str, size: int) -> None:
    draw, mean, most = EFFECTS[name]
    images = pictures(24, size=size)
    effect = draw(len(images), np.random.default_rng(3), size)
    difference = np.abs(by_opencv(effect, images).astype(int) - by_torch(effect, images))
    assert difference.mean() < mean
    assert np.quantile(difference, 0.99) <= most
    assert np.abs(by_opencv(effect, images).astype(int) - images).mean() > 3 * difference.mean()


def sharpness(images: np.ndarray) -> np.ndarray:
    """(B, 1) of the differences of neighbours, of those of the picture itself."""
    energy = [(np.diff(i.astype(float), axis=2) ** 2).mean((1, 2, 3)) for i in (images, same(1))]
    return (energy[0] / energy[1])[:, None]


def coverage(images: np.ndarray) -> np.ndarray:
    """(B, 1) shares of the pixels that are not black."""
    return images.any(-1).mean((1, 2))[:, None]


STATISTICS = {  # effect, what it is put on, what is measured, and its mean and spread
    "colour": (
        lambda n, rng: Recolouring.draw(n, rng), None, lambda images: images.mean((1, 2)),
        (152.9, 137.8, 99.6), (26.7, 29.2, 31.5),
    ),
    "blur": (lambda n, rng: Blur.draw(n, SIZE, rng), None, sharpness, (0.40,), (0.20,)),
    "resolution": (
        lambda n, rng: LowResolution.draw(n, SIZE, rng), None, sharpness, (0.315,), (0.134,)
    ),
    "noise": (
        lambda n, rng: SensorNoise.draw(n, rng), 128,
        lambda images: images.std((1, 2, 3))[:, None],
        (5.29,), (4.23,),
    ),
    "jpeg": (
        lambda n, rng: Compression.draw(n, rng), None,
        lambda images: np.abs(images.astype(float) - same(1)).mean((1, 2, 3))[:, None],
        (3.6,), (0.81,),
    ),
    "occlusion": (white_occluders, 0, coverage, (0.105,), (0.0725,)),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", STATISTICS)
def test_an_effect_is_as_strong_as_intended(name: str, way: str) -> None:
    """Means and spreads over 300 draws, on a picture of 96 px."""
    draw, value, measure, mean, spread = STATISTICS[name]
    images = same(300, value)
    found = measure(WAYS[way](draw(len(images), np.random.default_rng(0)), images))
    assert found.mean(0) == pytest.approx(mean, rel=0.12)
    assert found.std(0) == pytest.approx(spread, rel=0.2)


@pytest.mark.parametrize("quality", [30, 60, 89])
def test_jpeg_is_what_opencv_writes(quality: int) -> None:
    images = pictures(3)
    found = by_torch(Compression(np.full(3, quality)), images)
    for image, mine in zip(images, found.astype(float), strict=True):
        _, data = cv2.imencode(".jpg", image[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, quality))
        theirs = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1].astype(float)
        damage = np.abs(theirs - image).mean()
        assert np.abs(mine - theirs).mean() < 0.25 * damage + 0.3


def test_jpeg_tables_scale_with_the_quality() -> None:
    table = np.array([[16.0, 11.0], [12.0, 99.0]])
    found = tables(table, np.array([50, 25, 100, 75]))
    assert found[:, 0, 0].tolist() == [16, 32, 1, 8]
    assert found[1, 1, 1] == 198


@pytest.mark.parametrize("way", WAYS)
def test_noise_is_of_single_pixels_or_of_cells(way: str) -> None:
    flat = same(60, 128)
    noise = WAYS[way](SensorNoise.draw(60, np.random.default_rng(0)), flat).astype(float) - flat
    energy = (noise**2).mean((1, 2, 3))
    beside = (noise[:, :, 1:] * noise[:, :, :-1]).mean((1, 2, 3)) / np.maximum(energy, 1e-9)
    strong = energy > 4
    assert (beside < 0.1)[strong].mean() == pytest.approx(0.5, abs=0.2)
    assert (beside > 0.4)[strong].mean() == pytest.approx(0.5, abs=0.2)


@pytest.mark.parametrize("way", WAYS)
def test_recolouring_keeps_the_order_of_brightness(way: str) -> None:
    ramp = np.repeat(np.arange(64, dtype=np.uint8)[None, None, :, None] * 4, 3, axis=3)
    out = WAYS[way](Recolouring.draw(1, np.random.default_rng(4)), ramp)
    assert (np.diff(out.astype(int).sum(-1)[0, 0]) >= -3).all()  # up to rounding


@pytest.mark.parametrize("way", WAYS)
def test_blur_leaves_a_flat_image_alone(way: str) -> None:
    flat = same(8, 77)
    assert (WAYS[way](Blur.draw(8, SIZE, np.random.default_rng(0)), flat) == 77).all()


def test_cuboids_show_three_faces_that_meet() -> None:
    occlusion = white_occluders(50, np.random.default_rng(0))
    first = occlusion.occluders[0]
    assert 10 < sum(first.faces[0].is_oval) < 40
    square = np.array([[1, 1, -1, -1], [1, -1, -1, 1]])
    for i in np.flatnonzero(~first.faces[0].is_oval):
        corners = [f.center[i][:, None] + f.sides[i] @ square for f in first.faces]
        found = np.unique(np.concatenate(corners, 1).round(6), axis=1)
        assert found.shape[1] == 7  # of a cuboid's 8 corners one is hidden


def test_each_effect_touches_its_share() -> None:
    images = tensors(same(400))

    def touched(**shares: float) -> float:
        chosen = Augmentation(**{**NOTHING.__dict__, **shares})
        found = augment(images, lambda n: images[:n], chosen, np.random.default_rng(1))
        assert found.dtype == torch.uint8 and found.shape == images.shape
        return float((found != images).flatten(1).any(1).float().mean())

    assert touched() == 0
    for name, share in (("colour", 0.8), ("jpeg", 0.3), ("occlusion", 0.35), ("grey", 1.0)):
        assert touched(**{name: share}) == pytest.approx(share, abs=0.06)


def test_the_seed_decides() -> None:
    images = tensors(pictures(6))
    before = images.clone()

    def drawn(seed: int) -> Tensor:
        rng = np.random.default_rng(seed)
        return augment(images, lambda n: images[:n], Augmentation(), rng)

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))
    assert torch.equal(images, before)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_augments_like_a_cpu() -> None:
    images = tensors(pictures(64))
    quiet = Augmentation(noise=0)
    here = augment(images, lambda n: images[:n], quiet, np.random.default_rng(0))
    there = images.cuda()
    there = augment(there, lambda n: images[:n].cuda(), quiet, np.random.default_rng(0)).cpu()
    assert float((here.float() - there.float()).abs().mean()) < 2
