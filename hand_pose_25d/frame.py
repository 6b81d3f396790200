"""Frame: one image, the camera that took it and when; checked once, then handed on whole."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Real

import cv2
import numpy as np

from hand_pose_25d.geometry.camera import Camera

MOST_SECONDS = 1e12
"""Of a stamp, before and after zero: 30,000 years."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One image of a calibrated camera.

    >>> camera = Camera(fx=600.0, fy=600.0, cx=319.5, cy=239.5, width=640, height=480)
    >>> frame = Frame(np.zeros((480, 640, 3), dtype=np.uint8), camera, stamp=0.1)
    >>> frame.size
    (640, 480)

    Raises:
        TypeError: an image or depth image that is no numpy array, or a camera that is no `Camera`.
        ValueError: an image that is not (H, W, 3) uint8 or not of the camera's size, a stamp that
            is not finite, or a depth image of another type or size.
    """

    image: np.ndarray
    """(H, W, 3) uint8 RGB, not mirrored; contiguous in memory."""
    camera: Camera
    """That took the image, of the image's size."""
    stamp: float = 0.0
    """Seconds, on any clock."""
    depth: np.ndarray | None = None
    """(H, W) depth along the camera's axis in the image's pixels, where a depth camera is: uint16
    millimetres or float32 metres; 0, NaN and infinity mean not measured."""

    def __post_init__(self) -> None:
        image, camera = self.image, self.camera
        if not isinstance(image, np.ndarray):
            kind = type(image).__name__
            raise TypeError(f"image must be a numpy array (H, W, 3) uint8 RGB, got {kind}")
        if not isinstance(camera, Camera):
            raise TypeError(f"camera must be a hand_pose_25d.Camera, got {type(camera).__name__}")
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
            raise ValueError(
                "image must be (H, W, 3) uint8 RGB and not empty, got "
                f"{image.dtype} of {image.shape}"
            )
        if image.shape[:2] != (camera.height, camera.width):
            raise ValueError(
                f"the image is {image.shape[1]} x {image.shape[0]} px, the camera was calibrated "
                f"for {camera.width} x {camera.height}: use camera.scaled() or "
                "camera.with_roi(), or calibrate at this size"
            )
        if not isinstance(self.stamp, Real) or not abs(self.stamp) <= MOST_SECONDS:
            raise ValueError(f"a stamp must be a finite number of seconds, got {self.stamp!r:.40}")
        object.__setattr__(self, "image", np.ascontiguousarray(image))
        if self.depth is not None:
            check_depth(self.depth, camera.width, camera.height)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.camera.width, self.camera.height

    def in_grey(self) -> Frame:
        """Return the frame with an image that has no colours."""
        grey = cv2.cvtColor(self.image, cv2.COLOR_RGB2GRAY)
        return replace(self, image=cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB))


def check_depth(depth: np.ndarray, width: int, height: int) -> None:
    """Raise TypeError or ValueError for what is no depth image of this size."""
    if not isinstance(depth, np.ndarray):
        kind = type(depth).__name__
        raise TypeError(f"depth must be a numpy array (H, W) uint16 mm or float32 m, got {kind}")
    if depth.ndim != 2 or depth.dtype not in (np.uint16, np.float32):
        got = f"{depth.dtype} of {depth.shape}"
        raise ValueError(f"depth must be (H, W), uint16 in mm or float32 in m, got {got}")
    if depth.shape != (height, width):
        raise ValueError(
            f"the depth image is {depth.shape[1]} x {depth.shape[0]} px, the image {width} x "
            f"{height}: register it to the image (as depth_image_proc/register does)"
        )
