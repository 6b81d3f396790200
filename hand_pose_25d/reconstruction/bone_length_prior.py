"""How long the bones of a hand are: the prior that turns normalised poses into metres.

One image tells a small hand nearby from a large one far away by nothing but such knowledge.  The
prior is a Gaussian over the 20 bone lengths (in the order of `skeleton.BONES`); the bones of one
person are strongly correlated, since a hand is large or small as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from hand_pose_25d.io.yaml import read_yaml, write_yaml
from hand_pose_25d.reconstruction.prior_keys import (
    BONE_NAMES,
    moments_of,
    numbers_of,
    ruler_ratio_of,
)
from hand_pose_25d.skeleton import BONES, FINGERS

POPULATIONS_PATH = Path(__file__).resolve().parent.parent / "config" / "populations.yaml"
POPULATIONS: tuple[str, ...] = ("adult", "man", "woman", "child", "anyone")
"""Whose hands may be seen: names for `BoneLengthPrior.population`."""
HAND_LENGTH_BONES: tuple[int, ...] = tuple(child - 1 for child in FINGERS["middle"])
"""The bones that a flat hand lays end to end from the wrist to the tip of the middle finger."""

HAND_LENGTH_RANGE = (0.08, 0.30)
"""Metres; a measured hand length outside it is a mistake (millimetres, or another length)."""
BONE_LENGTH_RANGE = (0.003, 0.3)
"""Metres; bone lengths outside it are a mistake."""

_ALONG = np.isin(np.arange(len(BONES)), HAND_LENGTH_BONES).astype(np.float64)


@dataclass(frozen=True, eq=False)
class BoneLengthPrior:
    """A Gaussian over the 20 bone lengths.  Raises ValueError for what is no such thing."""

    mean: np.ndarray
    """(20,) metres."""
    covariance: np.ndarray
    """(20, 20) square metres, positive semidefinite; zero where the lengths are known exactly."""
    source: str = ""
    """Where the numbers come from, in words."""
    ruler: float = 1.0
    """Length of the flat hand by a ruler over that of its chain of keypoints: these lie inside the
    hand, and by how much is a matter of the network's keypoint convention."""

    def __post_init__(self) -> None:
        mean = np.array(self.mean, dtype=np.float64)
        covariance = np.array(self.covariance, dtype=np.float64)
        n = len(BONES)
        if mean.shape != (n,) or covariance.shape != (n, n):
            raise ValueError(
                f"a bone-length prior has a mean ({n},) and a covariance ({n}, {n}), got "
                f"{mean.shape} and {covariance.shape}"
            )
        low, high = BONE_LENGTH_RANGE
        for name, length in zip(BONE_NAMES, mean, strict=True):
            if not low <= length <= high:  # NaN too
                raise ValueError(f"bone {name} has {low} to {high} m, got {length}")
        if not np.isfinite(covariance).all() or not np.allclose(
            covariance, covariance.T, atol=1e-12
        ):
            raise ValueError("the covariance of bone lengths must be finite and symmetric")
        values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
        if values[0] < -1e-3 * max(values[-1], 0.0) - 1e-15:
            raise ValueError(
                "the covariance of bone lengths has a negative eigenvalue "
                f"({values[0]:.3g} m^2; the largest is {values[-1]:.3g})"
            )
        if values[0] < 0:  # rounding in a file
            covariance = (vectors * np.maximum(values, 0.0)) @ vectors.T
        if not 0.8 <= self.ruler <= 1.5:
            raise ValueError(f"'ruler' lies between 0.8 and 1.5, got {self.ruler}")
        mean.flags.writeable = covariance.flags.writeable = False
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "covariance", covariance)

    @classmethod
    def exact(cls, lengths: np.ndarray, ruler: float = 1.0) -> BoneLengthPrior:
        """Return the prior of a hand whose bone lengths (20,), in metres, are known exactly."""
        return cls(np.asarray(lengths), np.zeros((len(BONES), len(BONES))), "exact", ruler)

    @classmethod
    def from_samples(
        cls, lengths: np.ndarray, source: str = "", individual: float = 0.0
    ) -> BoneLengthPrior:
        """Measure the prior of a population: (N, 20) metres, one row a hand, N of at least 2.

        `individual` is a relative standard deviation added to each bone on its own: a parametric
        body model bends all bones by a few parameters, people's bones differ one by one.
        """
        lengths = np.asarray(lengths, dtype=np.float64)
        if lengths.ndim != 2 or lengths.shape[1] != len(BONES) or len(lengths) < 2:
            raise ValueError(f"need (N >= 2, {len(BONES)}) bone lengths, got {lengths.shape}")
        mean = lengths.mean(0)
        covariance = np.cov(lengths, rowvar=False) + np.diag((individual * mean) ** 2)
        return cls(mean, covariance, source)

    @classmethod
    def default(cls) -> BoneLengthPrior:
        """Return the prior of adults, men and women alike."""
        return cls.population("adult")

    @classmethod
    def population(cls, name: str) -> BoneLengthPrior:
        """Return the shipped prior of a population: one of POPULATIONS (docs/hand_size.md).

        Raises ValueError for another name.
        """
        if name not in POPULATIONS:
            raise ValueError(f"population must be one of {', '.join(POPULATIONS)}, got {name!r}")
        return _population(name)

    @classmethod
    def load(cls, path: str | Path) -> BoneLengthPrior:
        """Read a prior as `save` writes it, or one that a person wrote (see docs/hand_size.md).

        Raises FileNotFoundError, or ValueError that names the file and what is wrong in it.
        """
        path = Path(path)
        data = read_yaml(path)
        try:
            return cls.from_mapping(data)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any]) -> BoneLengthPrior:
        """Make a prior from the YAML file's keys.

        bones (names, optional, any order), mean (m), and either covariance (m^2) or deviation (m)
        with correlation, a matrix or one number for all pairs; source; ruler.
        """
        if "populations" in data:
            raise ValueError(f"it holds populations; choose by name: {', '.join(POPULATIONS)}")
        return cls(*moments_of(data), str(data.get("source", "")), ruler_ratio_of(data))

    def to_mapping(self) -> dict[str, Any]:
        """Return what `from_mapping` reads: plain numbers and strings."""
        deviation = np.sqrt(np.diag(self.covariance))
        outer = np.outer(deviation, deviation)
        correlation = np.divide(self.covariance, outer, out=np.eye(len(BONES)), where=outer > 0)
        return {
            "source": self.source,
            "ruler": round(float(self.ruler), 4),
            "bones": list(BONE_NAMES),
            "mean": [round(float(v), 7) for v in self.mean],
            "deviation": [round(float(v), 8) for v in deviation],
            "correlation": [[round(float(v), 5) for v in row] for row in correlation],
        }

    def save(self, path: str | Path, **extra: Any) -> None:
        """Write the prior, and further keys beside it, to a YAML file."""
        write_yaml(path, {**extra, **self.to_mapping()})

    @cached_property
    def log_moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean (20,) and covariance (20, 20) of log L, L in metres, of the log-normal distribution
        with these moments: with it a hand's proportions do not depend on its size."""
        covariance = self.covariance / np.outer(self.mean, self.mean)
        return np.log(self.mean) - np.diagonal(covariance) / 2, covariance

    @property
    def hand_length(self) -> float:
        """Mean length of the flat hand by a ruler, wrist to middle fingertip, in metres."""
        return self.ruler * float(self.mean @ _ALONG)

    @property
    def hand_length_deviation(self) -> float:
        """Standard deviation of the flat hand's length, in metres."""
        return self.ruler * math.sqrt(max(0.0, float(_ALONG @ self.covariance @ _ALONG)))

    def scaled(self, scale: float, deviation: float = 0.025) -> BoneLengthPrior:
        """Return the prior of a hand whose size is `scale` times the mean.

        The size is then known to `deviation` (relative); what is left is how the proportions of
        hands of one size differ.
        """
        low, high = (length / self.hand_length for length in HAND_LENGTH_RANGE)
        if not low <= scale <= high:
            raise ValueError(f"a hand's scale lies between {low:.2f} and {high:.2f}, got {scale}")
        mean = self.mean * scale
        shape = self.covariance - self._explained_by_length(0.0)
        covariance = scale**2 * shape + deviation**2 * np.outer(mean, mean)
        source = f"{self.source}, scaled by {scale:.4g}"
        return BoneLengthPrior(mean, covariance, source, self.ruler)

    def with_hand_length(self, length: float, deviation: float = 0.003) -> BoneLengthPrior:
        """Return the prior of a person whose flat hand, wrist to middle fingertip, was measured.

        `length` and the standard deviation of its measurement in metres.  It is the Gaussian
        conditioned on that length, whatever the population: a child's hand that somebody measured
        is not drawn towards adults'.
        """
        low, high = HAND_LENGTH_RANGE
        if not low <= length <= high:
            raise ValueError(f"a hand's length lies between {low} and {high} m, got {length}")
        source = f"{self.source}, hand length {length:.4g} m"
        if self.hand_length_deviation == 0.0:
            mean = self.mean * (length / self.hand_length)
            return BoneLengthPrior(mean, self.covariance, source, self.ruler)
        spread = self.covariance @ _ALONG
        longer = (length - self.hand_length) / self.ruler
        mean = np.add(self.mean, spread * (longer / float(_ALONG @ spread)))
        covariance = self.covariance - self._explained_by_length(deviation)
        return BoneLengthPrior(mean, covariance, source, self.ruler)

    def _explained_by_length(self, deviation: float) -> np.ndarray:
        """Return the part of the covariance that a measured hand length takes away."""
        spread = self.covariance @ _ALONG
        variance = float(_ALONG @ spread) + (deviation / self.ruler) ** 2
        if variance == 0.0:
            return np.zeros_like(self.covariance)
        return np.outer(spread, spread) / variance


def global_scale(lengths: np.ndarray, prior: BoneLengthPrior) -> np.ndarray:
    """Return metres per unit that bring bone lengths nearest to the prior's means (Eq. 8).

    lengths: (..., 20) normalised.  The minimum of sum (s L - mu)^2 is s = sum mu L / sum L^2.
    NaN where the lengths are all zero or not finite.
    """
    lengths = np.asarray(lengths, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        scale = (lengths @ prior.mean) / np.square(lengths).sum(-1)
    return np.where(np.isfinite(scale), scale, np.nan)


@lru_cache(maxsize=len(POPULATIONS))
def _population(name: str) -> BoneLengthPrior:
    data = read_yaml(POPULATIONS_PATH)
    size = data["populations"][name]
    mean = size["hand_length"] / data["ruler"] * numbers_of(data, "proportions")
    relative = numbers_of(data, "shape") + (size["deviation"] / size["hand_length"]) ** 2
    source = f"population {name}: {size['source']}"
    return BoneLengthPrior(mean, relative * np.outer(mean, mean), source, data["ruler"])
