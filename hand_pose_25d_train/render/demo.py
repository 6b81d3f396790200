"""The package's own clip, by script: two people's hands, entering, passing, waving, leaving."""

from __future__ import annotations

import numpy as np

from hand_pose_25d_train.render.body.rig import hand_shape
from hand_pose_25d_train.render.pose.fingers import place_thumb, states
from hand_pose_25d_train.render.scene.clips import Plan
from hand_pose_25d_train.render.scene.compose import Painter
from hand_pose_25d_train.render.scene.lighting import sample_lighting
from hand_pose_25d_train.render.scene.motion import STILL, Actor, Keyframes, facing

SEED = 62
_SIZE, _FPS, _DURATION, _FOCAL = (640, 480), 20.0, 10.0, 560.0

FIRST_RIGHT = [
    # time, pixel u, v, depth m; up, yaw, pitch; fingers, thumb
    (0.0, 150, 820, 0.55, 5, 10, 0, "eeee", "out"),
    (0.8, 190, 300, 0.55, 4, 8, 0, "eeee", "out"),
    (1.6, 200, 270, 0.52, -6, -6, 6, "eeee", "out"),
    (2.4, 220, 270, 0.50, 4, 14, 0, "efff", "wrap"),
    (3.2, 240, 280, 0.50, 8, 20, 4, "eeff", "wrap"),
    (4.0, 300, 290, 0.50, 4, 4, 0, "ffff", "wrap"),
    (4.8, 330, 290, 0.50, -5, -10, 0, "ffff", "up"),
    (5.6, 240, 290, 0.48, -70, -20, 10, "ffff", "up"),
    (6.4, 200, 280, 0.50, -5, -50, 0, "eeee", "loose"),
    (7.2, 200, 270, 0.55, 0, -170, 0, "eeee", "out"),
    (8.2, 190, 290, 0.60, 5, -185, 0, "hhhh", "loose"),
    (9.4, 150, 850, 0.60, 5, -180, 0, "hhhh", "loose"),
]
FIRST_LEFT = [
    (1.2, 520, 850, 0.72, -8, 0, 0, "eeee", "out"),
    (2.2, 470, 300, 0.70, -8, -10, 0, "eeee", "loose"),
    (3.2, 430, 290, 0.70, -4, 10, 0, "efff", "out"),
    (4.2, 330, 280, 0.72, 0, 0, 0, "eeef", "wrap"),
    (5.2, 230, 270, 0.72, 4, -8, 0, "eeee", "out"),
    (6.2, 380, 280, 0.70, -6, 10, 0, "effe", "out"),
    (7.4, 520, 850, 0.72, -10, 0, 0, "hhhh", "loose"),
]
SECOND_RIGHT = [
    (5.2, 1080, 330, 0.62, -75, 180, 0, "eeee", "out"),
    (6.2, 560, 260, 0.60, -35, 175, 0, "eeee", "out"),
    (7.2, 500, 240, 0.58, -20, 180, 0, "eeee", "out"),
    (8.4, 480, 250, 0.56, -25, 185, 0, "eeee", "out"),
    (9.0, 520, 260, 0.58, -40, 190, 0, "efff", "wrap"),
    (10.0, 640, 270, 0.60, -60, 185, 0, "efff", "wrap"),
]


def demo_plan(painter: Painter) -> Plan:
    """The plan of the bundled clip; needs a painter with its assets."""
    rng = np.random.default_rng([SEED, 606])
    K = np.array([[_FOCAL, 0, 319.5], [0, _FOCAL, 239.5], [0, 0, 1.0]])
    first, second = painter.bodies.start + 1, painter.bodies.start + 5
    actors = [
        scripted(FIRST_RIGHT, K, first, True, 0, 0, rng),
        scripted(FIRST_LEFT, K, first, False, 1, 0, rng),
        scripted(SECOND_RIGHT, K, second, True, 2, 1, rng, (6.9, 8.5, 2.4, 0.42)),
    ]
    painter.backdrops.procedural = 0.0 if painter.backdrops.files else 1.0
    background = painter.backdrop(rng, _SIZE, whole=True)
    background *= 0.22 / max(float(background.mean()), 1e-3)
    normals = rng.normal(size=(300, 3))
    lighting = sample_lighting(rng, background, normals / np.linalg.norm(normals, axis=1)[:, None])
    skins = [painter.skins.sample(rng) for _ in range(2)]
    return Plan(
        K,
        _SIZE,
        _FPS,
        _DURATION,
        actors,
        background,
        lighting,
        skins,
        [painter.cloth(rng), painter.cloth(rng)],
        seed=SEED,
    )


def scripted(
    rows, K, body: int, is_right: bool, number: int, person: int, rng, wave=STILL
) -> Actor:
    """An actor from rows as above."""
    shape = hand_shape(body)
    keyframes = Keyframes()
    for time, u, v, depth, up, yaw, pitch, fingers, how in rows:
        place = np.linalg.solve(K, [u, v, 1.0]) * depth
        angles = place_thumb(shape, states(fingers, shape, rng), how, rng)
        keyframes.add(time, place, facing(up, yaw, pitch), angles)
    return Actor(body, is_right, number, person, keyframes, wave)
