"""One recording from its start to its end: read, track, smooth, write; or say why not."""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from hand_pose_25d import __version__
from hand_pose_25d.archive.exports import FORMATS, SUFFIXES, export
from hand_pose_25d.archive.opening import open_unit
from hand_pose_25d.archive.parquet import RowWriter, finish_parquet, read_metadata
from hand_pose_25d.archive.reading import Recording, TruncatedError
from hand_pose_25d.archive.results import refuse_overwriting_others
from hand_pose_25d.archive.schema import image_rows
from hand_pose_25d.archive.settings import ProcessSettings
from hand_pose_25d.archive.units import Unit
from hand_pose_25d.estimator import HandPoseEstimator
from hand_pose_25d.io.parts import scratch_file, whole_or_nothing
from hand_pose_25d.io.rectification import rotated

logger = logging.getLogger(__name__)
Status = Literal["done", "skipped", "failed"]
REPORT_INTERVAL = 0.5  # seconds


@dataclass(frozen=True)
class Outcome:
    """What became of a recording."""

    name: str
    title: str
    status: Status
    reason: str = ""
    """Why it failed, or what is missing from what is done."""
    images: int = 0
    hands: int = 0
    seconds: float = 0.0
    disk_full: bool = False


class Processor:
    """Works on recordings, one after the other, with one set of networks."""

    def __init__(
        self,
        settings: ProcessSettings,
        out: Path,
        formats: tuple[str, ...] = (),
        make_estimator: Callable[[], HandPoseEstimator] | None = None,
        resume: bool = True,
    ) -> None:
        """Take where the files go, and which other formats (`exports.FORMATS`) are wanted.

        Args:
            settings, out, formats: see above.
            make_estimator: called at the first recording; None: one of the settings' own.
            resume: whether a recording that is done is skipped.

        Raises ValueError for a format that is not known.
        """
        unknown = set(formats) - set(FORMATS)
        if unknown:
            raise ValueError(f"unknown format {min(unknown)!r}; known: {', '.join(FORMATS)}")
        self._settings, self._out, self._formats = settings, out, formats
        self._settings_digest, self._resume = settings.digest(), resume
        self._make_estimator = make_estimator or self._own_estimator
        self._estimator: HandPoseEstimator | None = None

    def __call__(self, unit: Unit, report: Callable[[int], None] = lambda _: None) -> Outcome:
        """Work on a recording; `report` is told now and then how many more images are done.

        Whatever goes wrong with it is in the outcome; only KeyboardInterrupt is raised.
        """
        start = time.monotonic()
        try:
            outcome = self._process(unit, report)
        except Exception as error:  # one recording costs only itself
            logger.debug("%s failed", unit.title, exc_info=True)
            plain = isinstance(error, (OSError, ValueError, RuntimeError)) and str(error)
            reason = str(error) if plain else f"{type(error).__name__}: {error}"
            full = isinstance(error, OSError) and _is_full(error)
            if full:
                reason = f"the disk is full: {reason}"
            outcome = Outcome(unit.name, unit.title, "failed", reason, disk_full=full)
        return replace(outcome, seconds=time.monotonic() - start)

    def _own_estimator(self) -> HandPoseEstimator:
        return HandPoseEstimator(**dict(self._settings.estimator))

    def _process(self, unit: Unit, report: Callable[[int], None]) -> Outcome:
        path = self._out / f"{unit.name}.parquet"
        others = (path.with_suffix(SUFFIXES[name]) for name in self._formats)
        refuse_overwriting_others((path, *others))
        content = unit.digest()
        known = read_metadata(path)
        digests = {"content_digest": content, "settings_digest": self._settings_digest}
        if self._resume and all(known.get(key) == value for key, value in digests.items()):
            status: Status = "skipped"
        else:
            if known and known.get("content_digest") != content and known["source"] != unit.title:
                other = known["source"]
                raise ValueError(f"{path} holds another recording, {other}: choose --out")
            status = "done"
            known = self._track(unit, path, digests, report)
        for name in self._formats:
            export(name, path, anew=status == "done")
        return Outcome(
            unit.name, unit.title, status, known["remarks"],
            int(known["images"]), int(known["hands"]),
        )  # fmt: skip

    def _track(
        self, unit: Unit, path: Path, digests: dict[str, str], report: Callable[[int], None]
    ) -> dict[str, str]:
        """Write a recording's file; return its metadata."""
        recording = open_unit(unit, self._settings)
        with scratch_file(self._out) as raw:
            with RowWriter(raw) as writer:
                images, hands, truncated = self._write_rows(unit, recording, writer, report)
                writer.flush()
            remarks = [truncated] if truncated else []
            if recording.left_out:
                number, first = len(recording.left_out), recording.left_out[0]
                remarks.append(f"{number} images left out, the first: {first}")
            metadata = {
                "version": __version__,
                "source": unit.title,
                **digests,
                "images": str(images),
                "hands": str(hands),
                "remarks": "; ".join(remarks),
            }
            with whole_or_nothing(path) as part:
                finish_parquet(raw, part, metadata, self._settings.smoothing)
        return metadata

    def _write_rows(
        self, unit: Unit, recording: Recording, writer: RowWriter, report: Callable[[int], None]
    ) -> tuple[int, int, str]:
        """Track a recording's hands; return its images, hands and how it broke off, if it did."""
        if self._estimator is None:
            self._estimator = self._make_estimator()
        estimator = self._estimator
        estimator.reset()
        ids: dict[int, int] = {}  # the estimator goes on counting from recording to recording
        images = hands = told = 0
        last = time.monotonic()
        try:
            for images, frame in enumerate(recording.images, start=1):
                found = estimator.track(frame.image, frame.camera, frame.stamp)
                found = rotated(found, frame.rotation)
                found = [
                    replace(hand, track_id=ids.setdefault(hand.track_id, len(ids) + 1))
                    for hand in found
                ]
                hands += sum(hand.state != "lost" for hand in found)
                writer.write(image_rows(unit.name, images - 1, frame, found))
                if time.monotonic() - last > REPORT_INTERVAL:
                    report(images - told)
                    told, last = images, time.monotonic()
        except TruncatedError as error:
            if not self._settings.keep_truncated or images == 0:
                raise
            return images, hands, str(error)
        finally:
            report(images - told)
        return images, hands, ""


def _is_full(error: OSError) -> bool:
    return error.errno in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(error)
