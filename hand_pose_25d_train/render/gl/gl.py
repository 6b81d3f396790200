"""Off-screen drawing with OpenGL (Mesa's llvmpipe suffices): meshes in, radiance and labels out.

Everything is in the camera's optical frame (x right, y down, z forward; metres).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hand_pose_25d_train.render.gl import cull, shaders
from hand_pose_25d_train.render.gl.context import open_context
from hand_pose_25d_train.render.gl.drawables import Drawing, Lighting, Mesh, in_view, light_view
from hand_pose_25d_train.render.gl.shaders import SAMPLES
from hand_pose_25d_train.render.gl.upload import NOISE_CELLS, Uploads, noise_texture

_NEAR, _FAR = 0.03, 30.0
SHADOW_SIDES = (256, 384)
"""Sides of the shadow maps of images of up to so many pixels and of larger ones."""


class Drawer:
    """An OpenGL context with its programs, targets and textures (one a process)."""

    def __init__(self) -> None:
        self.gl, self.context = open_context()
        # The wrapper's types do not tell a uniform from an attribute.
        program: Any = self.context.program
        self.program = program(shaders.SURFACE_VERTEX, shaders.SURFACE_FRAGMENT)
        self.shade_program = program(shaders.SHADE_VERTEX, shaders.SHADE_FRAGMENT)
        self.shadow_program = program(shaders.SHADOW_VERTEX, shaders.SHADOW_FRAGMENT)
        self._shadow_maps = {side: self._shadow_map(side) for side in SHADOW_SIDES}
        self._uniforms = {name: self.program[name] for name in self.program}
        self._shade = self.context.vertex_array(self.shade_program, [])
        self._uploads = Uploads(self.context)
        self._noise = self._uploads.texture(noise_texture())
        self._targets: dict[tuple[int, int], tuple] = {}
        self.textures: dict[object, object] = {}
        self.textures[None] = self._uploads.texture(np.full((4, 4, 3), 255, np.uint8))

    def add_texture(self, key: object, image: np.ndarray) -> None:
        """Upload an (H, W, 3) uint8 sRGB image under a key (once)."""
        if key not in self.textures:
            with self.context:
                self.textures[key] = self._uploads.texture(image)

    def draw(
        self,
        meshes: list[Mesh],
        lighting: Lighting,
        K: np.ndarray,
        size: tuple[int, int],
        spheres: np.ndarray | None = None,
    ) -> Drawing:
        """Draw the meshes into an image of `size` (width, height) with intrinsics K (3, 3)."""
        meshes = [mesh for mesh in meshes if len(mesh.triangles)]
        if not meshes:
            large = (size[1] * SAMPLES, size[0] * SAMPLES)
            return Drawing(
                np.zeros((size[1], size[0], 4), np.float32),
                np.full(large, np.inf, np.float32),
                np.zeros(large, np.uint8),
            )
        with self.context:  # Another drawer of this process may have made its own current.
            return self._draw(meshes, lighting, K, size, spheres)

    def _draw(self, meshes, lighting, K, size, spheres) -> Drawing:
        context = self.context
        buffers = self._uploads.meshes(meshes, spheres, K, size)
        matrix = self._shadows(meshes, buffers, lighting, K, size)
        surfaces, surface, target, color = self._target((size[0], size[1]))
        width, height = size
        surfaces.use()
        # Zero is zero, whether the driver takes it for a float or for an integer.
        surfaces.clear(0.0, 0.0, 0.0, 0.0, depth=1.0)
        context.enable(self.gl.DEPTH_TEST)
        context.disable(self.gl.CULL_FACE)
        set_ = self._set
        scale = (2 * K[0, 0] / width, 2 * K[1, 1] / height)
        shift = (2 * (K[0, 2] + 0.5) / width - 1, 2 * (K[1, 2] + 0.5) / height - 1)
        set_("intrinsics", (*scale, *shift))
        set_("planes", (_NEAR, _FAR))
        set_("albedo_map", 0)
        set_("noise_map", 1)
        self._noise.use(1)
        for mesh, uploaded in zip(meshes, buffers, strict=True):
            kept = uploaded.shown
            if mesh.closed and uploaded.toward is not None:
                kept = kept & (uploaded.toward > cull.AWAY)
            triangles = cull.triangles_of(kept, mesh.triangles)
            if not len(triangles):
                continue
            self._material(mesh)
            array = context.vertex_array(
                self.program,
                [
                    (
                        uploaded.buffer,
                        "3f 3f 1f 2f",
                        "in_position",
                        "in_normal",
                        "in_open",
                        "in_fold",
                    ),
                    (self._uploads.texture_places(mesh), "2f", "in_uv"),
                ],
                self._uploads.indices(triangles, len(mesh.vertices)),
            )
            if mesh.closed:
                context.enable(self.gl.CULL_FACE)
            array.render()
            context.disable(self.gl.CULL_FACE)
            self._uploads.keep_for_now(array)
        self._lights(lighting, matrix, shadow_side(size))
        focal = K[0, 0], K[1, 1]
        self.shade_program["unproject"].value = (
            1 / (SAMPLES * focal[0]),
            -1 / (SAMPLES * focal[1]),
            -(K[0, 2] + 0.5) / focal[0],
            (height - 0.5 - K[1, 2]) / focal[1],
        )
        self.shade_program["surface"].value = 0
        surface.use(0)
        target.use()
        target.clear()
        boxes = np.array([uploaded.box for uploaded in buffers])
        left, top = boxes[:, :2].min(0)
        right, bottom = boxes[:, 2:].max(0)
        target.scissor = (int(left), int(height - bottom), int(right - left), int(bottom - top))
        context.disable(self.gl.DEPTH_TEST)
        self._shade.render(vertices=3)
        target.scissor = None
        drawing = self._read(surface, color, size)
        self._uploads.release()
        return drawing

    @staticmethod
    def _read(surface, color, size) -> Drawing:
        """Fetch what was drawn; OpenGL's images begin at the bottom."""
        width, height = size
        radiance = np.frombuffer(color.read(), np.float32).reshape(height, width, 4)
        raw = np.frombuffer(surface.read(), np.uint32)
        raw = raw.reshape(height * SAMPLES, width * SAMPLES, 4)[::-1]
        ident = (raw[..., 3] & 255).astype(np.uint8)
        depth = np.where(ident > 0, raw.view(np.float32)[..., 2], np.float32(np.inf))
        return Drawing(np.ascontiguousarray(radiance[::-1]), depth, ident)

    def _shadows(self, meshes, buffers, lighting: Lighting, K, size) -> np.ndarray:
        points = np.concatenate([m.vertices[:: max(1, len(m.vertices) // 400)] for m in meshes])
        matrix = light_view(lighting.directions[0], points, in_view(points, K, size))
        self.shadow_program["light"].write(matrix.T.astype(np.float32).tobytes())
        self._shadow_maps[shadow_side(size)][1].use()
        self._shadow_maps[shadow_side(size)][1].clear(depth=1.0)
        self.context.enable(self.gl.DEPTH_TEST)
        light = lighting.directions[0].astype(np.float32)
        for mesh, uploaded in zip(meshes, buffers, strict=True):
            triangles = mesh.triangles if mesh.shadow_triangles is None else mesh.shadow_triangles
            if mesh.closed and uploaded.toward is not None:
                triangles = cull.triangles_of(uploaded.data[:, 3:6] @ light > cull.AWAY, triangles)
            if not len(triangles):
                continue
            array = self.context.vertex_array(
                self.shadow_program,
                [(uploaded.buffer, "3f 24x", "in_position")],
                self._uploads.indices(triangles, len(mesh.vertices)),
            )
            array.render()
            self._uploads.keep_for_now(array)
        return matrix

    def _lights(self, lighting: Lighting, matrix: np.ndarray, side: int) -> None:
        program = self.shade_program
        count = len(lighting.directions)
        directions = np.zeros((shaders.MAX_LIGHTS, 3), np.float32)
        colors = np.zeros((shaders.MAX_LIGHTS, 3), np.float32)
        directions[:count], colors[:count] = lighting.directions, lighting.colors
        program["light_direction"].write(directions.tobytes())
        program["light_color"].write(colors.tobytes())
        program["light_count"].value = count
        program["ambient"].write(np.asarray(lighting.ambient, np.float32).tobytes())
        program["light_matrix"].write(matrix.T.astype(np.float32).tobytes())
        program["shadow_strength"].value = float(lighting.shadow)
        program["shadow_blur"].value = 1.5 / side
        self._shadow_maps[side][0].use(1)
        program["shadow_map"].value = 1

    def _material(self, mesh: Mesh) -> None:
        material = mesh.material
        texture = material.texture
        if isinstance(texture, np.ndarray):
            # Mipmaps of a patch that lives for one image cost more (20 ms) than its drawing.
            uploaded = self._uploads.texture(texture, mipmaps=False)
            self._uploads.keep_for_now(uploaded)
        else:
            uploaded = self.textures[texture]
        uploaded.use(0)
        set_ = self._set
        set_("tint", tuple(material.tint))
        set_("tint_offset", tuple(material.offset))
        for name in ("bump", "saturation", "detail"):
            set_(name, float(getattr(material, name)))
        set_("detail_scale", float(material.detail_scale) / NOISE_CELLS)
        gloss = (material.roughness, material.specular / 0.6, material.subsurface / 2)
        code = mesh.ident
        for i, amount in enumerate(gloss):  # as the shader unpacks them
            code |= round(255 * min(max(amount, 0.0), 1.0)) << (8 * (i + 1))
        set_("code", code)

    def _set(self, name: str, value) -> None:
        # A driver drops what a program does not use.
        if name in self._uniforms:
            self._uniforms[name].value = value

    def _shadow_map(self, side: int) -> tuple:
        texture = self.context.depth_texture((side, side))
        texture.compare_func = "<="
        texture.filter = (self.gl.LINEAR, self.gl.LINEAR)
        texture.repeat_x = texture.repeat_y = False
        return texture, self.context.framebuffer(depth_attachment=texture)

    def _target(self, size: tuple[int, int]):
        if size not in self._targets:
            large = (size[0] * SAMPLES, size[1] * SAMPLES)
            surface = self.context.texture(large, 4, dtype="u4")
            surface.filter = (self.gl.NEAREST, self.gl.NEAREST)
            depth = self.context.depth_renderbuffer(large)
            surfaces = self.context.framebuffer([surface], depth)
            color = self.context.texture(size, 4, dtype="f4")
            self._targets[size] = (surfaces, surface, self.context.framebuffer([color]), color)
        return self._targets[size]


def shadow_side(size: tuple[int, int]) -> int:
    """The side of the shadow map for an image of `size`."""
    small, large = SHADOW_SIDES
    return small if max(size) <= small else large
