"""Recordings read as they are: images, their times, cameras; what is wrong with one is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from recordings_made import (
    FIRST_STAMP,
    RATE,
    Bag,
    clip_camera,
    clip_images,
    write_bag,
    write_lerobot,
    write_video,
)
from rosbags.rosbag2 import StoragePlugin

from hand_pose_25d.archive.bag_images import message_image
from hand_pose_25d.archive.finding import find_units
from hand_pose_25d.archive.opening import open_unit
from hand_pose_25d.archive.reading import TruncatedError
from hand_pose_25d.archive.settings import ProcessSettings
from hand_pose_25d.geometry.camera import Camera

WIDE = ProcessSettings(field_of_view=60.0)
SILENT = ProcessSettings()


@pytest.fixture(scope="module")
def images():
    return [cv2.resize(image, (160, 120)) for image in clip_images(12, every=4)]


@pytest.fixture(scope="module")
def camera():
    return Camera(140.0, 141.0, 79.0, 60.0, 160, 120, (0.1, -0.05, 0.001, 0.002, 0.0))


def read(path: Path, settings: ProcessSettings = WIDE, number: int = 0):
    (unit, *_) = find_units([path], settings.camera_key)[number:]
    return list(open_unit(unit, settings).images)


def same(read_images, images, most: float) -> bool:
    differences = [
        np.abs(a.image.astype(int) - b).mean() for a, b in zip(read_images, images, strict=True)
    ]
    return max(differences) < most


def test_a_video_has_its_own_times_from_its_first_image_on(tmp_path, images):
    stamps = [0.5 + 0.05 * i + (0.3 if i > 5 else 0) for i in range(12)]
    frames = read(write_video(tmp_path / "v.mp4", images, stamps=stamps))
    assert [f.stamp_ns for f in frames] == [round((s - 0.5) * 1e9) for s in stamps]
    assert same(frames, images, 6)
    assert [f.name for f in frames[:2]] == ["000000", "000001"]
    assert frames[0].camera.fx == pytest.approx(80 / np.tan(np.radians(30)))


def test_a_turned_video_comes_upright_with_its_camera_turned(tmp_path, images):
    path = write_video(tmp_path / "v.mp4", images)
    data = path.read_bytes()
    # The track's matrix: 90 degrees clockwise, as a telephone writes it.
    one = (1 << 16).to_bytes(4, "big")
    half = (1 << 30).to_bytes(4, "big")
    zero, minus = bytes(4), (0xFFFF0000).to_bytes(4, "big")
    identity = one + zero * 3 + one + zero * 3 + half
    turned = zero + one + zero + minus + zero * 4 + half
    at = data.index(b"tkhd")
    place = data.index(identity, at)
    path.write_bytes(data[:place] + turned + data[place + len(identity) :])
    calibration = tmp_path / "camera.yaml"
    calibration.write_text(
        "image_width: 160\nimage_height: 120\ndistortion_model: plumb_bob\n"
        "camera_matrix: {data: [140, 0, 70, 0, 141, 50, 0, 0, 1]}\n"
        "distortion_coefficients: {data: [0, 0, 0, 0, 0]}\n"
    )
    frames = read(path, ProcessSettings(calibration=calibration))
    assert same(frames, [np.rot90(image, -1) for image in images], 6)
    assert (frames[0].camera.width, frames[0].camera.height) == (120, 160)
    # Clockwise: the stored left becomes the top, the stored bottom the left.
    assert (frames[0].camera.cx, frames[0].camera.cy) == (119 - 50, 70)
    assert (frames[0].camera.fx, frames[0].camera.fy) == (141, 140)


def test_a_folder_of_images_has_a_rate(tmp_path, images):
    for i, image in enumerate(images):
        cv2.imwrite(str(tmp_path / f"{i:03d}.png"), image[:, :, ::-1])
    frames = read(tmp_path, replace(WIDE, rate=10.0))
    assert [f.stamp_ns for f in frames] == [i * 10**8 for i in range(12)]
    assert same(frames, images, 1e-9) and frames[3].name == "003.png"


@pytest.mark.parametrize("storage", list(StoragePlugin), ids=lambda s: s.name)
@pytest.mark.parametrize("kind", ["jpeg", "image"])
def test_a_bag_has_its_headers_stamps_and_its_camera(tmp_path, images, camera, kind, storage):
    frames = read(write_bag(tmp_path / "bag", images, camera, kind, storage), SILENT)
    assert [f.stamp_ns for f in frames] == [FIRST_STAMP + round(i * 1e9 / RATE) for i in range(12)]
    assert frames[0].camera == camera and frames[0].frame_id == "head_camera_optical"
    assert same(frames, images, 4 if kind == "jpeg" else 1e-9)


def test_an_mcap_file_on_its_own_is_a_bag(tmp_path, images, camera):
    folder = write_bag(tmp_path / "bag", images, camera)
    file = next(folder.glob("*.mcap")).rename(tmp_path / "walk.mcap")
    frames = read(file, SILENT)
    assert len(frames) == 12 and frames[5].camera == camera


def test_rectified_images_have_the_camera_of_p(tmp_path, images, camera):
    frames = read(write_bag(tmp_path / "bag", images, camera), ProcessSettings(rectified=True))
    assert not frames[0].camera.is_distorted and frames[0].camera.fx == camera.fx


def test_a_given_camera_counts_before_camera_info(tmp_path, images, camera):
    bag = write_bag(tmp_path / "bag", images, camera)
    text = f"image_width: {camera.width}\nimage_height: {camera.height}\ncamera_matrix:\n"
    (tmp_path / "camera.yaml").write_text(f"{text}  data: [432, 0, 160, 0, 432, 120, 0, 0, 1]\n")
    frames = read(bag, ProcessSettings(calibration=tmp_path / "camera.yaml"))
    assert frames[0].camera.fx == 432.0
    # A guess does not.
    assert read(bag, WIDE)[0].camera.fx == camera.fx


@pytest.mark.parametrize(
    ("encoding", "pixels"),
    [("rgb16", lambda i: i.astype(np.uint16) * 257),
     ("rgba8", lambda i: np.dstack([i, i[..., :1]])),
     ("mono8", lambda i: i[..., 1])],
)  # fmt: skip
def test_raw_images_are_converted(encoding, pixels, images):
    image = images[0]
    data = np.ascontiguousarray(pixels(image))
    message = SimpleNamespace(
        encoding=encoding, width=image.shape[1], height=image.shape[0], is_bigendian=0,
        step=data.nbytes // image.shape[0], data=data.reshape(-1).view(np.uint8),
    )  # fmt: skip
    expected = np.dstack([image[..., 1]] * 3) if encoding == "mono8" else image
    np.testing.assert_array_equal(message_image(message, compressed=False), expected)
    message.data = message.data[:-1]
    with pytest.raises(ValueError, match="too few"):
        message_image(message, compressed=False)


@pytest.mark.parametrize("dtype", ["video", "image"])
def test_episodes_of_a_lerobot_data_set_are_recordings(tmp_path, images, dtype):
    folder = write_lerobot(tmp_path / "set", [images[:5], images[5:]], dtype=dtype)
    units = find_units([folder])
    assert [(u.name, u.images) for u in units] == [
        ("set_episode_000000", 5), ("set_episode_000001", 7),
    ]  # fmt: skip
    second = list(open_unit(units[1], WIDE).images)
    assert same(second, images[5:], 6)
    stamps = [np.float32(i / RATE) for i in range(7)]
    assert [f.stamp_ns for f in second] == [round(float(s) * 1e9) for s in stamps]


def test_a_folder_of_recordings_is_all_of_them_with_names_of_their_own(tmp_path, images):
    for name in ("x/clip.mp4", "y/clip.mp4", "y/other.mkv"):
        write_video(tmp_path / name, images)
    write_lerobot(tmp_path / "set", [images])
    (tmp_path / "y/notes.txt").write_text("no recording")
    units = find_units([tmp_path, tmp_path / "x/clip.mp4"])
    assert len(units) == len({u.name for u in units}) == 4
    assert [u.kind for u in units] == ["lerobot", "video", "video", "video"]
    assert {"other", "set_episode_000000"} < {u.name for u in units}


def broken(kind: str, folder: Path, images, camera) -> tuple[Path, ProcessSettings]:
    """A recording with something wrong."""
    if kind == "no camera info":
        return write_bag(folder / "bag", images, None), SILENT
    if kind == "video without camera":
        return write_video(folder / "v.mp4", images), SILENT
    if kind == "topic":
        return write_bag(folder / "bag", images, camera), ProcessSettings(image_topic="/nose")
    if kind == "two cameras":
        with Bag(folder / "bag") as bag:
            for topic in ("/left/image_raw", "/right/image_raw"):
                bag.image(topic, FIRST_STAMP, images[0])
        return folder / "bag", SILENT
    if kind == "no images":
        with Bag(folder / "bag") as bag:
            bag.info("/camera_info", FIRST_STAMP, camera)
        return folder / "bag", SILENT
    if kind == "uncalibrated":
        with Bag(folder / "bag") as bag:
            bag.image("/image_raw", FIRST_STAMP, images[0])
            loose = replace(camera)
            object.__setattr__(loose, "fx", 0.0)
            bag.info("/camera_info", FIRST_STAMP, loose)
        return folder / "bag", SILENT
    if kind == "info of another size":
        return write_bag(folder / "bag", images, camera.scaled(2.0)), SILENT
    if kind == "sizes in a bag":
        return write_bag(folder / "bag", [*images, images[0][:100]], None), WIDE
    if kind == "sizes in a folder":
        for name, image in (("a.png", images[0]), ("b.png", images[1][:60])):
            cv2.imwrite(str(folder / name), image)
        return folder, WIDE
    if kind == "cut bag":
        file = next(write_bag(folder / "bag", images, camera).glob("*.mcap"))
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        return file, SILENT
    if kind == "cut video":
        path = write_video(folder / "v.mp4", images)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        return path, WIDE
    if kind == "no video":
        (folder / "v.mp4").write_bytes(b"no video at all" * 100)
        return folder / "v.mp4", WIDE
    assert kind == "encoding"
    with Bag(folder / "bag") as bag:
        bag.image("/image_raw", FIRST_STAMP, images[0], encoding="yuv444p10")
    return folder / "bag", WIDE


@pytest.mark.parametrize(
    "kind, message",
    [
        ("no camera info", "does not say what camera took it.*--camera FILE.*--field-of-view"),
        ("video without camera", "--camera FILE"),
        ("topic", "no images on /nose; images are on: /head/image_raw/compressed"),
        ("two cameras", "several topics.*--image-topic: /left/image_raw, /right/image_raw"),
        ("no images", "no topic with images"),
        ("uncalibrated", "not calibrated"),
        ("info of another size", "160 x 120 px, its CameraInfo says 320 x 240"),
        ("sizes in a bag", "several sizes: image 12 has 160 x 100 px, those before it 160 x 120"),
        ("sizes in a folder", "several sizes: b.png has 160 x 60 px"),
        ("cut bag", r"cannot be read as a ROS recording \(cut off or damaged\?\)"),
        ("cut video", r"no video that can be read \(cut off or damaged\?\)"),
        ("no video", "no video that can be read"),
        ("encoding", "not one image could be decoded.*yuv444p10"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, images, camera, kind, message):
    path, settings = broken(kind, tmp_path, images, camera)
    with pytest.raises(ValueError, match=message):
        read(path, settings)


def test_a_video_that_breaks_off_gives_its_images_and_says_so(tmp_path, images):
    whole = write_video(tmp_path / "v.mp4", images * 4, movflags="faststart")
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    seen = []
    with pytest.raises(TruncatedError, match=r"it breaks off"):
        for frame in open_unit(find_units([whole])[0], WIDE).images:
            seen.append(frame)
    assert 20 < len(seen) < 40


def test_an_episode_whose_video_is_too_short_says_so(tmp_path, images):
    folder = write_lerobot(tmp_path / "set", [images[:6], images[6:]])
    write_video(next(folder.rglob("*.mp4")), images[:9])
    assert len(read(folder)) == 6
    with pytest.raises(TruncatedError, match="its video has no image 3"):
        read(folder, number=1)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"version": "v2.1"}, "format v2.1; v3.x is read"),
        ({"keys": ("observation.images.a", "observation.images.b")}, "2 cameras.*--camera-key"),
    ],
)
def test_lerobot_data_sets_that_cannot_be_read_say_why(tmp_path, images, change, message):
    folder = write_lerobot(tmp_path / "set", [images], **change)
    with pytest.raises(ValueError, match=message):
        find_units([folder])


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda f: f / "nothing", FileNotFoundError, "no such recording"),
        (lambda f: f, ValueError, "holds no recording: allowed is a video"),
    ],
)
def test_inputs_without_recordings_are_named(tmp_path, make, error, message):
    with pytest.raises(error, match=message):
        find_units([make(tmp_path)])


def test_a_damaged_image_in_a_bag_is_left_out_and_counted(tmp_path, images, camera):
    with Bag(tmp_path / "bag") as bag:
        for i, image in enumerate(images[:4]):
            bag.jpeg("/image_raw/compressed", FIRST_STAMP + i, image, cut=900 if i == 2 else None)
            bag.info("/camera_info", FIRST_STAMP + i, camera)
    recording = open_unit(find_units([tmp_path / "bag"])[0], SILENT)
    assert [f.stamp_ns - FIRST_STAMP for f in recording.images] == [0, 1, 3]
    assert len(recording.left_out) == 1 and recording.left_out[0].startswith("image 2: ")


def test_the_clip_is_read_as_opencv_reads_it():
    camera, (image, *_) = clip_camera(), clip_images(1)
    assert image.shape == (camera.height, camera.width, 3)
