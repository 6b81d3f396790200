"""Every kind of recording, opened by the library that reads it."""

from __future__ import annotations

from dataclasses import replace

from hand_pose_25d.archive.bags import count_messages, open_bag
from hand_pose_25d.archive.folders import open_image_folder
from hand_pose_25d.archive.lerobot import open_episode
from hand_pose_25d.archive.reading import Recording
from hand_pose_25d.archive.settings import ProcessSettings
from hand_pose_25d.archive.units import Unit
from hand_pose_25d.archive.videos import count_images, open_video_file

_OPEN = {
    "video": open_video_file,
    "images": open_image_folder,
    "bag": open_bag,
    "lerobot": open_episode,
}


def open_unit(unit: Unit, settings: ProcessSettings) -> Recording:
    """Open a recording.

    Raises OSError or ValueError that says what is wrong with it, at once or at its first image.
    """
    return _OPEN[unit.kind](unit, settings)


def with_count(unit: Unit, settings: ProcessSettings) -> Unit:
    """Return the unit with its number of images, where its container says."""
    if unit.images is None and unit.kind == "video":
        return replace(unit, images=count_images(unit.path))
    if unit.images is None and unit.kind == "bag":
        return replace(unit, images=count_messages(unit, settings))
    return unit
