"""Learning from a larger network's maps: the same network at a smaller input, say.

A pose has 63 numbers a crop, a network's maps have ten thousands.  A network that starts as its
teacher with a smaller input keeps its meaning of every channel, so that each map can be compared
with the teacher's, brought to its size (compare Romero et al., "FitNets", ICLR 2015).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from hand_pose_25d.networks.latent import LatentNetwork
from hand_pose_25d.networks.pyramid import MBConvPyramid
from hand_pose_25d_train.networks.cpu.fast_layers import fast_layers
from hand_pose_25d_train.training.loss_weights import LossWeights
from hand_pose_25d_train.training.map_distance import relative_distance
from hand_pose_25d_train.training.pose.losses import Batch, latent_loss


class Distillation:
    """The loss of a student: that of the labels, and the distance of its maps to the teacher's."""

    def __init__(self, teacher: nn.Module, student: nn.Module) -> None:
        """Take two networks; raises ValueError where their maps cannot be compared."""
        for network in (teacher, student):
            if not isinstance(network, LatentNetwork):
                raise ValueError(f"a {type(network).__name__} has no maps to learn from")
        assert isinstance(teacher, LatentNetwork) and isinstance(student, LatentNetwork)
        widths = [_widths(network) for network in (teacher, student)]
        if widths[0] != widths[1]:
            raise ValueError(
                f"the teacher's maps have {widths[0]} channels, the student's {widths[1]}"
            )
        self.teacher = teacher.eval().requires_grad_(False)
        # Half of the time that the other memory layout takes on a CPU.
        self.teacher.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def input_size(self) -> int:
        """Side of the crops that batches are to have: the teacher's."""
        return self.teacher.input_size

    def loss(self, model: LatentNetwork, batch: Batch, weights: LossWeights) -> dict[str, Tensor]:
        """Return all terms and their weighted sum, "loss", for a batch of the teacher's size.

        The term "maps" is the relative squared distance of the maps, averaged over the levels.
        """
        images = (batch["image"].float() / 255).contiguous(memory_format=torch.channels_last)
        with torch.no_grad(), fast_layers(self.teacher), _recorded(self.teacher) as theirs:
            self.teacher.backbone(images)
        with _recorded(model) as ours:
            terms = latent_loss(model, resized_batch(batch, self.input_size, model), weights)
        distance = torch.stack(
            [relative_distance(a, b) for a, b in zip(ours, theirs, strict=True)]
        ).mean()
        return {**terms, "loss": terms["loss"] + weights.maps * distance, "maps": distance}


def resized_batch(batch: Batch, size: int, model: LatentNetwork) -> Batch:
    """Return a batch of crops of `size` as those of the model's input."""
    ratio = model.input_size / size
    images = F.interpolate(
        batch["image"].float(), (model.input_size,) * 2, mode="bilinear", antialias=True
    )
    return {
        **batch,
        "image": images,
        "uv": (batch["uv"] + 0.5) * ratio - 0.5,
        "focal": batch["focal"] * ratio,
    }


def _widths(network: LatentNetwork) -> list[int]:
    if not isinstance(network.backbone, MBConvPyramid):
        raise ValueError("only networks with the backbone mbconv learn from each other's maps")
    heads: Any = network.backbone.heads
    return [*network.backbone.encoder.widths, int(heads[0].weight.shape[1])]


@contextmanager
def _recorded(network: LatentNetwork) -> Iterator[list[Tensor]]:
    """Give what the encoder's levels and the pyramid's end answer meanwhile."""
    found: list[Tensor] = []
    backbone: Any = network.backbone

    def note(module: nn.Module, given: Any, answer: Any) -> None:
        found.extend(answer if isinstance(answer, list) else [answer])

    hooks = [part.register_forward_hook(note) for part in (backbone.encoder, backbone.refines[-1])]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()
