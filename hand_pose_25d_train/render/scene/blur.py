"""Motion while the shutter is open: hands with forearms that move, or a camera that rotates.

A picture is the mean, in linear light, of several, each smeared along the hands' way over its part
of the shutter's time; the labels are those of the middle, at time 0 of -0.5 to 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np

from hand_pose_25d_train.render.gl.drawables import Drawing, Lighting, Mesh
from hand_pose_25d_train.render.gl.gl import Drawer
from hand_pose_25d_train.render.scene.instance import HandInstance, moved_points
from hand_pose_25d_train.render.scene.movement import (
    RigidMovement,
    Swing,
    as_rotation,
    sample_rigid,
    sample_shake,
    sample_swing,
    touching_groups,
)
from hand_pose_25d_train.render.scene.sensor import motion_kernel
from hand_pose_25d_train.render.scene.shot import OBJECT, Shot, Staged

BLUR_STREAM = 607
"""The stream that says which pictures are blurred, see `shares.asked`."""
CAMERA = 0.3
"""Share of the blurred pictures in which the camera moves, and the hands do not."""
_ALSO = 0.5
"""Share of the other hands that move where one does."""
_PARTS = (5, 9)
"""The fewest and the most times of the shutter's that are drawn."""
_STEP = 7 / 224
"""Of the image's height: a hand moves no further between them, where the most suffice."""


class Mover(Protocol):
    """What moves: hands of a shot, and the meshes with some idents."""

    @property
    def hands(self) -> tuple[int, ...]:
        """Their numbers among the shot's."""

    @property
    def idents(self) -> frozenset[int]:
        """Of its meshes."""

    def hands_at(self, time: float, shot: Shot) -> list[HandInstance]:
        """Its hands at a time."""

    def meshes_at(self, time: float, meshes: list[Mesh]) -> list[Mesh]:
        """Its meshes, of those given for time 0, at a time."""


@dataclass(frozen=True)
class RigidMover:
    """Hands with forearms, and what they wear and hold, that move as one."""

    hands: tuple[int, ...]
    movement: RigidMovement

    @property
    def idents(self) -> frozenset[int]:
        """Hand, arm, thing held, shoulder and sleeve of each."""
        return frozenset(
            base + i for i in self.hands for base in (1, OBJECT, OBJECT + 10, OBJECT + 30, 50)
        )

    def hands_at(self, time: float, shot: Shot) -> list[HandInstance]:
        """Move the hands."""
        return [shot.hands[i].moved(*self.movement.at(time)) for i in self.hands]

    def meshes_at(self, time: float, meshes: list[Mesh]) -> list[Mesh]:
        """Move the meshes; those that share vertices go on sharing them."""
        rotation, shift = self.movement.at(time)
        moved: dict[int, np.ndarray] = {}
        for mesh in meshes:
            moved.setdefault(id(mesh.vertices), moved_points(mesh.vertices, rotation, shift))
            moved.setdefault(id(mesh.normals), moved_points(mesh.normals, rotation))
        return [
            replace(mesh, vertices=moved[id(mesh.vertices)], normals=moved[id(mesh.normals)])
            for mesh in meshes
        ]


@dataclass(frozen=True)
class PersonMover:
    """A person whose arms swing."""

    staged: Staged
    swing: Swing

    @property
    def hands(self) -> tuple[int, ...]:
        """The person's two."""
        return self.staged.first, self.staged.first + 1

    @property
    def idents(self) -> frozenset[int]:
        """All of the person's."""
        return self.staged.idents

    def hands_at(self, time: float, shot: Shot) -> list[HandInstance]:
        """Pose the person."""
        return self.swing.at(time, self.staged.person).hands

    def meshes_at(self, time: float, meshes: list[Mesh]) -> list[Mesh]:
        """Pose and draw the person."""
        return self.staged.draw(self.swing.at(time, self.staged.person))


@dataclass(frozen=True)
class MotionBlur:
    """What moves in a picture."""

    movers: tuple[Mover, ...] = ()
    tracks: tuple[np.ndarray, ...] = ()
    """Of each: the pixels (3, h, 2) of its hands' middles at the times -0.5, 0 and 0.5."""
    shake: np.ndarray | None = None
    """(3,) rad that the camera rotates about its axes, or None."""
    length: float = 0.0
    """Pixels that the middle of the fastest hand moves."""


def sample_blur(shot: Shot) -> MotionBlur:
    """Draw what moves; the pictures of a seed are otherwise the same with it and without."""
    rng = np.random.default_rng([shot.seed, BLUR_STREAM, 1])
    movers: list[Mover] = []
    if rng.random() >= CAMERA:
        in_people = {i for s in shot.people for i in (s.first, s.first + 1)}
        free = [i for i in range(len(shot.hands)) if i not in in_people]
        groups = touching_groups([shot.hands[i] for i in free])
        for group in ([free[i] for i in group] for group in groups):
            if movers and rng.random() >= _ALSO:
                continue
            movement = sample_rigid([shot.hands[i] for i in group], shot.K, shot.size, rng)
            if movement is not None:
                movers.append(RigidMover(tuple(group), movement))
        for staged in shot.people:
            swing = sample_swing(staged.person, shot.K, rng)
            if swing is not None:
                movers.append(PersonMover(staged, swing))
    if not movers:
        shake, length = sample_shake(shot.hands, shot.K, shot.size, rng)
        return MotionBlur(shake=shake, length=length)
    tracks = tuple(track_of(mover, shot) for mover in movers)
    lengths = [np.linalg.norm(track[2] - track[0], axis=1).max() for track in tracks]
    return MotionBlur(tuple(movers), tracks, None, float(max(lengths)))


