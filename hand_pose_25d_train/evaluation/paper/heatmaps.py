"""Fig. 2: the latent 2D heatmaps and depth maps of a hand, keypoint by keypoint."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from hand_pose_25d.geometry.virtual_camera import VirtualCamera
from hand_pose_25d.skeleton import KEYPOINT_NAMES
from hand_pose_25d.visualization.draw_2d import contact_sheet
from hand_pose_25d_train.pictures import draw_bones

TILE = 160
HEATMAP_COLUMNS = 6


@dataclass(frozen=True)
class Maps:
    """What a network sees in a crop."""

    crop: np.ndarray
    """(S, S, 3) uint8 RGB, the network's input."""
    heatmaps: np.ndarray
    """(21, h, w)"""
    depth_maps: np.ndarray
    """(21, h, w) lengths of the reference bone."""
    uv: np.ndarray
    """(21, 2) crop pixels."""
    depth: np.ndarray
    """(21,) lengths of the reference bone, relative to the wrist."""


def need_maps(network) -> None:
    """Raise ValueError for a network without maps: holistic regression has none."""
    if not hasattr(network, "maps"):
        kind = getattr(network, "formulation", type(network).__name__)
        raise ValueError(f"a {kind} network has no heatmaps; latent and direct ones have")


def network_maps(network, crop: VirtualCamera, image: np.ndarray) -> Maps:
    """Run a torch network on a crop of the (H, W, 3) uint8 RGB image."""
    import torch

    pixels = crop.sample(image)
    with torch.inference_mode():
        batch = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
        output, maps = network(batch), network.maps(batch)
    return Maps(
        pixels,
        maps["heatmaps"][0].numpy(),
        maps["depth_maps"][0].numpy(),
        output.uv[0].numpy(),
        output.depth[0].numpy(),
    )


def heatmap_picture(maps: Maps, keypoint: int, side: int = TILE) -> np.ndarray:
    """Return the (side, side, 3) crop with one keypoint's heatmap over it, its maximum opaque."""
    heat = np.clip(maps.heatmaps[keypoint], 0, None)
    heat = cv2.resize(heat / max(float(heat.max()), 1e-12), (side, side))
    heat = np.clip(heat, 0, 1)
    colored = cv2.applyColorMap((heat * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    grey = cv2.cvtColor(cv2.resize(maps.crop, (side, side)), cv2.COLOR_RGB2GRAY)[..., None] * 0.6
    share = np.sqrt(heat)[..., None]
    picture = np.rint(grey * (1 - share) + colored * share).astype(np.uint8)
    return _marked(picture, maps, keypoint)


def depth_picture(maps: Maps, keypoint: int, limit: float, side: int = TILE) -> np.ndarray:
    """Return one keypoint's depth map: red nearer than the wrist, blue farther, white alike.

    `limit` is the depth at which the colours are full.
    """
    depth = cv2.resize(maps.depth_maps[keypoint], (side, side))
    amount = np.clip(depth / max(limit, 1e-12), -1, 1)[..., None]
    white = np.array((247.0, 247.0, 247.0))
    ends = np.where(amount < 0, (178.0, 24.0, 43.0), (33.0, 102.0, 172.0))
    picture = np.rint(white + (ends - white) * np.abs(amount)).astype(np.uint8)
    return _marked(picture, maps, keypoint)


def figure(maps: Maps) -> np.ndarray:
    """Return the whole picture: the crop with the pose, then a heatmap and a depth map a keypoint.

    A keypoint's depth map is read where its heatmap is; elsewhere its values mean nothing.
    """
    weights = maps.heatmaps / np.maximum(maps.heatmaps.sum((1, 2), keepdims=True), 1e-12)
    used = np.abs((weights * maps.depth_maps).sum((1, 2)))
    limit = max(float(used.max()), 0.5)
    tiles, captions = [_posed(maps)], ["crop and 2D pose"]
    tiles.append(_key(limit))
    captions.append("depth z")
    for keypoint, name in enumerate(KEYPOINT_NAMES):
        tiles += [heatmap_picture(maps, keypoint), depth_picture(maps, keypoint, limit)]
        captions += [name, f"z = {maps.depth[keypoint]:+.2f}"]
    return contact_sheet(tiles, HEATMAP_COLUMNS, captions)


def _scaled(maps: Maps, side: int) -> np.ndarray:
    return (maps.uv + 0.5) * (side / maps.crop.shape[0]) - 0.5


def _marked(picture: np.ndarray, maps: Maps, keypoint: int) -> np.ndarray:
    """Put a cross where the keypoint was read."""
    point = _scaled(maps, picture.shape[0])[keypoint].round().astype(int).tolist()
    for color, width in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.drawMarker(picture, point, color, cv2.MARKER_CROSS, 9, width, cv2.LINE_AA)
    return picture


def _posed(maps: Maps, side: int = TILE) -> np.ndarray:
    picture = cv2.resize(maps.crop, (side, side), interpolation=cv2.INTER_AREA)
    return draw_bones(picture, _scaled(maps, side))


def _key(limit: float, side: int = TILE) -> np.ndarray:
    """Return the depth maps' colours with their values."""
    steps = np.linspace(-limit, limit, side, dtype=np.float32)
    ramp = np.broadcast_to(steps[:, None], (side, side))
    blank = Maps(
        np.zeros((side, side, 3), np.uint8),
        np.zeros((1, side, side)),
        np.ascontiguousarray(ramp)[None],
        np.full((1, 2), -99.0),
        np.zeros(1),
    )
    picture = depth_picture(blank, 0, limit, side)
    for value, height in ((-limit, 14), (0.0, side // 2 + 5), (limit, side - 6)):
        place = (8, height)
        cv2.putText(
            picture, f"{value:+.2f}", place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1,
            cv2.LINE_AA,
        )  # fmt: skip
    return picture
