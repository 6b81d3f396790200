"""Starting weights of the pose network: MediaPipe's hand-pose network (Apache-2.0).

Its encoder, and its regression heads as the initial regression; the pyramid and the latent maps
are ours and start by adding nothing to it.  Zhang et al., MediaPipe Hands, 2020; the model is in
the `mediapipe` wheel.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from hand_pose_25d.networks.backbone import load_convolutions
from hand_pose_25d.networks.latent import LatentNetwork, build
from hand_pose_25d.networks.pyramid import MBConvPyramid
from hand_pose_25d.skeleton import NUM_KEYPOINTS
from hand_pose_25d_train.networks.tflite_weights import (
    TFLiteOperator,
    mediapipe_model,
    read_tflite,
)

REFERENCE_LENGTH = 0.085
"""Wrist - index MCP in MediaPipe's metric landmarks, m: makes its depths normalised ones."""


def _convolution(operator: TFLiteOperator) -> tuple[torch.Tensor, torch.Tensor]:
    order = (0, 3, 1, 2) if operator.name == "CONV_2D" else (3, 0, 1, 2)
    weight = np.ascontiguousarray(operator.constants[0].transpose(order))
    return torch.from_numpy(weight), torch.from_numpy(operator.constants[1].copy())


@torch.no_grad()
def start_from_mediapipe(network: LatentNetwork, path: Path | None = None) -> None:
    """Fill the encoder and the linear heads of a guided `mbconv` network.

    `path`: the .tflite file; that of the installed wheel else.  Raises FileNotFoundError without
    the wheel, ValueError where the network is another one.
    """
    pyramid = network.backbone
    if not isinstance(pyramid, MBConvPyramid) or not pyramid.guided:
        raise ValueError("only a guided network with backbone 'mbconv' can start from MediaPipe")
    operators = read_tflite(path or mediapipe_model("hand_landmark_full"))
    convolutions = [o for o in operators if o.name in ("CONV_2D", "DEPTHWISE_CONV_2D")]
    load_convolutions(pyramid.encoder.convolutions(), [_convolution(o) for o in convolutions])
    # In the file's order: handedness, presence, landmarks in pixels, landmarks in metres.
    handedness, presence, pixels, metres = (
        tuple(torch.from_numpy(c.copy()) for c in o.constants)
        for o in operators
        if o.name == "FULLY_CONNECTED"
    )
    for head, (weight, bias) in ((pyramid.presence, presence), (pyramid.right, handedness)):
        head.weight.copy_(weight)
        head.bias.copy_(bias)
    weight = pixels[0].view(NUM_KEYPOINTS, 3, -1).clone()
    bias = pixels[1].view(NUM_KEYPOINTS, 3).clone()
    z_weight = metres[0].view(NUM_KEYPOINTS, 3, -1)[:, 2]
    z_bias = metres[1].view(NUM_KEYPOINTS, 3)[:, 2]
    weight[:, 2] = (z_weight - z_weight[:1]) / REFERENCE_LENGTH
    bias[:, 2] = (z_bias - z_bias[:1]) / REFERENCE_LENGTH
    # Its pixels count from the crop's edge, ours from the first pixel's centre.
    bias[:, :2] -= 0.5
    pyramid.guide.weight.copy_(weight.flatten(0, 1))
    pyramid.guide.bias.copy_(bias.flatten())


def mediapipe_landmarks() -> LatentNetwork:
    """Return MediaPipe's landmark network, as ours starts from it.

    Raises FileNotFoundError without the wheel.
    """
    network = build({"backbone": "mbconv", "input_size": 224})
    start_from_mediapipe(network)
    return network.eval()
