"""The detector's starting weights: MediaPipe's palm detector, read from the mediapipe wheel.

MediaPipe's head has several scores and 18 regressors for every cell: a palm box and 7 keypoints,
as offsets from the cell's centre in pixels of its 192 x 192 input.  All that our head needs is
linear in those (the region's centre lies along wrist -> knuckles from the palm's), so its 1 x 1
convolution is theirs times a small matrix, and the detector works before it is trained.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from hand_pose_25d.networks.backbone import load_convolutions
from hand_pose_25d.networks.detector_net import (
    ACROSS,
    BOX,
    CENTER,
    DIRECTION,
    NUM_CHANNELS,
    SCORE,
    SIZE,
    STRIDES,
    UNIT,
    Block,
    DetectorNet,
    DetectorTrunk,
    TopDown,
)
from hand_pose_25d_train.networks.tflite_weights import (
    TFLiteOperator,
    mediapipe_model,
    read_tflite,
)

NUM_REGRESSORS = 18
ANCHORS = (2, 6)
"""Predictions a cell makes at strides 8 and 16 in MediaPipe's network."""


class PalmHeads(nn.Module):
    """MediaPipe's own heads: for each level scores and regressors."""

    def __init__(self, widths: tuple[int, int] = DetectorTrunk.widths) -> None:
        super().__init__()
        self.scores = nn.ModuleList(
            nn.Conv2d(w, a, 1) for w, a in zip(widths, ANCHORS, strict=True)
        )
        self.regressors = nn.ModuleList(
            nn.Conv2d(w, a * NUM_REGRESSORS, 1) for w, a in zip(widths, ANCHORS, strict=True)
        )

    def forward(self, maps: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Maps of the trunk -> (B, N) score logits, (B, N, 18) regressors, as in the file."""
        scores = [
            h(m).permute(0, 2, 3, 1).flatten(1) for h, m in zip(self.scores, maps, strict=True)
        ]
        rows = [
            h(m).permute(0, 2, 3, 1).reshape(len(m), -1, NUM_REGRESSORS)
            for h, m in zip(self.regressors, maps, strict=True)
        ]
        return torch.cat(scores, dim=1), torch.cat(rows, dim=1)


def load_palm_detector(name: str = "palm_detection_full") -> tuple[DetectorTrunk, PalmHeads]:
    """Read MediaPipe's palm detector into our trunk and its heads.

    Raises FileNotFoundError where the mediapipe wheel is missing, ValueError where it differs.
    """
    operators = read_tflite(mediapipe_model(name))
    trunk, heads = DetectorTrunk(), PalmHeads()
    head_widths = {n for a in ANCHORS for n in (a, a * NUM_REGRESSORS)}
    pairs = [(op, _pair(op)) for op in operators if op.name.endswith("CONV_2D")]
    body = [pair for _, pair in pairs if len(pair[1]) not in head_widths]
    load_convolutions(_convolutions(trunk), body)
    found = {len(pair[1]): pair for _, pair in pairs if len(pair[1]) in head_widths}
    for anchors, score, regressor in zip(ANCHORS, heads.scores, heads.regressors, strict=True):
        assert isinstance(score, nn.Conv2d) and isinstance(regressor, nn.Conv2d)
        load_convolutions([score, regressor], [found[anchors], found[anchors * NUM_REGRESSORS]])
    slopes = [op.constants[0].reshape(-1) for op in operators if op.name == "PRELU"]
    activations = [m for m in _in_order(trunk) if isinstance(m, nn.PReLU)]
    if [len(s) for s in slopes] != [m.num_parameters for m in activations]:
        raise ValueError(f"{name} is not the palm detector of mediapipe 0.10.21")
    with torch.no_grad():
        for activation, slope in zip(activations, slopes, strict=True):
            activation.weight.copy_(torch.from_numpy(slope.copy()))
    return trunk.eval(), heads.eval()


def _pair(operator: TFLiteOperator) -> tuple[Tensor, Tensor]:
    """Return a convolution's (weight, bias) in torch's layout."""
    weight, bias = operator.constants
    order = (3, 0, 1, 2) if operator.name.startswith("DEPTHWISE") else (0, 3, 1, 2)
    return torch.from_numpy(weight.transpose(order).copy()), torch.from_numpy(bias.copy())


def _in_order(module: nn.Module) -> list[nn.Module]:
    """Return the convolutions and activations in the order in which they run."""
    if isinstance(module, DetectorTrunk):
        parts: list[nn.Module] = [module.stem, module.stem_activation, module.stages]
        parts += [module.neck16, module.neck8]
    elif isinstance(module, TopDown):
        parts = [module.lateral, module.activation, module.blocks]
    elif isinstance(module, Block):
        parts = [module.depthwise, module.pointwise, module.activation]
    else:
        parts = list(module.children())
        if not parts:
            return [module]
    return [leaf for part in parts for leaf in _in_order(part)]


def _convolutions(module: nn.Module) -> list[nn.Conv2d]:
    return [m for m in _in_order(module) if isinstance(m, nn.Conv2d)]


# Measured on the labelled photographs (671 + 2,022 hands at several sizes), least squares:
CENTER_ALONG = 0.39
"""Region's centre, from the palm box's, in wrist -> middle MCP vectors; residual 3 %."""
REGION_SIDE = 2.8
"""Region's side over the palm box's; spread 10 %."""
BOX_ALONG, BOX_HALF = 0.5, 0.92
"""The same for the hand's box: centre, and half the side over the palm box's."""
FIRST_ANCHORS = (1, 1)
"""Which of a cell's predictions at strides 8 and 16 the head starts from: regions of 70-150 pixels
and of 120-230 pixels."""


def head_from_regressors(stride: int) -> np.ndarray:
    """Return the matrix (11, 19) from one prediction's (score, 18 regressors) to our head.

    The regressors: palm box x, y, w, h; wrist x, y; index, middle, ... MCP x, y.
    """
    unit = UNIT * stride
    x, y, w, h = 1, 2, 3, 4
    wrist, middle, index, little = (5, 6), (9, 10), (7, 8), (13, 14)
    matrix = np.zeros((NUM_CHANNELS, 1 + NUM_REGRESSORS))
    matrix[SCORE, 0] = 1
    for axis, start in enumerate((x, y)):
        matrix[CENTER.start + axis, start] = 1 / unit
        matrix[CENTER.start + axis, middle[axis]] = CENTER_ALONG / unit
        matrix[CENTER.start + axis, wrist[axis]] = -CENTER_ALONG / unit
        for side, sign in ((axis, -1), (axis + 2, 1)):
            row = BOX.start + side
            matrix[row, start] = sign / unit
            matrix[row, middle[axis]] = sign * BOX_ALONG / unit
            matrix[row, wrist[axis]] = -sign * BOX_ALONG / unit
            matrix[row, [w, h]] = BOX_HALF / 2 / unit
        matrix[DIRECTION.start + axis, middle[axis]] = 1 / unit
        matrix[DIRECTION.start + axis, wrist[axis]] = -1 / unit
        matrix[ACROSS.start + axis, little[axis]] = 1 / unit
        matrix[ACROSS.start + axis, index[axis]] = -1 / unit
    matrix[SIZE, [w, h]] = REGION_SIDE / 2 / unit
    return matrix  # the rows of RIGHT and BACK stay 0: MediaPipe tells the handedness later


@torch.no_grad()
def initial_detector() -> DetectorNet:
    """Make a detector that works before training: MediaPipe's trunk, our head out of theirs."""
    trunk, palm = load_palm_detector()
    network = DetectorNet()
    network.trunk.load_state_dict(trunk.state_dict())
    for level, (stride, anchor) in enumerate(zip(STRIDES, FIRST_ANCHORS, strict=True)):
        score, regressor = palm.scores[level], palm.regressors[level]
        head = network.heads[level]
        assert isinstance(score, nn.Conv2d) and isinstance(regressor, nn.Conv2d)
        assert isinstance(head, nn.Conv2d)
        assert score.bias is not None and regressor.bias is not None and head.bias is not None
        rows = slice(anchor * NUM_REGRESSORS, (anchor + 1) * NUM_REGRESSORS)
        weight = torch.cat([score.weight[anchor : anchor + 1], regressor.weight[rows]])
        bias = torch.cat([score.bias[anchor : anchor + 1], regressor.bias[rows]])
        matrix = torch.from_numpy(head_from_regressors(stride)).float()
        head.weight.copy_((matrix @ weight.flatten(1))[..., None, None])
        head.bias.copy_(matrix @ bias)
    return network.eval()
