"""training/{tflite_weights,mediapipe_start,label_command}.py."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hands_2d import hand_at

from hand_pose_25d.networks.latent import build
from hand_pose_25d_train.labelling import label_command as label
from hand_pose_25d_train.networks.formulations import build_any
from hand_pose_25d_train.networks.mediapipe_pose import start_from_mediapipe


def _needs_mediapipe() -> None:
    for name in ("mediapipe", "tflite"):
        pytest.importorskip(name, reason=f"{name} belongs to the [train] extra")


@pytest.fixture(scope="module")
def started():
    _needs_mediapipe()
    network = build({"backbone": "mbconv", "input_size": 224}).eval()
    start_from_mediapipe(network)
    return network


@pytest.fixture(scope="module")
def photograph(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """A crop with something hand-like in it: what matters is that it is no noise."""
    image = np.full((224, 224, 3), 60, np.uint8)
    uv = hand_at(112, 120, 150).round().astype(int)
    for finger in range(5):
        points = np.concatenate([uv[:1], uv[1 + 4 * finger : 5 + 4 * finger]])
        cv2.polylines(image, [points], False, (190, 140, 120), 16)
    return image


def test_our_network_is_theirs_at_the_start(started, photograph: np.ndarray) -> None:
    """The same image through TFLite's interpreter and through ours: the same keypoints."""
    litert = pytest.importorskip(
        "ai_edge_litert.interpreter", reason="ai-edge-litert runs TFLite files, for this test only"
    )
    from hand_pose_25d_train.networks.tflite_weights import mediapipe_model

    interpreter = litert.Interpreter(str(mediapipe_model("hand_landmark_full")))
    interpreter.allocate_tensors()
    given = interpreter.get_input_details()[0]["index"]
    interpreter.set_tensor(given, photograph[None].astype(np.float32) / 255)
    interpreter.invoke()
    outputs = [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]
    landmarks, world = (o.reshape(21, 3) for o in outputs if o.size == 63)
    if np.ptp(landmarks) < np.ptp(world):
        landmarks, world = world, landmarks
    image = torch.from_numpy(photograph.transpose(2, 0, 1).copy())[None].float() / 255
    with torch.no_grad():
        features = started.backbone(image)
        answer = started(image)
    assert features.initial_uv is not None
    # Their pixels count from the crop's edge, ours from the first pixel's centre.
    assert np.abs(features.initial_uv[0].numpy() + 0.5 - landmarks[:, :2]).max() < 5e-3
    depth = (world[:, 2] - world[0, 2]) / 0.085
    assert np.abs(answer.depth[0].numpy() - depth).max() < 1e-3
    probabilities = sorted(float(o.reshape(-1)[0]) for o in outputs if o.size == 1)
    ours = sorted(torch.sigmoid(x).item() for x in (answer.presence[0], answer.right[0]))
    assert ours == pytest.approx(probabilities, abs=1e-3)


def test_latent_maps_leave_the_initial_regression_alone(started, photograph: np.ndarray) -> None:
    image = torch.from_numpy(photograph.transpose(2, 0, 1).copy())[None].float() / 255
    with torch.no_grad():
        initial = started.backbone(image).initial_uv
        found = started(image).uv
    inside = ((initial > 20) & (initial < 204)).all(-1)
    assert inside.any()
    assert (found - initial)[inside].abs().max() < 1.5


@pytest.mark.parametrize(
    "config",
    [
        {"formulation": "latent", "guided": False, "input_size": 64},
        {
            "formulation": "latent",
            "backbone": "encoder_decoder",
            "width": 8,
            "levels": 2,
            "input_size": 32,
        },
    ],
)
def test_only_guided_networks_start_from_mediapipe(config: dict) -> None:
    with pytest.raises(ValueError, match="guided network"):
        start_from_mediapipe(build_any(config))


def _hand(u: float, is_right: bool = True) -> label.TeacherHand:
    uv = hand_at(u, 200)
    return label.TeacherHand(uv, np.c_[uv - uv.mean(0), np.zeros(21)] * 1e-3, is_right, 0.9)


class Answers:
    """A teacher that sees these hands in a picture, and those in its mirror image."""

    def __init__(self, straight: list, reflected: list) -> None:
        self.answers = [straight, reflected]

    def __call__(self, image: np.ndarray) -> list[label.TeacherHand]:
        return self.answers.pop(0)


WIDTH = 640
IMAGE = np.zeros((480, WIDTH, 3), np.uint8)


def test_agreeing_labels_are_averaged() -> None:
    there = _hand(300)
    back = label.mirrored(_hand(302), WIDTH)
    found = label.label_image(Answers([there], [back]), IMAGE, 0.06)
    assert found is not None
    kept, error = found
    assert np.abs(kept.uv - _hand(301).uv).max() < 1e-9
    assert kept.is_right
    assert error == pytest.approx(2 / np.ptp(there.uv, axis=0).max())


@pytest.mark.parametrize(
    "reflected",
    [
        [],
        [label.mirrored(_hand(360), WIDTH)],  # another place
        [label.mirrored(_hand(300, is_right=False), WIDTH)],  # another handedness
    ],
)
def test_disagreeing_labels_are_dropped(reflected: list) -> None:
    assert label.label_image(Answers([_hand(300)], reflected), IMAGE, 0.06) is None


def test_mirroring_twice_is_nothing() -> None:
    again = label.mirrored(label.mirrored(_hand(123), WIDTH), WIDTH)
    assert np.abs(again.uv - _hand(123).uv).max() < 1e-9
    assert np.abs(again.world - _hand(123).world).max() < 1e-12
    assert again.is_right


def test_folder_without_photographs_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no photographs"):
        label.label_folder(tmp_path, tmp_path / "x.npz", 0.06)
