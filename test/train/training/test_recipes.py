"""recipes/*.yaml, training/{recipe,stages,run_recipe}.py and both networks' stages, at toy size."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
import torch
import yaml
from training_data import write_photos, write_shards

from hand_pose_25d.cli import main
from hand_pose_25d.networks.weights import load_network
from hand_pose_25d_train.training.recipe import RECIPES, load_recipe
from hand_pose_25d_train.training.stages import Stage, StageError, run_stages

TINY = {"crops": 12, "scenes": 4, "holdout": 16, "steps": 2, "batch_size": 2,
        "learning_rate": 1e-3}  # fmt: skip
STAGES = {
    "pose": ["render", "label", "train", "settle-0", "settle-1", "average", "calibrate",
             "presence", "judge"],
    "detector": ["render", "label", "mine", "train", "judge"],
}  # fmt: skip


def document(name: str) -> dict:
    """The shipped recipe, made small: what it is made of stays."""
    recipe = yaml.safe_load((RECIPES / f"{name}.yaml").read_text())
    size = TINY | ({"settle_steps": 1} if name == "pose" else {})
    recipe["sizes"] = {"cpu": size, "gpu": dict(size)}
    recipe["render"] = {"crop_side": 64, "scene_height": 64, "bodies": [0, 2],
                        "holdout_bodies": [2, 3], "shard": 8}  # fmt: skip
    recipe["start"] = "" if name == "pose" else "detector"
    recipe["loop"] |= {"precision": "float32", "checkpoint_every": 1}
    if name == "pose":
        recipe["network"] |= {"input_size": 64, "width": 8, "expansions": [8] * 14,
                              "last_width": 16}  # fmt: skip
        recipe["presence"] |= {"count": 4, "threshold": 0.3}
    else:
        recipe["scene_sides"] = [64]
    return recipe


@pytest.fixture
def command(tmp_path: Path):
    """Return command(name) -> the words that make a toy network out of drawn data."""
    for seed, kind in enumerate(("crops", "scenes", "holdout")):
        write_shards(tmp_path / "renders" / kind, 16, seed)
    write_photos(tmp_path / "photos", tmp_path / "labels.npz", 12)

    def made(name: str, **changes) -> list[str]:
        recipe = tmp_path / f"{name}.yaml"
        recipe.write_text(yaml.safe_dump(document(name) | changes))
        return [
            "train", name, "--out", str(tmp_path / "run"), "--recipe", str(recipe),
            "--renders", str(tmp_path / "renders"), "--workers", "0", "--device", "cpu",
            "--photos", f"{tmp_path / 'photos'}={tmp_path / 'labels.npz'}",
        ]  # fmt: skip

    return made


@pytest.mark.parametrize("name", STAGES)
def test_a_recipe_goes_from_data_to_weights(tmp_path: Path, command, name: str, capsys) -> None:
    assert main(command(name)) == 0, capsys.readouterr().err
    out = tmp_path / "run"
    weights = out / f"{name}.safetensors"
    assert str(weights) in capsys.readouterr().out
    report = json.loads((out / "report.json").read_text())
    assert list(json.loads((out / "state.json").read_text())["done"]) == sorted(STAGES[name])
    assert report["recipe"]["sizes"]["cpu"]["steps"] == 2
    judged = report["stages"]["judge"]
    network = load_network(weights)
    with torch.inference_mode():
        answer = network(torch.rand(1, 3, 64, 64))
    assert all(torch.isfinite(part).all() for part in answer)
    if name == "pose":
        assert judged["2D median px"] > 0 and 0 <= judged["handedness right"] <= 1
        assert not torch.equal(network.uv_calibration, torch.ones(21))
        assert report["stages"]["average"]["networks"] == 3
        steps = [torch.load(out / part / "checkpoint.pt", weights_only=True)["step"]
                 for part in ("train", "settle-0", "settle-1")]  # fmt: skip
        assert steps == [2, 1, 1]
    else:
        assert judged["images"] == 16 and 0 <= judged["recall at 0.5"] <= 1


@pytest.mark.parametrize(
    ("name", "stage"), [(name, stage) for name in STAGES for stage in range(len(STAGES[name]))]
)
def test_stages_run_once_wherever_the_run_was_stopped(
    tmp_path: Path, name: str, stage: int
) -> None:
    """The run stops in a stage, and again after it: every other stage runs once in all."""
    runs: list[str] = []
    stops = {STAGES[name][stage]}

    def stages() -> list[Stage]:
        return [Stage(s, lambda s=s: work(s), (tmp_path / s,)) for s in STAGES[name]]

    def work(part: str) -> dict:
        runs.append(part)
        if part in stops:
            stops.remove(part)
            raise ValueError("no space left")
        (tmp_path / part).write_text("whole")
        return {"value": len(runs)}

    with pytest.raises(StageError, match=f"stage {stage + 1} of .*no space left"):
        run_stages(stages(), tmp_path, {"a": 1})
    figures = run_stages(stages(), tmp_path, {"a": 1})
    assert [runs.count(s) for s in STAGES[name]] == [1 + (s == STAGES[name][stage])
                                                     for s in STAGES[name]]  # fmt: skip
    again = run_stages(stages(), tmp_path, {"a": 1})
    assert again == figures and len(runs) == len(STAGES[name]) + 1


def test_a_stopped_training_goes_on_at_its_step(tmp_path: Path, command, monkeypatch) -> None:
    from hand_pose_25d_train.training import loop

    words = command("detector")
    monkeypatch.setattr(loop.LoopConfig, "is_over", _stop_after(1))
    assert main(words) == 2
    done = json.loads((tmp_path / "run" / "state.json").read_text())["done"]
    assert list(done) == ["label", "mine", "render"]
    checkpoint = tmp_path / "run" / "train" / "checkpoint.pt"
    assert torch.load(checkpoint, weights_only=True)["step"] == 1
    monkeypatch.undo()
    assert main(words) == 0
    assert torch.load(checkpoint, weights_only=True)["step"] == 2


def _stop_after(steps: int):
    """An `is_over` that fails in the loop after so many steps."""
    seen = []

    def is_over(self, seconds: float) -> bool:
        seen.append(seconds)
        if len(seen) == steps + 2:  # it is asked once before the first step
            raise RuntimeError("stopped")
        return False

    return is_over


def test_another_recipe_for_a_folder_is_named(tmp_path: Path, command, capsys) -> None:
    out = tmp_path / "run"
    out.mkdir()
    assert main(command("detector", seed=1) + ["--renders", str(tmp_path / "none")]) == 2
    assert "no shards in" in capsys.readouterr().err
    assert main(command("detector", seed=2) + ["--renders", str(tmp_path / "none")]) == 2
    error = capsys.readouterr().err
    assert "was begun with other settings: recipe.seed is 2, was 1" in error
    (out / "state.json").write_text("{")
    assert main(command("detector")) == 2
    assert "state.json is damaged" in capsys.readouterr().err


def test_an_output_that_is_gone_is_named(tmp_path: Path) -> None:
    kept = tmp_path / "kept"

    def write() -> dict:
        kept.write_text("")
        return {}

    run_stages([Stage("first", write, (kept,))], tmp_path, {})
    kept.unlink()
    with pytest.raises(ValueError, match="stage first is done, but .*kept is missing"):
        run_stages([Stage("first", write, (kept,))], tmp_path, {})


@pytest.mark.parametrize("name", STAGES)
def test_the_shipped_recipes_are_complete(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.start == "mediapipe" and set(recipe.sizes) == {"cpu", "gpu"}
    for size in recipe.sizes.values():
        loop = recipe.loop_config(Path("x"), size.steps, size.learning_rate)
        assert loop.warmup_steps < loop.steps
    if name == "pose":
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
        ({"loop": 3}, "pose.loop: must be"),
        ({"data": {"batch_size": 3}}, "data: batch_size belongs into sizes"),
        ({"data": {"jitter": {"angel": 1}}}, "data.jitter: unknown angel"),
        ({"loss": {"bones": "much"}}, "loss.bones: must be float"),
        ({"render": {"bodies": [3, 2]}}, r"a range is \[first, end\]"),
        ({"render": {"holdout_bodies": [599, 700]}}, "overlap the bodies to train on"),
        ({"settle": {"rate": 0.2, "before": 2.0, "runs": []}}, "before must be in 0..1"),
        ({"settle": {"rate": 0.2, "before": 0.5, "runs": [{"seed": "x"}]}}, r"runs\[0\].seed"),
    ],
)
def test_bad_recipes_are_named(tmp_path: Path, change: dict, message: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(yaml.safe_dump(document("pose") | change))
    with pytest.raises(ValueError, match=message):
        load_recipe("pose", path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &a [1, 2]\nb: [*a, *a]", r"aliases \(\*name\) are not allowed"),
        ("a: " + "x" * 200_000, "bytes, more than 100000"),
        ("- 1", "expected keys and values"),
    ],
)
def test_files_that_grow_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "large.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        load_recipe("pose", path)


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
    stage = label_stage(load_recipe("pose"), materials)
    assert stage.run()["hands"].startswith(("0 of 1", "1 of 1"))
    assert [path.name for path in stage.outputs] == ["0-hands.npz"]
    assert stage.outputs[0].is_file()
