"""A recording's Parquet file: written row group by row group, named when it is whole."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hand_pose_25d.archive.schema import FLOATS, SMOOTHED_COLUMNS, make_schema
from hand_pose_25d.archive.smoothing import smooth_track, smoothed_palm_covariance
from hand_pose_25d.geometry.wrist_frame import quaternion, wrist_rotation

ROW_GROUP = 4096  # rows
PREFIX = "hand_pose_25d."
"""Of the file's metadata."""


def read_metadata(path: Path) -> dict[str, str]:
    """Return the metadata of a recording's file; empty for what is none, or not there."""
    try:
        found = pq.read_schema(path).metadata or {}
    except (OSError, pa.ArrowException):
        return {}
    return {
        key.decode().removeprefix(PREFIX): value.decode()
        for key, value in found.items()
        if key.startswith(PREFIX.encode())
    }


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a recording's file, one row group in memory at a time."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=ROW_GROUP):
            yield from batch.to_pylist()


def read_images(path: Path) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of each image: one a hand; one with nulls where there is none."""
    rows: list[dict[str, Any]] = []
    for row in read_rows(path):
        if rows and row["frame_index"] != rows[0]["frame_index"]:
            yield rows
            rows = []
        rows.append(row)
    if rows:
        yield rows


class RowWriter:
    """Writes rows as they come; their smoothed columns stay null.  Use it as a context."""

    def __init__(self, path: Path) -> None:
        """Open the file.  Raises OSError where that is not possible."""
        self._schema = make_schema({})
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._rows: list[dict[str, Any]] = []
        self.count = 0

    def __enter__(self) -> RowWriter:
        return self

    def __exit__(self, *error: object) -> None:
        with contextlib.suppress(OSError) if error[0] is not None else contextlib.nullcontext():
            self._writer.close()

    def write(self, rows: list[dict[str, Any]]) -> None:
        """Add rows."""
        self._rows += rows
        self.count += len(rows)
        if len(self._rows) >= ROW_GROUP:
            self.flush()

    def flush(self) -> None:
        """Write what is left; to be called before the end."""
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, self._schema))
            self._rows = []


def finish_parquet(raw: Path, path: Path, metadata: dict[str, str], smoothing: bool) -> None:
    """Write a recording's file from its raw rows: metadata, and the smoothed columns if wanted."""
    schema = make_schema({f"{PREFIX}{key}": value for key, value in metadata.items()})
    smoothed = _smoothed_tracks(raw) if smoothing else None
    done = 0
    with pq.ParquetFile(raw) as file, pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in file.iter_batches(batch_size=ROW_GROUP):
            table = pa.Table.from_batches([batch])
            if smoothed is not None:
                rows = slice(done, done + len(batch))
                there = np.isfinite(smoothed["smoothed_keypoints"][rows]).any(-1)
                for name, values in smoothed.items():
                    column = _column(values[rows], there)
                    table = table.set_column(
                        schema.get_field_index(name), schema.field(name), column
                    )
            writer.write_table(table.cast(schema))
            done += len(batch)


def _column(values: np.ndarray, there: np.ndarray) -> pa.Array:
    """Return rows of floats as an Arrow column; null where nothing is there."""
    ends = np.concatenate([[0], np.cumsum(there * values.shape[1])]).astype(np.int32)
    flat = pa.array(values[there].ravel(), type=pa.float32())
    return pa.ListArray.from_arrays(pa.array(ends), flat, type=FLOATS, mask=pa.array(~there))


def _smoothed_tracks(raw: Path) -> dict[str, np.ndarray]:
    """Return the smoothed columns of all rows, float32; NaN where there is nothing."""
    names = ["track_id", "stamp_ns", "handedness", "keypoints", "covariance", "palm_covariance"]
    table = pq.read_table(raw, columns=names)
    count = table.num_rows
    ids = table["track_id"].to_numpy()
    stamps = table["stamp_ns"].to_numpy() / 1e9
    right = np.array([h == "right" for h in table["handedness"].to_pylist()])
    points, spread = _rows(table["keypoints"], 63), _rows(table["covariance"], 189)
    palm = _rows(table["palm_covariance"], 144)
    found = {c.name: np.full((count, c.size), np.nan, np.float32) for c in SMOOTHED_COLUMNS}
    for track in np.unique(ids[np.isfinite(ids)]):
        rows = np.flatnonzero(ids == track)
        rows = rows[np.concatenate([[True], np.diff(stamps[rows]) > 0])]
        if len(rows) < 2:
            continue
        covariance = spread[rows].reshape(-1, 21, 3, 3)
        smooth = smooth_track(stamps[rows], points[rows].reshape(-1, 21, 3), covariance)
        joint = smoothed_palm_covariance(
            palm[rows].reshape(-1, 12, 12), covariance, smooth.covariance
        )
        found["smoothed_palm_covariance"][rows] = joint.reshape(len(rows), -1)
        found["smoothed_keypoints"][rows] = smooth.keypoints.reshape(len(rows), -1)
        found["smoothed_covariance"][rows] = smooth.covariance.reshape(len(rows), -1)
        found["smoothed_wrist_position"][rows] = smooth.keypoints[:, 0]
        found["smoothed_wrist_orientation"][rows] = [
            quaternion(wrist_rotation(hand, bool(is_right)))
            for hand, is_right in zip(smooth.keypoints, right[rows], strict=True)
        ]
    return found


def _rows(column: pa.ChunkedArray, size: int) -> np.ndarray:
    """Return a column of lists of floats as (N, size) float32; null is NaN."""
    parts = []
    for chunk in column.chunks:
        values = np.full((len(chunk), size), np.nan, np.float32)
        there = ~np.asarray(chunk.is_null())
        values[there] = chunk.flatten().to_numpy(zero_copy_only=False).reshape(-1, size)
        parts.append(values)
    return np.concatenate(parts) if parts else np.empty((0, size), np.float32)
