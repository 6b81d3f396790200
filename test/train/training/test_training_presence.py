"""The presence layer, fitted by hard-negative mining."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from training_data import write_photos, write_shards

from hand_pose_25d.networks.weights import load_network
from hand_pose_25d_train.training.detector.composed import Photographs
from hand_pose_25d_train.training.detector.hard_negatives import MinedCrops, bare
from hand_pose_25d_train.training.pose.presence import (
    balanced,
    features_of,
    fit_layer,
    fit_presence,
    fitted,
    gather,
)
from hand_pose_25d_train.training.recipe import PresenceOptions


def test_every_part_and_answer_weighs_the_same() -> None:
    truth = np.array([1.0, 1, 1, 0, 1, 0, 0])
    parts = np.array([0, 0, 0, 0, 1, 1, 1])
    weights = balanced(truth, parts)
    sums = [weights[(parts == p) & (truth == t)].sum() for p in (0, 1) for t in (0.0, 1.0)]
    assert sums == pytest.approx([7 / 4] * 4)


def test_the_fit_tells_apart_what_the_layer_did_not() -> None:
    torch.manual_seed(0)
    layer = torch.nn.Linear(6, 1)
    features = torch.randn(400, 6) * torch.tensor([1, 1, 5, 0.1, 1, 1])
    truth = (features[:, 2] > 2.0).float()
    before = ((layer(features)[:, 0] > 0) == (truth > 0)).float().mean()
    start = layer.weight.detach().clone()
    fit_layer(layer, features, truth, torch.ones(400), decay=1e-3)
    after = ((layer(features)[:, 0] > 0) == (truth > 0)).float().mean()
    assert before < 0.8 and after > 0.97
    free = (layer.weight - start).norm()
    with torch.no_grad():
        layer.weight.copy_(start)
    fit_layer(layer, features, truth, torch.ones(400), decay=10.0)
    assert (layer.weight - start).norm() < 0.2 * free  # only the threshold moves


def test_features_are_what_the_layer_is_given() -> None:
    network = load_network("realtime")
    crops = list(np.random.default_rng(0).integers(0, 255, (3, 224, 224, 3)).astype(np.uint8))
    features = features_of(network, crops)
    images = torch.from_numpy(np.stack(crops).transpose(0, 3, 1, 2).copy()).float() / 255
    with torch.inference_mode():
        expected = network(images).presence
        found = network.backbone.presence(features)[:, 0]
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_only_the_presence_changes(tmp_path: Path) -> None:
    renders = tmp_path / "renders"
    write_shards(renders, 8)
    photos, labels = tmp_path / "photos", tmp_path / "labels.npz"
    write_photos(photos, labels, 12)
    network = load_network("realtime")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    options = PresenceOptions(count=5, threshold=0.2)
    mined = gather(network, options, renders, renders, Photographs([(photos, labels)]))
    figures = fit_presence(network, mined, 0.0)
    after = network.state_dict()
    changed = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert changed == {"backbone.presence.weight", "backbone.presence.bias"}
    assert figures["crops"] == len(mined.crops) > figures["hands"] > 0
    assert "recall" in figures["fitted"]


def test_one_answer_alone_is_refused() -> None:
    mined = MinedCrops([np.zeros((224, 224, 3), np.uint8)], [1.0], [0])
    with pytest.raises(ValueError, match="hands as well as other things"):
        fit_presence(load_network("realtime"), mined, 0.0)


def test_the_offset_moves_the_logit_after_the_fit() -> None:
    width = load_network("realtime").backbone.presence.in_features
    features = torch.randn(40, width, generator=torch.Generator().manual_seed(0))
    mined = MinedCrops([], [0.0, 1.0] * 20, [0] * 40)
    logits = []
    for offset in (0.0, 0.6):
        network = load_network("realtime")
        fitted(network, features, mined, np.arange(40), offset)
        with torch.no_grad():
            logits.append(network.backbone.presence(features))
    torch.testing.assert_close(logits[1] - logits[0], torch.full((40, 1), 0.6), atol=1e-4, rtol=0)


def test_photographs_without_hands_are_shown_whole_mirrored_and_in_parts(tmp_path: Path) -> None:
    photo = np.random.default_rng(0).integers(0, 255, (60, 80, 3)).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "bare.png"), photo[..., ::-1])
    images = list(bare([tmp_path]))
    assert [image.shape for image, _ in images] == [(60, 80, 3)] * 2 + [(42, 56, 3), (30, 40, 3)]
    assert not any(hands for _, hands in images)
    np.testing.assert_array_equal(images[0][0], photo)
    np.testing.assert_array_equal(images[1][0], photo[:, ::-1])
