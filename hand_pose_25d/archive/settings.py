"""ProcessSettings: all that decides what comes out of a recording, and its digest."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from hand_pose_25d import __version__
from hand_pose_25d.io.cameras import DEFAULT_FIELD_OF_VIEW, CameraDescription

BLOCK = 1 << 20
WITHOUT_INFLUENCE = ("threads",)
"""Options of the estimator that may differ between two runs whose answers count as the same."""


@dataclass(frozen=True)
class ProcessSettings:
    """How recordings are read and worked on.  Safe to send to another process or machine.

    Raises FileNotFoundError or ValueError for a camera that is none.
    """

    estimator: tuple[tuple[str, Any], ...] = ()
    """Options of HandPoseEstimator, by name."""
    calibration: Path | None = None
    """The camera's file, as ROS writes it; counts before a recording's CameraInfo."""
    focal: float | None = None
    """Focal length in pixels, where neither file nor CameraInfo says."""
    field_of_view: float | None = None
    """Degrees across the longer side, where nothing better is known; None: then it is an error."""
    smoothing: bool = True
    """Whether the columns smoothed_* are filled."""
    rate: float = 30.0
    """Images a second of a folder of images."""
    image_topic: str | None = None
    camera_info_topic: str | None = None
    rectified: bool = False
    """Whether a bag's images are rectified, so that P of its CameraInfo counts."""
    camera_key: str | None = None
    """Which video of a LeRobot data set."""
    keep_truncated: bool = False
    """Whether a recording that breaks off gives the images there are, or counts as failed."""

    def __post_init__(self) -> None:
        if not 0.01 <= self.rate <= 10000:
            raise ValueError(f"a rate is 0.01 to 10000 images a second, got {self.rate:g}")
        self.described_camera()

    def described_camera(self) -> CameraDescription | None:
        """Return what the settings say of the camera; None where they say nothing."""
        if self.calibration is None and self.focal is None and self.field_of_view is None:
            return None
        view = DEFAULT_FIELD_OF_VIEW if self.field_of_view is None else self.field_of_view
        return CameraDescription(self.calibration, self.focal, view)

    def digest(self) -> str:
        """Return SHA-256 (hex) of the package's version, the settings and the files they name."""
        values = asdict(self)
        estimator = dict(self.estimator)
        values["estimator"] = {k: v for k, v in estimator.items() if k not in WITHOUT_INFLUENCE}
        text = json.dumps(values, sort_keys=True, default=_described)
        return hashlib.sha256(f"{__version__}\n{text}".encode()).hexdigest()


def content_digest(paths: tuple[Path, ...], extra: str = "") -> str:
    """Return SHA-256 (hex) of files' contents, in their order, and of `extra`."""
    total = hashlib.sha256(extra.encode())
    for path in paths:
        status = path.stat()
        total.update(_file_digest(path, status.st_size, status.st_mtime_ns))
    return total.hexdigest()


@lru_cache(maxsize=4096)
def _file_digest(path: Path, size: int, changed: int) -> bytes:
    """Read a file once, however many episodes lie in it; its size and time are the cache's key."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            found.update(block)
    return found.digest()


def _described(value: Any) -> str:
    if isinstance(value, Path):
        return content_digest((value,)) if value.is_file() else str(value)
    return repr(value)
