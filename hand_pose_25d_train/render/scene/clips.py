"""Mode `clips`: videos of moving hands before a known camera, with ground truth."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.io.clips import save_description
from hand_pose_25d.io.labelled_hand import LabelledHand
from hand_pose_25d_train.render.gl.drawables import Lighting, Material, Mesh
from hand_pose_25d_train.render.scene.arms import split_arm
from hand_pose_25d_train.render.scene.compose import Painter, composite
from hand_pose_25d_train.render.scene.instance import HandInstance
from hand_pose_25d_train.render.scene.lighting import sample_lighting, to_srgb
from hand_pose_25d_train.render.scene.motion import Actor, sample_actor
from hand_pose_25d_train.render.scene.objects import place_solid, random_rotation, surface
from hand_pose_25d_train.render.scene.scenes import sample_camera
from hand_pose_25d_train.render.scene.shot import OBJECT, Shot
from hand_pose_25d_train.render.scene.sleeve import sleeve_mesh
from hand_pose_25d_train.render.scene.visibility import label
from hand_pose_25d_train.render.video import VideoFile

SHUTTER = 0.4
"""Share of a frame's time in which the shutter is open."""


@dataclass
class Passer:
    """A thing that crosses the image in front of the hands."""

    times: tuple[float, float]
    places: tuple[np.ndarray, np.ndarray]
    rotation: np.ndarray
    half: np.ndarray
    material: Material


@dataclass
class Plan:
    """All that happens in a clip."""

    K: np.ndarray
    size: tuple[int, int]
    fps: float
    duration: float
    actors: list[Actor]
    background: np.ndarray
    """(H, W, 3) linear float32."""
    lighting: Lighting
    skins: list[Material]
    cloths: list[Material | None]
    passers: list[Passer] = field(default_factory=list)
    seed: int = 0
    noise: float = 0.0006

    @property
    def frames(self) -> int:
        """The number of frames."""
        return int(round(self.duration * self.fps))


def sample_plan(
    painter: Painter,
    seed: int,
    size: tuple[int, int] = (640, 480),
    duration: float = 8.0,
    fps: float = 15.0,
) -> Plan:
    """Draw a clip of one or two people's hands."""
    rng = np.random.default_rng([seed, 303])
    K = sample_camera(rng, size)
    people = 1 if rng.random() < 0.5 else 2
    skins = [painter.skins.sample(rng) for _ in range(people)]
    cloths = [painter.cloth(rng) if rng.random() < 0.6 else None for _ in range(people)]
    actors: list[Actor] = []
    for person in range(people):
        body = int(rng.integers(painter.bodies.start, painter.bodies.stop))
        sides = [True, False] if rng.random() < 0.6 else [bool(rng.random() < 0.5)]
        for is_right in sides:
            actors.append(
                sample_actor(rng, K, size, duration, body, is_right, len(actors), person)
            )
    background = painter.backdrop(rng, size, whole=True)
    normals = rng.normal(size=(200, 3))
    lighting = sample_lighting(rng, background, normals / np.linalg.norm(normals, axis=1)[:, None])
    passers = []
    if rng.random() < 0.6:
        start = float(rng.uniform(0.3, 0.7) * duration)
        sign = rng.choice([-1, 1])
        depth = float(rng.uniform(0.25, 0.35))
        ends = [
            np.linalg.solve(K, [size[0] * (0.5 + s * sign), size[1] * rng.uniform(0.3, 0.7), 1.0])
            * depth
            for s in (-0.8, 0.8)
        ]
        passers.append(
            Passer(
                (start, start + float(rng.uniform(0.8, 1.6))),
                (ends[0], ends[1]),
                random_rotation(rng),
                rng.uniform(0.015, 0.05, 3),
                surface(painter, rng),
            )
        )
    return Plan(K, size, fps, duration, actors, background, lighting, skins, cloths, passers, seed)


