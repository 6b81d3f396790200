"""`hand-pose-25d evaluate tracking`: hands followed through clips with ground truth.

Id switches, fragmentation, misses, false positives, MOTA and IDF1 (by motmetrics), time to
detect a hand and to drop one that has gone; the same for MediaPipe Hands on the same clips.
With --jitter: how much the keypoints of a still hand move, with and without the filter of
`smoothing`, and how much they depend on where the crop lies.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from hand_pose_25d.estimator import HandPoseEstimator
from hand_pose_25d.io.clips import CLIP, Clip, load_clip
from hand_pose_25d_train.evaluation.project.labelled_images import truth_of
from hand_pose_25d_train.evaluation.project.still_hand import still_hand_lines
from hand_pose_25d_train.evaluation.project.tracking_metrics import (
    ReportedHand,
    ScoredImage,
    TrackingScore,
    TrackingSummary,
    TrueHand,
)

FollowHands = Callable[[Clip], Iterator[list[ReportedHand]]]
"""A clip -> what is reported of each of its images."""
DEMO_CLIP = CLIP.with_suffix(".json")
LINK_DISTANCE = 0.5
"""MediaPipe's Python interface gives no ids: a hand takes the id of the one before it whose centre
is nearest, within this share of its size."""


def our_follower(max_hands: int, **options: object) -> FollowHands:
    """Return the estimator's `track`; hands in the state `lost` are not reported."""
    estimator = HandPoseEstimator("auto", max_hands=max_hands, **options)  # type: ignore[arg-type]

    def follow(clip: Clip) -> Iterator[list[ReportedHand]]:
        estimator.reset()
        for image, stamp in zip(clip.images(), clip.stamps, strict=True):
            hands = estimator.track(image, clip.camera, float(stamp))
            yield [
                ReportedHand(h.track_id, h.keypoints_2d, h.handedness == "right")
                for h in hands
                if h.state != "lost" and np.isfinite(h.keypoints_2d).all()
            ]

    return follow


def mediapipe_follower(max_hands: int, confidence: float = 0.5) -> FollowHands:
    """Return MediaPipe Hands in its video mode, full model, with its default confidences."""
    try:
        import mediapipe
    except ImportError as error:
        raise ImportError(
            "the comparison needs MediaPipe: pip install --no-deps mediapipe==0.10.21"
        ) from error

    def follow(clip: Clip) -> Iterator[list[ReportedHand]]:
        hands = mediapipe.solutions.hands.Hands(
            static_image_mode=False,
            max_num_hands=max_hands,
            model_complexity=1,
            min_detection_confidence=confidence,
            min_tracking_confidence=confidence,
        )
        linker = Linker()
        for image in clip.images():
            result = hands.process(image)
            size = (image.shape[1], image.shape[0])
            found, rights = [], []
            for marks, handedness in zip(
                result.multi_hand_landmarks or [], result.multi_handedness or [], strict=True
            ):
                found.append(np.array([(p.x, p.y) for p in marks.landmark]) * size - 0.5)
                # Its handedness is that of a mirrored image.
                rights.append(handedness.classification[0].label == "Left")
            ids = linker(found)
            yield [ReportedHand(i, uv, r) for i, uv, r in zip(ids, found, rights, strict=True)]
        hands.close()

    return follow


class Linker:
    """Gives ids to hands that come without, by their nearness to those of the image before."""

    def __init__(self) -> None:
        self._last: dict[int, np.ndarray] = {}
        self._next = 1

    def __call__(self, hands: list[np.ndarray]) -> list[int]:
        """Take the (21, 2) keypoints of an image's hands; return their ids."""
        pairs = sorted(
            (float(np.linalg.norm(uv.mean(axis=0) - old.mean(axis=0)) / np.ptp(uv, axis=0).max()),
             index, track_id)
            for index, uv in enumerate(hands)
            for track_id, old in self._last.items()
        )  # fmt: skip
        ids: dict[int, int] = {}
        for distance, index, track_id in pairs:
            if distance < LINK_DISTANCE and index not in ids and track_id not in ids.values():
                ids[index] = track_id
        for index in range(len(hands)):
            if index not in ids:
                ids[index] = self._next
                self._next += 1
        self._last = {ids[i]: uv for i, uv in enumerate(hands)}
        return [ids[i] for i in range(len(hands))]