def draw_moving(
    drawer: Drawer, meshes: list[Mesh], lighting: Lighting, shot: Shot, blur: MotionBlur | None
) -> Drawing:
    """Draw the shot; its radiance is the mean over the shutter's time, the rest of its middle."""
    movers = () if blur is None else blur.movers
    if blur is None or not movers:
        return drawer.draw(meshes, lighting, shot.K, shot.size, _spheres(shot.hands))
    parts = part_count(blur.length / shot.size[1])
    moving = [[mesh for mesh in meshes if mesh.ident in mover.idents] for mover in movers]
    moved_idents = frozenset[int]().union(*(mover.idents for mover in movers))
    still = [mesh for mesh in meshes if mesh.ident not in moved_idents]
    total = np.zeros((shot.size[1], shot.size[0], 4), np.float32)
    times = (np.arange(parts) + 0.5) / parts - 0.5
    for time in sorted(times, key=abs, reverse=True):  # the middle last: its labels are returned
        hands, drawn = list(shot.hands), list(still)
        for mover, own in zip(movers, moving, strict=True):
            if abs(time) < 1e-9:
                drawn += own
                continue
            drawn += mover.meshes_at(float(time), own)
            for i, hand in zip(mover.hands, mover.hands_at(float(time), shot), strict=True):
                hands[i] = hand
        drawing = drawer.draw(drawn, lighting, shot.K, shot.size, _spheres(hands))
        total += _smeared(drawing, blur, float(time), 1 / parts, shot) / np.float32(parts)
    return Drawing(total, drawing.depth, drawing.ident)


def part_count(length: float) -> int:
    """How many times are drawn for a blur by a part of the image: odd, one is the middle."""
    count = int(np.clip(np.ceil(length / _STEP), *_PARTS))
    return count + 1 - count % 2


def _spheres(hands: list[HandInstance]) -> np.ndarray | None:
    return np.concatenate([hand.spheres() for hand in hands[:2]]) if hands else None


def track_of(mover: Mover, shot: Shot) -> np.ndarray:
    """The pixels (3, h, 2) of the middles of a mover's hands at the times -0.5, 0 and 0.5."""
    points = np.array(
        [[h.keypoints.mean(0) for h in mover.hands_at(t, shot)] for t in (-0.5, 0.0, 0.5)]
    )
    pixels = points @ shot.K.T
    return np.asarray(pixels[..., :2] / pixels[..., 2:])


def _smeared(
    drawing: Drawing, blur: MotionBlur, time: float, step: float, shot: Shot
) -> np.ndarray:
    """The radiance, each moving hand smeared along its way in the time `step`: no ghosts."""
    radiance = drawing.radiance
    for mover, (before, now, after) in zip(blur.movers, blur.tracks, strict=True):
        # A parabola through the three places.
        ways = step * (after - before + 4 * time * (after + before - 2 * now))
        for i, way in zip(mover.hands, ways, strict=True):
            length = float(np.linalg.norm(way))
            own = [1 + i] if isinstance(mover, PersonMover) else list(mover.idents)
            table = np.zeros(256, np.uint8)
            table[own] = 255
            seen = cv2.LUT(drawing.ident, table)
            if length < 0.5 or not seen.any():
                continue
            margin = int(np.ceil(length)) + 1
            mask = cv2.resize(seen, shot.size, interpolation=cv2.INTER_AREA)
            mask = cv2.dilate(mask, np.ones((2 * margin + 1,) * 2, np.uint8))
            kernel = motion_kernel(length, float(np.arctan2(way[1], way[0])))
            x, y, width, height = cv2.boundingRect(mask)
            part = slice(y, y + height), slice(x, x + width)
            smear = cv2.filter2D(radiance[part], -1, kernel, borderType=cv2.BORDER_REPLICATE)
            radiance[part] = np.where(mask[part][..., None] > 0, smear, radiance[part])
            if isinstance(mover, RigidMover):
                break  # its hands move as one
    return radiance


def shaken(image: np.ndarray, K: np.ndarray, blur: MotionBlur) -> np.ndarray:
    """The linear image (H, W, 3) as a camera sees it that rotates while the shutter is open."""
    if blur.shake is None:
        return image
    image = image.astype(np.float32)
    parts = int(np.clip(np.ceil(blur.length / 2), _PARTS[0], 24))
    total = np.zeros_like(image)
    for time in (np.arange(parts) + 0.5) / parts - 0.5:
        change = K @ as_rotation(time * blur.shake) @ np.linalg.inv(K)
        total += cv2.warpPerspective(
            image, change, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE
        )
    return total / np.float32(parts)
