"""recipes/*.yaml, training/{recipe,stages,run_recipe}.py, both networks' stages: at toy size."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
import torch
import yaml
from training_data import write_photos, write_shards

from hand_pose_25d.cli import main
from hand_pose_25d.networks.weights import load_network
from hand_pose_25d_train.training import run_recipe
from hand_pose_25d_train.training.detector import trainer
from hand_pose_25d_train.training.recipe import RECIPES, load_recipe
from hand_pose_25d_train.training.stages import StageError, TrainingStage, run_stages

TINY = {"crops": 12, "scenes": 4, "holdout": 16, "steps": 2, "batch_size": 2,
        "learning_rate": 1e-3}  # fmt: skip
STAGES = {
    "accurate": ["render", "label", "train", "settle-0", "settle-1", "average", "calibrate",
             "presence", "judge"],
    "detector": ["render", "label", "mine", "train", "judge"],
}  # fmt: skip
FILES = {"accurate": "pose.safetensors", "detector": "detector.safetensors"}


def document(name: str) -> dict:
    """The shipped recipe, made small: what it is made of stays."""
    recipe = yaml.safe_load((RECIPES / f"{name}.yaml").read_text())
    size = TINY | ({"settle_steps": 1} if name == "accurate" else {})
    recipe["sizes"] = {"cpu": size, "gpu": dict(size)}
    recipe["render"] = {"crop_side": 64, "scene_height": 64, "bodies": [0, 2],
                        "holdout_bodies": [2, 3], "shard": 8}  # fmt: skip
    recipe["start"] = "" if name == "accurate" else "detector"
    recipe["loop"] |= {"precision": "float32", "checkpoint_every": 1}
    if name == "accurate":
        recipe["network"] |= {"input_size": 64, "width": 8, "expansions": [8] * 14,
                              "last_width": 16}  # fmt: skip
        recipe["presence"] |= {"count": 4, "threshold": 0.3}
    else:
        recipe["scene_sides"] = [64]
    return recipe


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with renders, photographs and their labels."""
    folder = tmp_path_factory.mktemp("data")
    for seed, kind in enumerate(("crops", "scenes", "holdout")):
        write_shards(folder / "renders" / kind, 16, seed)
    write_photos(folder / "photos", folder / "labels.npz", 12)
    return folder


def words(name: str, data: Path, out: Path, **changes) -> list[str]:
    """Return the command that makes a toy network, its recipe written beside `out`."""
    recipe = out.with_suffix(".yaml")
    recipe.write_text(yaml.safe_dump(document(name) | changes))
    return [
        "train", name, "--out", str(out), "--recipe", str(recipe), "--device", "cpu",
        "--renders", str(data / "renders"), "--workers", "0",
        "--photos", f"{data / 'photos'}={data / 'labels.npz'}",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory):
    """Return finished(name) -> the folder of a run that nothing stopped."""
    folders: dict[str, Path] = {}

    def made(name: str) -> Path:
        if name not in folders:
            folders[name] = tmp_path_factory.mktemp(name) / "run"
            assert main(words(name, data, folders[name])) == 0
        return folders[name]

    return made


@pytest.mark.parametrize("name", STAGES)
def test_a_recipe_goes_from_data_to_weights(finished, name: str) -> None:
    out = finished(name)
    report = json.loads((out / "report.json").read_text())
    assert sorted(report["stages"]) == sorted(STAGES[name])
    assert report["recipe"]["sizes"]["cpu"]["steps"] == 2
    judged = report["stages"]["judge"]
    network = load_network(out / FILES[name])
    with torch.inference_mode():
        answer = network(torch.rand(1, 3, 64, 64))
    assert all(torch.isfinite(part).all() for part in answer)
    if name == "detector":
        assert judged["images"] == 16 and 0 <= judged["recall at 0.5"] <= 1
        return
    assert judged["2D median px"] > 0 and 0 <= judged["handedness correct"] <= 1
    assert not torch.equal(network.uv_calibration, torch.ones(21))
    trained, *settled = (
        load_network(out / part / "weights.safetensors").state_dict()["log_sigma"]
        for part in ("train", "settle-0", "settle-1")
    )
    average = load_network(out / "average.safetensors").state_dict()["log_sigma"]
    expected = 0.45 * trained + 0.275 * (settled[0] + settled[1])
    torch.testing.assert_close(average, expected, atol=2e-3, rtol=0)