def render_frame(
    painter: Painter, plan: Plan, number: int
) -> tuple[np.ndarray, list[LabelledHand]]:
    """Return one frame, (H, W, 3) uint8 RGB, and its hands."""
    time = number / plan.fps
    present = [(a, a.at(time)) for a in plan.actors]
    hands = [(a, h) for a, h in present if h is not None and h.keypoints[:, 2].min() > 0.06]
    later = {a.number: a.at(time + 1 / plan.fps) for a, _ in hands}
    fastest = max((_speed(h, later[a.number], plan.K) for a, h in hands), default=0.0) * SHUTTER
    parts = int(np.clip(np.ceil(fastest / 5), 1, 3))
    radiance: Any = 0.0
    drawing = None
    order = np.argsort(np.abs(np.arange(parts) - (parts - 1) / 2))[::-1]  # the middle one last
    for k in order:
        offset = ((k + 0.5) / parts - 0.5) * SHUTTER / plan.fps
        moved = [(a, a.at(time + offset) or h) for a, h in hands]
        drawing = _draw(painter, plan, moved, time + offset)
        radiance = radiance + drawing.radiance / parts
    assert drawing is not None
    rng = np.random.default_rng([plan.seed, number, 404])
    image = composite(radiance, plan.background, rng, shadow=0.0)
    image += (
        rng.standard_normal(image.shape, dtype=np.float32)
        * np.float32(1.0)
        * np.sqrt(np.maximum(image, 0) * plan.noise).astype(np.float32)
    )
    shot = Shot([h for _, h in hands], plan.K, plan.size, plan.seed, whole=True)
    labels = label(shot, drawing.depth, drawing.ident, None)
    for hand in labels:
        hand.hand_id = hands[hand.hand_id][0].number
    return to_srgb(image).astype(np.uint8), labels


def _draw(painter: Painter, plan: Plan, hands: list[tuple[Actor, HandInstance]], time: float):
    meshes: list[Mesh] = []
    for i, (actor, hand) in enumerate(hands):
        meshes += split_arm(hand, plan.skins[actor.person], 1 + i, OBJECT + i)
        cloth = plan.cloths[actor.person]
        if cloth is not None:
            rng = np.random.default_rng([plan.seed, actor.person, 505])
            meshes.append(sleeve_mesh(hand, cloth, 50 + i, rng))
    for passer in plan.passers:
        begin, end = passer.times
        if begin < time < end:
            t = (time - begin) / (end - begin)
            place = passer.places[0] * (1 - t) + passer.places[1] * t
            meshes.append(
                place_solid("box", passer.half, passer.rotation, place, passer.material, 240)
            )
    spheres = np.concatenate([h.spheres() for _, h in hands[:2]]) if hands else None
    return painter.drawer.draw(meshes, plan.lighting, plan.K, plan.size, spheres)


def _speed(now: HandInstance, then: HandInstance | None, K: np.ndarray) -> float:
    """Pixels a frame of the fastest keypoint."""
    if then is None:
        return 0.0
    a, b = now.keypoints @ K.T, then.keypoints @ K.T
    return float(np.linalg.norm(a[:, :2] / a[:, 2:] - b[:, :2] / b[:, 2:], axis=1).max())


def write_clip(painter: Painter, plan: Plan, path: Path, progress=None) -> None:
    """Render a clip into `path` (.mp4) and its .json."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.part.mp4")
    described = []
    with VideoFile(temporary, plan.size, plan.fps) as video:
        for number in range(plan.frames):
            image, hands = render_frame(painter, plan, number)
            video.write(image)
            described.append((number / plan.fps, hands))
            if progress:
                progress(1)
    K = plan.K
    camera = Camera(
        fx=round(float(K[0, 0]), 6),
        fy=round(float(K[1, 1]), 6),
        cx=round(float(K[0, 2]), 6),
        cy=round(float(K[1, 2]), 6),
        width=plan.size[0],
        height=plan.size[1],
    )
    save_description(path.with_suffix(".json"), camera, plan.fps, described)
    temporary.replace(path)
