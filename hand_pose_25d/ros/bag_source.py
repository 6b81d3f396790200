"""Images of a bag for the node `source`: with the bag's own headers and CameraInfo.

Read and decoded as `hand-pose-25d process` does it, so that both see the same pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from builtin_interfaces.msg import Time
from sensor_msgs.msg import CameraInfo, RegionOfInterest
from std_msgs.msg import Header

from hand_pose_25d.archive.reading import RecordedImage
from hand_pose_25d.archive.settings import ProcessSettings
from hand_pose_25d.archive.units import bag_unit
from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.io.sources import Source, SourceImage


@dataclass(frozen=True, kw_only=True)
class BagImage(SourceImage):
    """An image of a bag; `stamp` counts from the bag's first image on."""

    header: Header
    """As in the bag."""
    camera: Camera
    recorded_info: Any
    """CameraInfo as rosbags reads it; None where a calibration is given or assumed instead."""

    def info(self) -> CameraInfo | None:
        """Return the bag's CameraInfo, with the image's header."""
        recorded = self.recorded_info
        return None if recorded is None else _info(recorded, self.header)


def open_bag_source(path: Path, settings: ProcessSettings) -> Source:
    """Open a bag and read its first image.  Raises ValueError for one that cannot be used."""
    # Other inputs do not need the library rosbags.
    from hand_pose_25d.archive.bags import count_messages, open_bag

    unit = bag_unit(path.absolute())
    length = count_messages(unit, settings)
    images = _images(open_bag(unit, settings).images)
    return Source(unit.title, True, 0.0, length, chain([next(images)], images))


def _images(images: Iterator[RecordedImage]) -> Iterator[BagImage]:
    first = None
    for image in images:
        first = image.stamp_ns if first is None else first
        seconds, rest = divmod(image.stamp_ns, 10**9)
        yield BagImage(
            image.name, (image.stamp_ns - first) * 1e-9, image.image,
            header=Header(stamp=Time(sec=seconds, nanosec=rest), frame_id=image.frame_id),
            camera=image.camera, recorded_info=image.info,
        )  # fmt: skip


def _info(recorded: Any, header: Header) -> CameraInfo:
    d, k, r, p = (
        [float(v) for v in getattr(recorded, name if hasattr(recorded, name) else name.upper())]
        for name in "dkrp"
    )
    roi = RegionOfInterest(
        x_offset=int(recorded.roi.x_offset), y_offset=int(recorded.roi.y_offset),
        height=int(recorded.roi.height), width=int(recorded.roi.width),
        do_rectify=bool(recorded.roi.do_rectify),
    )  # fmt: skip
    return CameraInfo(
        header=header, height=int(recorded.height), width=int(recorded.width),
        distortion_model=recorded.distortion_model, d=d, k=k, r=r, p=p,
        binning_x=int(recorded.binning_x), binning_y=int(recorded.binning_y), roi=roi,
    )  # fmt: skip