def true_hands(clip: Clip, index: int) -> list[TrueHand]:
    """Return the hands of one image that are in it, at least in part."""
    shape = (clip.camera.height, clip.camera.width)
    found = []
    for hand in clip.hands[index]:
        truth = truth_of(hand.uv, hand.is_right, shape, float(np.mean(hand.visibility)))
        inside = ((hand.uv >= 0) & (hand.uv < (shape[1], shape[0]))).all(axis=1)
        if truth.asked or inside.any():
            found.append(TrueHand(hand.hand_id, truth.uv, hand.is_right, truth.asked))
    return found


def evaluate_tracking(follow: FollowHands, clips: list[Clip]) -> TrackingSummary:
    """Run a tracker over clips."""
    score = TrackingScore()
    for clip in clips:
        reported = list(follow(clip))
        score.add_clip(
            [ScoredImage(true_hands(clip, i), hands) for i, hands in enumerate(reported)]
        )
    return score.summary()


def tracking_row(name: str, s: TrackingSummary) -> str:
    """Format one line of the table."""
    return (
        f"| {name} | {s.images} | {s.hands} | {s.misses} | {s.false_positives} | {s.switches} "
        f"| {s.fragmentations} | {100 * s.mota:.1f} | {100 * s.idf1:.1f} | {s.time_to('detect')} "
        f"| {s.never_detected} | {s.time_to('drop')} | {s.wrong_handedness} |"
    )


_HEADER = (
    "| tracker | images | hands | misses | false positives | id switches | fragmentations "
    "| MOTA % | IDF1 % | time to detect, images: mean / max | never detected "
    "| time to drop, images: mean / max | wrong handedness |\n" + "|---" * 13 + "|"
)


def clips_of(paths: list[Path]) -> list[Clip]:
    """Load clips: .json or .mp4 files, or folders of them."""
    files: list[Path] = []
    for path in paths:
        files += sorted(path.glob("*.mp4")) if path.is_dir() else [path]
    if not files:
        raise FileNotFoundError(f"no clips (.mp4 beside .json) in {', '.join(map(str, paths))}")
    return [load_clip(file) for file in files]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "clips",
        type=Path,
        nargs="*",
        default=[DEMO_CLIP],
        help="clips or folders of clips; default: the bundled one",
    )
    parser.add_argument("--max-hands", type=int, default=3, help="hands followed at a time")
    parser.add_argument("--weights", type=Path, help="pose network; default: the shipped one")
    parser.add_argument("--detector", type=Path, help="detector; default: the shipped one")
    parser.add_argument("--detector-threshold", type=float, nargs="+", default=[None], metavar="P",
                        help="one or several of them, a row each")  # fmt: skip
    parser.add_argument("--mediapipe", action="store_true", help="also evaluate MediaPipe Hands")
    parser.add_argument("--jitter", type=int, metavar="IMAGE",
                        help="measure a still hand's jitter in this image")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    clips = clips_of(args.clips)
    if args.jitter is not None:
        image = next((im for i, im in enumerate(clips[0].images()) if i == args.jitter), None)
        if image is None:
            raise ValueError(f"image {args.jitter} of {len(clips[0])}: there is no such image")
        print("\n".join(still_hand_lines(image, clips[0])))
        return 0
    networks = {"weights": args.weights, "detector": args.detector}
    followers = [
        (f"hand_pose_25d{'' if threshold is None else f' at {threshold:.2f}'}",
         our_follower(args.max_hands, detector_threshold=threshold, **networks))
        for threshold in args.detector_threshold
    ]  # fmt: skip
    if args.mediapipe:
        followers.append(("MediaPipe Hands", mediapipe_follower(args.max_hands)))
    print(_HEADER)
    for name, follow in followers:
        print(tracking_row(name, evaluate_tracking(follow, clips)), flush=True)
    return 0
