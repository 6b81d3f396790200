"""CameraInfo -> Camera, and which CameraInfo belongs to an image."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.geometry.distortion import known_lens
from hand_pose_25d.io.rectification import rectification
from hand_pose_25d.ros.images import InputError

REMEMBERED = 16
FOCAL_RANGE = (0.05, 50.0)
"""Focal lengths over the image's longer side: from beyond a fisheye to a telescope."""
RATIO_RANGE = (0.4, 2.5)
"""fx over fy: pixels of interlaced and binned images are up to twice as high as wide."""
BORDER_POINTS = 9  # on each side, that must have a viewing ray

Complain = Callable[[str, str], object]
"""Takes the kind and the text of something that should be mended and can be worked with."""


def camera_from_info(info: Any, rectified: bool, complain: Complain = lambda *_: None) -> Camera:
    """Return the camera of an image with this sensor_msgs/CameraInfo, ROI and binning applied.

    Args:
        info: the message.
        rectified: True where the image is rectified, so that P counts and there is no distortion;
            False for raw images, K and D.
        complain: called for what looks wrong and is used all the same.

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
        _check(camera, matrix, "P" if rectified else "K", complain)
        roi = info.roi
        if roi.width and roi.height:  # zeros mean the full image
            if roi.x_offset + roi.width > info.width or roi.y_offset + roi.height > info.height:
                raise InputError(
                    "camera roi",
                    f"the ROI of CameraInfo, {roi.width} x {roi.height} px at {roi.x_offset}, "
                    f"{roi.y_offset}, is not within its {info.width} x {info.height} px",
                )
            camera = camera.with_roi(roi.x_offset, roi.y_offset, roi.width, roi.height)
        if info.binning_x > 1 or info.binning_y > 1:
            camera = camera.with_binning(info.binning_x, info.binning_y)
    except InputError:
        raise
    except ValueError as error:
        raise InputError("camera", f"CameraInfo cannot be used: {error}") from error
    if camera.is_distorted and model != "equidistant":
        _check_fold(camera, complain)
    return camera


def _check(camera: Camera, matrix: np.ndarray, name: str, complain: Complain) -> None:
    """Refuse a matrix that no camera has, and mention one that few have."""
    below = [matrix[1, 0], matrix[2, 0], matrix[2, 1], matrix[2, 2] - 1]
    if np.abs(below).max() > 1e-9:
        transposed = matrix[0, 2] == matrix[1, 2] == 0
        raise InputError(
            "camera matrix",
            f"{name} of CameraInfo is no camera matrix (fx 0 cx, 0 fy cy, 0 0 1): it is "
            f"{np.round(matrix, 3).tolist()}" + ("; it is transposed" if transposed else ""),
        )
    longer = max(camera.width, camera.height)
    low, high = (limit * longer for limit in FOCAL_RANGE)
    if not (low <= camera.fx <= high and low <= camera.fy <= high):
        raise InputError(
            "camera focal",
            f"no lens has the focal length in CameraInfo: fx {camera.fx:g}, fy {camera.fy:g} px "
            f"for {camera.width} x {camera.height} px; taken are {low:g} to {high:g}",
        )
    if not RATIO_RANGE[0] <= camera.fx / camera.fy <= RATIO_RANGE[1]:
        raise InputError(
            "camera ratio",
            f"fx {camera.fx:g} and fy {camera.fy:g} of CameraInfo are too different; their ratio "
            f"lies between {RATIO_RANGE[0]:g} and {RATIO_RANGE[1]:g}",
        )
    x, y = camera.cx / camera.width, camera.cy / camera.height
    where = f"the centre {camera.cx:g}, {camera.cy:g} of CameraInfo lies outside the image"
    if not (-1 <= x <= 2 and -1 <= y <= 2):
        raise InputError("camera centre", f"{where} by more than the image's size")
    if not (0 <= x <= 1 and 0 <= y <= 1):
        complain("camera centre", f"{where}: is it that of another resolution or ROI?")
    if abs(matrix[0, 1]) > 1e-3 * camera.fx:
        complain("camera skew", f"the skew {matrix[0, 1]:g} of CameraInfo is not used")


def _check_fold(camera: Camera, complain: Complain) -> None:
    """Mention a distortion that folds inside the image: beyond, there are no viewing rays."""
    x = np.linspace(0, camera.width - 1, BORDER_POINTS)
    y = np.linspace(0, camera.height - 1, BORDER_POINTS)
    border = np.concatenate(
        [np.stack(np.broadcast_arrays(x, v), -1) for v in (y[0], y[-1])]
        + [np.stack(np.broadcast_arrays(v, y), -1) for v in (x[0], x[-1])]
    )
    lost = ~np.isfinite(camera.rays(border)).all(-1)
    if lost.any():
        complain(
            "camera fold",
            f"the distortion of CameraInfo folds inside the image: {100 * lost.mean():.0f} % of "
            "its border has no viewing ray, and hands there have no metres; calibrate with the "
            "board in the corners, too",
        )


def _distortion(info: Any) -> tuple[str, tuple[float, ...]]:
    """Return model and coefficients of raw images, in the forms that Camera knows."""
    try:
        return known_lens(info.distortion_model, info.d)
    except ValueError as error:
        raise InputError(
            "distortion", f"{error} (rectified images need none: parameter rectified)"
        ) from error


class _Derived(NamedTuple):
    """Something that follows from a CameraInfo, and what it follows from."""

    info: Any
    rectified: bool
    content: tuple[Any, ...]
    value: Any
    notes: list[tuple[str, str]]
    """Kind and text of what looks wrong and is used all the same."""


def _rotation_from_info(info: Any, rectified: bool, complain: Complain) -> np.ndarray | None:
    return rectification(info.r, rectified, complain)


class CameraInfos:
    """The newest CameraInfo messages, and the camera for an image."""

    def __init__(self, complain: Complain = lambda *_: None) -> None:
        """`complain`: called for what looks wrong and is used all the same."""
        self._complain = complain
        self._by_stamp: OrderedDict[tuple[int, int, str], Any] = OrderedDict()
        self._by_frame: OrderedDict[str, Any] = OrderedDict()
        self._camera: _Derived | None = None
        self._rotation: _Derived | None = None
        self.newest: Any = None
        self.last_time: float | None = None
        """When it came, on a monotonic clock."""

    def add(self, info: Any, stamp: tuple[int, int] | None = None) -> None:
        """Take a message; the newest is the one that came last.

        stamp: seconds and nanoseconds, where they are not those in the message.
        """
        frame = _frame(info.header)
        if stamp is None:
            stamp = info.header.stamp.sec, info.header.stamp.nanosec
        _remember(self._by_stamp, (*stamp, frame), info)
        _remember(self._by_frame, frame, info)
        self.newest = info
        self.last_time = time.monotonic()

    def camera(self, header: Any, width: int, height: int, rectified: bool) -> Camera:
        """Return the camera of the image with this header and size.

        Of the image's frame_id counts the CameraInfo with its stamp, else (a slower topic, or one
        that is published once) the newest.  Where there is none of that frame_id, those of others
        count in the same order, which is mentioned: drivers do differ in names.

        Raises InputError where there is none at all, or none that can be used and fits.
        """
        self._camera = self._derived(self._camera, header, rectified, camera_from_info)
        camera: Camera = self._camera.value
        if (camera.width, camera.height) != (width, height):
            raise InputError(
                "size",
                f"the image has {width} x {height} pixels, its CameraInfo says {camera.width} x "
                f"{camera.height} (after ROI and binning): whoever resized one must resize both",
            )
        return camera

    def rectification(self, header: Any, rectified: bool) -> np.ndarray | None:
        """Return the rotation into the rectified frame of the image with this header, if any."""
        self._rotation = self._derived(self._rotation, header, rectified, _rotation_from_info)
        rotation: np.ndarray | None = self._rotation.value
        return rotation

    def _derived(
        self, last: _Derived | None, header: Any, rectified: bool, derive: Callable[..., Any]
    ) -> _Derived:
        """Return what follows from the CameraInfo of an image; `last` where that is the same."""
        info = self._for(header)
        if last is None or last.info is not info or last.rectified != rectified:
            content = (
                info.width, info.height, info.distortion_model, bytes(info.k), bytes(info.p),
                info.d.tobytes(), bytes(info.r), info.binning_x, info.binning_y, rectified,
                info.roi.x_offset, info.roi.y_offset, info.roi.width, info.roi.height,
            )  # fmt: skip
            if last is None or last.content != content:
                notes: list[tuple[str, str]] = []
                value = derive(info, rectified, lambda *note: notes.append(note))
                last = _Derived(info, rectified, content, value, notes)
            else:
                last = last._replace(info=info)
        for kind, text in last.notes:
            self._complain(kind, text)
        return last

    def _for(self, header: Any) -> Any:
        """Return the CameraInfo that counts for an image."""
        if self.newest is None:
            raise InputError("no camera_info", "no CameraInfo has come yet, and metres need it")
        stamp, frame = (header.stamp.sec, header.stamp.nanosec), _frame(header)
        info = self._by_stamp.get((*stamp, frame)) or self._by_frame.get(frame)
        if info is not None:
            return info
        same = [known for key, known in self._by_stamp.items() if key[:2] == stamp]
        info = same[-1] if same else self.newest
        other = _frame(info.header)
        if frame and other:
            self._complain(
                "another frame",
                f"images have the frame_id {frame[:60]!r}, their CameraInfo {other[:60]!r}: it is "
                "used, but metres are wrong if it is another camera's",
            )
        return info


def _remember(known: OrderedDict[Any, Any], key: Any, info: Any) -> None:
    known.pop(key, None)
    known[key] = info
    while len(known) > REMEMBERED:
        known.popitem(last=False)


def _frame(header: Any) -> str:
    return str(header.frame_id).lstrip("/")
