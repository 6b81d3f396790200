"""`view` writes rerun's files: read back, they hold images, hands and plots."""

from __future__ import annotations

import numpy as np
import pytest
import rerun as rr
from recordings_made import clip_camera, clip_images, write_bag
from seen_hands import CAMERA, hand_pose

from hand_pose_25d import cli
from hand_pose_25d.archive.finding import find_units
from hand_pose_25d.archive.parquet import read_images
from hand_pose_25d.archive.process import Processor
from hand_pose_25d.archive.settings import ProcessSettings
from hand_pose_25d.commands.view import SCREENS
from hand_pose_25d.visualization.rerun_log import TIMELINE, RerunLog

IMAGES = 4
ESTIMATOR = ("--device", "cpu", "--threads", "1")


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    return write_bag(tmp_path_factory.mktemp("bag") / "walk", clip_images(4, 40), clip_camera())


def columns(path) -> dict[str, list]:
    """The logged columns of a file, by entity and component, without nulls."""
    recording = rr.dataframe.load_recording(path)
    table = recording.view(index=TIMELINE, contents="/**").select().read_all()
    return {
        name: [v for v in table[name].to_pylist() if v is not None] for name in table.column_names
    }


def column(found: dict[str, list], entity: str, component: str) -> list:
    return next(v for k, v in found.items() if k.startswith(f"/{entity}:") and component in k)


def test_a_recording_is_tracked_and_shown(bag, tmp_path):
    path = tmp_path / "walk.rrd"
    assert cli.main(["view", str(bag), "--save", str(path), *ESTIMATOR]) == 0
    found = columns(path)
    assert len(column(found, "world/camera/image", "Blob")) == IMAGES
    assert len(column(found, "plots/latency/ms", "Scalar")) == IMAGES
    (first, *_) = column(found, "world/hands/hand_1/keypoints", "Position3D")
    assert np.shape(first) == (21, 3) and 0.1 < first[0][2] < 2


def test_a_result_is_shown_with_its_sources_images(bag, tmp_path):
    settings = ProcessSettings(estimator=(("device", "cpu"),))
    assert Processor(settings, tmp_path)(find_units([bag])[0]).status == "done"
    path = tmp_path / "walk.rrd"
    assert cli.main(["view", str(tmp_path / "walk.parquet"), "--save", str(path)]) == 0
    found = columns(path)
    assert len(column(found, "world/camera/image", "Blob")) == IMAGES
    rows = [rows[0] for rows in read_images(tmp_path / "walk.parquet")]
    depths = [v[0] for v in column(found, "plots/depth/hand_1", "Scalar")]
    expected = [row["smoothed_keypoints"][2] for row in rows if row["track_id"] == 1]
    np.testing.assert_allclose(depths, expected, rtol=1e-6)


def test_ellipsoids_are_those_of_the_covariance(tmp_path):
    """Axes and half sizes give the covariance back: R diag(h / chi)^2 R^T."""
    rng = np.random.default_rng(0)
    root = rng.normal(size=(21, 3, 3)) * 0.01
    covariance = root @ root.swapaxes(-1, -2)
    points = rng.normal(size=(21, 3)) * 0.05 + (0, 0, 0.5)
    log = RerunLog()
    log.save(tmp_path / "x.rrd")
    log.log(0.0, CAMERA, [hand_pose(points, covariance=covariance, track_id=3)])
    log.log(1.0, CAMERA, [])
    log.close()
    found = columns(tmp_path / "x.rrd")
    entity = "world/hands/hand_3/uncertainty"
    sizes = np.array(column(found, entity, "HalfSize3D")[0]) / 2.7955
    from scipy.spatial.transform import Rotation

    turns = Rotation.from_quat(column(found, entity, "Rotation")[0]).as_matrix()
    got = turns @ (sizes[..., None] ** 2 * turns.swapaxes(-1, -2))
    np.testing.assert_allclose(got, covariance, rtol=1e-3, atol=1e-8)


def test_a_file_of_before_stays_where_the_next_fails(bag, tmp_path):
    path = tmp_path / "new/walk.rrd"
    arguments = ["view", str(bag), "--frames", "2", "--save", str(path), *ESTIMATOR]
    assert cli.main(arguments) == 0
    before = path.read_bytes()
    (tmp_path / "notes.mp4").write_text("no video")
    assert cli.main(["view", str(tmp_path / "notes.mp4"), "--save", str(path)]) == 2
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["walk.rrd"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["x.mp4", "--save", "x.mp4"], "ends in .rrd"),
        (["x.mp4"], "no screen (DISPLAY, WAYLAND_DISPLAY, WAYLAND_SOCKET): give --web or --save"),
        (["nowhere.parquet", "--save", "x.rrd"], "no such result: nowhere.parquet"),
        (["nowhere.mp4", "--save", "x.rrd"], "no such image, folder or video: nowhere.mp4"),
    ],
)
def test_bad_input_is_named(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for screen in SCREENS:
        monkeypatch.delenv(screen, raising=False)
    assert cli.main(["view", *arguments]) == 2
    assert message in capsys.readouterr().err
