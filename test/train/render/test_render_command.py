"""The renderer's command, its shards and its errors."""

from __future__ import annotations

import json

import numpy as np
import pytest
from rendering import painter_or_skip

from hand_pose_25d.cli import main
from hand_pose_25d.io.labelled_hand import LabelledHand
from hand_pose_25d_train.datasets.shards import SceneSample, ShardDataset, ShardWriter


def sample(seed: int, hands: int) -> SceneSample:
    rng = np.random.default_rng(seed)
    made = []
    for i in range(hands):
        mask = np.zeros((24, 32), bool)
        mask[4 + i : 12, 3:20] = True
        made.append(
            LabelledHand(
                rng.normal(size=(21, 3)),
                rng.uniform(0, 24, (21, 2)),
                rng.random(21) < 0.5,
                bool(i),
                i,
                mask,
            )
        )
    image = np.full((24, 32, 3), [200, 100, 50], np.uint8)
    return SceneSample(image, np.diag([50.0, 50, 1]), made, seed)


def test_shards_give_back_what_was_written(tmp_path):
    writer = ShardWriter(tmp_path)
    written = [sample(i, i % 3) for i in range(5)]
    writer.write(0, written[:3])
    dataset = ShardDataset(tmp_path, convert=False)
    assert len(dataset) == 3
    writer.write(1, written[3:])
    assert dataset.refresh() == 5
    for i, expected in enumerate(written):
        got = dataset[i]
        assert got.seed == i and len(got.hands) == len(expected.hands)
        np.testing.assert_allclose(got.K, expected.K)
        assert np.abs(got.image.astype(int) - expected.image).max() < 12
        for a, b in zip(got.hands, expected.hands, strict=True):
            np.testing.assert_allclose(a.keypoints, b.keypoints, rtol=1e-6)
            np.testing.assert_array_equal(a.visibility, b.visibility)
            np.testing.assert_array_equal(a.mask, b.mask)
            assert a.is_right == b.is_right and a.hand_id == b.hand_id
            np.testing.assert_allclose(a.bone_lengths, b.bone_lengths, rtol=1e-5)
    assert dataset[4].keypoints.shape == (1, 21, 3) and dataset[0].keypoints.shape == (0, 21, 3)
    assert dataset[2].mask.max() == 2 and dataset[-1].seed == 4
    assert not list(tmp_path.glob(".*")), "temporary files are renamed"
    with pytest.raises(IndexError, match="image 5 of 5"):
        dataset[5]


