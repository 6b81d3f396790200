"""What a depth image has in the place of each keypoint: one surface, or two at an edge.

A disc of pixels around the keypoint is looked at.  Holes are left out; where the rest falls into
two groups (a finger and what is behind it) both are answered, and who knows the hand may choose.
Medians leave pixels alone that fly between the two.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

MILLIMETRES = 1e-3
"""Metres a unit of a uint16 depth image."""
_FARTHEST = 20.0  # m; no hand is recognised at a tenth of it
_GRID = 9  # samples across the disc
_GAP = 0.02  # m between neighbours in depth: two surfaces
_FEWEST, _LEAST_SHARE = 3, 0.15  # pixels of a surface; of the disc
_NOISE = 0.01  # of the depth: a pixel's standard deviation, at least
_ALIKE = 6.0  # pixels whose noise is as good as one's, being shared

_AXIS = np.linspace(-1.0, 1.0, _GRID)
_DISC = np.stack(np.meshgrid(_AXIS, _AXIS), -1).reshape(-1, 2)
_DISC = _DISC[np.square(_DISC).sum(-1) <= 1.0]


class DepthSamples(NamedTuple):
    """Surfaces in the places of keypoints, the near one first; where there is one, both are it."""

    depth: np.ndarray
    """(..., 2) metres along the camera's axis; NaN where nothing was measured."""
    variance: np.ndarray
    """(..., 2) square metres, of the sensor's noise."""


class DepthRows(NamedTuple):
    """Surfaces of N hands' keypoints that a depth camera saw: depth_constraints.py's equations."""

    depth: np.ndarray
    """(N, 21) metres of the surface; 1 where it is not used."""
    variance: np.ndarray
    """(N, 21) square metres, of each on its own."""
    common: np.ndarray
    """(N, 21) metres: the standard deviation of the error that all share."""
    offset: np.ndarray
    """(N, 21) how much deeper the keypoint lies, in units of the reference bone."""
    used: np.ndarray
    """(N, 21) 1.0 where the surface counts, else 0.0."""

    def share(self, share: np.ndarray) -> np.ndarray:
        """Return what images count for (N,): where depth measures a hand, all."""
        return np.where(self.used.any(-1), 1.0, share)

    def take(self, index: np.ndarray | slice) -> DepthRows:
        """Return the hands of this index."""
        return DepthRows(*(a[index] for a in self))


def metres(depth: np.ndarray) -> np.ndarray:
    """Return depths (uint16 mm or float32 m) as float64 m; what is no measurement is NaN."""
    if depth.dtype == np.uint16:
        values = depth * MILLIMETRES
    else:
        values = depth.astype(np.float64)
    with np.errstate(invalid="ignore"):
        return np.where((values > 0) & (values < _FARTHEST), values, np.nan)


def sample_depth(
    image: np.ndarray, pixels: np.ndarray, radius: np.ndarray | float
) -> DepthSamples:
    """Look at discs of a depth image: (H, W) uint16 mm or float32 m.

    pixels: (..., 2) px, NaN allowed; radius: px, of the discs, broadcast over (...).
    """
    height, width = image.shape
    radius = np.broadcast_to(np.asarray(radius, dtype=np.float64), pixels.shape[:-1])
    places = pixels[..., None, :] + _DISC * radius[..., None, None]
    known = np.isfinite(places).all(-1) & (np.abs(places) < 1e6).all(-1)
    whole = np.rint(np.where(known[..., None], places, -1.0)).astype(np.intp)
    u, v = whole[..., 0], whole[..., 1]
    inside = (u >= 0) & (v >= 0) & (u < width) & (v < height)
    taken = image[np.where(inside, v, 0), np.where(inside, u, 0)]
    values = np.sort(np.where(inside, metres(taken), np.inf), -1)  # NaN comes last
    values = np.sort(np.where(np.isfinite(values), values, np.inf), -1)
    count = np.isfinite(values).sum(-1)
    # A disc of few pixels is sampled many times over.
    distinct = np.minimum(np.square(2 * radius + 1) * np.pi / 4, len(_DISC)) / len(_DISC)
    with np.errstate(invalid="ignore"):
        steps = np.where(np.isfinite(values[..., 1:]), np.diff(values, axis=-1), 0.0)
    cut = steps.argmax(-1) + 1
    two = np.take_along_axis(steps, cut[..., None] - 1, -1)[..., 0] > _GAP
    begin = np.stack([np.zeros_like(cut), np.where(two, cut, 0)], -1)
    end = np.stack([np.where(two, cut, count), count], -1)
    return _medians(values, begin, end, distinct[..., None])


def _medians(
    values: np.ndarray, begin: np.ndarray, end: np.ndarray, distinct: np.ndarray
) -> DepthSamples:
    """Return the medians of two stretches of sorted values (..., M), and their variances."""
    count = end - begin
    last = values.shape[-1] - 1
    low, middle, high = (
        np.take_along_axis(values, np.clip(begin + (count * share).astype(int), 0, last), -1)
        for share in (0.16, 0.5, 0.84)
    )
    enough = (count >= _FEWEST) & (count >= _LEAST_SHARE * values.shape[-1])
    with np.errstate(invalid="ignore"):
        spread = np.maximum((high - low) / 2, _NOISE * middle)
        independent = np.maximum(count * distinct / _ALIKE, 1.0)
        variance = np.square(spread) * (np.pi / 2) / independent
    nothing = ~enough | ~np.isfinite(variance)
    return DepthSamples(np.where(nothing, np.nan, middle), np.where(nothing, np.nan, variance))
