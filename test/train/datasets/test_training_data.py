"""The sources of training samples, data/*.py: labels stay true."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from training_data import SIDE, hand, write_photos, write_shards

from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.io import rendered_joints as convention
from hand_pose_25d.reconstruction.pose25d import encode
from hand_pose_25d_train.augmentation.augment import Augmentation, cube_faces, recolour
from hand_pose_25d_train.datasets import photos
from hand_pose_25d_train.datasets.backgrounds import Backgrounds
from hand_pose_25d_train.datasets.crops import RenderSource
from hand_pose_25d_train.datasets.mixing import EmptySource, Mixture
from hand_pose_25d_train.datasets.shards import ShardDataset
from hand_pose_25d_train.datasets.training_sample import Jitter, cut

ALWAYS = Augmentation(*[1.0] * 7)
CAMERA = Camera(150, 150, (SIDE - 1) / 2, (SIDE - 1) / 2, SIDE, SIDE)


@pytest.mark.parametrize("seed", range(20))
def test_a_cut_stays_a_projection(seed: int) -> None:
    """Turned, moved, scaled or mirrored: depths and pixels are those of the virtual camera."""
    rng = np.random.default_rng(seed)
    points, is_right = hand(rng)
    uv = CAMERA.project(points)
    where = cut(CAMERA, uv, is_right, 64, Jitter(wrong_side=0.5), rng)
    assert where.looks_right == (is_right != where.view.mirror)
    virtual = where.view.to_virtual(points)
    assert np.abs(where.view.project(virtual) - where.uv).max() < 1e-6
    expected = encode(virtual).relative_depth
    assert np.abs(where.depths(points) - expected).max() < 1e-12
    inside = (np.abs(where.uv - 31.5) < 32).all(-1)
    assert (where.uv_weight[inside] == 1).all()


def test_what_is_far_outside_is_not_asked_for() -> None:
    rng = np.random.default_rng(0)
    uv = CAMERA.project(hand(rng)[0])
    uv[8] += 10 * SIDE
    where = cut(CAMERA, uv, True, 64, Jitter(), rng)
    assert where.uv_weight[8] == 0


def test_rendered_samples(tmp_path: Path) -> None:
    write_shards(tmp_path, 12)
    source = RenderSource([tmp_path, tmp_path], 64, Jitter())
    assert len(source) == 24
    assert source[13].seed == 1
    seen = [source.draw(np.random.default_rng(i)) for i in range(40)]
    with_hand = [s for s in seen if s.presence]
    assert 0 < len(with_hand) < 40
    assert all(s.depth_weight.min() == 1 and s.depth[0] == 0 for s in with_hand)
    assert all(s.image.shape == (64, 64, 3) for s in seen)
    without = next(s for s in seen if not s.presence)
    assert without.uv_weight.sum() == without.depth_weight.sum() == without.right_weight == 0


def test_photographs_are_2d_with_weak_depths(tmp_path: Path) -> None:
    folder, labels = tmp_path / "photos", tmp_path / "labels" / "photos.npz"
    write_photos(folder, labels, 20)
    loaded = photos.load_photos(folder, labels, held_out=None)
    assert len(loaded) == 20
    assert loaded[0].mask is not None
    assert loaded[1].mask is None
    expected = encode(loaded[3].world + (0, 0, 10)).relative_depth
    assert np.abs(loaded[3].weak_depth - expected).max() < 1e-4
    source = photos.PhotoSource(loaded[:1], Backgrounds([]), 64, Jitter(), 0.3, replace=1.0)
    sample = source.draw(np.random.default_rng(0))
    assert (sample.depth_weight == np.float32(0.3)).all()
    assert sample.presence == sample.right_weight == sample.bones == 1
    rng = np.random.default_rng(0)
    rng.integers(1)  # which photograph
    photo = loaded[0]
    where = cut(photo.camera, photo.uv, photo.is_right, 64, Jitter(), rng)
    assert sample.focal == where.view.focal


def test_a_replaced_background_leaves_the_hand_alone(tmp_path: Path) -> None:
    folder, labels = tmp_path / "photos", tmp_path / "labels" / "photos.npz"
    write_photos(folder, labels, 1)
    loaded = photos.load_photos(folder, labels, held_out=None)
    shown = [
        photos.PhotoSource(loaded, Backgrounds([]), 64, Jitter(), replace=r)
        .draw(np.random.default_rng(5))
        .image.astype(int)
        for r in (0.0, 1.0)
    ]
    difference = np.abs(shown[0] - shown[1]).max(-1)
    assert (difference == 0).mean() > 0.05
    assert (difference > 20).mean() > 0.2


def test_a_tenth_is_held_out_in_ranges() -> None:
    names = [f"{i % 10}_IMG_{2000 - i}.jpg" for i in range(200)]
    held, kept = photos.split(names, True), photos.split(names, False)
    assert sorted(held + kept) == list(range(200))
    assert len(held) == 20
    numbers = sorted(photos.number_of(names[i]) for i in held)
    assert sum(np.diff(numbers) > 1) == 1  # two unbroken ranges


def test_missing_photograph_is_named(tmp_path: Path) -> None:
    folder, labels = tmp_path / "photos", tmp_path / "labels" / "photos.npz"
    write_photos(folder, labels, 3)
    (folder / "1_IMG_1001.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"1_IMG_1001\.png"):
        photos.load_photos(folder, labels, None)


def test_backgrounds(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no images"):
        Backgrounds([tmp_path])
    cv2.imwrite(str(tmp_path / "red.png"), np.full((50, 90, 3), (0, 0, 200), np.uint8))
    crop = Backgrounds([tmp_path], procedural=0).draw(32, np.random.default_rng(0))
    assert crop.shape == (32, 32, 3)
    assert (crop == (200, 0, 0)).all()


def test_augmentation_is_seeded_and_keeps_the_shape() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (64, 64, 3)).astype(np.uint8)
    first, second, other = (
        ALWAYS(image, image[::-1], np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert first.dtype == np.uint8
    assert first.shape == image.shape
    assert (first == second).all()
    assert (first != other).any()
    never = Augmentation(*[0.0] * 7)
    assert (never(image, image, np.random.default_rng(3)) == image).all()


def test_recolouring_keeps_the_order_of_brightness() -> None:
    ramp = np.repeat(np.arange(64, dtype=np.uint8)[None, :, None] * 4, 3, axis=2)
    out = recolour(ramp, np.random.default_rng(4)).astype(int).sum(-1)[0]
    assert (np.diff(out) >= -3).all()  # up to rounding


def test_cubes_show_three_faces_that_meet() -> None:
    faces = cube_faces(np.zeros(2), 10.0, np.random.default_rng(0))
    corners = np.concatenate([c for c, _ in faces]).round(6)
    assert len(np.unique(corners, axis=0)) == 7  # of a cube's 8 corners one is hidden


def test_batches_depend_on_seed_and_step_alone(tmp_path: Path) -> None:
    write_shards(tmp_path, 8)
    empty = Backgrounds([])

    def mixture(seed: int) -> Mixture:
        sources = [(RenderSource([tmp_path], 48, Jitter()), 1.0), (EmptySource(empty, 48), 1.0)]
        return Mixture(sources, empty, 8, 10, 48, seed=seed)

    a, b = mixture(0), mixture(0)
    next(iter(a.batches(0, 0)))
    later = next(iter(a.batches(6, 0)))
    assert (later["image"] == b[6]["image"]).all()
    assert (later["image"] != mixture(1)[6]["image"]).any()
    assert later["image"].shape == (8, 3, 48, 48)
    assert later["presence"].sum() <= 4  # half of every batch are backgrounds


def test_a_mixture_needs_a_source() -> None:
    with pytest.raises(ValueError, match="needs a source"):
        Mixture([], Backgrounds([]), 8, 10, 48)


def test_convention_is_the_same_for_both_hands() -> None:
    rng = np.random.default_rng(2)
    points, _ = hand(rng)
    right = convention.to_network_keypoints(points, True)
    left = convention.to_network_keypoints(points * (-1, 1, 1), False)
    assert np.abs(left - right * (-1, 1, 1)).max() < 1e-12
    batch = convention.to_network_keypoints(np.stack([points, points * (-1, 1, 1)]), [True, False])
    assert np.abs(batch - np.stack([right, left])).max() < 1e-12


def test_convention_moves_with_the_hand() -> None:
    rng = np.random.default_rng(3)
    points, _ = hand(rng)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    rotation *= np.linalg.det(rotation)
    moved = convention.to_network_keypoints(points @ rotation.T + (0.1, 0, 0), True)
    expected = convention.to_network_keypoints(points, True) @ rotation.T + (0.1, 0, 0)
    assert np.abs(moved - expected).max() < 1e-12
    length = np.linalg.norm(points[0] - points[5])
    shift = np.linalg.norm(convention.to_network_keypoints(points, True) - points, axis=-1)
    assert shift / length == pytest.approx(np.linalg.norm(convention.OFFSETS, axis=-1))


def test_shards_give_joints_or_keypoints(tmp_path: Path) -> None:
    write_shards(tmp_path, 4)
    joints = ShardDataset(tmp_path, convert=False)[0].hands[0]
    found = ShardDataset(tmp_path)[0]
    expected = convention.to_network_keypoints(joints.keypoints, joints.is_right)
    assert np.abs(found.hands[0].keypoints - expected).max() < 1e-6
    uvw = expected @ found.K.T
    assert np.abs(found.hands[0].uv - uvw[:, :2] / uvw[:, 2:]).max() < 1e-3
