"""Meshes, indices and textures on their way to the driver, and how long they stay there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from hand_pose_25d_train.render.gl import cull
from hand_pose_25d_train.render.gl.drawables import Mesh
from hand_pose_25d_train.render.gl.occlusion import mesh_openness

NOISE_CELLS = 64
"""Cells of noise that the noise's texture holds, along a side."""


@dataclass(frozen=True)
class Upload:
    """A mesh's vertices as the driver has them, and what of them may be seen."""

    buffer: Any
    data: np.ndarray
    """(n, 9) position, normal, openness, folds."""
    box: tuple[int, int, int, int]
    shown: np.ndarray
    """(n,) bool: about the image."""
    toward: np.ndarray | None
    """(n,) cosines of the normals with the view."""


class Uploads:
    """What one context holds of meshes: some of it always, the rest until `release`."""

    def __init__(self, context) -> None:
        import moderngl

        self.gl = moderngl
        self.context = context
        self._kept: dict[tuple[int, str], tuple] = {}
        self._temporary: list = []

    def keep_for_now(self, resource) -> None:
        """Take care of something that the driver holds until the image is drawn."""
        self._temporary.append(resource)

    def release(self) -> None:
        """Free what was uploaded for one image."""
        for resource in self._temporary:
            resource.release()
        self._temporary.clear()

    def meshes(self, meshes: list[Mesh], spheres, K, size) -> list[Upload]:
        """Each mesh's position, normal and openness; meshes may share their vertices."""
        shared: dict[tuple[int, int, int, float], Upload] = {}
        result = []
        for mesh in meshes:
            key = (id(mesh.vertices), id(mesh.normals), id(mesh.folds), mesh.ao)
            if key not in shared:
                data = np.empty((len(mesh.vertices), 9), np.float32)
                data[:, :3], data[:, 3:6] = mesh.vertices, mesh.normals
                place = cull.projected(data[:, :3], K, size)
                fine, toward = mesh.coarse is not None, None
                shown = cull.inside(*place, cull.FINE if fine else cull.ROUGH)
                if fine:
                    toward = cull.cosines(data[:, :3], data[:, 3:6])
                data[:, 6] = mesh_openness(mesh, data, spheres, shown, toward)
                data[:, 7:] = 0 if mesh.folds is None else mesh.folds
                buffer = self.context.buffer(data)
                self._temporary.append(buffer)
                shared[key] = Upload(buffer, data, cull.box_of(*place, size), shown, toward)
            result.append(shared[key])
        return result

    def array(self, array: np.ndarray, dtype: str):
        """Upload an array; those that cannot change (read-only arrays) are uploaded once."""
        if array.flags.writeable:
            buffer = self.context.buffer(np.ascontiguousarray(array, dtype))
            self._temporary.append(buffer)
            return buffer
        key = (id(array), dtype)
        if key not in self._kept:
            # The array is kept with its buffer, so that its id stays its own.
            self._kept[key] = (array, self.context.buffer(np.ascontiguousarray(array, dtype)))
        return self._kept[key][1]

    def indices(self, triangles: np.ndarray, count: int):
        """Upload triangles (t, 3) of `count` vertices.

        A driver reads, or shades, beyond its buffers where an index is too large.
        """
        if triangles.min() < 0 or triangles.max() >= count:
            raise ValueError(
                f"triangles of vertices {triangles.min()} to {triangles.max()}, "
                f"but there are {count} vertices"
            )
        return self.array(triangles, "i4")

    def texture_places(self, mesh: Mesh):
        """Upload a mesh's texture coordinates."""
        if mesh.uv.shape != (len(mesh.vertices), 2):
            raise ValueError(f"uv {mesh.uv.shape} of {len(mesh.vertices)} vertices")
        return self.array(mesh.uv, "f4")

    def texture(self, image: np.ndarray, mipmaps: bool = True):
        """Upload an (H, W, 3) uint8 sRGB image."""
        height, width = image.shape[:2]
        texture = self.context.texture(
            (width, height), 3, np.ascontiguousarray(image).tobytes(), alignment=1
        )
        if mipmaps:
            texture.build_mipmaps()
            texture.filter = (self.gl.LINEAR_MIPMAP_LINEAR, self.gl.LINEAR)
        return texture


def noise_texture(side: int = 256) -> np.ndarray:
    """Two octaves of noise (side, side, 3) uint8 that repeat: the mottling of skin and cloth."""
    rng = np.random.default_rng(2024)
    field = np.zeros((side, side), np.float32)
    for cells, share in ((NOISE_CELLS, 0.6), (int(NOISE_CELLS * 2.7), 0.4)):
        lattice = np.pad(rng.random((cells, cells)).astype(np.float32), ((0, 4), (0, 4)), "wrap")
        step = np.linspace(0, cells, side, endpoint=False, dtype=np.float32)
        x, y = np.meshgrid(step, step)
        field += share * cv2.remap(lattice, x, y, cv2.INTER_LINEAR)
    return np.repeat((field * 255).astype(np.uint8)[..., None], 3, 2)
