"""HandSize: which bone-length prior is in use, how large the person's hand is, who said so."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractContextManager
from pathlib import Path

from hand_pose_25d.hand_pose import ScaleSource
from hand_pose_25d.io.yaml import read_yaml
from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior


class HandSize:
    """A prior, and the scale of one person's hand over its mean where that is known."""

    def __init__(
        self,
        bone_lengths: BoneLengthPrior | str | Path | None = None,
        hand_scale: float | None = None,
        population: str | None = None,
    ) -> None:
        """Take a population's prior (adults'), or another one or its YAML file, and a scale.

        Raises FileNotFoundError, or ValueError for a file or scale that makes no hand, an unknown
        population, and one beside bone lengths.
        """
        if bone_lengths is not None and population is not None:
            raise ValueError(
                "give either bone_lengths or population: bone lengths say whose hand it is, got "
                f"population {population!r} too"
            )
        self._base_source: ScaleSource = "prior" if bone_lengths is None else "configured"
        if bone_lengths is None:
            bone_lengths = BoneLengthPrior.population(population or "adult")
        elif not isinstance(bone_lengths, BoneLengthPrior):
            if "calibration" in read_yaml(bone_lengths):  # as hand_calibration.py writes it
                self._base_source = "calibrated"
            bone_lengths = BoneLengthPrior.load(bone_lengths)
        self._base = bone_lengths
        self.set(hand_scale, "configured")

    def use(self, bone_lengths: BoneLengthPrior, source: ScaleSource) -> None:
        """Take another prior, such as one person's own, and its size as it is."""
        self._base, self._base_source = bone_lengths, source
        self.set(None, source)

    def set(self, scale: float | None, source: ScaleSource) -> None:
        """Take another scale, None for not known; raises ValueError for a size no hand has."""
        self.prior = self._base if scale is None else self._base.scaled(scale)
        self.source: ScaleSource = self._base_source if scale is None else source
        self.scale = scale

    def check(self, scale: float) -> None:
        """Raise ValueError for a scale that makes a size no hand has."""
        self._base.scaled(scale)


class KnowsHandSize:
    """What an estimator lets its users know and say of the hand's size."""

    _size: HandSize

    @abstractmethod
    def _turn(self) -> AbstractContextManager[None]:
        """Wait until no other thread works with the estimator, and hold it."""

    def set_bone_lengths(
        self, bone_lengths: BoneLengthPrior, source: ScaleSource = "calibrated"
    ) -> None:
        """Take another bone-length prior, such as one person's, from the next image on."""
        with self._turn():
            self._size.use(bone_lengths, source)

    def set_hand_scale(self, hand_scale: float | None, source: ScaleSource = "calibrated") -> None:
        """Set how large the person's hand is over the prior's mean; None: not known any more.

        Raises ValueError for a size that no hand has.
        """
        with self._turn():
            self._size.set(hand_scale, source)

    def check_hand_scale(self, hand_scale: float) -> None:
        """Raise ValueError for a size that no hand has; waits for no image being worked on."""
        self._size.check(hand_scale)

    @property
    def hand_scale(self) -> float | None:
        """Size of the person's hand over the prior's mean, if it is known."""
        return self._size.scale

    @property
    def scale_source(self) -> ScaleSource:
        """Where the hand's size comes from: "prior", "configured" or "calibrated"."""
        return self._size.source

    @property
    def prior(self) -> BoneLengthPrior:
        """The bone-length prior in use, the hand's scale included."""
        return self._size.prior
