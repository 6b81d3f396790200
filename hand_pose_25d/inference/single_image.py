"""The hands of an image on its own: no other image says where they are, or will show them better.

Three looks, as long as hands are missing.  The second one is at the image in grey: both networks
have learned hands of skin, and do not take a blue, green or white glove for one; without colour it
is a hand as good as any.  The third one is around the hands that are found, with these painted
over: of two hands that touch, the detector and the pose network tend to see one.  Both are coarse:
a glove near the camera is what is missed in colour, and around a hand little is to be seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

from hand_pose_25d.frame import Frame
from hand_pose_25d.geometry.boxes import box_around, box_overlap
from hand_pose_25d.inference.detection import Detection
from hand_pose_25d.inference.duplicates import best_hands
from hand_pose_25d.inference.hand_networks import HandNetworks
from hand_pose_25d.inference.hypotheses import ResolvedHands

SPARE = 2
"""Detections beyond the hands asked for: the pose network is the better judge of hands."""
GREY_DOUBT = 0.75
"""Log odds that the evidence for a hand of the grey look must have: on the photographs that
`hand_evidence` was fitted to, 4 answers more in 1,195 of them then lie beside hands."""
HOPELESS = 3.0
"""Log odds below those asked for that a second pass of the pose network never mends."""
APART = 0.1
"""Share of the smaller box up to which a hand of the grey look is beside another one's box."""
WINDOW = 1.5
"""Of a hand's region, how far from its centre the third look goes."""
PAINT = (120, 115, 110)
"""Any colour without pattern."""
PAINT_MARGIN = 0.03
"""Of a hand's region, around the hull of its keypoints."""
TOUCHING = 0.02
"""Share of the smaller box that a hand of the third look has, at least, in common with one that is
painted over; what lies elsewhere had its chance before."""
MOST_PAINTED = 0.25
"""Share of a pose's keypoints on paint from which on it is the painted hand's, seen by its rim."""
ALIKE = 0.6
"""Least ratio of the sizes of two hands that touch."""


def find_hands(
    networks: HandNetworks, frame: Frame, most: int, presence_threshold: float
) -> ResolvedHands:
    """Return the hands of an image on its own, best first, at most `most`."""
    tried = networks.propose(frame)[: most + SPARE]
    hands = networks.resolve(frame, tried, again=True)
    shown = networks.show_hands(tried, hands.landmarks, presence_threshold)
    hands = hands[best_hands(hands.landmarks, shown, most)]
    if not networks.weighs_evidence:
        return hands  # what another's detector sees in altered images nobody knows
    later = _LaterLooks(networks, frame, most, presence_threshold)
    if len(hands) < most and _is_coloured(frame.image):
        hands += later.in_grey(hands)
    if 0 < len(hands) < most:
        hands += later.beside_painted(hands)
    return hands[best_hands(hands.landmarks, np.ones(len(hands), dtype=bool), most)]


