"""Fitting the evidence for a hand: known weights come back, held-out photographs are left out."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from hand_pose_25d.cli import main
from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.inference.hand_evidence import EvidenceWeights
from hand_pose_25d_train.evaluation.project.evidence import Proposals, fit_evidence

DEMO = Path(__file__).parents[3] / "hand_pose_25d" / "demo_data"


def test_known_weights_come_back() -> None:
    rng = np.random.default_rng(0)
    truth = EvidenceWeights(-1.0, 1.5, 0.5, 0.2)
    features = np.column_stack([np.ones(40000), rng.normal(0, 2, (40000, 3))])
    hand = rng.uniform(size=40000) < 1 / (1 + np.exp(-features @ np.array(truth)))
    proposals = Proposals(features, hand)
    np.testing.assert_allclose(fit_evidence(proposals), truth, rtol=0.07)
    hands, others = proposals.passed(truth)
    assert hands > 3 * others > 0
    assert sum(proposals.passed(truth._replace(constant=9e9))) == 40000
    assert sum(proposals.passed_thresholds()) == pytest.approx(10000, rel=0.05)


def test_the_command_leaves_out_held_out_photographs(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    folder, labels, empty = tmp_path / "signers_office", tmp_path / "x.npz", tmp_path / "empty"
    folder.mkdir()
    empty.mkdir()
    image, uv = demo_image()
    for name in ("book_001.jpg", "yes_001.jpg"):  # held out, trained on
        cv2.imwrite(str(folder / name), image[..., ::-1])
    cv2.imwrite(str(empty / "a.png"), np.zeros_like(image))
    (empty / "README.txt").write_text("no photograph")
    command = ["evaluate", "evidence", "--photos", f"{folder}={labels}", "--empty", str(empty)]
    for name in ("yes_001.jpg", "book_001.jpg"):
        names = np.array([name] * len(uv))
        np.savez(
            labels, names=names, uv=uv, is_right=np.ones(len(uv), bool),
            photographs=np.array(["book_001.jpg", "yes_001.jpg"]),
            box_names=np.array([], str), boxes=np.zeros((0, 4)), box_certain=np.zeros(0, bool),
        )  # fmt: skip
        status, printed = main(command), capsys.readouterr()
        if name == "yes_001.jpg":
            assert status == 0
            assert f"2 photographs, {len(uv)} hands proposed" in printed.out
            assert f"| shipped | {len(uv)} | 0 |" in printed.out
        else:
            assert status != 0 and "no hand" in printed.err


def demo_image() -> tuple[np.ndarray, np.ndarray]:
    """Return an image of the bundled clip, and the keypoints of its hands."""
    truth = json.loads((DEMO / "hands.json").read_text())
    camera = Camera(**truth["camera"])
    at = 60
    clip = cv2.VideoCapture(str(DEMO / "hands.mp4"))
    for _ in range(at + 1):
        _, image = clip.read()
    hands = truth["frames"][at]["hands"]
    return image[..., ::-1], np.array([camera.project(np.array(h["keypoints"])) for h in hands])
