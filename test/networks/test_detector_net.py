"""The detector's network: its geometry, and that it is MediaPipe's where it starts."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import torch

from hand_pose_25d.networks.detector_net import (
    ACROSS,
    BACK,
    BRANCH_WIDTH,
    DIRECTION,
    NUM_CHANNELS,
    RIGHT,
    SIZE,
    UNIT,
    Branch,
    DetectorNet,
    build,
    cell_centers,
    decode,
)
from hand_pose_25d_train.training.detector.trainer import with_branches

needs_mediapipe = pytest.mark.skipif(
    importlib.util.find_spec("mediapipe") is None or importlib.util.find_spec("tflite") is None,
    reason="the packages mediapipe and tflite (extra [train]) are not installed",
)


def test_cells_cover_the_image() -> None:
    centers = cell_centers(2, 3, 8).numpy()
    assert centers.tolist() == [
        [3.5, 3.5], [11.5, 3.5], [19.5, 3.5], [3.5, 11.5], [11.5, 11.5], [19.5, 11.5]
    ]  # fmt: skip


def test_decode_of_zero_is_the_cell_itself() -> None:
    raw = torch.zeros(1, NUM_CHANNELS, 2, 2)
    raw[:, SIZE] = 1.0
    cells = decode(raw, 16)
    origin = cell_centers(2, 2, 16)
    assert torch.equal(cells.center[0], origin)
    assert torch.equal(cells.box[0], origin.repeat(1, 2))
    assert torch.equal(cells.size[0], torch.full((4,), UNIT * 16))


def test_decode_puts_the_box_around_the_cell() -> None:
    raw = torch.ones(1, NUM_CHANNELS, 1, 1)
    (box,) = decode(raw, 8).box[0].tolist()
    assert box == [3.5 - 32, 3.5 - 32, 3.5 + 32, 3.5 + 32]


@pytest.mark.parametrize("turn", [0.0, 1.0, 2.5, -2.0])
@pytest.mark.parametrize(("is_right", "back"), [(True, 3.0), (True, -3.0), (False, 3.0)])
def test_the_side_follows_from_what_is_seen_of_the_hand(
    turn: float, is_right: bool, back: float
) -> None:
    """The back of a right hand has the index finger's knuckle on the left, fingers up."""
    sign = (1 if is_right else -1) * (1 if back > 0 else -1)
    raw = torch.zeros(1, NUM_CHANNELS, 1, 1)
    cos, sin = np.cos(turn), np.sin(turn)
    raw[0, DIRECTION, 0, 0] = torch.tensor([sin, -cos]).float() * 0.3
    raw[0, ACROSS, 0, 0] = torch.tensor([cos, sin]).float() * 0.8 * sign
    raw[0, BACK] = back
    assert decode(raw, 8).right.item() == pytest.approx(2.4 if is_right else -2.4, rel=1e-4)


@pytest.mark.parametrize(("height", "width"), [(64, 96), (192, 192), (32, 32)])
def test_any_size_in_multiples_of_32(height: int, width: int) -> None:
    with torch.inference_mode():
        cells = DetectorNet().eval()(torch.rand(2, 3, height, width))
    count = height * width // 64 + height * width // 256
    assert cells.score.shape == (2, count)
    assert cells.box.shape == (2, count, 4)


def test_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 32, got 100 x 64"):
        DetectorNet()(torch.rand(1, 3, 64, 100))


def test_the_network_is_small() -> None:
    network = DetectorNet(branch_width=BRANCH_WIDTH)
    assert sum(p.numel() for p in network.parameters()) < 1.25e6


def test_the_configuration_gives_the_sizes() -> None:
    assert build({"formulation": "detector", "sizes": [320]}).sizes == (320,)
    assert build({"formulation": "detector"}).sizes == (384, 192)


def test_a_configuration_without_branches_has_none() -> None:
    assert len(build({"formulation": "detector"}).branches) == 0
    assert len(build({"formulation": "detector", "branch_width": 24}).branches) == 2


