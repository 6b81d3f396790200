"""Pictures of the hands of a video: overlay.mp4, contact_sheet.png, and hands.json."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.hand_pose import HandPose
from hand_pose_25d.io.images import write_image
from hand_pose_25d.io.json import camera_to_dict
from hand_pose_25d.io.json_lines import RecordWriter
from hand_pose_25d.io.outputs import refuse_overwriting
from hand_pose_25d.io.parts import remove_abandoned_parts
from hand_pose_25d.io.sources import Source, SourceImage
from hand_pose_25d.io.videos import VideoWriter
from hand_pose_25d.visualization.draw_2d import contact_sheet, draw_hands, fit
from hand_pose_25d.visualization.draw_3d import MovingViewpoint, Viewpoint, draw_3d

SHEET_TILES = 8
PICTURE_HEIGHT = 480


def compose(frame: SourceImage, hands: list[HandPose], viewpoint: Viewpoint) -> np.ndarray:
    """Return the image with its hands beside the 3D view of them."""
    height = PICTURE_HEIGHT
    width = round(frame.image.shape[1] * height / frame.image.shape[0] / 2) * 2
    overlay = fit(draw_hands(frame.image, hands), width, height)
    return np.hstack([overlay, draw_3d(hands, (height, height), viewpoint)])


OUTPUTS = ("overlay.mp4", "contact_sheet.png", "hands.json", "hands.jsonl")


def write_results(
    folder: Path,
    source: Source,
    seen: Iterable[tuple[SourceImage, Camera, list[HandPose]]],
    inputs: Iterable[Path] = (),
) -> None:
    """Write overlay.mp4, contact_sheet.png and hands.json; `seen` is gone through once.

    hands.json has the first image's camera; images of another camera have their own.  What was
    done is in the files, too, where `seen` ends with an exception.

    Raises ValueError where a file would take an input's place, or nothing was seen.
    """
    refuse_overwriting((folder / name for name in OUTPUTS), (*source.files, *inputs))
    remove_abandoned_parts(folder)
    video = VideoWriter(folder / "overlay.mp4", source.rate)
    moving, sheet = MovingViewpoint(), Sheet()
    writer: RecordWriter | None = None
    complete = False
    try:
        for frame, camera, hands in seen:
            if writer is None:
                shared = camera
                heading = {"source": source.title, "camera": camera_to_dict(camera)}
                writer = RecordWriter(folder / "hands.json", heading, {})
            video.write(compose(frame, hands, moving.follow(hands)))
            sheet.offer(frame, hands)
            record: dict[str, Any] = {"name": frame.name, "stamp": round(frame.stamp, 6)}
            if camera != shared:
                record["camera"] = camera_to_dict(camera)
            writer.write(record | {"hands": [hand.to_dict() for hand in hands]})
        complete = True
    finally:
        video.close()
        if writer is not None:
            writer.close(complete)
            sheet.write(folder / "contact_sheet.png")
    if writer is None:
        raise ValueError(f"{source.title} holds no images")


class Sheet:
    """A contact sheet of images spread over a video whose length nobody knows."""

    def __init__(self) -> None:
        self._every, self._offered = 1, 0
        self._kept: list[tuple[SourceImage, list[HandPose]]] = []

    def offer(self, frame: SourceImage, hands: list[HandPose]) -> None:
        """Take note of an image; those without hands are passed over."""
        if not any(hand.state != "lost" for hand in hands):
            return
        if self._offered % self._every == 0:
            self._kept.append((frame, hands))
            if len(self._kept) == 4 * SHEET_TILES:  # from now on keep half as many
                self._kept, self._every = self._kept[::2], 2 * self._every
        self._offered += 1

    def write(self, path: Path) -> None:
        """Write the picture; without hands there is none."""
        if not self._kept:
            return
        count = min(SHEET_TILES, len(self._kept))
        picks = np.linspace(0, len(self._kept) - 1, count + 2).round().astype(int)[1:-1]
        chosen = [self._kept[i] for i in picks]
        tiles = [compose(frame, hands, Viewpoint.around(hands)) for frame, hands in chosen]
        tiles = [fit(tile, tile.shape[1] * 3 // 4, tile.shape[0] * 3 // 4) for tile in tiles]
        captions = [f"{frame.stamp:.2f} s" for frame, _ in chosen]
        write_image(path, contact_sheet(tiles, 2, captions))
