"""A folder of images as one recording: by name, at a rate that the settings give."""

from __future__ import annotations

from collections.abc import Iterator

from hand_pose_25d.archive.reading import OneSize, RecordedImage, Recording, check_length
from hand_pose_25d.archive.settings import ProcessSettings
from hand_pose_25d.archive.units import Unit
from hand_pose_25d.io.images import read_photo


def open_image_folder(unit: Unit, settings: ProcessSettings) -> Recording:
    """Open a folder; image n has the stamp n / rate."""
    left_out: list[str] = []
    return Recording(_images(unit, settings, left_out), left_out)


def _images(unit: Unit, settings: ProcessSettings, left_out: list[str]) -> Iterator[RecordedImage]:
    size = OneSize(settings)
    for number, path in enumerate(unit.files):
        try:
            image, orientation = read_photo(path)
        except (OSError, ValueError) as error:
            left_out.append(str(error))
            continue
        camera = size.camera(image, path.name, orientation)
        yield RecordedImage(path.name, round(number * 1e9 / settings.rate), image, camera)
    check_length(len(unit.files), None, left_out)
