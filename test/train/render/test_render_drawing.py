"""What the drawer leaves out and works out beforehand: culling, openness, photographs."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from hand_pose_25d_train.render.gl import cull
from hand_pose_25d_train.render.gl.drawables import in_view, light_view
from hand_pose_25d_train.render.gl.occlusion import openness
from hand_pose_25d_train.render.scene.backdrop import halved, jpeg_side, read_reduced
from hand_pose_25d_train.render.vectors import cross_product

K = np.array([[100.0, 0, 49.5], [0, 100, 39.5], [0, 0, 1]])
SIZE = (100, 80)


def test_cross_is_numpys() -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 4, 5, 3))
    np.testing.assert_allclose(cross_product(a, b), np.cross(a, b))
    np.testing.assert_allclose(cross_product(a[0, 0], b), np.cross(a[0, 0], b))


@pytest.mark.parametrize(
    "point, place", [([0, 0, 1], (0, 0)), ([0.5, 0, 1], (1, 0)), ([0, -0.8, 2], (0, -1))]
)
def test_points_are_projected_to_the_edges(point: list[float], place: tuple[float, float]) -> None:
    u, v, z = cull.projected(np.array([point], np.float32), K, SIZE)
    assert (u[0], v[0]) == pytest.approx(place, abs=1e-6) and z[0] == point[2]


def test_triangles_with_a_vertex_that_is_kept_are_kept() -> None:
    which = np.stack([np.arange(cull.FEW)] * 3, 1) + [0, 1, 2]
    kept = np.zeros(cull.FEW + 2, bool)
    kept[10] = True
    np.testing.assert_array_equal(cull.triangles_of(kept, which), which[8:11])
    assert len(cull.triangles_of(kept, which[:-1])) == cull.FEW - 1, "few are not worth it"


def test_the_box_holds_the_mesh() -> None:
    points = np.array([[-0.2, -0.1, 1.0], [0.096, 0.3, 1.0]], np.float32)
    x0, y0, x1, y1 = cull.box_of(*cull.projected(points, K, SIZE), SIZE)
    assert (x0, y0, x1, y1) == (30, 30, 60, 70)
    points[0, 2] = 0.01
    assert cull.box_of(*cull.projected(points, K, SIZE), SIZE) == (0, 0, 100, 80)


def test_a_ball_hides_the_sky_it_covers() -> None:
    """Straight above at twice its radius: a quarter of the cosine-weighted sky, less a margin."""
    ball = np.array([[0, 0, 2.0, 1.0]])
    vertices = np.zeros((3, 3))
    normals = np.array([[0, 0, 1.0], [1.0, 0, 0], [0, 0, -1.0]])
    assert openness(vertices, normals, ball) == pytest.approx([1 - 0.85 / 4, 1, 1], abs=1e-5)
    inside = openness(np.array([[0, 0, 1.9]]), normals[:1], ball)
    assert inside[0] == 1.0, "a vertex's own flesh does not hide it"


def test_culling_leaves_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    from rendering import painter_or_skip

    from hand_pose_25d_train.render.scene.crops import render_crop

    painter = painter_or_skip()
    for seed in (1, 3, 5, 6):
        culled = render_crop(painter, seed, 96)
        with monkeypatch.context() as patch:
            patch.setattr(cull, "FEW", 10**9)
            patch.setattr(cull, "AWAY", -2.0)
            whole = render_crop(painter, seed, 96)
        difference = np.abs(culled.image.astype(int) - whole.image)
        assert difference.mean() < 0.05 and np.quantile(difference, 0.999) <= 4
        for a, b in zip(culled.hands, whole.hands, strict=True):
            np.testing.assert_array_equal(a.visibility, b.visibility)


@pytest.mark.parametrize("index, uv", [(3, 3), (-1, 3), (2, 2)])
def test_buffers_that_are_too_short_are_refused(index: int, uv: int) -> None:
    """A driver would read beyond them."""
    from rendering import painter_or_skip

    from hand_pose_25d_train.render.gl.drawables import Lighting, Material, Mesh

    corners = np.array([[0, 0, 1.0], [0.1, 0, 1], [0, 0.1, 1]])
    mesh = Mesh(
        corners,
        np.tile([0, 0, -1.0], (3, 1)),
        np.zeros((uv, 2)),
        np.array([[0, 1, index]], np.int32),
        Material(),
        1,
    )
    light = Lighting(np.array([[0, 0, -1.0]]), np.ones((1, 3)), np.zeros((4, 3)))
    with pytest.raises(ValueError, match="vertices"):
        painter_or_skip().drawer.draw([mesh], light, K, SIZE)


def test_a_shadow_view_fits_what_is_seen() -> None:
    points = np.array([[0, 0, 1.0], [0.1, 0.1, 1.0], [0.0, 0.1, 1.1], [5, 5, 1.0]])
    seen = in_view(points, K, SIZE)
    np.testing.assert_array_equal(seen, [True, True, True, False])
    matrix = light_view(np.array([0, 0, -1.0]), points, seen)
    turned = points @ matrix[:3, :3].T + matrix[:3, 3]
    assert np.abs(turned[:3]).max() <= 1 and np.abs(turned[3, :2]).max() > 10
    assert np.abs(turned[:, 2]).max() <= 1


@pytest.mark.parametrize("size", [(640, 480), (1653, 1240), (3000, 1200), (301, 999)])
def test_photographs_are_read_reduced(tmp_path: Path, size: tuple[int, int]) -> None:
    x = np.linspace(0, 255, size[0]).astype(np.uint8)
    image = np.repeat(np.stack([x, x // 2, 255 - x], 1)[None], size[1], 0)
    for name in ("a.jpg", "a.png"):
        path = tmp_path / name
        cv2.imwrite(str(path), image)
        read = read_reduced(path)
        assert max(read.shape[:2]) <= 1000 and max(read.shape[:2]) > min(500, max(size) - 1)
        small = cv2.resize(image, read.shape[1::-1], interpolation=cv2.INTER_AREA)[:, :, ::-1]
        assert np.abs(read.astype(int) - small).mean() < 3
    data = np.fromfile(tmp_path / "a.jpg", np.uint8)
    assert jpeg_side(data) == max(size) and jpeg_side(data[:1]) == jpeg_side(data[5:]) == 0
    (tmp_path / "b.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match="b.jpg is not an image"):
        read_reduced(tmp_path / "b.jpg")


def test_halving_averages_pairs() -> None:
    image = np.arange(15, dtype=np.uint8).reshape(3, 5)[..., None] * np.ones(3, np.uint8)
    np.testing.assert_array_equal(halved(image)[..., 0], [[3, 5]])
