"""From placed hands to a finished image and its labels: dress, light, draw, composite, label."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from hand_pose_25d_train.datasets.shards import SceneSample
from hand_pose_25d_train.render.body.skins import Skins
from hand_pose_25d_train.render.gl.drawables import Material, Mesh
from hand_pose_25d_train.render.gl.gl import Drawer
from hand_pose_25d_train.render.pose.body import body_topology
from hand_pose_25d_train.render.pose.utensils import Utensil
from hand_pose_25d_train.render.scene import accessories
from hand_pose_25d_train.render.scene.backdrop import Backdrops
from hand_pose_25d_train.render.scene.blur import (
    BLUR_STREAM,
    MotionBlur,
    draw_moving,
    sample_blur,
    shaken,
)
from hand_pose_25d_train.render.scene.cutoff import hidden, rim
from hand_pose_25d_train.render.scene.cutouts import draw_cutout
from hand_pose_25d_train.render.scene.depth import at_pixels
from hand_pose_25d_train.render.scene.dim import DIM_STREAM, in_the_dark
from hand_pose_25d_train.render.scene.dressing import behind, shoulder
from hand_pose_25d_train.render.scene.gloves import Glove, gloved_arm, sample_glove
from hand_pose_25d_train.render.scene.lighting import sample_lighting, to_linear
from hand_pose_25d_train.render.scene.objects import held_mesh, surface, used_mesh
from hand_pose_25d_train.render.scene.sensor import expose, on_sensor
from hand_pose_25d_train.render.scene.shot import OBJECT, Shot
from hand_pose_25d_train.render.scene.sleeve import sleeve_mesh
from hand_pose_25d_train.render.scene.visibility import label
from hand_pose_25d_train.render.shares import asked

_SLEEVES, GLOVES, BEHIND = 0.4, 0.035, 0.08
CUTOUTS = 0.7
"""Share of the occluders that are pictures of `objects`, where there are some."""


class Painter:
    """Holds the assets of one process and turns shots into samples."""

    def __init__(
        self,
        bodies: range,
        skins: list[Path] | None = None,
        backgrounds: list[Path] | None = None,
        objects: list[Path] | None = None,
        pairs: float = 0.0,
        gloves: float = 0.0,
        *,
        far: float = 0.0,
        motion_blur: float = 0.0,
        utensils: float = 0.0,
        dim: float = 0.0,
    ) -> None:
        """Open what all pictures share; the shares are those of `RenderShares`, but one by one."""
        cv2.setNumThreads(1)
        body_topology()  # prepared once, now rather than within some image
        self.drawer = Drawer()
        self.bodies = bodies
        self.skins = Skins(self.drawer, skins or [])
        self.backdrops = Backdrops(backgrounds or [])
        self.objects = objects or []
        self.pairs, self.gloves, self.utensils = pairs, gloves, utensils
        self.far, self.motion_blur, self.dim = far, motion_blur, dim

    def paint(self, shot: Shot, rng: np.random.Generator) -> SceneSample:
        """Render a shot."""
        return self.paint_with_depth(shot, rng)[0]

    def paint_with_depth(
        self, shot: Shot, rng: np.random.Generator
    ) -> tuple[SceneSample, np.ndarray]:
        """Render a shot; also return its depth (H, W) float32 m, inf where nothing is drawn."""
        background = self.backdrop(rng, shot.size, shot.whole)
        meshes = shot.extras if shot.whole else self.dress(shot, rng) + shot.extras
        normals = (
            [h.normals for h in shot.hands] or [m.normals for m in meshes] or [np.eye(3) * -1]
        )
        lighting = sample_lighting(rng, background, np.concatenate(normals[:2]))
        blur = self.blur(shot)
        drawing = draw_moving(self.drawer, meshes, lighting, shot, blur)
        image = composite(drawing.radiance, background, rng, shadow=0.1 if shot.whole else 0.35)
        front = self.occluder(rng, shot) if shot.hands and rng.random() < 0.10 else None
        front = None if shot.bare else front
        if front is not None:
            color, alpha = front
            image = image * (1 - alpha[..., None]) + color * alpha[..., None]
        pixels = self.photograph(image, shot, blur, rng)
        covered = None if front is None else front[1] > 0.5
        hands = label(shot, drawing.depth, drawing.ident, covered)
        return SceneSample(pixels, shot.K, hands, shot.seed), at_pixels(drawing.depth)

    def dress(self, shot: Shot, rng: np.random.Generator) -> list[Mesh]:
        """The meshes of the shot's hands: skin, and sleeves for some."""
        skin = self.skins.sample(rng)
        glove = self.glove(rng)
        if rng.random() < GLOVES:
            plain = Glove(accessories.glove(rng, self.cloth(rng)), 0.0)
            glove = glove or plain
        cloth = self.cloth(rng) if rng.random() < _SLEEVES else None
        meshes: list[Mesh] = []
        for i, hand in enumerate(shot.hands):
            if glove is not None:
                meshes += gloved_arm(hand, skin, 1 + i, OBJECT + i, glove)
            else:
                meshes.append(hand.mesh(skin, 1 + i))
                # What is worn belongs to the hand's mask, but for what is on the arm.
                meshes += accessories.sample(hand, rng, 1 + i)
            if cloth is not None and not shot.bare:
                meshes.append(sleeve_mesh(hand, cloth, 50 + i, rng))
            if not hidden(hand.vertices[rim()], shot.K, shot.size):
                dressed = self.cloth(rng) if cloth is None else cloth
                meshes.append(shoulder(hand, dressed, rng, OBJECT + 30 + i))
            if hand.pose.held is None or shot.bare:
                continue
            if isinstance(hand.pose.held, Utensil):
                meshes += used_mesh(self, hand, rng, OBJECT + 10 + i)
            else:
                meshes.append(held_mesh(hand, surface(self, rng), OBJECT + 10 + i))
        if rng.random() < BEHIND:
            meshes += behind(self, shot.hands[0], rng, skin, OBJECT + 20)
        return meshes

    def backdrop(
        self, rng: np.random.Generator, size: tuple[int, int], whole: bool = False
    ) -> np.ndarray:
        """A linear background (H, W, 3) float32, at its own exposure and sharpness."""
        image = to_linear(self.backdrops.sample(rng, size, whole))
        image = image * np.float32(np.exp(rng.normal(0.25, 0.35)))
        if rng.random() < 0.6:
            image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.5, 5) * size[1] / 224))
        return image

    def cloth(self, rng: np.random.Generator) -> Material:
        """A cloth's material."""
        return Material(
            texture=self.backdrops.patch(rng),
            roughness=float(rng.uniform(0.6, 0.95)),
            specular=0.02,
            bump=float(rng.uniform(0.0, 0.002)),
            detail=float(rng.uniform(0, 0.3)),
            detail_scale=float(rng.uniform(40, 160)),
        )

    def glove(self, rng: np.random.Generator) -> Glove | None:
        """A glove for a person's hands, where one is asked for."""
        if not self.gloves or rng.random() >= self.gloves:
            return None
        return sample_glove(rng, self.cloth(rng))

    def occluder(self, rng: np.random.Generator, shot: Shot) -> tuple[np.ndarray, np.ndarray]:
        """Something before the hand: linear colour (H, W, 3) and coverage (H, W)."""
        width, height = shot.size
        shape = np.zeros((height, width), np.uint8)
        center = shot.hands[0].keypoints[int(rng.integers(21))] @ shot.K.T
        center = center[:2] / center[2] + rng.normal(0, 0.12, 2) * width
        if self.objects and rng.random() < CUTOUTS:
            path = self.objects[int(rng.integers(len(self.objects)))]
            side, angle = rng.uniform(0.15, 0.5) * width, rng.uniform(-np.pi, np.pi)
            color, coverage = draw_cutout(path, shot.size, center, side, angle)
            return to_linear((color * 255).clip(0, 255).astype(np.uint8)), coverage
        points = (
            center + rng.normal(0, rng.uniform(0.04, 0.16), (int(rng.integers(3, 8)), 2)) * width
        )
        cv2.fillConvexPoly(shape, cv2.convexHull(points.astype(np.int32)), (255,), cv2.LINE_AA)
        mask = cv2.GaussianBlur(shape / np.float32(255), (0, 0), float(rng.uniform(0.6, 3.0)))
        patch = cv2.resize(self.backdrops.patch(rng), (width, height))
        return to_linear(patch) * np.float32(rng.uniform(0.4, 1.3)), np.asarray(mask)

    def negative(self, rng: np.random.Generator, size: tuple[int, int], seed: int) -> SceneSample:
        """An image without a hand."""
        background = self.backdrop(rng, size)
        side = (size[0] - 1) / rng.uniform(0.1, 1.0)
        K = np.array([[side, 0, (size[0] - 1) / 2], [0, side, (size[1] - 1) / 2], [0, 0, 1.0]])
        shot = Shot([], K, size, seed)
        return SceneSample(self.photograph(background, shot, self.blur(shot), rng), K, [], seed)

    def blur(self, shot: Shot) -> MotionBlur | None:
        """What moves while the shutter is open, where that is asked for."""
        return sample_blur(shot) if asked(self.motion_blur, shot.seed, BLUR_STREAM) else None

    def photograph(
        self, image: np.ndarray, shot: Shot, blur: MotionBlur | None, rng: np.random.Generator
    ) -> np.ndarray:
        """What a camera makes of a linear image (H, W, 3): (h, w, 3) uint8 sRGB."""
        if blur is not None:
            image = shaken(image, shot.K, blur)
        if shot.reduced:
            image = on_sensor(image, shot.reduced, rng)
        if asked(self.dim, shot.seed, DIM_STREAM):
            image = in_the_dark(image, np.random.default_rng([shot.seed, DIM_STREAM, 1]))
        return expose(image.astype(np.float32), rng, moved=blur is not None)


def composite(
    radiance: np.ndarray, background: np.ndarray, rng: np.random.Generator, shadow: float = 0.35
) -> np.ndarray:
    """Lay premultiplied radiance (H, W, 4) over a background, sometimes with a cast shadow."""
    alpha = radiance[..., 3:]
    if rng.random() < shadow:
        h, w = background.shape[:2]
        shift = rng.normal(0, 0.06, 2) * w
        cast = cv2.warpAffine(
            np.ascontiguousarray(radiance[..., 3]),
            np.array([[1, 0, shift[0]], [0, 1, shift[1]]], dtype=np.float32),
            (w, h),
            borderMode=cv2.BORDER_REPLICATE,
        )
        cast = cv2.GaussianBlur(cast, (0, 0), float(rng.uniform(1, 10) * h / 224))
        background = background * (1 - rng.uniform(0.2, 0.65) * cast)[..., None]
    return radiance[..., :3] + (1 - alpha) * background
