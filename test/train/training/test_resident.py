"""training/{resident,pools,arrivals}.py: batches made where the network is trained."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_training import data
from training_data import SIDE, write_photos, write_shards

from hand_pose_25d.cli import main
from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d_train.augmentation.augment import Augmentation
from hand_pose_25d_train.augmentation.paper_jitter import PaperJitter
from hand_pose_25d_train.augmentation.regions import Jitter
from hand_pose_25d_train.datasets.backgrounds import Backgrounds
from hand_pose_25d_train.datasets.cutting import cut
from hand_pose_25d_train.datasets.photos import load_photos
from hand_pose_25d_train.datasets.rendered_images import RenderSource
from hand_pose_25d_train.datasets.shards import ShardDataset
from hand_pose_25d_train.datasets.training_images import TrainingImage
from hand_pose_25d_train.networks.formulations import load_any
from hand_pose_25d_train.training.config import DataConfig
from hand_pose_25d_train.training.pose import arrivals, resident
from hand_pose_25d_train.training.pose.arrivals import Arrivals, read_crops, wait_for_side
from hand_pose_25d_train.training.pose.pools import Pool
from hand_pose_25d_train.training.pose.resident import ResidentMixture

CPU = torch.device("cpu")
STILL = Jitter(angle=0, any_angle=0, shift=0, scale=0, wrong_handedness=0)
PLAIN = Augmentation(0, 0, 0, 0, 0, 0, 0)


@pytest.fixture(autouse=True)
def few_backgrounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resident, "BACKGROUNDS", 32)


def entries(count: int, side: int = 8) -> list[TrainingImage]:
    middle = (side - 1) / 2
    return [
        TrainingImage(
            np.full((side, side, 3), i, np.uint8), Camera(i + 1, i + 1, middle, middle, side, side)
        )
        for i in range(count)
    ]


def mixture(folder: Path, **changes) -> ResidentMixture:
    write_shards(folder / "renders", 12)
    write_photos(folder / "photos", folder / "labels.npz", 20)
    photos = load_photos(folder / "photos", folder / "labels.npz", held_out=False)
    config = replace(DataConfig(batch_size=24, weak_depth=0.3), **changes)
    return ResidentMixture(
        config, [folder / "renders"], photos, Backgrounds([]), 64, CPU, 9, seed=3
    )


def test_a_pool_keeps_the_newest() -> None:
    pool = Pool(5, 8, CPU)
    pool.extend(entries(3))
    assert (len(pool), pool.images[:3, 0, 0, 0].tolist()) == (3, [0, 1, 2])
    pool.extend(entries(4))
    assert (len(pool), pool.written) == (5, 7)
    assert pool.images[:, 0, 0, 0].tolist() == [2, 3, 2, 0, 1]
    assert pool.focal.tolist() == [3, 4, 3, 1, 2]
    with pytest.raises(ValueError, match=r"\(9, 9, 3\), this pool holds 8 x 8"):
        pool.extend(entries(1, 9))


def test_shards_are_read_as_one_by_one(tmp_path: Path) -> None:
    write_shards(tmp_path, 9)
    found = read_crops(tmp_path / "shard-00000.npz")
    for entry, sample in zip(found, ShardDataset(tmp_path, masks=False), strict=False):
        assert (entry.image == sample.image).all()
        assert (entry.camera is not None) == bool(sample.hands)
        if entry.camera is not None:
            assert entry.camera.fx == 150
            assert entry.keypoints == pytest.approx(sample.hands[0].keypoints, abs=1e-6)
            assert entry.uv == pytest.approx(sample.hands[0].uv, abs=1e-3)
            assert entry.is_right == sample.hands[0].is_right
    assert len(found) == 9


def test_only_crops_stay(tmp_path: Path) -> None:
    write_shards(tmp_path, 2)
    path = tmp_path / "shard-00000.npz"
    stored = dict(np.load(path))
    stored["K"][:, 0, 2] += 5
    np.savez(path, **stored)
    with pytest.raises(ValueError, match="only crops can stay on the device"):
        Pool(2, SIDE, CPU).extend(read_crops(path))


def test_later_shards_come_in_while_batches_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "POLL_SECONDS", 0.02)
    write_shards(tmp_path / "a", 4)
    assert wait_for_side([tmp_path / "a"]) == SIDE
    pool = Pool(100, SIDE, CPU)
    coming = Arrivals([tmp_path / "a", tmp_path / "b"], pool)
    assert coming.load() == 4
    coming.follow()
    write_shards(tmp_path / "made", 6, seed=1)
    (tmp_path / "made").rename(tmp_path / "b")  # a shard has its name when it is whole
    end = time.monotonic() + 1800
    while pool.written < 10 and time.monotonic() < end:
        time.sleep(0.02)
    coming.end()
    assert pool.written == 10
    assert (
        pool.labels.has_hand[:10].tolist()
        == [True, True, True, False] + [True] * 3 + [False] + [True] * 2
    )


def test_a_folder_without_shards_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no shards .*nowhere after 0 s"):
        wait_for_side([tmp_path / "nowhere"], patience=0.0)


def test_a_batch_is_what_the_sources_give(tmp_path: Path) -> None:
    """Without jitter and effects: the same crop, labels and depths as `RenderSource` draws."""
    made = mixture(
        tmp_path, share_2d=0.0, share_empty=0.0, jitter=STILL, augmentation=PLAIN
    ).mixture[0]
    rng = np.random.default_rng(0)
    given = RenderSource([tmp_path / "renders"]).draw(200, rng)
    drawn = cut(given, 64, STILL, Backgrounds([]), 0.0, rng)
    assert made["image"].shape == (24, 3, 64, 64)
    for i in range(24):
        if not made["presence"][i]:
            continue
        distance = (made["uv"][i] - drawn["uv"]).abs().amax((1, 2))
        twin = {name: value[int(distance.argmin())] for name, value in drawn.items()}
        assert distance.min() < 1e-3
        assert made["depth"][i].numpy() == pytest.approx(twin["depth"].numpy(), abs=1e-4)
        assert made["depth_weight"][i].tolist() == [1.0] * 21
        assert made["uv_weight"][i].tolist() == twin["uv_weight"].tolist()
        assert made["bones"][i] == 0  # exact depths are known
        assert made["is_right"][i] == twin["is_right"] == 1  # never shown as the other hand
        assert made["focal"][i] == pytest.approx(float(twin["focal"]), rel=1e-5)
        assert (made["image"][i].float() - twin["image"].float()).abs().mean() < 1


def test_shares_of_a_batch(tmp_path: Path) -> None:
    made = mixture(tmp_path, share_2d=0.5, share_3d=1.0, share_empty=0.25).mixture[1]
    photos, renders = 6, 12  # of 24; the last 6 are backgrounds
    weight = made["depth_weight"][:, 0]
    assert weight[:photos].tolist() == pytest.approx([0.3] * photos)
    assert set(weight[photos : photos + renders].tolist()) == {0.0, 1.0}
    assert made["bones"].tolist() == [1.0] * photos + [0.0] * (24 - photos)
    assert made["focal"][:photos].min() > 10
    assert made["presence"][photos + renders :].sum() == 0
    assert made["uv_weight"][photos + renders :].sum() == 0
    for name, value in made.items():
        assert value.dtype == (torch.uint8 if name == "image" else torch.float32), name
        assert torch.isfinite(value).all(), name


def test_most_photographs_with_masks_get_other_backgrounds(tmp_path: Path) -> None:
    (photos, _), *_ = mixture(tmp_path).mixture.sources
    assert isinstance(photos, Pool) and photos.masks is not None
    (chosen,) = np.flatnonzero(photos.labels.has_mask[: len(photos)])
    mask = photos.masks[int(chosen)]
    assert 0 < float((mask > 127).float().mean()) < 1
    white = Pool(1, photos.side, CPU, masks=True)
    white.images[:], white.masks[:] = 255, mask
    for name in vars(white.labels):
        getattr(white.labels, name)[0] = getattr(photos.labels, name)[chosen]
    white.focal[0], white.written = photos.focal[chosen], 1
    black = Pool(1, 64, CPU)
    black.written = 1
    shown = {}
    for replace_background in (0.0, 1.0):
        given = white.draw(1, np.random.default_rng(0))
        made = cut(given, 64, STILL, black, replace_background, np.random.default_rng(0))
        shown[replace_background] = made["image"][0, 0]
    assert (shown[0.0] == 255).all()
    hidden = (shown[1.0] < 5).float().mean()
    assert 0.2 < hidden < 0.8 and hidden + (shown[1.0] > 250).float().mean() > 0.9


def test_a_batch_depends_on_seed_and_step_alone(tmp_path: Path) -> None:
    made = mixture(tmp_path)
    first, again, other = made.mixture[2], made.mixture[2], made.mixture[3]
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["image"], other["image"])


@pytest.mark.parametrize(
    ("data", "renders", "size", "message"),
    [
        (DataConfig(jitter=PaperJitter()), ["r"], 64, "jitter of the shipped networks only"),
        (DataConfig(), [], 64, "needs --renders"),
    ],
)
def test_what_cannot_be_made_is_named(
    data: DataConfig, renders: list, size: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ResidentMixture(data, [Path(r) for r in renders], [], Backgrounds([]), size, CPU, 9)


def test_the_command_trains_from_resident_crops(tmp_path: Path) -> None:
    assert main([*data(tmp_path), "--resident", "8"]) == 0
    network = load_any(tmp_path / "run" / "weights.safetensors")
    assert torch.isfinite(network(torch.rand(1, 3, 32, 32)).uv).all()
    state = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)
    assert state["step"] == 6


def test_fewer_than_one_crop_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main([*data(tmp_path), "--resident", "-5"]) != 0
    assert "at least 1 rendered crop, not -5" in capsys.readouterr().err


def test_datasets_do_not_stay(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    command = [*data(tmp_path), "--resident", "8", "--datasets", f"rhp={tmp_path}"]
    assert main(command) != 0
    assert "no --datasets" in capsys.readouterr().err


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_makes_the_same_labels(tmp_path: Path) -> None:
    here = mixture(tmp_path)
    there = ResidentMixture(
        here.data, [tmp_path / "renders"],
        load_photos(tmp_path / "photos", tmp_path / "labels.npz", held_out=False),
        Backgrounds([]), 64, torch.device("cuda"), 9, seed=3,
    )  # fmt: skip
    mine, theirs = here.mixture[0], there.mixture[0]
    for key in mine.keys() - {"image"}:
        assert torch.equal(mine[key], theirs[key].cpu()), key
