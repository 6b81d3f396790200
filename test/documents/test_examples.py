"""The examples that need no node run: the gripper's, and the robot hand's with a stand-in."""

from __future__ import annotations

import csv
import importlib.util
import re
import subprocess
import sys
import types

import numpy as np
import pytest
from pages import ROOT
from seen_hands import hand_pose

from hand_pose_25d.skeleton import FINGERS

CLIP = ROOT / "hand_pose_25d/demo_data/hands.mp4"


def test_the_gripper_prints_pinch_and_grasp():
    command = [sys.executable, str(ROOT / "examples/gripper.py"), str(CLIP), "--focal", "560"]
    done = subprocess.run([*command, "--images", "20"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    n = r"([\d.]+)"
    row = rf"{n} s  (left|right) +pinch +{n} \+- +{n} mm  closure {n} \+- {n}"
    rows = re.findall(row, done.stdout)
    assert len(rows) >= 5
    for _, _, pinch, sigma, closure, closure_sigma in rows:
        assert 5 < float(pinch) < 200 and 0.5 < float(sigma) < 40
        assert float(closure) < 0.4, "the clip begins with an open hand"
        assert 0 < float(closure_sigma) < 0.2


@pytest.fixture
def retarget_video():
    spec = importlib.util.spec_from_file_location(
        "retarget_video", ROOT / "examples/retarget_video.py"
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def flat_hand(side: str) -> np.ndarray:
    """Fingers up (-y), the palm to the camera: the thumb of a right hand is at the right."""
    points = np.zeros((21, 3))
    for i, chain in enumerate(FINGERS.values()):
        points[list(chain), 0] = (2 - i) * 0.02
        points[list(chain), 1] = -0.09 - 0.03 * np.arange(4)
    points[:, 0] *= 1 if side == "right" else -1
    return points + (0.05, 0.02, 0.6)


@pytest.mark.parametrize("side", ["right", "left"])
def test_keypoints_as_the_robot_wants_them(retarget_video, side):
    points = retarget_video.mano_keypoints(hand_pose(flat_hand(side), handedness=side))
    assert points[0] == pytest.approx(np.zeros(3), abs=1e-12)
    assert points[9] == pytest.approx([0, 0, 0.09], abs=1e-9), "z the way the fingers point"
    thumb = 0.02 if side == "right" else -0.02
    assert points[5, 1] == pytest.approx(thumb, abs=1e-9), "y to a right hand's thumb"
    bent = flat_hand(side)
    bent[8] += (0, 0, -0.03)  # towards the camera, which the palm faces
    assert retarget_video.mano_keypoints(hand_pose(bent, handedness=side))[8, 0] > 0.029


def test_a_video_becomes_joint_angles(retarget_video, tmp_path, monkeypatch):
    """dex-retargeting's place is taken: its optimizer's inputs are what is handed over."""
    seen = []

    class Retargeting:
        joint_names = ("a", "b")
        optimizer = types.SimpleNamespace(
            retargeting_type="VECTOR", target_link_human_indices=np.array([[0, 0], [4, 8]])
        )

        def retarget(self, vectors):
            seen.append(vectors)
            return np.linalg.norm(vectors, axis=1)

    monkeypatch.setattr(retarget_video, "load_robot", lambda options: Retargeting())
    output = tmp_path / "joints.csv"
    arguments = ["retarget_video.py", str(CLIP), "--focal", "560", "--side", "right"]
    monkeypatch.setattr(sys, "argv", [*arguments, "--images", "16", "-o", str(output)])
    retarget_video.main()
    header, *rows = csv.reader(output.open())
    assert header == ["time", "a", "b"] and len(rows) == len(seen) >= 3
    lengths = np.array(rows, dtype=float)[:, 1:]
    assert ((lengths > 0.05) & (lengths < 0.25)).all(), "wrist to the tips of thumb and index, m"
    assert lengths == pytest.approx(np.linalg.norm(seen, axis=-1), rel=1e-5)


def test_without_dex_retargeting_it_says_what_to_install(tmp_path):
    if importlib.util.find_spec("dex_retargeting"):
        pytest.skip("dex-retargeting is installed")
    command = [sys.executable, str(ROOT / "examples/retarget_video.py"), str(CLIP), "--focal", "1"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2 and 'pip install "dex-retargeting<0.5"' in done.stderr
