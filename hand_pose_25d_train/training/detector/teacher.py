"""Another detector as a teacher beside the labels: its maps everywhere, its answers where no label
says what is there."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from hand_pose_25d.networks.detector_net import Cells, DetectorNet
from hand_pose_25d.networks.weights import load_network
from hand_pose_25d_train.networks.cpu.fast_layers import fast_layers
from hand_pose_25d_train.training.detector.targets import detector_loss
from hand_pose_25d_train.training.map_distance import relative_distance
from hand_pose_25d_train.training.teaching import Teaching

_SURE = 0.5
"""Score from which on the teacher's answer is one."""
EVERY = 2
"""The teacher sees every second scene of a batch: it costs half of a training step."""


class DetectorTeacher:
    """The losses of a student beside those of the labels.

    Its maps are as wide as the teacher's; how many blocks it has is its own affair.
    """

    def __init__(self, teaching: Teaching) -> None:
        """Load the teacher; raises ValueError where it is no detector."""
        network = load_network(teaching.teacher)
        if not isinstance(network, DetectorNet):
            raise ValueError(f"teacher {teaching.teacher}: a {type(network).__name__}")
        self._network = network.requires_grad_(False)
        self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._teaching = teaching

    def loss(
        self, model: DetectorNet, images: Tensor, targets: dict[str, Tensor], step: int = 0
    ) -> dict[str, Tensor]:
        """Return all terms and their weighted sum, "loss", for images (B, 3, H, W) in [0, 1]."""
        maps = model.trunk(images)
        cells = model.cells(maps)
        terms = detector_loss(cells, targets)
        # In training mode the fast layers take their fast way; nothing else differs.
        network = self._network.to(images.device).train()
        with torch.no_grad(), fast_layers(network):
            wanted_maps = network.trunk(images[::EVERY])
            wanted = network.cells(wanted_maps)
        distance = torch.stack(
            [relative_distance(a[::EVERY], b) for a, b in zip(maps, wanted_maps, strict=True)]
        ).mean()
        answers = answer_loss(
            Cells(*(part[::EVERY] for part in cells)), wanted, targets["score"][::EVERY]
        )
        loss = self._teaching.weight_of_maps(step) * distance + self._teaching.answers * answers
        return {**terms, "loss": terms["loss"] + loss, "maps": distance, "answers": answers}


def answer_loss(cells: Cells, wanted: Cells, asked: Tensor) -> Tensor:
    """Return the distance of what cells say to a teacher's, where labels do not ask.

    `asked` (B, N): 1 and 0 where labels say hand and no hand, -1 where they say nothing.
    """
    open_ = asked < 0
    theirs, logit = torch.sigmoid(wanted.score[open_].float()), cells.score[open_].float()
    cross = F.binary_cross_entropy_with_logits(logit, theirs, reduction="none")
    sure = (torch.sigmoid(wanted.score.float()) > _SURE) & open_
    count = sure.sum().clamp(min=1)
    score = ((torch.sigmoid(logit) - theirs).detach().square() * cross).sum() / count
    if not bool(sure.any()):
        return score + cells.box.sum() * 0.0
    unit = wanted.size[sure].float().clamp(min=1.0)
    lengths = [
        (ours[sure].float() - other[sure].float()).abs().reshape(len(unit), -1).mean(dim=1) / unit
        for ours, other in (
            (cells.box, wanted.box), (cells.center, wanted.center), (cells.size, wanted.size)
        )
    ]  # fmt: skip
    ours, other = (
        F.normalize(c.direction[sure].float(), dim=1, eps=1e-3) for c in (cells, wanted)
    )
    right = F.binary_cross_entropy_with_logits(
        cells.right[sure].float(), torch.sigmoid(wanted.right[sure].float())
    )
    parts = torch.stack([*lengths, (ours - other).square().sum(dim=1)]).sum(dim=0)
    return score + parts.mean() + right