def test_an_empty_folder_says_how_to_fill_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="hand-pose-25d render"):
        ShardDataset(tmp_path)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--count", "0"], "--count"),
        (["--bodies", "9"], "FIRST:END"),
        (["--bodies", "9:9"], "empty"),
        (["--skins", "/nowhere/at/all"], "no such folder: /nowhere/at/all"),
        (["--size", "5"], "32..2048"),
        (["--far", "2"], "far is a share, 0 to 1, got 2.0"),
        (["--motion-blur", "-0.1"], "motion_blur is a share"),
        ([], "--out"),
    ],
)
def test_wrong_arguments_are_named(arguments, message, capsys):
    assert main(["render", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_run_goes_on_where_it_was(tmp_path, capsys):
    painter_or_skip()
    out = tmp_path / "crops"
    arguments = [
        "render",
        "--out",
        str(out),
        "--count",
        "5",
        "--shard",
        "2",
        "--size",
        "64",
        "--bodies",
        "0:4",
    ]
    assert main([*arguments, "--limit", "2"]) == 0
    assert [p.name for p in sorted(out.glob("shard*"))] == ["shard-00000.npz"]
    first = (out / "shard-00000.npz").stat().st_mtime_ns
    assert main(arguments) == 0
    assert (out / "shard-00000.npz").stat().st_mtime_ns == first
    dataset = ShardDataset(out)
    assert len(dataset) == 5 and [dataset[i].seed for i in range(5)] == list(range(5))
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["mode"] == "crops" and manifest["bodies"] == [0, 4]
    assert main([*arguments, "--seed", "99"]) == 2
    assert "other settings" in capsys.readouterr().err


def test_a_scene_labels_what_is_seen():
    from hand_pose_25d_train.render.scene.scenes import render_scene

    painter = painter_or_skip()
    counts = []
    for seed in range(10):
        scene = render_scene(painter, seed, (128, 96))
        counts.append(len(scene.hands))
        assert scene.image.shape == (96, 128, 3)
        for hand in scene.hands:
            assert hand.mask.sum() >= 60 and hand.visibility.sum() >= 3
            pixels = hand.keypoints @ scene.K.T
            np.testing.assert_allclose(pixels[:, :2] / pixels[:, 2:], hand.uv, atol=1e-6)
    assert 0 in counts and max(counts) >= 1 and max(counts) <= 4


def test_a_missing_driver_is_one_sentence(monkeypatch, capsys, tmp_path):
    moderngl = pytest.importorskip("moderngl")

    def fail(**_):
        raise RuntimeError("(detect) eglInitialize failed")

    monkeypatch.setattr(moderngl, "create_standalone_context", fail)
    assert main(["render", "--contact-sheet", str(tmp_path / "x.jpg")]) == 2
    message = capsys.readouterr().err
    assert "libegl1 libgl1-mesa-dri libegl-mesa0" in message and "eglInitialize failed" in message
    assert message.count("\n") == 1


def test_the_benchmark_times_images_unseen_again_and_further_on(monkeypatch):
    """What is slow at first sight only shows in the first figure."""
    from hand_pose_25d_train.render import bulk

    seen, clock = set(), [0.0]

    def sampler(seed):
        known = seed in seen or len(seen) >= 28
        clock[0] += 0.01 if seed in seen else 0.02 if known else 0.04
        seen.add(seed)

    monkeypatch.setattr(bulk, "make_sampler", lambda job: sampler)
    monkeypatch.setattr(bulk.time, "process_time", lambda: clock[0])
    job = bulk.Job("crops", (64, 64), 1, 5, (0, 4), (), ())
    rates = bulk.benchmark(job, 20, 50)
    assert (rates.first, rates.memory) == (pytest.approx(25), pytest.approx(100))
    assert rates.run == pytest.approx(50)
    assert seen == set(range(5, 5 + 8 + 20 + 50))


def test_shares_reach_the_painter_and_the_manifest(monkeypatch) -> None:
    from dataclasses import replace

    from hand_pose_25d_train.render import bulk
    from hand_pose_25d_train.render.shares import RenderShares, asked

    names = ("pairs", "gloves", "far", "motion_blur", "utensils", "dim")
    given = {name: 0.1 * (i + 1) for i, name in enumerate(names)}
    job = bulk.Job("crops", (64, 64), 1, 5, (0, 4), (), (), **given)
    assert job.shares() == given == RenderShares(**given).shares()
    painted: dict[str, float] = {}
    monkeypatch.setattr(bulk, "Painter", lambda *args, **shares: painted.update(shares))
    bulk.open_painter(job)
    assert painted == given
    # Folders rendered before there were shares go on; others need the same shares.
    plain = bulk._describe(replace(job, **dict.fromkeys(names, 0.0)))
    old = {key: value for key, value in plain.items() if key not in names}
    assert bulk._fingerprint(plain) == bulk._fingerprint(old)
    assert bulk._fingerprint(bulk._describe(job)) != bulk._fingerprint(old)
    drawn = [asked(0.3, seed, 707) for seed in range(400)]
    assert 0.22 < np.mean(drawn) < 0.38 and not any(asked(0.0, s, 707) for s in range(50))
    assert drawn != [asked(0.3, seed, 808) for seed in range(400)]


def test_prior_needs_people(tmp_path, capsys):
    assert main(["render", "--prior", str(tmp_path / "p.yaml"), "--bodies", "0:5"]) == 2
    assert "at least 40 bodies" in capsys.readouterr().err


def test_two_drawers_live_side_by_side() -> None:
    """Each has an OpenGL context of its own, and draws in it whichever was made last."""
    from hand_pose_25d_train.render.scene.compose import Painter
    from hand_pose_25d_train.render.scene.crops import render_crop

    first = painter_or_skip()
    before = render_crop(first, 3, 64).image
    second = Painter(range(0, 12))
    assert (render_crop(second, 3, 64).image == before).all()
    assert (render_crop(first, 3, 64).image == before).all()
