"""The protocols of the paper's Section 5, by the names of their datasets.

What a protocol says: which keypoints count, whether hands are shifted onto the annotated root
before they are compared, over which ranges the AUC is taken, and what else is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from hand_pose_25d.skeleton import FINGERTIPS
from hand_pose_25d_train.datasets.sample import Dataset, Sample
from hand_pose_25d_train.evaluation import metrics
from hand_pose_25d_train.evaluation.metrics import Summary
from hand_pose_25d_train.evaluation.paper.predict import Estimate, shortened

FINGERTIP_FACTOR = 0.9
_METHODS = {
    "closed_form": "closed form (paper)",
    "map": "all-bone MAP (default)",
    "true_depth": "true root depth and scale",
}


@dataclass(frozen=True)
class Protocol:
    """How one dataset is evaluated."""

    name: str
    title: str
    has_3d: bool = True
    root_aligned: bool = True
    fingertips: bool = False
    """Only the five fingertips count, as they are and with the last bones shortened."""
    range_3d: tuple[float, float] = metrics.AUC_3D_NARROW_METERS
    split: str = "evaluation"

    @property
    def keypoints(self) -> list[int]:
        """The keypoints that count."""
        return list(FINGERTIPS) if self.fingertips else list(range(21))


PROTOCOLS: dict[str, Protocol] = {
    p.name: p
    for p in (
        Protocol("rhp", "RHP, root-aligned"),
        Protocol("shp", "SHP, root-aligned"),
        Protocol(
            "dexter_object",
            "Dexter+Object, absolute fingertips",
            root_aligned=False,
            fingertips=True,
            range_3d=metrics.AUC_3D_METERS,
        ),
        Protocol(
            "ego_dexter",
            "EgoDexter, absolute fingertips",
            root_aligned=False,
            fingertips=True,
            range_3d=metrics.AUC_3D_METERS,
        ),
        Protocol("mpii_nzsl", "MPII+NZSL, 2D", has_3d=False),
        Protocol("mvbs", "MVBS, 2D", has_3d=False, split="training"),
        Protocol("freihand", "FreiHAND, root-aligned"),
    )
}


@dataclass
class Row:
    """One line of the table, with the errors behind it."""

    network: str
    method: str
    errors_2d: np.ndarray
    """(N, K) px."""
    summary_2d: Summary
    errors_3d: np.ndarray | None = None
    """(N, K) metres."""
    summary_3d: Summary | None = None
    extra: dict[str, float] = field(default_factory=dict)
    """Further figures by their column's title."""


def run_protocol(
    protocol: Protocol,
    samples: Dataset | Sequence[Sample],
    indices: Iterable[int],
    network: str,
    predict: Callable[[Sample], Estimate],
) -> list[Row]:
    """Predict the samples and return the rows of one network.

    Raises ValueError where no sample can be evaluated.
    """
    truths, estimates = [], []
    for index in indices:
        sample = samples[index]
        estimates.append(predict(sample))
        sample.image = np.zeros((1, 1, 3), np.uint8)  # no longer needed: thousands would not fit
        truths.append(sample)
    if not truths:
        raise ValueError(f"no samples to evaluate {protocol.name} on")
    return result_rows(protocol, network, truths, estimates)


def result_rows(
    protocol: Protocol, network: str, truths: Sequence[Sample], estimates: Sequence[Estimate]
) -> list[Row]:
    """Compare predictions with annotations; one row a method, two with shortened fingertips."""
    chosen = protocol.keypoints
    uv = np.stack([e.uv for e in estimates])
    uv_truth = np.stack([s.uv for s in truths])
    factors = (1.0, FINGERTIP_FACTOR) if protocol.fingertips else (1.0,)
    rows = []
    for factor in factors:
        label = f", last bones x {factor}" if factor != 1.0 else ""
        errors_2d = metrics.endpoint_errors(shortened(uv, FINGERTIPS, factor), uv_truth)[:, chosen]
        summary_2d = metrics.summarize(errors_2d, *metrics.AUC_2D_PIXELS)
        if not protocol.has_3d:
            extra = head_figures(errors_2d, truths)
            rows.append(Row(network, "2D" + label, errors_2d, summary_2d, extra=extra))
            continue
        xyz_truth = np.stack([s.xyz for s in truths])
        for method, title in _METHODS.items():
            if not all(method in e.keypoints for e in estimates):
                continue
            xyz = shortened(np.stack([e.keypoints[method] for e in estimates]), FINGERTIPS, factor)
            errors_3d, extra = errors_in_space(protocol, xyz, xyz_truth)
            summary_3d = metrics.summarize(errors_3d, *protocol.range_3d)
            rows.append(
                Row(network, title + label, errors_2d, summary_2d, errors_3d, summary_3d, extra)
            )
    return rows


def errors_in_space(
    protocol: Protocol, xyz: np.ndarray, truth: np.ndarray
) -> tuple[np.ndarray, dict[str, float]]:
    """Return the protocol's 3D errors (N, K), metres, and further figures in millimetres."""
    if protocol.fingertips:
        return metrics.endpoint_errors(xyz, truth)[:, protocol.keypoints], {}
    errors = metrics.endpoint_errors(xyz, truth)
    if protocol.root_aligned:
        errors = metrics.endpoint_errors(metrics.root_aligned(xyz), metrics.root_aligned(truth))
    aligned, root = metrics.pa_errors(xyz, truth), metrics.root_errors(xyz, truth)
    absolute = metrics.endpoint_errors(xyz, truth)
    return errors, {
        "PA-MPJPE mm": 1000 * _finite_mean(aligned),
        "root mm": 1000 * _finite_mean(root),
        "root median mm": 1000 * float(np.nanmedian(root)),
        "CS-MPJPE mm": 1000 * _finite_mean(absolute),
    }


def head_figures(errors: np.ndarray, truths: Sequence[Sample]) -> dict[str, float]:
    """Return PCKh at half a head, and PCK and AUC in units of the box of 0.7 heads.

    Empty where no head's size is known.
    """
    heads = np.array([s.head_size for s in truths])
    known = heads > 0
    if not known.any():
        return {}
    in_heads = metrics.head_normalized(errors[known], heads[known])
    in_boxes = metrics.head_normalized(errors[known], heads[known], share=0.7)
    return {
        "PCKh@0.5": float(metrics.pck(in_heads, np.array([0.5]))[0]),
        "PCK@0.2 box": float(metrics.pck(in_boxes, np.array([0.2]))[0]),
        "AUC box": metrics.auc(in_boxes, 0.0, 1.0),
    }


def _finite_mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
