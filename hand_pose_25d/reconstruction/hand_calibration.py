"""One person's hand, measured: from a ruler or a known distance to the bones' lengths.

A camera alone cannot tell a small hand from a distant one.  One number that somebody measured
does: the length of the flat hand, wrist to middle fingertip, or how far from the camera the wrist
is.  Several images of the hand in different poses add its proportions, finger by finger.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hand_pose_25d.io.yaml import read_yaml
from hand_pose_25d.reconstruction.bone_length_prior import (
    HAND_LENGTH_BONES,
    HAND_LENGTH_RANGE,
    BoneLengthPrior,
)
from hand_pose_25d.skeleton import NUM_KEYPOINTS, WRIST, bone_lengths

MIN_FRAMES = 5
"""Frames from which a person's proportions, or the size by distance, can be taken."""
DISTANCE_RANGE = (0.05, 10.0)
"""Metres; a wrist distance outside it is a mistake."""

# Measured in simulation over 60 people (docs/hand_size.md): what is left after calibration.
_PROPORTION_DEVIATION = 0.035
_SIZE_DEVIATION = 0.01


@dataclass(frozen=True, eq=False)
class Calibration:
    """What was found about one person's hand."""

    prior: BoneLengthPrior
    """The person's own bone lengths, to reconstruct with from now on."""
    scale: float
    """Length of the person's hand over the mean of the prior it was compared with."""
    frames: int
    """Images used; 0 where the measured length alone was."""
    method: str
    """In words: what was measured."""

    @property
    def hand_length(self) -> float:
        """Length of the flat hand, wrist to middle fingertip, in metres."""
        return self.prior.hand_length

    def save(self, path: str | Path) -> None:
        """Write a YAML file that `bone_lengths` reads, with the scale as `hand_scale` in it."""
        self.prior.save(
            path,
            calibration=self.method,
            hand_scale=round(self.scale, 5),
            hand_length=round(self.hand_length, 5),
            frames=self.frames,
        )

    @classmethod
    def load(cls, path: str | Path) -> Calibration:
        """Read what `save` wrote.  Raises ValueError that names the file and what is missing."""
        data = read_yaml(path)
        missing = [key for key in ("calibration", "hand_scale", "frames") if key not in data]
        if missing:
            raise ValueError(f"{path}: not a calibration, it lacks {', '.join(missing)}")
        try:
            scale, frames = float(data["hand_scale"]), int(data["frames"])
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: hand_scale and frames must be numbers: {error}") from error
        return cls(BoneLengthPrior.load(path), scale, frames, str(data["calibration"]))


def calibrate(
    keypoints: np.ndarray | None,
    prior: BoneLengthPrior,
    *,
    hand_length: float | None = None,
    wrist_distance: float | None = None,
) -> Calibration:
    """Measure a person's hand.

    keypoints: (F, 21, 3) metres, the hand in F images, camera frame, as reconstructed with `prior`
    (any scale of it will do); best in different poses and turned in different ways.  Images with
    unknown keypoints are left out.  prior: the population's.  Exactly one of hand_length (metres,
    flat hand, wrist to middle fingertip; images are then optional) and wrist_distance (metres,
    from the camera to the wrist, the same in all images).

    Raises ValueError for a measurement that no hand has, or too few images.
    """
    if (hand_length is None) == (wrist_distance is None):
        raise ValueError("calibration needs exactly one of hand_length and wrist_distance")
    frames = _usable(keypoints)
    lengths = bone_lengths(frames)
    enough = len(frames) >= MIN_FRAMES
    if hand_length is not None:
        known = prior.with_hand_length(hand_length)
        method = f"hand length of {hand_length:.4g} m, measured"
        if enough:
            proportions = np.exp(np.median(np.log(lengths), 0))
            along = proportions[list(HAND_LENGTH_BONES)].sum()
            known = _person(proportions * (hand_length / prior.ruler / along), prior, method)
        used = len(frames) if enough else 0
        return Calibration(known, hand_length / prior.hand_length, used, method)
    assert wrist_distance is not None
    low, high = DISTANCE_RANGE
    if not low <= wrist_distance <= high:
        raise ValueError(f"a wrist is {low} to {high} m from the camera, got {wrist_distance}")
    if not enough:
        raise ValueError(
            f"calibration by distance needs {MIN_FRAMES} images with a whole hand, "
            f"got {len(frames)}"
        )
    seen = np.linalg.norm(frames[:, WRIST], axis=-1)
    # A hand reconstructed twice as far is twice as large: each image's bones, put right by it.
    lengths = lengths * (wrist_distance / seen)[:, None]
    mean = np.exp(np.median(np.log(lengths), 0))
    length = prior.ruler * float(mean[list(HAND_LENGTH_BONES)].sum())
    low, high = HAND_LENGTH_RANGE
    if not low <= length <= high:
        raise ValueError(
            f"at {wrist_distance:.4g} m the hand would be {length:.3g} m long; hands measure "
            f"{low} to {high} m (was the wrist where it was said to be?)"
        )
    method = f"wrist {wrist_distance:.4g} m from the camera, in {len(frames)} images"
    known = _person(mean, prior, method)
    return Calibration(known, known.hand_length / prior.hand_length, len(frames), method)


def _usable(keypoints: np.ndarray | None) -> np.ndarray:
    if keypoints is None:
        return np.zeros((0, NUM_KEYPOINTS, 3))
    frames = np.asarray(keypoints, dtype=np.float64)
    if frames.ndim != 3 or frames.shape[1:] != (NUM_KEYPOINTS, 3):
        raise ValueError(f"keypoints must have the shape (F, 21, 3), got {frames.shape}")
    whole = np.isfinite(frames).all((1, 2))
    whole &= (bone_lengths(np.where(whole[:, None, None], frames, 0.0)) > 1e-4).all(-1)
    return frames[whole]


def _person(mean: np.ndarray, prior: BoneLengthPrior, method: str) -> BoneLengthPrior:
    """Return the prior of a person whose bones were measured."""
    deviation = _PROPORTION_DEVIATION * mean
    covariance = np.diag(deviation**2) + _SIZE_DEVIATION**2 * np.outer(mean, mean)
    source = f"one person's hand by {method}; compared with: {prior.source}"
    return BoneLengthPrior(mean, covariance, source, prior.ruler)
