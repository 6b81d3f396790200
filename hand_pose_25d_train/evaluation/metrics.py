"""The metrics of Section 5: end-point error, PCK, AUC, PCKh, Procrustes-aligned and root error.

Errors are arrays of distances in one unit (pixels, or metres).  NaN means that the annotation is
missing, and such entries are left out.  Infinity means that the annotation is there and the
prediction is not: it is never correct in PCK and AUC, it counts in the median, and `Summary` says
how many there were, since a mean over it would be meaningless.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

AUC_2D_PIXELS = (0.0, 30.0)
AUC_3D_METERS = (0.0, 0.100)
AUC_3D_NARROW_METERS = (0.020, 0.050)
"""The range of Zimmermann and Brox (ICCV 2017), which SHP and RHP are reported over."""


@dataclass(frozen=True)
class Summary:
    """The columns of the paper's tables, in the unit of the errors."""

    auc: float
    median: float
    mean: float
    """Over the predictions that are there."""
    count: int
    """Annotated keypoints."""
    missing: int = 0
    """Annotated keypoints without a prediction."""


def endpoint_errors(
    predicted: np.ndarray, truth: np.ndarray, valid: np.ndarray | None = None
) -> np.ndarray:
    """Return the distances (...,) between (..., D) points, NaN and inf as the module says.

    A point is annotated where `truth` is finite and `valid` (...,), if given, is true.
    Raises ValueError where the shapes differ.
    """
    predicted, truth = np.asarray(predicted, np.float64), np.asarray(truth, np.float64)
    if predicted.shape != truth.shape:
        raise ValueError(f"predicted {predicted.shape} and annotated {truth.shape} points differ")
    annotated = np.isfinite(truth).all(-1)
    if valid is not None:
        annotated = annotated & np.asarray(valid, bool)
    with np.errstate(invalid="ignore"):
        errors = np.linalg.norm(predicted - truth, axis=-1)
    errors = np.where(np.isfinite(predicted).all(-1), errors, np.inf)
    return np.where(annotated, errors, np.nan)


def pck(errors: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Return the fraction of annotated keypoints within each threshold: (T,) in [0, 1]."""
    known = _known(errors)
    thresholds = np.asarray(thresholds, np.float64)
    return np.searchsorted(known, thresholds, side="right") / len(known)


def auc(errors: np.ndarray, low: float, high: float) -> float:
    """Return the area under the PCK curve from `low` to `high`, divided by their distance.

    PCK is a step function, so its integral is exact: each keypoint contributes the part of the
    range above its error.  A sum over n thresholds, as other code does, differs by at most 1 / n.
    """
    if not low < high:
        raise ValueError(f"the range of the AUC must be rising, got {low} to {high}")
    return float(np.clip((high - _known(errors)) / (high - low), 0.0, 1.0).mean())


def summarize(errors: np.ndarray, low: float, high: float) -> Summary:
    """Return AUC over [low, high], median and mean of the errors, with the numbers behind them."""
    known = _known(errors)
    found = known[np.isfinite(known)]
    return Summary(
        auc=auc(known, low, high),
        median=float(np.median(known)),
        mean=float(found.mean()) if len(found) else float("nan"),
        count=len(known),
        missing=len(known) - len(found),
    )


def head_normalized(errors: np.ndarray, head_size: np.ndarray, share: float = 1.0) -> np.ndarray:
    """Return pixel errors (N, 21) in units of `share` x head size (N,): what PCKh thresholds.

    Andriluka et al. (CVPR 2014) define PCKh by the head's size; Simon et al. (CVPR 2017), whose
    data MPII+NZSL is, normalise by 0.7 of it, the side of their box around a hand.
    """
    head_size = np.asarray(head_size, np.float64)
    if not (head_size > 0).all():
        raise ValueError("every head size must be known and above 0 px")
    return np.asarray(errors, np.float64) / (share * head_size[..., None])


def root_aligned(points: np.ndarray, root: int = 0) -> np.ndarray:
    """Return (..., K, D) points relative to the root keypoint."""
    return points - points[..., root : root + 1, :]


def procrustes_aligned(
    predicted: np.ndarray, truth: np.ndarray, valid: np.ndarray | None = None
) -> np.ndarray:
    """Return `predicted` (K, D) turned, shifted and scaled onto `truth` (K, D) in least squares.

    The similarity without reflection of Umeyama (1991) over the keypoints that are finite in both
    and `valid` (K,); NaN throughout where fewer than three of them are left.
    """
    predicted, truth = np.asarray(predicted, np.float64), np.asarray(truth, np.float64)
    use = np.isfinite(predicted).all(-1) & np.isfinite(truth).all(-1)
    if valid is not None:
        use = use & np.asarray(valid, bool)
    if use.sum() < 3:
        return np.full_like(predicted, np.nan)
    source, target = predicted[use], truth[use]
    source_mean, target_mean = source.mean(0), target.mean(0)
    source, target = source - source_mean, target - target_mean
    left, singular, right = np.linalg.svd(target.T @ source)
    signs = np.ones(len(singular))
    if np.linalg.det(left @ right) < 0:
        signs[-1] = -1.0
    rotation = (left * signs) @ right
    scale = (singular * signs).sum() / max((source**2).sum(), 1e-30)
    return scale * (predicted - source_mean) @ rotation.T + target_mean


def pa_errors(
    predicted: np.ndarray, truth: np.ndarray, valid: np.ndarray | None = None
) -> np.ndarray:
    """Return the errors (N, K) after each hand's Procrustes alignment; PA-MPJPE is their mean."""
    if valid is None:
        valid = np.isfinite(truth).all(-1)
    aligned = np.stack(
        [procrustes_aligned(*hand) for hand in zip(predicted, truth, valid, strict=True)]
    )
    return endpoint_errors(aligned, truth, valid)


def root_errors(predicted: np.ndarray, truth: np.ndarray, root: int = 0) -> np.ndarray:
    """Return the absolute errors (N,) of the root keypoint of (N, K, D) points."""
    return endpoint_errors(predicted[..., root, :], truth[..., root, :])


def _known(errors: np.ndarray) -> np.ndarray:
    """Return the errors that are not NaN, sorted; ValueError where there are none."""
    flat = np.asarray(errors, np.float64).ravel()
    known = np.sort(flat[~np.isnan(flat)])
    if not len(known):
        raise ValueError("no annotated keypoint to evaluate")
    return known
