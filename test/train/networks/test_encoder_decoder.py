"""networks/encoder_decoder.py, formulations.py: the paper's backbone under the latent head."""

import pytest
import torch
from torch import nn

from hand_pose_25d.networks.weights import build_network, load_network, save_network
from hand_pose_25d_train.networks.formulations import ALL_FORMULATIONS, build_any, load_any

PAPER = {"formulation": "latent", "backbone": "encoder_decoder"}
TINY = {**PAPER, "width": 8, "levels": 3, "input_size": 32}


@pytest.mark.parametrize(("stages", "millions"), [(1, 17.0), (2, 35.0)])
def test_it_has_the_papers_parameters(stages: int, millions: float) -> None:
    with torch.device("meta"):
        net = build_any({**PAPER, "stages": stages})
    count = sum(p.numel() for p in net.parameters()) / 1e6
    assert count == pytest.approx(millions, rel=0.05)
    convolutions = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    assert {m.out_channels for m in convolutions if m.kernel_size == (3, 3)} == {256}


@pytest.mark.parametrize("stages", [1, 2])
def test_every_stage_answers_and_learns(stages: int) -> None:
    torch.manual_seed(0)
    net = build_any({**TINY, "stages": stages})
    poses, _ = net.run_stages(torch.rand(2, 3, 32, 32))
    assert [pose.heatmaps.shape for pose in poses] == [(2, 21, 32, 32)] * stages
    sum(p.uv.sum() + p.depth.sum() for p in poses).backward()
    assert all(head.weight.grad.any() for head in net.backbone.heads)


def test_only_the_workshop_knows_it(tmp_path) -> None:
    assert list(ALL_FORMULATIONS) == ["latent", "detector", "direct", "holistic"]
    with pytest.raises(ValueError, match="backbone 'encoder_decoder': allowed are mbconv"):
        build_network(TINY)
    path = tmp_path / "tiny.safetensors"
    save_network(build_any(TINY), TINY, path, torch.float32)
    assert load_any(path).input_size == 32
    with pytest.raises(ValueError, match="backbone 'encoder_decoder'"):
        load_network(path)
    direct = {"formulation": "direct", "width": 8, "levels": 2}
    save_network(build_any(direct), direct, path)
    with pytest.raises(ValueError, match="formulation 'direct': allowed are latent, detector"):
        load_network(path)