@dataclass(frozen=True)
class _LaterLooks:
    """The looks for what is missing beside the hands `taken`; see `find_hands`."""

    networks: HandNetworks
    frame: Frame
    most: int
    presence_threshold: float

    def in_grey(self, taken: ResolvedHands) -> ResolvedHands:
        """Return the hands that the image shows without its colours, beside those taken."""
        frame = self.frame.in_grey()
        proposals = self.networks.propose_coarsely(frame, GREY_DOUBT)
        free = _overlaps(np.array([p.box for p in proposals]), taken) <= APART
        hands = self._judged(frame, _chosen(proposals, free), taken, GREY_DOUBT)
        return hands[_rows(_overlaps(_boxes(hands), taken) <= APART)]

    def beside_painted(self, taken: ResolvedHands) -> ResolvedHands:
        """Return the hands that touch one of those taken, seen with these painted over."""
        paint = _hulls(taken, self.frame.size)
        image = self.frame.image.copy()
        image[paint] = PAINT
        frame = replace(self.frame, image=image)
        proposals = [
            proposal
            for window in _windows(taken, frame.size)
            for proposal in self.networks.propose_coarsely(frame, window=window)
        ]
        proposals.sort(key=lambda proposal: -proposal.score)
        near = _overlaps(np.array([p.box for p in proposals]), taken) > TOUCHING
        hands = self._judged(frame, _chosen(proposals, near), taken, 0.0)
        sizes = np.array([region.size for region in hands.landmarks.regions])
        largest = max(region.size for region in taken.landmarks.regions)
        alike = (sizes >= ALIKE * largest) & (sizes * ALIKE <= largest)
        return hands[_rows(alike & (_share_on(paint, hands) <= MOST_PAINTED))]

    def _judged(
        self, frame: Frame, proposals: list[Detection], taken: ResolvedHands, doubt: float
    ) -> ResolvedHands:
        """Return the proposals that are hands, best first; `doubt`: see `show_hands`.

        What a first pass of the pose network finds hopeless has no second one.
        """
        room, least = self.most - len(taken), self.presence_threshold
        tried = proposals[: room + SPARE]
        hands = self.networks.resolve(frame, tried, again=False)
        hopeful = self.networks.show_hands(tried, hands.landmarks, least, doubt - HOPELESS)
        tried = _chosen(tried, hopeful)
        hands = self.networks.refine(frame, hands[_rows(hopeful)], tried)
        shown = self.networks.show_hands(tried, hands.landmarks, least, doubt)
        return hands[best_hands(hands.landmarks, shown, room)]


def _chosen(proposals: list[Detection], rows: np.ndarray) -> list[Detection]:
    """Return those of N proposals that (N,) bool says."""
    return [proposals[row] for row in _rows(rows)]


def _rows(chosen: np.ndarray) -> list[int]:
    """Return the indices at which (N,) bool is true."""
    rows: list[int] = np.flatnonzero(chosen).tolist()
    return rows


def _boxes(hands: ResolvedHands) -> np.ndarray:
    """Return the boxes around N poses: (N, 4)."""
    return np.array([box_around(points) for points in hands.landmarks.extended_2d])


def _overlaps(boxes: np.ndarray, taken: ResolvedHands) -> np.ndarray:
    """Return the largest overlap of each of (N, 4) boxes with the hands taken: (N,), see APART."""
    largest: np.ndarray = box_overlap(boxes, _boxes(taken)).max(axis=1, initial=0.0)
    return largest


def _windows(hands: ResolvedHands, size: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    """Return left, top, right and bottom of the parts of an image (W, H) around its hands."""
    windows = []
    for region in hands.landmarks.regions:
        reach = WINDOW * region.size
        left, top = (max(math.floor(c - reach), 0) for c in region.center)
        right = min(math.ceil(region.center[0] + reach), size[0])
        bottom = min(math.ceil(region.center[1] + reach), size[1])
        if left < right and top < bottom:
            windows.append((left, top, right, bottom))
    return windows


def _hulls(hands: ResolvedHands, size: tuple[int, int]) -> np.ndarray:
    """Return (H, W) bool of an image of `size` (W, H): the keypoints' hulls, with margins."""
    painted = np.zeros(size[::-1], dtype=np.uint8)
    sides = np.array(size)
    for points, region in zip(hands.landmarks.extended_2d, hands.landmarks.regions, strict=True):
        near = np.clip(np.round(points), -sides, 2 * sides)  # OpenCV's numbers are small
        hull = cv2.convexHull(near.astype(np.int32))
        cv2.fillConvexPoly(painted, hull, 1)
        width = 2 * max(round(PAINT_MARGIN * region.size), 1)
        cv2.polylines(painted, [hull], True, 1, width)
    return painted.astype(bool)


def _share_on(painted: np.ndarray, hands: ResolvedHands) -> np.ndarray:
    """Return the share of each hand's keypoints that lies on paint: (N,)."""
    last = np.array(painted.shape[::-1]) - 1
    pixels = np.clip(np.round(hands.landmarks.extended_2d), 0, last).astype(int)
    share: np.ndarray = painted[pixels[..., 1], pixels[..., 0]].mean(axis=-1)
    return share


def _is_coloured(image: np.ndarray) -> bool:
    red, green, blue = cv2.split(image)
    return not (np.array_equal(red, green) and np.array_equal(green, blue))
