"""Off-screen drawing with OpenGL (Mesa's llvmpipe suffices): meshes in, radiance and labels out.

Everything is in the camera's optical frame (x right, y down, z forward; metres).
"""

from __future__ import annotations

import os
from typing import Any

import cv2
import numpy as np

from . import shaders
from .drawables import Drawing, Lighting, Mesh, light_view

NEAR, FAR = 0.03, 30.0
SHADOW_SIZE = 512

EGL_HELP = (
    "the renderer needs OpenGL over EGL, and no EGL driver could be opened ({error}). On Debian "
    "and Ubuntu: apt install libegl1 libgl1-mesa-dri libegl-mesa0"
)


class Drawer:
    """An OpenGL context with its programs, targets and textures (one a process)."""

    def __init__(self) -> None:
        os.environ.setdefault("LP_NUM_THREADS", "1")
        import moderngl

        self.gl = moderngl
        try:
            create: Any = moderngl.create_standalone_context
            self.context = create(backend="egl")
        except Exception as error:
            raise RuntimeError(
                EGL_HELP.format(error=str(error) or type(error).__name__)
            ) from error
        # The wrapper's types do not tell a uniform from an attribute.
        self.program: Any = self.context.program(shaders.VERTEX, shaders.FRAGMENT)
        self.shadow_program: Any = self.context.program(
            shaders.SHADOW_VERTEX, shaders.SHADOW_FRAGMENT
        )
        self.shadow_map = self.context.depth_texture((SHADOW_SIZE, SHADOW_SIZE))
        self.shadow_map.compare_func = "<="
        self.shadow_map.filter = (moderngl.LINEAR, moderngl.LINEAR)
        self.shadow_map.repeat_x = self.shadow_map.repeat_y = False
        self.shadow_target = self.context.framebuffer(depth_attachment=self.shadow_map)
        self._targets: dict[tuple[int, int], tuple] = {}
        self._indices: dict[int, tuple] = {}
        self._temporary: list = []
        self.textures: dict[object, object] = {}
        self.textures[None] = self._texture(np.full((4, 4, 3), 255, np.uint8))

    def add_texture(self, key: object, image: np.ndarray) -> None:
        """Upload an (H, W, 3) uint8 sRGB image under a key (once)."""
        if key not in self.textures:
            with self.context:
                self.textures[key] = self._texture(image)

    def draw(
        self,
        meshes: list[Mesh],
        lighting: Lighting,
        K: np.ndarray,
        size: tuple[int, int],
        supersample: float = 2,
        spheres: np.ndarray | None = None,
    ) -> Drawing:
        """Draw the meshes into an image of `size` (width, height) with intrinsics K (3, 3)."""
        width, height = round(size[0] * supersample), round(size[1] * supersample)
        meshes = [mesh for mesh in meshes if len(mesh.triangles)]
        if not meshes:
            return Drawing(
                np.zeros((size[1], size[0], 4), np.float32),
                np.full((height, width), np.inf, np.float32),
                np.zeros((height, width), np.uint8),
            )
        with self.context:  # Another drawer of this process may have made its own current.
            return self._draw(meshes, lighting, K, size, (width, height), spheres)

    def _draw(self, meshes, lighting, K, size, large: tuple[int, int], spheres) -> Drawing:
        width, height = large
        buffers = [self._upload(mesh) for mesh in meshes]
        light_matrix = self._shadows(meshes, buffers, lighting)
        target, color, ident, depth = self._target(width, height)
        self._uniforms(lighting, light_matrix, K, size, spheres)
        context = self.context
        target.use()
        target.clear(0.0, 0.0, 0.0, 0.0, depth=1.0)
        context.enable(self.gl.DEPTH_TEST)
        context.disable(self.gl.CULL_FACE)
        for mesh, (vertices, indices) in zip(meshes, buffers, strict=True):
            self._material(mesh)
            array = context.vertex_array(
                self.program,
                [(vertices, "3f 3f 2f", "in_position", "in_normal", "in_uv")],
                indices,
            )
            if mesh.closed:
                context.enable(self.gl.CULL_FACE)
            array.render()
            context.disable(self.gl.CULL_FACE)
            array.release()
        halves = np.frombuffer(color.read(), np.float16).reshape(height, width, 4)
        radiance = np.ascontiguousarray(halves[::-1].astype(np.float32))
        if (width, height) != tuple(size):
            radiance = _resized(radiance, size)
        codes = np.frombuffer(ident.read(), np.uint8).reshape(height, width)[::-1]
        z = np.frombuffer(depth.read(), np.float32).reshape(height, width)[::-1]
        z = 2 * FAR * NEAR / (FAR + NEAR - (2 * z - 1) * (FAR - NEAR))
        z = np.where(codes > 0, z, np.inf).astype(np.float32)
        for resource in [*self._temporary, *(vertices for vertices, _ in buffers)]:
            resource.release()
        self._temporary.clear()
        return Drawing(radiance, z, codes)

    def _upload(self, mesh: Mesh):
        data = np.concatenate([mesh.vertices, mesh.normals, mesh.uv], 1).astype(np.float32)
        return self.context.buffer(data.tobytes()), self._index_buffer(mesh.triangles)

    def _index_buffer(self, triangles: np.ndarray):
        """Upload indices; those that cannot change (read-only arrays) are uploaded once."""
        if triangles.flags.writeable:
            buffer = self.context.buffer(np.ascontiguousarray(triangles, np.int32).tobytes())
            self._temporary.append(buffer)
            return buffer
        key = id(triangles)
        if key not in self._indices:
            data = np.ascontiguousarray(triangles, np.int32).tobytes()
            # The array is kept with its buffer, so that its id stays its own.
            self._indices[key] = (triangles, self.context.buffer(data))
        return self._indices[key][1]

    def _shadows(self, meshes, buffers, lighting: Lighting) -> np.ndarray:
        points = np.concatenate([m.vertices[:: max(1, len(m.vertices) // 400)] for m in meshes])
        matrix = light_view(lighting.directions[0], points)
        self.shadow_program["light"].write(matrix.T.astype(np.float32).tobytes())
        self.shadow_target.use()
        self.shadow_target.clear(depth=1.0)
        self.context.enable(self.gl.DEPTH_TEST)
        for mesh, (vertices, indices) in zip(meshes, buffers, strict=True):
            if mesh.shadow_triangles is not None:
                indices = self._index_buffer(mesh.shadow_triangles)
            array = self.context.vertex_array(
                self.shadow_program, [(vertices, "3f 20x", "in_position")], indices
            )
            array.render()
            array.release()
        return matrix

    def _uniforms(self, lighting: Lighting, light_matrix, K, size, spheres) -> None:
        set_ = self._set
        width, height = size
        set_(
            "intrinsics",
            (
                2 * K[0, 0] / width,
                2 * K[1, 1] / height,
                2 * (K[0, 2] + 0.5) / width - 1,
                2 * (K[1, 2] + 0.5) / height - 1,
            ),
        )
        set_("planes", (NEAR, FAR))
        count = len(lighting.directions)
        directions = np.zeros((shaders.MAX_LIGHTS, 3), np.float32)
        colors = np.zeros((shaders.MAX_LIGHTS, 3), np.float32)
        directions[:count], colors[:count] = lighting.directions, lighting.colors
        self.program["light_direction"].write(directions.tobytes())
        self.program["light_color"].write(colors.tobytes())
        set_("light_count", count)
        self.program["ambient"].write(np.asarray(lighting.ambient, np.float32).tobytes())
        self.program["light_matrix"].write(light_matrix.T.astype(np.float32).tobytes())
        set_("shadow_strength", float(lighting.shadow))
        packed = np.zeros((shaders.MAX_SPHERES, 4), np.float32)
        used = 0 if spheres is None else min(len(spheres), shaders.MAX_SPHERES)
        if used:
            packed[:used] = spheres[:used]
        self.program["spheres"].write(packed.tobytes())
        set_("sphere_count", used)
        self.shadow_map.use(1)
        set_("shadow_map", 1)
        set_("albedo_map", 0)

    def _material(self, mesh: Mesh) -> None:
        material = mesh.material
        texture = material.texture
        if isinstance(texture, np.ndarray):
            # Mipmaps of a patch that lives for one image cost more (20 ms) than its drawing.
            uploaded = self._texture(texture, mipmaps=False)
            self._temporary.append(uploaded)
        else:
            uploaded = self.textures[texture]
        uploaded.use(0)
        set_ = self._set
        set_("tint", tuple(material.tint))
        set_("tint_offset", tuple(material.offset))
        for name in (
            "roughness",
            "specular",
            "subsurface",
            "bump",
            "saturation",
            "detail",
            "detail_scale",
        ):
            set_(name, float(getattr(material, name)))
        set_("ao_strength", float(mesh.ao))
        set_("id", mesh.ident / 255.0)

    def _set(self, name: str, value) -> None:
        # A driver drops what a program does not use.
        if name in self.program:
            self.program[name].value = value

    def _texture(self, image: np.ndarray, mipmaps: bool = True):
        height, width = image.shape[:2]
        texture = self.context.texture(
            (width, height), 3, np.ascontiguousarray(image).tobytes(), alignment=1
        )
        if mipmaps:
            texture.build_mipmaps()
            texture.filter = (self.gl.LINEAR_MIPMAP_LINEAR, self.gl.LINEAR)
        return texture

    def _target(self, width: int, height: int):
        if (width, height) not in self._targets:
            color = self.context.texture((width, height), 4, dtype="f2")
            ident = self.context.texture((width, height), 1, alignment=1)
            depth = self.context.depth_texture((width, height), alignment=1)
            depth.compare_func = ""
            target = self.context.framebuffer([color, ident], depth)
            self._targets[width, height] = (target, color, ident, depth)
        return self._targets[width, height]


def _resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
