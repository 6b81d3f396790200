"""CameraInfo -> Camera, and which CameraInfo belongs to an image."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Any

import numpy as np

from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.geometry.distortion import known_lens
from hand_pose_25d.ros.images import InputError

REMEMBERED = 16


def camera_from_info(info: Any, rectified: bool) -> Camera:
    """Return the camera of an image with this sensor_msgs/CameraInfo, ROI and binning applied.

    Args:
        info: the message.
        rectified: True where the image is rectified, so that P counts and there is no distortion;
            False for raw images, K and D.

    Raises InputError that says what is wrong with the message.
    """
    if info.k[0] == 0:
        raise InputError(
            "uncalibrated",
            "the camera is not calibrated (K of its CameraInfo is zero), and without calibration "
            "there are no metres; see the package camera_calibration",
        )
    matrix = np.array(info.p).reshape(3, 4)[:, :3] if rectified else np.array(info.k).reshape(3, 3)
    if rectified and matrix[0, 0] == 0:
        raise InputError("uncalibrated", "images are rectified, but P of their CameraInfo is zero")
    model, distortion = ("plumb_bob", ()) if rectified else _distortion(info)
    try:
        camera = Camera.from_matrix(matrix, info.width, info.height, distortion, model)
        roi = info.roi
        if roi.width and roi.height:  # zeros mean the full image
            camera = camera.with_roi(roi.x_offset, roi.y_offset, roi.width, roi.height)
        if info.binning_x > 1 or info.binning_y > 1:
            camera = camera.with_binning(info.binning_x, info.binning_y)
    except ValueError as error:
        raise InputError("camera", f"CameraInfo cannot be used: {error}") from error
    return camera


def _distortion(info: Any) -> tuple[str, tuple[float, ...]]:
    """Return model and coefficients of raw images, in the forms that Camera knows."""
    try:
        return known_lens(info.distortion_model, info.d)
    except ValueError as error:
        raise InputError(
            "distortion", f"{error} (rectified images need none: parameter rectified)"
        ) from error


class CameraInfos:
    """The newest CameraInfo messages, and the camera for an image."""

    def __init__(self) -> None:
        self._by_stamp: OrderedDict[tuple[int, int], Any] = OrderedDict()
        self._cached: tuple[Any, Camera] | None = None
        self.newest: Any = None
        self.last_time: float | None = None
        """When it came, on a monotonic clock."""

    def add(self, info: Any) -> None:
        """Take a message; the newest is the one that came last."""
        stamp = (info.header.stamp.sec, info.header.stamp.nanosec)
        self._by_stamp.pop(stamp, None)
        self._by_stamp[stamp] = info
        while len(self._by_stamp) > REMEMBERED:
            self._by_stamp.popitem(last=False)
        self.newest = info
        self.last_time = time.monotonic()

    def camera(self, header: Any, width: int, height: int, rectified: bool) -> Camera:
        """Return the camera of the image with this header and size.

        The CameraInfo of the same stamp counts; where there is none (a slower topic), the newest.
        Raises InputError where there is none at all, or none that fits.
        """
        info = self._by_stamp.get((header.stamp.sec, header.stamp.nanosec), self.newest)
        if info is None:
            raise InputError("no camera_info", "no CameraInfo has come yet, and metres need it")
        content = (
            info.width, info.height, info.distortion_model, bytes(info.k), bytes(info.p),
            info.d.tobytes(), info.binning_x, info.binning_y, rectified,
            info.roi.x_offset, info.roi.y_offset, info.roi.width, info.roi.height,
        )  # fmt: skip
        cached = self._cached
        if cached is None or cached[0] != content:
            cached = self._cached = (content, camera_from_info(info, rectified))
        camera = cached[1]
        if (camera.width, camera.height) != (width, height):
            raise InputError(
                "size",
                f"the image has {width} x {height} pixels, its CameraInfo says {camera.width} x "
                f"{camera.height} (after ROI and binning): whoever resized one must resize both",
            )
        return camera
