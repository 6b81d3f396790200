"""Video files."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import cv2
import numpy as np


class VideoFile:
    """An H.264 file by ffmpeg where there is one, else MPEG-4 by OpenCV."""

    def __init__(self, path: Path, size: tuple[int, int], fps: float, quality: int = 24) -> None:
        self.path = path
        self._process: Any = None
        self._writer: Any = None
        ffmpeg = shutil.which("ffmpeg")
        if ffmpeg:
            self._process = subprocess.Popen(
                [
                    ffmpeg,
                    "-y",
                    "-loglevel",
                    "error",
                    "-f",
                    "rawvideo",
                    "-pix_fmt",
                    "rgb24",
                    "-s",
                    f"{size[0]}x{size[1]}",
                    "-r",
                    str(fps),
                    "-i",
                    "-",
                    "-an",
                    "-c:v",
                    "libx264",
                    "-preset",
                    "slow",
                    "-crf",
                    str(quality),
                    "-threads",
                    "1",
                    "-pix_fmt",
                    "yuv420p",
                    "-movflags",
                    "+faststart",
                    str(path),
                ],
                stdin=subprocess.PIPE,
            )
        else:
            self._writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, size)

    def __enter__(self) -> VideoFile:
        return self

    def write(self, image: np.ndarray) -> None:
        """Append one RGB frame."""
        if self._process is not None:
            self._process.stdin.write(np.ascontiguousarray(image).tobytes())
        else:
            self._writer.write(np.ascontiguousarray(image[:, :, ::-1]))

    def __exit__(self, kind, value, trace) -> None:
        if self._process is not None:
            self._process.stdin.close()
            if self._process.wait() and kind is None:
                raise OSError(f"ffmpeg could not write {self.path}")
        else:
            self._writer.release()