def test_the_configuration_gives_blocks_and_activation() -> None:
    network = build({"formulation": "detector", "blocks": [1, 2, 3, 3, 3], "activation": "relu"})
    assert [len(stage) for stage in network.trunk.stages] == [1, 2, 3, 3, 3]
    kinds = {type(m).__name__ for m in network.modules() if "activation" in type(m).__module__}
    assert kinds == {"ReLU"}
    today = build({"formulation": "detector"})
    assert [len(stage) for stage in today.trunk.stages] == [4, 5, 5, 5, 5]
    assert isinstance(today.trunk.stem_activation, torch.nn.PReLU)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"activation": "swish"}, "activation 'swish': allowed are prelu, relu"),
        ({"blocks": [1, 2, 3]}, "blocks must be 5 numbers"),
        ({"blocks": [1, 2, 3, 0, 3]}, "blocks must be 5 numbers"),
        ({"blocks": [1, 2, 3, 1.5, 3]}, "blocks must be 5 numbers"),
    ],
)
def test_other_blocks_and_activations_are_refused(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build({"formulation": "detector", **change})


def test_untrained_branches_add_nothing() -> None:
    torch.manual_seed(0)
    plain = DetectorNet().eval()
    grown = with_branches(plain).eval()
    images = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        for before, after in zip(plain(images), grown(images), strict=True):
            assert torch.equal(before, after)
    assert with_branches(grown) is grown


def test_a_branch_learns_an_exclusive_or() -> None:
    """Which a linear head does not: its answer to two of the four is then wrong."""
    torch.manual_seed(0)
    branch = Branch(2, 16)
    inputs = torch.tensor([[-1.0, -1], [-1, 1], [1, -1], [1, 1]])[..., None, None]
    truth = torch.tensor([0.0, 1, 1, 0])
    optimizer = torch.optim.Adam(branch.parameters(), 0.01)
    for _ in range(150):
        logits = branch(inputs)[:, RIGHT, 0, 0]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert ((logits > 0) == (truth > 0)).all() and loss.item() < 0.1


def test_only_a_detector_is_grown() -> None:
    with pytest.raises(ValueError, match="not a Linear"):
        with_branches(torch.nn.Linear(1, 1))


def test_it_is_shift_equivariant() -> None:
    torch.manual_seed(0)
    network = DetectorNet().eval()
    image = torch.zeros(1, 3, 320, 320)
    image[..., 128:192, 128:192] = torch.rand(3, 64, 64)
    with torch.inference_mode():
        here = network.heads[1](network.trunk(image)[1])
        there = network.heads[1](network.trunk(torch.roll(image, (32, 32), (2, 3)))[1])
    middle = here[..., 8:12, 8:12]
    moved = (middle - there[..., 10:14, 10:14]).abs().max()
    stayed = (middle - there[..., 8:12, 8:12]).abs().max()
    assert moved < 0.03 * middle.abs().max(), "but for the image's border, far away"
    assert stayed > 10 * moved


@needs_mediapipe
@pytest.mark.skipif(
    importlib.util.find_spec("ai_edge_litert") is None, reason="ai_edge_litert is not installed"
)
def test_trunk_and_heads_are_mediapipes_palm_detector() -> None:
    from ai_edge_litert.interpreter import Interpreter

    from hand_pose_25d_train.networks.tflite_weights import mediapipe_model
    from hand_pose_25d_train.training.detector.mediapipe_start import load_palm_detector

    image = np.random.default_rng(0).random((1, 192, 192, 3), dtype=np.float32)
    image[:, 60:130, 50:120] *= (1.0, 0.75, 0.6)
    interpreter = Interpreter(str(mediapipe_model("palm_detection_full")), num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    theirs = {
        d["shape"][-1]: interpreter.get_tensor(d["index"])
        for d in interpreter.get_output_details()
    }
    trunk, heads = load_palm_detector()
    with torch.inference_mode():
        score, regressors = heads(trunk(torch.from_numpy(image.transpose(0, 3, 1, 2).copy())))
    assert np.abs(score.numpy()[..., None] - theirs[1]).max() < 1e-4 * np.abs(theirs[1]).max()
    assert np.abs(regressors.numpy() - theirs[18]).max() < 1e-4 * np.abs(theirs[18]).max()


@needs_mediapipe
def test_the_first_head_is_linear_in_the_palm_regressors() -> None:
    from hand_pose_25d_train.training.detector.mediapipe_start import (
        FIRST_ANCHORS,
        initial_detector,
        load_palm_detector,
    )

    network = initial_detector()
    _, heads = load_palm_detector()
    features = torch.rand(1, 128, 1, 1)
    with torch.inference_mode():
        cells = decode(network.heads[0](features), 8)
        anchor = FIRST_ANCHORS[0]
        raw = heads.regressors[0](features).reshape(2, 18)[anchor]
        score = heads.scores[0](features)[0, anchor]
    assert cells.score[0].item() == pytest.approx(score.item(), rel=1e-4)
    x, y, w, h = raw[:4].tolist()
    middle, wrist = raw[8:10].numpy(), raw[4:6].numpy()
    expected = np.array([3.5 + x, 3.5 + y]) + 0.39 * (middle - wrist)
    assert cells.center[0, 0].numpy() == pytest.approx(expected, rel=1e-3)
    assert cells.size[0].item() == pytest.approx(2.8 * (w + h) / 2, rel=1e-3)
    turn = np.angle(complex(*cells.direction[0, 0].tolist()) / complex(*(middle - wrist)))
    assert turn == pytest.approx(0, abs=1e-3)
