"""The sources of training samples, data/*.py: labels stay true."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from training_data import SIDE, draw_skeleton, hand, write_photos, write_shards

from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.geometry.virtual_camera import VirtualCamera
from hand_pose_25d.io import rendered_joints as convention
from hand_pose_25d.reconstruction.pose25d import encode
from hand_pose_25d_train.augmentation.paper_jitter import PaperJitter
from hand_pose_25d_train.augmentation.regions import Jitter
from hand_pose_25d_train.datasets import photos
from hand_pose_25d_train.datasets.backgrounds import Backgrounds
from hand_pose_25d_train.datasets.cutting import TrainingBatch, cut
from hand_pose_25d_train.datasets.mixing import EmptySource, Mixture
from hand_pose_25d_train.datasets.rendered_images import RenderSource
from hand_pose_25d_train.datasets.shards import ShardDataset
from hand_pose_25d_train.datasets.training_images import TrainingImage, TrainingImages

STILL = Jitter(angle=0, any_angle=0, shift=0, scale=0, wrong_handedness=0)
EMPTY = Backgrounds([])
CAMERA = Camera(150, 150, (SIDE - 1) / 2, (SIDE - 1) / 2, SIDE, SIDE)


def cut_out(
    images: list[TrainingImage], seed: int = 0, jitter: Jitter | PaperJitter = STILL, replace=0.0
) -> TrainingBatch:
    rng = np.random.default_rng(seed)
    return cut(TrainingImages.of(images), 64, jitter, EMPTY, replace, rng)


def drawn_hand(rng: np.random.Generator) -> TrainingImage:
    points, is_right = hand(rng)
    uv = CAMERA.project(points)
    return TrainingImage(draw_skeleton(uv), CAMERA, uv, points, is_right=is_right)


@pytest.mark.parametrize(
    "jitter", [Jitter(wrong_handedness=0.5), PaperJitter(wrong_handedness=0.5)]
)
def test_labels_move_with_the_pixels(jitter: Jitter | PaperJitter) -> None:
    """A white dot on a joint lies in the crop where the label says, mirrored or not."""
    rng = np.random.default_rng(3)
    images = [drawn_hand(rng) for _ in range(40)]
    for one in images:
        one.image = np.zeros_like(one.image)
        cv2.circle(one.image, one.uv[9].round().astype(int).tolist(), 2, (255, 255, 255), -1)
    batch = cut_out(images, 1, jitter)
    v, u = np.mgrid[:64, :64]
    for image, label in zip(batch["image"].float().numpy(), batch["uv"].numpy(), strict=True):
        weight = image.mean(0)
        found = np.array([(u * weight).sum(), (v * weight).sum()]) / weight.sum()
        assert np.linalg.norm(found - label[9]) < 1.5
    mirrored = batch["is_right"].numpy() != [one.is_right for one in images]
    assert 0.25 < mirrored.mean() < 0.75
    turns = [np.linalg.det(np.diff(label[[0, 5, 17]], axis=0)) for label in batch["uv"].numpy()]
    before = [np.linalg.det(np.diff(one.uv[[0, 5, 17]], axis=0)) for one in images]
    assert ((np.sign(turns) != np.sign(before)) == mirrored).all()


@pytest.mark.parametrize(
    "jitter", [Jitter(wrong_handedness=0.5), PaperJitter(wrong_handedness=0.5)]
)
def test_a_cut_stays_a_projection(jitter: Jitter | PaperJitter) -> None:
    """Depths and pixels together are the hand itself, turned: all its distances are as before."""
    rng = np.random.default_rng(0)
    images = [drawn_hand(rng) for _ in range(20)]
    batch = {key: value.numpy().astype(float) for key, value in cut_out(images, 1, jitter).items()}
    for i, one in enumerate(images):
        scale = np.linalg.norm(one.keypoints[0] - one.keypoints[5])
        # Mirrored or not, in the crop the wrist lies as far from its camera as in the image.
        rays = np.concatenate([(batch["uv"][i] - 31.5) / batch["focal"][i], np.ones((21, 1))], 1)
        root = np.linalg.norm(one.keypoints[0]) / np.linalg.norm(rays[0])
        points = rays * (root + batch["depth"][i] * scale)[:, None]
        found = np.linalg.norm(points[:, None] - points, axis=-1)
        truth = np.linalg.norm(one.keypoints[:, None] - one.keypoints, axis=-1)
        assert found == pytest.approx(truth, abs=1e-4)
        inside = (np.abs(batch["uv"][i] - 31.5) < 32).all(-1)
        assert (batch["uv_weight"][i][inside] == 1).all()
        assert (batch["depth_weight"][i] == 1).all()


def test_what_is_far_outside_is_not_asked_for() -> None:
    one = drawn_hand(np.random.default_rng(0))
    one.uv[8] += 10 * SIDE
    batch = cut_out([one])
    assert batch["uv_weight"][0].tolist() == [float(i != 8) for i in range(21)]


def test_what_is_unknown_weighs_nothing() -> None:
    rng = np.random.default_rng(0)
    flat, partial, nobody, unsided = (drawn_hand(rng) for _ in range(4))
    flat.keypoints = np.full((21, 3), np.nan)
    partial.uv[6], partial.keypoints[7] = np.nan, np.nan
    nobody = TrainingImage(nobody.image)
    unsided.is_right = None
    batch = cut_out([flat, partial, nobody, unsided])
    assert batch["depth_weight"].sum(1).tolist() == [0, 20, 0, 21]
    assert batch["uv_weight"].sum(1).tolist() == [21, 20, 0, 21]
    assert batch["uv_weight"][1, 6] == batch["depth_weight"][1, 7] == 0
    assert batch["presence"].tolist() == [1, 1, 0, 1]
    assert batch["handedness_weight"].tolist() == [1, 1, 0, 0]
    assert batch["is_right"].tolist() == [1, 1, 0, 1]  # all are shown as right hands
    for name, value in batch.items():
        assert name == "image" or value.isfinite().all(), name
    whole = cv2.resize(nobody.image, (64, 64), interpolation=cv2.INTER_LINEAR)
    assert (batch["image"][2].permute(1, 2, 0).numpy() == whole).all()


def test_images_of_any_size_and_camera_make_one_batch() -> None:
    """The crop is the one that inference would cut, also out of a much larger image."""
    rng = np.random.default_rng(5)
    images = []
    for focal, cx, width, height in ((400.0, 200.0, 420, 350), (900.0, 500.0, 1000, 700)):
        points, is_right = hand(rng)
        camera = Camera(focal, 1.1 * focal, cx, 0.45 * height, width, height)
        image = np.ascontiguousarray(rng.integers(0, 256, (height, width, 3)).astype(np.uint8))
        images.append(
            TrainingImage(image, camera, camera.project(points), points, is_right=is_right)
        )
    batch = cut_out(images)
    for one, image, uv in zip(images, batch["image"], batch["uv"], strict=True):
        region = Region.from_keypoints(one.uv)
        camera_of_crop = VirtualCamera.from_region(one.camera, region, 64, mirror=not one.is_right)
        difference = camera_of_crop.sample(one.image).astype(int) - image.permute(1, 2, 0).numpy()
        assert np.abs(difference).mean() < 1
        assert uv.numpy() == pytest.approx(camera_of_crop.image_to_crop(one.uv), abs=1e-3)


def test_rendered_images(tmp_path: Path) -> None:
    write_shards(tmp_path, 12)
    source = RenderSource([tmp_path, tmp_path])
    assert len(source) == 24
    assert source[13].seed == 1
    given = source.draw(40, np.random.default_rng(0))
    assert given.rendered.all() and 0 < given.has_hand.sum() < 40
    batch = cut(given, 64, Jitter(), EMPTY, 0.0, np.random.default_rng(0))
    present = batch["presence"] > 0
    assert (batch["depth_weight"][present] == 1).all() and (batch["depth"][:, 0] == 0).all()
    assert batch["image"].shape == (40, 3, 64, 64)
    without = ~present
    for key in ("uv_weight", "depth_weight", "handedness_weight"):
        assert batch[key][without].sum() == 0


def test_photographs_are_2d_with_weak_depths(tmp_path: Path) -> None:
    folder, labels = tmp_path / "photos", tmp_path / "labels" / "photos.npz"
    write_photos(folder, labels, 20)
    loaded = photos.load_photos(folder, labels, held_out=None)
    assert len(loaded) == 20
    assert loaded[0].mask is not None
    assert loaded[1].mask is None
    expected = encode(loaded[3].world + (0, 0, 10)).relative_depth
    assert np.abs(loaded[3].weak_depth - expected).max() < 1e-4
    given = photos.PhotoSource(loaded[:1], 0.3).draw(2, np.random.default_rng(0))
    batch = cut(given, 64, STILL, EMPTY, 0.0, np.random.default_rng(0))
    assert (batch["depth_weight"] == np.float32(0.3)).all()
    assert batch["depth"][0].numpy() == pytest.approx(loaded[0].weak_depth, abs=1e-6)
    for key in ("presence", "handedness_weight", "bones"):
        assert (batch[key] == 1).all()
    assert batch["focal"].tolist() == pytest.approx([loaded[0].virtual_camera(64).focal] * 2)


def test_a_replaced_background_leaves_the_hand_alone(tmp_path: Path) -> None:
    folder, labels = tmp_path / "photos", tmp_path / "labels" / "photos.npz"
    write_photos(folder, labels, 1)
    (photo,) = photos.load_photos(folder, labels, held_out=None)
    shown = [
        cut_out([photo.training_image(0.0)], 5, Jitter(), replace)["image"].numpy().astype(int)
        for replace in (0.0, 1.0)
    ]
    difference = np.abs(shown[0] - shown[1]).max(1)
    assert (difference <= 1).mean() > 0.05
    assert (difference > 20).mean() > 0.2


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


def test_batches_depend_on_seed_and_step_alone(tmp_path: Path) -> None:
    write_shards(tmp_path, 8)
    empty = Backgrounds([])

    def mixture(seed: int) -> Mixture:
        sources = [(RenderSource([tmp_path]), 1.0), (EmptySource(empty, 48), 1.0)]
        return Mixture(sources, empty, 8, 10, 48, seed=seed)

    a, b = mixture(0), mixture(0)
    next(iter(a.batches(0, 0)))
    later = next(iter(a.batches(6, 0)))
    assert (later["image"] == b[6]["image"]).all()
    assert (later["image"] != mixture(1)[6]["image"]).any()
    assert later["image"].shape == (8, 3, 48, 48) and later["image"].dtype == torch.uint8
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
