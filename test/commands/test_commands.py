"""The library's commands, run on little images and a little network."""

from __future__ import annotations

import argparse
import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from dot_hands import DotDetector, DotNetwork, draw, make_hand
from hands_2d import OPEN_HAND
from seen_hands import hand_pose

from hand_pose_25d import BoneLengthPrior, Camera, HandPoseEstimator, cli
from hand_pose_25d.commands import calibrate, demo, estimate, resume
from hand_pose_25d.commands.inputs import add_camera_arguments, described_camera
from hand_pose_25d.commands.smoothed_records import covariance_record, smoothed_records
from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.inference.landmarks import lost_hand
from hand_pose_25d.io.cameras import CameraDescription
from hand_pose_25d.io.sources import open_source
from hand_pose_25d.io.videos import VideoWriter
from hand_pose_25d.networks.weights import build_network, save_network

CAMERA = Camera(600.0, 600.0, 319.5, 239.5, 640, 480)
FOCAL = ["--focal", "600"]
ROS_YAML = """
image_width: 640
image_height: 480
camera_name: test
camera_matrix: {rows: 3, cols: 3, data: [610.0, 0.0, 321.0, 0.0, 611.0, 238.0, 0.0, 0.0, 1.0]}
distortion_model: plumb_bob
distortion_coefficients: {rows: 1, cols: 5, data: [0.1, -0.2, 0.001, 0.002, 0.0]}
"""


@pytest.fixture
def dots(monkeypatch):
    """Make the commands' estimator read dots; returns the hands that its detector finds."""
    hands: list[np.ndarray] = [make_hand()]

    def make_estimator(args, **options):
        options.setdefault("bone_lengths", BoneLengthPrior.exact(BoneLengthPrior.default().mean))
        return HandPoseEstimator(
            "cpu", network=DotNetwork(), detector=DotDetector(hands, CAMERA), **options
        )

    for module in (estimate, demo, calibrate):
        monkeypatch.setattr(module, "make_estimator", make_estimator)
    return hands


@pytest.fixture
def photo(tmp_path, dots) -> Path:
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), draw(dots, CAMERA)[:, :, ::-1])
    return path


