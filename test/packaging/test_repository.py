"""Scripts, workflows, templates and container files: they parse, and what they name exists."""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SCRIPTS = [*sorted(ROOT.glob("scripts/*.sh")), ROOT / ".ci/run", ROOT / "docker/entrypoint.sh"]
YAML_FILES = [
    ROOT / ".pre-commit-config.yaml",
    ROOT / "CITATION.cff",
    *sorted(ROOT.glob(".github/**/*.yml")),
]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("script", SCRIPTS, ids=name)
def test_scripts_are_executable_and_parse(script):
    assert script.stat().st_mode & stat.S_IXUSR
    assert script.read_text().startswith("#!/usr/bin/env bash\n")
    done = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("script", ["setup.sh", "test.sh", "demo.sh"])
def test_scripts_say_how_they_are_used(script):
    command = [str(ROOT / "scripts" / script), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0 and f"scripts/{script}" in done.stdout, done.stderr


@pytest.mark.parametrize("option", ["--tourch", "dev"])
def test_setup_names_what_it_does_not_know(option):
    command = [str(ROOT / "scripts/setup.sh"), option]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 1
    assert f"unknown argument '{option}'; allowed: --torch, --dev, --help" in done.stderr


@pytest.mark.parametrize("path", YAML_FILES, ids=name)
def test_yaml_files_parse(path):
    assert isinstance(yaml.safe_load(path.read_text()), dict)


def test_the_workflow_runs_what_exists():
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    assert set(jobs) == {"wheels", "extras", "ros", "docker"}
    assert jobs["ros"]["strategy"]["matrix"]["distro"] == ["humble", "jazzy"]
    for job in jobs.values():
        assert job["timeout-minutes"] <= 40
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            for script in re.findall(r"(?:scripts|\.ci)/[\w.]+", step.get("run", "")):
                assert (ROOT / script).exists(), script


def test_the_dockerfile_copies_and_runs_what_exists():
    text = (ROOT / "Dockerfile").read_text()
    stages = re.findall(r"^FROM (\S+)(?: AS (\w+))?$", text, re.MULTILINE)
    assert stages == [("ros:${ROS_DISTRO}-ros-base", "base"), ("base", "")]
    for path in re.findall(r"(?:COPY |scripts/|docker/)(?:[\w.]+)", text):
        assert (ROOT / path.removeprefix("COPY ")).exists(), path
    place = re.search(r"^WORKDIR (\S+)$", text, re.MULTILINE)[1]
    assert f'ENTRYPOINT ["{place}/docker/entrypoint.sh"]' in text
    assert f"{place}/.venv" in (ROOT / "docker/entrypoint.sh").read_text()
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".git", ".venv", "build", "install", "log"} <= set(ignored)


def test_the_devcontainer_builds_a_stage_of_the_dockerfile():
    folder = ROOT / ".devcontainer"
    described = json.loads((folder / "devcontainer.json").read_text())
    dockerfile = (folder / described["build"]["dockerfile"]).resolve()
    assert f" AS {described['build']['target']}\n" in dockerfile.read_text()
    assert "scripts/setup.sh --dev" in described["postCreateCommand"]


def test_pre_commit_hooks_are_local_and_are_checks_of_test_sh():
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"  # nothing is fetched when it runs
    test = (ROOT / "scripts/test.sh").read_text()
    for hook in repository["hooks"]:
        assert hook["language"] == "system"
        tool = hook["entry"].removeprefix(".venv/bin/").split(" --")[0]
        assert f" {tool}" in test, tool


@pytest.mark.parametrize("path", sorted(ROOT.glob(".github/ISSUE_TEMPLATE/*_*.yml")), ids=name)
def test_issue_templates_are_forms(path):
    form = yaml.safe_load(path.read_text())
    assert {"name", "description", "body"} <= set(form)
    for field in form["body"]:
        assert field["type"] in {"markdown", "textarea", "input", "dropdown", "checkboxes"}
        assert field["attributes"]["label"]
    identifiers = [field["id"] for field in form["body"]]
    assert len(identifiers) == len(set(identifiers))


def test_the_citation_has_what_the_format_asks_for():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["license"] == "Apache-2.0"
    (paper,) = citation["references"]
    assert [author["family-names"] for author in paper["authors"]] == [
        "Iqbal", "Molchanov", "Breuel", "Gall", "Kautz",
    ]  # fmt: skip


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_nothing_that_is_built_is_ignored_by_nobody():
    """What the scripts make inside the checkout is in .gitignore."""
    made = [".venv/x", "build/x", "install/x", "log/x", "demo_out/x", "hand_pose_25d.egg-info/x"]
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    done = subprocess.run(["git", "check-ignore", *made], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split() == made