@pytest.mark.parametrize("name", STAGES)
def test_a_run_that_is_stopped_in_every_stage_ends_alike(
    finished, data: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each stage is stopped once, when its work is done but not noted: only it runs again."""
    whole, out = finished(name), tmp_path / "run"
    command, runs = words(name, data, out), []
    maker = {"accurate": "pose_stages", "detector": "detector_stages"}[name]
    make = getattr(run_recipe, maker)

    def stopped(stage: TrainingStage) -> TrainingStage:
        def work() -> dict:
            runs.append(stage.name)
            found = stage.run()
            if runs.count(stage.name) == 1:
                raise RuntimeError("stopped")
            return found

        return replace(stage, run=work)

    monkeypatch.setattr(
        run_recipe, maker, lambda *given: [stopped(stage) for stage in make(*given)]
    )
    assert [main(command) for _ in STAGES[name]] == [2] * len(STAGES[name])
    assert main(command) == 0
    assert runs == [stage for stage in STAGES[name] for _ in range(2)]
    assert main(command) == 0 and len(runs) == 2 * len(STAGES[name])  # nothing is left to do
    first, second = (load_network(f / FILES[name]).state_dict() for f in (whole, out))
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_a_stopped_training_goes_on_at_its_step(
    finished, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    command, steps, loss = words("detector", data, out), [], trainer.loss_of

    def stopping(model, batch, step, teacher):
        steps.append(step)
        if steps == [0, 1]:
            raise RuntimeError("stopped")
        return loss(model, batch, step, teacher)

    monkeypatch.setattr(trainer, "loss_of", stopping)
    assert main(command) == 2
    assert list(json.loads((out / "state.json").read_text())["done"]) == [
        "label",
        "mine",
        "render",
    ]
    assert main(command) == 0
    assert steps == [0, 1, 1]
    first, second = (
        load_network(f / "detector.safetensors").state_dict() for f in (finished("detector"), out)
    )
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_a_stage_that_fails_is_named(tmp_path: Path) -> None:
    def fail() -> dict:
        raise OSError("no space left")

    with pytest.raises(StageError, match="stage 1 of 1, train failed: no space left .the same"):
        run_stages([TrainingStage("train", fail)], tmp_path, {})


def test_another_recipe_for_a_folder_is_named(tmp_path: Path, data: Path, capsys) -> None:
    out = tmp_path / "run"
    missing = ["--renders", str(tmp_path / "none")]
    assert main(words("detector", data, out, seed=1) + missing) == 2
    assert "stage 1 of 5, render failed: --renders" in capsys.readouterr().err
    assert main(words("detector", data, out, seed=2) + missing) == 2
    error = capsys.readouterr().err
    assert "was begun with other settings: recipe.seed is 2, was 1" in error
    (out / "state.json").write_text("{")
    assert main(words("detector", data, out)) == 2
    assert "state.json is damaged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--datasets", "rhp=x"], "--datasets belongs to the paper's networks"),
        (["--renders", "a", "b"], "one folder of --renders"),
        (["--recipe", "none.yaml"], "no recipe none.yaml"),
        (["--crops", "0"], "crops must be at least 1, is 0"),
    ],
)
def test_bad_options_are_named(tmp_path: Path, more: list[str], message: str, capsys) -> None:
    assert main(["train", "accurate", "--out", str(tmp_path / "run"), *more]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_recipe_is_one_process(tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main(["train", "accurate", "--out", str(tmp_path / "run")]) == 2
    assert "one process, not under torchrun" in capsys.readouterr().err


def test_an_output_that_is_gone_is_named(tmp_path: Path) -> None:
    kept = tmp_path / "kept"

    def write() -> dict:
        kept.write_text("")
        return {}

    run_stages([TrainingStage("first", write, (kept,))], tmp_path, {})
    kept.unlink()
    with pytest.raises(ValueError, match="stage first is done, but .*kept is missing"):
        run_stages([TrainingStage("first", write, (kept,))], tmp_path, {})


@pytest.mark.parametrize("name", STAGES)
def test_the_shipped_recipes_are_complete(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.start == ("detector" if name == "detector" else "mediapipe") and set(
        recipe.sizes
    ) == {"cpu", "gpu"}
    for size in recipe.sizes.values():
        loop = recipe.loop_config(Path("x"), size.steps, size.learning_rate)
        assert loop.warmup_steps < loop.steps
    if name == "accurate":
        assert recipe.data_config(7).batch_size == 7
        assert [run.certainty for run in recipe.settle.runs] == [0.0, 0.5]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"wings": 2}, "unknown wings; allowed are data"),
        ({"sizes": {"cpu": TINY}}, "sizes must be cpu and gpu, are cpu"),
        ({"sizes": {"cpu": TINY | {"steps": "9"}, "gpu": TINY}}, "sizes.cpu.steps: must be int"),
        ({"sizes": {"cpu": TINY | {"crops": 0}, "gpu": TINY}}, "crops must be at least 1, is 0"),
        ({"sizes": {"cpu": TINY, "gpu": dict(TINY)}}, "settle_steps must be at least 1"),
        ({"sizes": {"cpu": {}, "gpu": {}}}, "sizes.cpu: missing .*'crops'"),
        ({"loop": {"steps": 3}}, "loop: steps belong into sizes"),
        ({"loop": {"optimizer": "lion"}}, "optimizer 'lion': allowed are adamw"),
        ({"loop": 3}, "accurate.loop: must be"),
        ({"data": {"batch_size": 3}}, "data: batch_size belongs into sizes"),
        ({"data": {"jitter": {"angel": 1}}}, "data.jitter: unknown angel"),
        ({"loss": {"bones": "much"}}, "loss.bones: must be float"),
        ({"render": {"bodies": [3, 2]}}, r"a range is \[first, end\]"),
        ({"render": {"holdout_bodies": [599, 700]}}, "overlap the bodies to train on"),
        ({"render": {"far": 1.5}}, "far is a share, 0 to 1, got 1.5"),
        ({"settle": {"rate": 0.2, "before": 2.0, "runs": []}}, "before must be in 0..1"),
        ({"settle": {"rate": 0.2, "before": 0.5, "runs": [{"seed": "x"}]}}, r"runs\[0\].seed"),
    ],
)
def test_bad_recipes_are_named(tmp_path: Path, change: dict, message: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(yaml.safe_dump(document("accurate") | change))
    with pytest.raises(ValueError, match=message):
        load_recipe("accurate", path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a: &a [" + "1, " * 999 + "1]\nb: &b [" + "*a, " * 99 + "*a]",
            r"values, those that \*names stand for counted",
        ),
        ("a: " + "x" * 200_000, "a value of more than 10000 characters"),
        ("- 1", "expected keys and values"),
    ],
)
def test_files_that_grow_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "large.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        load_recipe("accurate", path)


def test_a_recipe_renders_what_it_needs(tmp_path: Path) -> None:
    from rendering import painter_or_skip

    from hand_pose_25d_train.training.materials import Materials, render_stage

    painter_or_skip()
    path = tmp_path / "detector.yaml"
    path.write_text(yaml.safe_dump(document("detector")))
    recipe = load_recipe("detector", path)
    materials = Materials(tmp_path / "run")
    stage = render_stage(recipe, recipe.sizes["cpu"], materials, "scenes")
    assert stage.run() == {"crops": 12, "scenes": 4, "holdout": 16}
    shards = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("shard-*.npz"))
    assert shards == [
        f"run/renders/{kind}/shard-0000{n}.npz"
        for kind, count in (("crops", 2), ("holdout", 2), ("scenes", 1)) for n in range(count)
    ]  # fmt: skip
    before = [(tmp_path / shard).stat().st_mtime_ns for shard in shards]
    stage.run()  # what is there is not rendered again
    assert [(tmp_path / shard).stat().st_mtime_ns for shard in shards] == before


def test_photographs_are_labelled_by_the_run(tmp_path: Path) -> None:
    pytest.importorskip("mediapipe", reason="mediapipe belongs to the [train] extra")
    from hand_pose_25d_train.training.materials import Materials, label_stage

    clip = RECIPES.parents[1] / "hand_pose_25d" / "demo_data" / "hands.mp4"
    ok, frame = cv2.VideoCapture(str(clip)).read()
    assert ok
    (tmp_path / "hands").mkdir()
    cv2.imwrite(str(tmp_path / "hands" / "0001.png"), frame)
    materials = Materials(tmp_path / "run", photos=[(tmp_path / "hands", None)])
    stage = label_stage(load_recipe("accurate"), materials)
    assert stage.run()["hands"].startswith(("0 of 1", "1 of 1"))
    assert [path.name for path in stage.outputs] == ["0-hands.npz"]
    assert stage.outputs[0].is_file()