def lossless_video(path: Path, images: list[np.ndarray]) -> Path:
    """Write a video whose colours survive: the dots' are codes."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"FFV1"), 30.0, (640, 480))
    if not writer.isOpened():
        pytest.skip("this OpenCV has no FFV1 encoder")
    for image in images:
        writer.write(np.ascontiguousarray(image[:, :, ::-1]))
    writer.release()
    return path


def test_estimate_writes_metres_and_a_picture(photo, dots, tmp_path, capsys):
    out = tmp_path / "out"
    assert cli.main(["estimate", str(photo), "-o", str(out), *FOCAL]) == 0
    (image,) = json.loads((out / "photo.json").read_text())["images"]
    (hand,) = image["hands"]
    assert image["camera"]["fx"] == 600.0 and hand["handedness"] == "right"
    np.testing.assert_allclose(hand["keypoints"], dots[0], atol=0.02)
    assert (np.array(hand["deviation"]) > 0).all()
    picture = cv2.imread(str(out / "photo" / "photo.png"))
    assert picture.shape == (480, 640, 3)
    assert "1 hands in 1 images" in capsys.readouterr().out


def test_estimate_folders_boxes_and_bad_files(photo, dots, tmp_path, capsys):
    (photo.parent / "broken.jpg").write_bytes(b"no image")
    out = tmp_path / "out"
    x, y = CAMERA.project(dots[0]).min(0)
    w, h = np.ptp(CAMERA.project(dots[0]), axis=0)
    box = ["--box", *(str(v) for v in (x, y, w, h))]
    assert cli.main(["estimate", str(photo.parent), "-o", str(out), "--no-overlay", *box,
                     *FOCAL]) == 0  # fmt: skip
    (image,) = json.loads((out / f"{photo.parent.stem}.json").read_text())["images"]
    assert image["name"] == "photo.png" and len(image["hands"]) == 1
    assert not (out / photo.parent.stem).exists()


def test_estimate_follows_a_video(dots, tmp_path):
    path = lossless_video(tmp_path / "clip.avi", [draw(dots, CAMERA)] * 4)
    out = tmp_path / "out"
    assert cli.main(["estimate", str(path), "-o", str(out), "--frames", "3", *FOCAL]) == 0
    images = json.loads((out / "clip.json").read_text())["images"]
    assert [len(i["hands"]) for i in images] == [1, 1, 1]
    assert {i["hands"][0]["track_id"] for i in images} == {1}
    assert [i["stamp"] for i in images] == pytest.approx([0, 1 / 30, 2 / 30], abs=1e-5)
    assert cv2.VideoCapture(str(out / "clip.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 3


def test_demo_makes_video_sheet_and_json(dots, tmp_path, capsys):
    path = lossless_video(tmp_path / "clip.avi", [draw(dots, CAMERA)] * 5)
    out = tmp_path / "out"
    assert cli.main(["demo", str(path), "-o", str(out), *FOCAL]) == 0
    assert cv2.VideoCapture(str(out / "overlay.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 5
    assert cv2.imread(str(out / "contact_sheet.png")).shape[1] > 1000
    assert len(json.loads((out / "hands.json").read_text())["images"]) == 5
    assert "images   5, hands 5" in capsys.readouterr().out


def test_calibrate_by_distance_and_by_length(dots, tmp_path, capsys):
    # A hand of 1.1 times the average size, 1.1 times as far away, looks like an average one.
    wrist = (0.0, 0.08, 0.55)
    images = [draw([make_hand(wrist, roll=0.06 * i)], CAMERA) for i in range(8)]
    dots[:] = [make_hand(wrist)]
    distance = 1.1 * np.linalg.norm(wrist)
    path = lossless_video(tmp_path / "clip.avi", images)
    out = tmp_path / "hand.yaml"
    arguments = ["calibrate", str(path), "-o", str(out), *FOCAL]
    assert cli.main([*arguments, "--wrist-distance", str(distance)]) == 0
    assert "one hand in 8 of 8 images" in capsys.readouterr().out
    found, average = BoneLengthPrior.load(out), BoneLengthPrior.default()
    assert found.mean.sum() == pytest.approx(1.1 * average.mean.sum(), rel=0.02)
    assert cli.main(["calibrate", "--hand-length", "0.2", "-o", str(out)]) == 0
    assert BoneLengthPrior.load(out).hand_length == pytest.approx(0.2, rel=0.01)
    assert HandPoseEstimator(
        "cpu", network=DotNetwork(), detector=DotDetector([], CAMERA), bone_lengths=out
    ).scale_source == "calibrated"  # fmt: skip
    assert cli.main(["calibrate", "--wrist-distance", "0.5"]) == 2


def test_export_checks_what_it_wrote(tmp_path, capsys):
    pytest.importorskip("onnx", reason="needs the extra [onnx]")
    pytest.importorskip("onnxruntime", reason="needs the extra [onnx]")
    config = {"formulation": "latent", "backbone": "mbconv", "input_size": 64, "width": 16}
    weights, out = tmp_path / "net.safetensors", tmp_path / "net.onnx"
    torch.manual_seed(1)
    save_network(build_network(config), config, weights)
    assert cli.main(["export", str(weights), "-o", str(out)]) == 0
    assert out.stat().st_size > 1e5 and "64 x 64" in capsys.readouterr().out
    assert cli.main(["export", str(weights), "-o", str(tmp_path / "net.bin")]) == 2
    assert "must end in .onnx" in capsys.readouterr().err


@pytest.mark.parametrize("file_format", ["onnx", "torchscript"])
def test_export_writes_all_shipped_networks(tmp_path, capsys, file_format):
    pytest.importorskip("onnx", reason="needs the extra [onnx]")
    pytest.importorskip("onnxruntime", reason="needs the extra [onnx]")
    assert cli.main(["export", "--format", file_format, "-o", str(tmp_path)]) == 0
    suffix = {"onnx": ".onnx", "torchscript": ".pt"}[file_format]
    names = {f"{name}{suffix}" for name in ("accurate", "detector", "realtime")}
    assert {p.name for p in tmp_path.iterdir()} == names
    printed = capsys.readouterr().out
    assert "pose network" in printed and "detector, " in printed


def parse_camera(*arguments: str) -> CameraDescription:
    parser = argparse.ArgumentParser()
    add_camera_arguments(parser)
    return described_camera(parser.parse_args(arguments))


def test_cameras_from_options(tmp_path):
    path = tmp_path / "camera.yaml"
    path.write_text(ROS_YAML)
    camera = parse_camera("--camera", str(path)).camera(640, 480)
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (610.0, 611.0, 321.0, 238.0)
    assert camera.distortion == (0.1, -0.2, 0.001, 0.002, 0.0)
    half = parse_camera("--camera", str(path)).camera(320, 240)
    assert (half.fx, half.width) == (305.0, 320)
    with pytest.raises(ValueError, match="other proportions"):
        parse_camera("--camera", str(path)).camera(640, 360)
    wide = parse_camera("--field-of-view", "90").camera(640, 480)
    assert wide.fx == pytest.approx(320.0) and wide.cx == 319.5
    assert parse_camera("--focal", "500").camera(640, 480).fy == 500.0
    with pytest.raises(ValueError, match="1 to 170"):
        parse_camera("--field-of-view", "180").camera(640, 480)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [("image_width: 640", "", "'image_width' is missing"), ("610.0, 0.0", "610.0", "reshape"),
     ("610.0", "0.0", "calibrated"), ("plumb_bob", "magic", "unknown distortion model")],
)  # fmt: skip
def test_wrong_calibrations_are_named(tmp_path, old, new, message):
    path = tmp_path / "camera.yaml"
    path.write_text(ROS_YAML.replace(old, new))
    with pytest.raises(ValueError, match=message) as error:
        Camera.from_yaml(path)
    assert str(path) in str(error.value)


def test_sources_that_are_none(tmp_path):
    (tmp_path / "notes.txt").write_text("no video")
    for source, error in (
        (str(tmp_path / "absent.mp4"), FileNotFoundError),
        (str(tmp_path), ValueError),
        (str(tmp_path / "notes.txt"), ValueError),
        ("99", FileNotFoundError),
    ):
        with pytest.raises(error):
            open_source(source)


def test_json_has_null_for_the_unknown():
    lost = lost_hand(Region((1.0, 2.0), 3.0), 0.2).to_dict()
    assert lost["keypoints"][0] == [None] * 3 and lost["scale"] is None
    assert lost["handedness"] == "left" and lost["state"] == "lost"
    json.dumps(lost, allow_nan=False)
    known = hand_pose(make_hand()).to_dict()
    assert np.shape(known["keypoints"]) == (21, 3) and np.shape(known["deviation"]) == (21, 3)


def test_video_writer_makes_folders_and_no_empty_files(tmp_path):
    VideoWriter(tmp_path / "a" / "none.mp4", 30.0).close()
    assert not (tmp_path / "a").exists()
    writer = VideoWriter(tmp_path / "a" / "one.mp4", 10.0)
    writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.close()
    assert (tmp_path / "a" / "one.mp4").stat().st_size > 0


def results(path: Path) -> list[str]:
    return [image["name"] for image in json.loads(path.read_text())["images"]]


@pytest.mark.parametrize(
    ("inputs", "arguments", "json_file"),
    [
        (["clip.avi"], ["clip.avi"], "clip.json"),
        (["clip.mp4"], ["clip.mp4"], "clip_2.json"),
        (["photos/1.png", "photos/2.png"], ["photos"], "photos_2.json"),
        (["a/a.png"], ["a/a.png"], "a_2.json"),
        (["clip.mp4", "b/clip.mp4"], ["clip.mp4", "b/clip.mp4"], "clip_3.json"),
    ],
)
def test_results_beside_their_inputs_overwrite_none(
    dots, tmp_path, monkeypatch, inputs, arguments, json_file
):
    monkeypatch.chdir(tmp_path)
    image = draw(dots, CAMERA)
    for name in inputs:
        Path(name).parent.mkdir(exist_ok=True)
        if name.endswith(".png"):
            cv2.imwrite(name, image[:, :, ::-1])
        else:
            writer = VideoWriter(Path(name), 10.0)
            writer.write(image)
            writer.close()
    before = {name: Path(name).read_bytes() for name in inputs}
    for _ in range(2):  # a second run takes the place of the first's results
        assert cli.main(["estimate", *arguments, "-o", ".", *FOCAL]) == 0
        assert {name: Path(name).read_bytes() for name in inputs} == before
        assert results(Path(json_file))
    assert len(list(Path(".").glob("*.json"))) == len(arguments)
    assert not list(Path(".").rglob("*.jsonl")) + list(Path(".").rglob(".*part*"))


def test_demo_refuses_to_overwrite_its_input(dots, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    writer = VideoWriter(Path("overlay.mp4"), 10.0)
    writer.write(draw(dots, CAMERA))
    writer.close()
    before = Path("overlay.mp4").read_bytes()
    assert cli.main(["demo", "overlay.mp4", "-o", ".", *FOCAL]) == 2
    assert "overlay.mp4 is an input and would be overwritten" in capsys.readouterr().err
    assert Path("overlay.mp4").read_bytes() == before


def test_demo_of_images_of_several_sizes_has_them_all(dots, tmp_path):
    image = draw(dots, CAMERA)
    for name, size in (("a.png", (640, 480)), ("b.png", (480, 640)), ("c.png", (320, 240))):
        cv2.imwrite(str(tmp_path / name), cv2.resize(image[:, :, ::-1], size))
    out = tmp_path / "out"
    assert cli.main(["demo", str(tmp_path), "-o", str(out), *FOCAL]) == 0
    assert cv2.VideoCapture(str(out / "overlay.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 3
    images = json.loads((out / "hands.json").read_text())["images"]
    assert [i.get("camera", {}).get("width") for i in images] == [None, 480, 320]


@pytest.fixture
def interrupted_after(monkeypatch):
    """Return arm(number): the signal comes while the third image is worked on."""

    def arm(number: int) -> None:
        seen = []
        for name in ("estimate", "track"):
            real = getattr(HandPoseEstimator, name)

            def work(self, *args, real=real, **kwargs):
                seen.append(1)
                if len(seen) == 3:
                    os.kill(os.getpid(), number)
                return real(self, *args, **kwargs)

            monkeypatch.setattr(HandPoseEstimator, name, work)

    return arm


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_keeps_what_is_done_and_another_run_goes_on(
    dots, tmp_path, monkeypatch, interrupted_after, capsys, number
):
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    names = [f"{k}.png" for k in range(5)]
    for name in names:
        cv2.imwrite(str(photos / name), draw(dots, CAMERA)[:, :, ::-1])
    interrupted_after(number)
    arguments = ["estimate", str(photos), "-o", str(out), *FOCAL]
    assert cli.main(arguments) == 128 + number
    assert results(out / "photos.json") == names[:3] and (out / "photos.jsonl").exists()
    assert "interrupted; 3 hands in 3 images" in capsys.readouterr().out
    assert cli.main(arguments) == 0
    assert results(out / "photos.json") == names and not (out / "photos.jsonl").exists()
    assert "3 images are done from a run before" in capsys.readouterr().out
    assert len(list((out / "photos").iterdir())) == 5
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_run_goes_on_inside_a_video(
    dots, tmp_path, monkeypatch, interrupted_after, capsys
):
    dots.append(make_hand((0.2, 0.0, 0.6), False))
    monkeypatch.setattr(resume, "SEEN_AGAIN", 2)
    path = lossless_video(tmp_path / "clip.avi", [draw(dots, CAMERA)] * 6)
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert cli.main(["estimate", str(path), "-o", str(whole), *FOCAL]) == 0
    interrupted_after(signal.SIGINT)
    arguments = ["estimate", str(path), "-o", str(out), *FOCAL]
    assert cli.main(arguments) == 130
    lines = (out / "clip.jsonl").read_text().splitlines()
    assert len(lines) == 4  # what they are of, and three images
    tracked = []
    real = HandPoseEstimator.track
    monkeypatch.setattr(
        HandPoseEstimator, "track", lambda self, *a: (tracked.append(1), real(self, *a))[1]
    )
    assert cli.main(arguments) == 0
    assert "3 images are done from a run before" in capsys.readouterr().out
    assert len(tracked) == 2 + 3 and not (out / "clip.jsonl").exists()
    assert cv2.VideoCapture(str(out / "clip.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 6
    expected, found = (json.loads((f / "clip.json").read_text())["images"] for f in (whole, out))
    assert [image["name"] for image in found] == [f"00000{k}" for k in range(6)]
    for a, b in zip(expected, found, strict=True):
        assert {h["track_id"]: h["handedness"] for h in a["hands"]} == {
            h["track_id"]: h["handedness"] for h in b["hands"]
        }
    path.touch()  # another video of this name is none to go on with
    (out / "clip.jsonl").write_text("\n".join(lines) + "\n")
    assert cli.main(arguments) == 0
    assert "are done" not in capsys.readouterr().out


def jittering(dots, images: int = 24):
    """Pictures of the hand, which jitters by a pixel or two."""
    rng, still = np.random.default_rng(3), dots[0].copy()
    for _ in range(images):
        yield draw([still + rng.normal(0, 0.002, (21, 3))], CAMERA)


def steps(images) -> float:
    """How far the keypoints move from image to image, in metres."""
    points = np.array([image["hands"][0]["keypoints"] for image in images])
    return float(np.linalg.norm(np.diff(points, axis=0), axis=-1).mean())


def test_a_video_is_smoothed_both_ways_and_goes_on_where_it_was(
    dots, tmp_path, interrupted_after, monkeypatch
):
    monkeypatch.setattr(resume, "SEEN_AGAIN", 2)
    path = lossless_video(tmp_path / "clip.avi", list(jittering(dots)))
    arguments = ["estimate", str(path), "--no-overlay", *FOCAL]
    assert cli.main([*arguments, "-o", str(tmp_path / "raw")]) == 0
    arguments += ["--smoothing", "-o", str(tmp_path / "out")]
    interrupted_after(signal.SIGINT)
    assert cli.main(arguments) == 130
    lines = (tmp_path / "out" / "clip.jsonl").read_text().splitlines()
    assert np.array(json.loads(lines[1])["hands"][0]["covariance"]).shape == (21, 6)
    assert cli.main(arguments) == 0
    raw, smooth = (
        json.loads((tmp_path / f / "clip.json").read_text())["images"] for f in ("raw", "out")
    )
    assert [image["name"] for image in smooth] == [image["name"] for image in raw]
    assert len(smooth) == 24 and smooth[0]["hands"][0].keys() == raw[0]["hands"][0].keys()
    assert steps(smooth) < 0.85 * steps(raw)
    for a, b in zip(raw, smooth, strict=True):
        apart = np.subtract(a["hands"][0]["keypoints_2d"], b["hands"][0]["keypoints_2d"])
        assert np.abs(apart).max() < 3.0  # not smoothed; the crops are another run's
        assert a["hands"][0]["track_id"] == b["hands"][0]["track_id"]
    sure = [np.mean([i["hands"][0]["deviation"] for i in images]) for images in (smooth, raw)]
    assert sure[0] < sure[1]


def test_what_is_not_seen_is_not_smoothed():
    def record(stamp: float, *hands):
        return {"stamp": stamp, "hands": [h.to_dict() | covariance_record(h) for h in hands]}

    hidden = make_hand()
    hidden[8] = np.nan
    once, lost = hand_pose(make_hand(), track_id=2), lost_hand(Region((5.0, 5.0), 9.0), 0.5)
    lost = replace(lost, track_id=1)
    records = [
        record(0.0, hand_pose(make_hand(), track_id=1)),
        record(0.1, hand_pose(hidden, track_id=1), once),
        record(0.2, hand_pose(make_hand() + 0.01, track_id=1)),
        record(0.3, lost),
    ]
    before = json.dumps(records)
    found = smoothed_records(records)
    assert json.dumps(records) == before and "covariance" not in json.dumps(found)
    assert found[1]["hands"][0]["keypoints"][8] == [None, None, None]
    assert found[1]["hands"][1]["keypoints"] == once.to_dict()["keypoints"]
    assert found[3]["hands"][0]["keypoints"] == [[None] * 3] * 21
    assert found[1]["hands"][0]["keypoints"][7] != records[1]["hands"][0]["keypoints"][7]


def test_new_hands_get_new_ids_in_a_resumed_video():
    def seen(track_id: int, x: float):
        return hand_pose(make_hand(), track_id=track_id, keypoints_2d=OPEN_HAND + x)

    records = [{"hands": [seen(3, 0.0).to_dict(), seen(7, 400.0).to_dict()]}]
    resumed = resume.ResumedVideo(records)
    hands, done = resumed.next(lambda: [seen(1, 401.0), seen(2, 900.0), seen(3, 2.0)])
    assert done and [h.track_id for h in hands] == [3, 7]
    hands, done = resumed.next(lambda: [seen(n, 0.0) for n in (1, 2, 3, 4)])
    assert not done and [h.track_id for h in hands] == [7, 8, 3, 9]
    hands, done = resume.ResumedVideo([]).next(lambda: [seen(5, 0.0)])
    assert not done and hands[0].track_id == 5


@pytest.mark.parametrize("command", ["estimate", "demo"])
def test_an_interrupted_video_can_be_looked_at(dots, tmp_path, interrupted_after, command):
    path = lossless_video(tmp_path / "clip.avi", [draw(dots, CAMERA)] * 6)
    out = tmp_path / "out"
    interrupted_after(signal.SIGINT)
    assert cli.main([command, str(path), "-o", str(out), *FOCAL]) == 130
    text, video = ("clip.json", "clip.mp4") if command == "estimate" else (
        "hands.json", "overlay.mp4"
    )  # fmt: skip
    assert results(out / text) == ["000000", "000001", "000002"]
    assert cv2.VideoCapture(str(out / video)).get(cv2.CAP_PROP_FRAME_COUNT) == 3


def test_one_bad_source_costs_only_itself(photo, dots, tmp_path, caplog):
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    out = tmp_path / "out"
    sources = [str(tmp_path / "bad.mp4"), str(tmp_path / "none.mp4"), str(photo)]
    assert cli.main(["estimate", *sources, "-o", str(out), *FOCAL]) == 2
    assert results(out / "photo.json") == ["photo.png"]
    assert "bad.mp4 is no video" in caplog.text and "none.mp4" in caplog.text


def test_calibrate_does_not_write_over_what_it_reads(tmp_path, capsys):
    camera = tmp_path / "camera.yaml"
    camera.write_text(ROS_YAML)
    arguments = ["calibrate", "--hand-length", "0.2", "--camera", str(camera), "-o", str(camera)]
    assert cli.main(arguments) == 2
    assert "is an input" in capsys.readouterr().err and camera.read_text() == ROS_YAML


@pytest.mark.parametrize("number", ["-1", "0", "2.5", "many"])
@pytest.mark.parametrize("command", ["estimate", "demo", "calibrate", "benchmark"])
def test_wrong_numbers_of_images_are_refused(command, number, capsys):
    arguments = ["--hand-length", "0.2"] if command == "calibrate" else []
    with pytest.raises(SystemExit) as end:
        cli.main([command, "x.mp4", *arguments, f"--frames={number}"])
    assert end.value.code == 2
    assert f"takes a whole number from 1 on, got '{number}'" in capsys.readouterr().err


def test_a_camera_counts_before_a_focal_length(tmp_path, caplog):
    path = tmp_path / "camera.yaml"
    path.write_text(ROS_YAML)
    assert parse_camera("--camera", str(path), "--focal", "9").camera(640, 480).fx == 610.0
    assert "--camera counts; --focal is not used" in caplog.text
