"""What does nothing goes, and the network answers as before."""

import numpy as np
import pytest
import torch

from hand_pose_25d.networks.latent import LatentNetwork, build
from hand_pose_25d.networks.weights import load_network, read_config, save_network, weights_path
from hand_pose_25d_train.evaluation.project.network import predict
from hand_pose_25d_train.training.config import load_config
from hand_pose_25d_train.training.pose.prune import STEP, alive, prune
from hand_pose_25d_train.training.pose.trainer import make_network

CONFIG = {"formulation": "latent", "input_size": 64, "middle": 1, "deep": 2}


@pytest.fixture
def crops() -> list[np.ndarray]:
    noise = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)
    return [np.kron(image, np.ones((8, 8, 1), dtype=np.uint8)) for image in noise]


@pytest.fixture
def network() -> LatentNetwork:
    """Return one with channels that are never on, and added blocks that add a constant each."""
    torch.manual_seed(0)
    made = build(CONFIG).eval()
    encoder = made.backbone.encoder
    with torch.no_grad():
        torch.nn.init.normal_(made.backbone.heads[0].weight, std=0.1)
        for layer, off in ((encoder.blocks[12], 700), (encoder.blocks[2], 20)):
            layer.expand.bias[:off] = -100
            layer.depthwise.bias[:off] = -1
        encoder.last_depthwise.weight[::2] = 0
        encoder.last_depthwise.bias[::2] = -1
        for block in (*encoder.middle, *encoder.deep):
            torch.nn.init.normal_(block.project.bias)
    return made


def test_what_is_left_answers_as_before(network: LatentNetwork, crops: list[np.ndarray]) -> None:
    before = predict(network, crops)
    pruned, config = prune(network, CONFIG, crops, ("middle", "deep"))
    assert not {"middle", "deep"} & config.keys()
    assert config["expansions"][12] <= 1152 - 700 + STEP
    assert config["expansions"][2] <= 144 - 20 + STEP
    assert config["last_width"] <= 1152 // 2
    assert all(width % STEP == 0 for width in config["expansions"])
    after = predict(pruned, crops)
    for name in ("uv", "depth", "uv_covariance", "depth_variance", "presence", "right"):
        np.testing.assert_allclose(getattr(after, name), getattr(before, name), atol=2e-3)


def test_a_block_that_adds_different_things_leaves_their_mean(
    network: LatentNetwork, crops: list[np.ndarray]
) -> None:
    encoder = network.backbone.encoder
    torch.nn.init.normal_(encoder.middle[0].project.weight, std=0.1)
    differences = []

    def note(_: torch.nn.Module, inputs: tuple[torch.Tensor, ...], y: torch.Tensor) -> None:
        differences.append(y - inputs[0])

    hook = encoder.middle[0].register_forward_hook(note)
    predict(network, crops)
    hook.remove()
    added = torch.cat(differences).mean((0, 2, 3))
    bias = encoder.blocks[9].project.bias.clone()
    pruned, _ = prune(network, CONFIG, crops, ("middle",))
    torch.testing.assert_close(
        pruned.backbone.encoder.blocks[9].project.bias, bias + added, atol=1e-4, rtol=1e-4
    )
    assert len(pruned.backbone.encoder.deep) == 2


def test_channels_that_are_on_are_kept(network: LatentNetwork, crops: list[np.ndarray]) -> None:
    kept = alive(network, crops)
    assert len(kept) == 15
    assert set(range(700, 1152)) >= set(kept[12].tolist()) - set(range(STEP))
    assert all(torch.equal(rows, rows.unique()) for rows in kept)


def test_the_pruned_network_is_written_read_and_trained_on(
    network: LatentNetwork, crops: list[np.ndarray], tmp_path
) -> None:
    pruned, config = prune(network, CONFIG, crops, ("middle", "deep"))
    path = tmp_path / "pruned.safetensors"
    save_network(pruned, config, path, torch.float32)
    again = load_network(path)
    np.testing.assert_array_equal(predict(again, crops).uv, predict(pruned, crops).uv)
    settings = load_config("realtime_tracked")
    settings.start, settings.network = str(path), {"formulation": "latent", "input_size": 64}
    assert make_network(settings).backbone.encoder.widths[-1] == config["last_width"]


def test_the_shipped_network_is_pruned_already() -> None:
    config = read_config(weights_path("realtime"))
    assert not {"middle", "deep"} & config.keys()
    assert config["last_width"] < 1152


@pytest.mark.parametrize(
    ("config", "drop", "message"),
    [
        (CONFIG, ("deep", "stem"), "cannot drop stem; allowed are middle, deep"),
        ({"backbone": "encoder_decoder", "width": 8, "input_size": 64}, (), "only mbconv"),
    ],
)
def test_what_cannot_be_pruned_is_named(
    config: dict, drop: tuple[str, ...], message: str, crops: list[np.ndarray]
) -> None:
    with pytest.raises(ValueError, match=message):
        prune(build(config), config, crops, drop)
