"""Take out of a trained network what does nothing: it answers as before, in less time.

    python -m hand_pose_25d_train.training.pose.prune realtime --renders renders/bones1 --drop
    middle deep \\
        --out runs/pruned.safetensors

A ReLU6 that is off in every image says nothing, and gets no gradient to learn from: such channels
go.  Blocks named by `--drop` go too; the mean of what each adds, over the images, becomes a part
of a bias.  Whether that costs anything is for `evaluate crops` to say.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from hand_pose_25d.networks.backbone import InvertedResidual, MBConvEncoder, SameConv2d
from hand_pose_25d.networks.latent import LatentNetwork, build
from hand_pose_25d.networks.pyramid import MBConvPyramid
from hand_pose_25d.networks.weights import read_config, save_network, weights_path
from hand_pose_25d_train.datasets.shards import ShardDataset
from hand_pose_25d_train.evaluation.project.crops import collect
from hand_pose_25d_train.evaluation.project.network import load, predict

OFF = 1e-4
"""A channel that is never above this is never on."""
STEP = 16
"""Widths are multiples of this: what a CPU's vector instructions take at once."""
ADDED = {"middle": 9, "deep": 13}
"""The blocks that can be dropped, and after which of MediaPipe's they stand."""
HEADS = ("guide", "presence", "right", "laterals.0")
"""What reads the deepest map."""


@torch.no_grad()
def fold_added(network: LatentNetwork, crops: list[np.ndarray], kind: str) -> None:
    """Put the mean of what the added blocks of a kind add into the bias before them."""
    encoder = _encoder(network)
    means: list[Tensor] = []
    weights: list[int] = []

    def note(_: nn.Module, __: tuple[Tensor, ...], y: Tensor) -> None:
        means.append(y.mean((0, 2, 3)) * len(y))
        weights.append(len(y))

    added = list(getattr(encoder, kind))
    hooks = [block.project.register_forward_hook(note) for block in added]
    predict(network, crops)
    for hook in hooks:
        hook.remove()
    if added:
        before = encoder.blocks[ADDED[kind]]
        assert isinstance(before, InvertedResidual)
        mean = torch.stack(means).sum(0) / (sum(weights) / len(added))
        _bias(before.project).add_(mean)


def alive(network: LatentNetwork, crops: list[np.ndarray]) -> list[Tensor]:
    """Show the network (S, S, 3) uint8 RGB crops; return for each of its blocks, and the deepest
    map, the indices of the channels that are ever on, filled up to a multiple of `STEP`."""
    encoder = _encoder(network)
    pairs = [
        (block.expand, block.depthwise)
        for block in encoder.blocks
        if isinstance(block, InvertedResidual)
    ] + [(encoder.last_expand, encoder.last_depthwise)]
    highest = [torch.zeros(expand.out_channels) for expand, _ in pairs]

    def watch(row: int, expand: nn.Conv2d, depthwise: SameConv2d) -> Any:
        def look(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            hidden = F.relu6(F.conv2d(inputs[0], expand.weight, expand.bias))
            seen = depthwise.relu6(hidden).amax((0, 2, 3))
            highest[row] = torch.maximum(highest[row], seen)

        return expand.register_forward_pre_hook(look)

    hooks = [watch(row, *pair) for row, pair in enumerate(pairs)]
    predict(network, crops)
    for hook in hooks:
        hook.remove()
    kept = []
    for values in highest:
        count = -(-int((values > OFF).sum()) // STEP) * STEP
        order = values.argsort(descending=True, stable=True)
        kept.append(order[: max(count, STEP)].sort().values)
    return kept


def prune(
    network: LatentNetwork,
    config: dict[str, Any],
    crops: list[np.ndarray],
    drop: tuple[str, ...] = (),
) -> tuple[LatentNetwork, dict[str, Any]]:
    """Return a network without what does nothing on the crops, and its configuration.

    The network given has the added blocks' means in its biases afterwards where `drop` names them.
    Raises ValueError for a network with another backbone or blocks that cannot be dropped.
    """
    if unknown := sorted(set(drop) - set(ADDED)):
        raise ValueError(f"cannot drop {', '.join(unknown)}; allowed are {', '.join(ADDED)}")
    for kind in drop:
        fold_added(network, crops, kind)
    smaller = {key: value for key, value in config.items() if key not in drop}
    state = {
        name: value
        for name, value in network.state_dict().items()
        if not name.startswith(tuple(f"backbone.encoder.{kind}." for kind in drop))
    }
    without = build(smaller).eval()
    without.load_state_dict(state)
    kept = alive(without, crops)
    for row, channels in enumerate(kept[:-1]):
        block = f"backbone.encoder.blocks.{row}"
        _keep(state, channels, (f"{block}.expand", f"{block}.depthwise"), (f"{block}.project",))
    _keep(
        state,
        kept[-1],
        ("backbone.encoder.last_expand", "backbone.encoder.last_depthwise"),
        tuple(f"backbone.{head}" for head in HEADS),
    )
    smaller["expansions"] = [len(channels) for channels in kept[:-1]]
    smaller["last_width"] = len(kept[-1])
    pruned = build(smaller).eval()
    pruned.load_state_dict(state)
    return pruned, smaller


def _keep(
    state: dict[str, Tensor], channels: Tensor, makers: tuple[str, ...], readers: tuple[str, ...]
) -> None:
    for name in makers:
        for part in ("weight", "bias"):
            state[f"{name}.{part}"] = state[f"{name}.{part}"][channels]
    for name in readers:
        state[f"{name}.weight"] = state[f"{name}.weight"][:, channels]


def _encoder(network: LatentNetwork) -> MBConvEncoder:
    if not isinstance(network.backbone, MBConvPyramid):
        raise ValueError(f"only mbconv can be pruned, not {type(network.backbone).__name__}")
    return network.backbone.encoder


def _bias(layer: nn.Conv2d) -> Tensor:
    assert layer.bias is not None
    return layer.bias


def main() -> None:
    """Prune a network, write it, say what is left of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights", help="a trained network's name or file")
    parser.add_argument("--renders", type=Path, required=True, help="crops to judge by")
    parser.add_argument("--count", type=int, default=1000, help="number of images")
    parser.add_argument("--drop", nargs="*", choices=sorted(ADDED), default=[])
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    network = load(args.weights)
    if not isinstance(network, LatentNetwork):
        parser.error(f"{args.weights} is not a latent network")
    truth = collect(ShardDataset(args.renders, masks=False), 0, args.count, network.input_size)
    crops = truth.crops + truth.empty
    sample = crops[:64]
    before, size = predict(network, sample), sum(p.numel() for p in network.parameters())
    pruned, config = prune(
        network, read_config(weights_path(args.weights)), crops, tuple(args.drop)
    )
    after = predict(pruned, sample)
    save_network(pruned, config, args.out)
    print(
        f"{size:,} -> {sum(p.numel() for p in pruned.parameters()):,} parameters; keypoints of "
        f"{len(sample)} crops moved by {np.abs(after.uv - before.uv).mean():.3f} px, depths by "
        f"{np.abs(after.depth - before.depth).mean():.4f} on average"
    )


if __name__ == "__main__":
    main()
