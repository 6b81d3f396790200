"""`hand-pose-25d evaluate pose_score`: does the pose score know when a pose is wrong?

On labelled photographs, as they are and made worse (degraded_photos.py), and on rendered crops:
the area under the ROC curve for poses off by 15 % of the hand's box or more, the share of the
worst tenth by error that is in the worst fifth by score, how far the score is from the truth
(expected calibration error), and how often a handedness above 0.95 is correct.  `--fit` fits new
weights to the photographs that are not held out; `--diagram` draws the reliability diagram.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hand_pose_25d.handedness import tempered
from hand_pose_25d.inference.pose_network import load_pose_network
from hand_pose_25d.inference.pose_score import (
    SHIPPED,
    WRONG,
    PoseScoreWeights,
    pose_features,
)
from hand_pose_25d_train.datasets.held_out import held_out
from hand_pose_25d_train.datasets.photos import load_photos
from hand_pose_25d_train.datasets.shards import ShardDataset
from hand_pose_25d_train.evaluation.project.degraded_photos import (
    LabelledHandPhoto,
    Trial,
    trials_of,
)
from hand_pose_25d_train.evaluation.project.labelled_images import MOSTLY_HIDDEN
from hand_pose_25d_train.evaluation.project.logistic import fit_logistic
from hand_pose_25d_train.labelling.photo_folder import photo_folder

_BINS = 10
_DECAY = 1e-5


@dataclass(frozen=True)
class Trials:
    """N trials, column by column."""

    features: np.ndarray
    """(N, 4), see `pose_features`."""
    error: np.ndarray
    p_right: np.ndarray
    is_right: np.ndarray
    unchanged: np.ndarray
    """(N,) bool: the picture as it is."""
    held_out: np.ndarray

    @classmethod
    def of(cls, trials: Iterable[Trial]) -> Trials:
        """Put single ones together.  Raises ValueError without any."""
        rows = list(trials)
        if not rows:
            raise ValueError("no labelled hand to judge the pose score by")
        return cls(
            np.concatenate([pose_features(t.prediction) for t in rows]),
            np.array([t.error for t in rows]),
            np.array([t.p_right for t in rows]),
            np.array([t.is_right for t in rows]),
            np.array([t.unchanged for t in rows]),
            np.array([t.held_out for t in rows]),
        )

    def __getitem__(self, rows: np.ndarray) -> Trials:
        return Trials(*(column[rows] for column in vars(self).values()))

    def scores(self, weights: PoseScoreWeights) -> np.ndarray:
        """(N,) pose scores."""
        return np.asarray(1 / (1 + np.exp(-self.features @ np.array(weights))))


def photographed_hands(folder: Path, labels: Path) -> Iterator[LabelledHandPhoto]:
    """Yield the labelled hands of a folder of photographs."""
    photos = load_photos(folder, labels, None)
    out = held_out(folder.name, [photo.name for photo in photos])
    for photo, held in zip(photos, out, strict=True):
        yield LabelledHandPhoto(photo.image, photo.uv, photo.is_right, bool(held))


def hands_of_renders(folder: Path, count: int) -> Iterator[LabelledHandPhoto]:
    """Yield hands of rendered images, one an image, that are not mostly hidden; all held out."""
    scenes = ShardDataset(folder, masks=False)
    for index in range(min(count, len(scenes))):
        scene = scenes[index]
        shown = [h for h in scene.hands if h.visibility.mean() >= MOSTLY_HIDDEN]
        for hand in shown[:1]:
            uv = hand.uv.astype(np.float64)
            yield LabelledHandPhoto(scene.image, uv, bool(hand.is_right), True)


def fit_weights(trials: Trials) -> PoseScoreWeights:
    """Fit the logistic function to whether the poses are right."""
    x, y = trials.features, (trials.error < WRONG) * 1.0
    return PoseScoreWeights(*fit_logistic(x, y, _DECAY).tolist())


def area_under_roc(scores: np.ndarray, wrong: np.ndarray) -> float:
    """Return the probability that a wrong pose scores below a right one; NaN without both."""
    order = np.argsort(scores, kind="stable")
    ranks = np.empty(len(scores))
    ranks[order] = np.arange(1, len(scores) + 1)
    n, m = int(wrong.sum()), int((~wrong).sum())
    if not n or not m:
        return float("nan")
    return 1 - float(ranks[wrong].sum() - n * (n + 1) / 2) / (n * m)


def worst_found(scores: np.ndarray, errors: np.ndarray) -> float:
    """Return the share of the worst tenth by error that is in the worst fifth by score."""
    worst = np.argsort(-errors)[: max(len(errors) // 10, 1)]
    low = np.argsort(scores)[: max(len(scores) // 5, 1)]
    return float(np.isin(worst, low).mean())


def reliability(scores: np.ndarray, right: np.ndarray) -> list[tuple[float, float, int]]:
    """Return mean score, share of right poses, and their number, in tenths of the score."""
    tenths = np.minimum((scores * _BINS).astype(int), _BINS - 1)
    rows = [tenths == tenth for tenth in range(_BINS)]
    return [(scores[r].mean(), right[r].mean(), int(r.sum())) for r in rows if r.any()]


def judged(name: str, trials: Trials, weights: PoseScoreWeights) -> str:
    """Return a row of the table."""
    scores, right = trials.scores(weights), trials.error < WRONG
    calibration = sum(
        n * abs(score - share) for score, share, n in reliability(scores, right)
    ) / len(scores)
    p = tempered(trials.p_right, scores)
    sure = np.maximum(p, 1 - p) > 0.95
    correct = ((p >= 0.5) == trials.is_right)[sure]
    return (
        f"| {name} | {len(scores)} | {100 * (~right).mean():.1f} "
        f"| {area_under_roc(scores, ~right):.3f} | {100 * worst_found(scores, trials.error):.0f} "
        f"| {100 * calibration:.1f} | {100 * correct.mean() if len(correct) else np.nan:.1f} "
        f"of {100 * sure.mean():.0f} |"
    )


HEADER_OF_SCORES = (
    "| | poses | wrong % | AUROC | of the worst tenth in the worst fifth % "
    "| calibration error % | handedness above 0.95 correct, of all % |\n" + "|---" * 7 + "|"
)


def draw_reliability(
    path: Path, parts: Sequence[tuple[str, Trials]], weights: PoseScoreWeights
) -> None:
    """Draw the share of right poses over the score, and how many poses have it."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, (above, below) = plt.subplots(
        2, 1, figsize=(4.2, 4.4), sharex=True, height_ratios=(3, 1), layout="constrained"
    )
    above.plot((0, 1), (0, 1), color="0.7", linewidth=1)
    for name, trials in parts:
        scores = trials.scores(weights)
        rows = reliability(scores, trials.error < WRONG)
        above.plot([r[0] for r in rows], [r[1] for r in rows], "o-", markersize=4, label=name)
        below.step(np.linspace(0, 1, 21)[:-1], np.histogram(scores, 20, (0, 1))[0] / len(scores),
                   where="post")  # fmt: skip
    above.set(ylabel="share of right poses", xlim=(0, 1), ylim=(0, 1))
    above.legend(frameon=False)
    below.set(xlabel="pose_score", ylabel="share", yscale="log")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--photos", type=photo_folder, nargs="+", required=True, metavar="DIR=NPZ")
    parser.add_argument("--renders", type=Path, help="folder of rendered crops or scenes")
    parser.add_argument("--count", type=int, default=1000, help="of rendered images, at most")
    parser.add_argument("--weights", default="accurate", help="pose network: a name or a file")
    parser.add_argument("--fit", action="store_true", help="fit new weights of the score")
    parser.add_argument("--diagram", type=Path, help="draw the reliability diagram, a .png")


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    network, rng = load_pose_network(args.weights, "auto"), np.random.default_rng(0)
    photos = Trials.of(
        trial
        for folder, labels in args.photos
        for hand in photographed_hands(folder, labels)
        for trial in trials_of(network, hand, rng)
    )
    weights = SHIPPED
    if args.fit:
        weights = fit_weights(photos[~photos.held_out])
        print(f"{weights}\n")
    judging = photos[photos.held_out]
    parts = [("held-out photographs, most made worse", judging)]
    rows = [*parts, ("the pictures as they are", judging[judging.unchanged])]
    if args.renders:
        hands = hands_of_renders(args.renders, args.count)
        renders = Trials.of(t for hand in hands for t in trials_of(network, hand, rng, 2))
        parts.append(("rendered hands", renders))
        rows += [parts[-1], ("the pictures as they are", renders[renders.unchanged])]
    print(HEADER_OF_SCORES)
    for name, trials in rows:
        print(judged(name, trials, weights) if len(trials.error) else f"| {name} | 0 |")
    if args.diagram:
        draw_reliability(args.diagram, parts, weights)
    return 0
