"""Real recordings, made for tests: videos, bags and LeRobot data sets of the bundled clip."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rosbags.rosbag2 import StoragePlugin, Writer

from hand_pose_25d.archive.videos import decode
from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.io.clips import CLIP, load_clip
from hand_pose_25d.io.recordings import typestore

RATE = 20
FIRST_STAMP = 1_700_000_000_123_456_789  # ns


def clip_images(count: int, start: int = 0, every: int = 1) -> list[np.ndarray]:
    """Images of the bundled clip."""
    images = []
    for i, frame in enumerate(decode(CLIP)):
        if i >= start and (i - start) % every == 0:
            images.append(frame.image)
        if len(images) == count:
            break
    return images


def clip_camera() -> Camera:
    return load_clip(CLIP).camera


def write_video(
    path: Path, images, rate: int = RATE, stamps=None, codec="mpeg4", **options
) -> Path:
    """A video by PyAV; `stamps`: seconds of each image, else by the rate."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height = images[0].shape[1], images[0].shape[0]
        stream.pix_fmt, stream.bit_rate = "yuv420p", 6_000_000
        stream.gop_size = 5
        stream.codec_context.time_base = Fraction(1, 1000)
        for i, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.time_base = stream.codec_context.time_base
            frame.pts = round(1000 * (i / rate if stamps is None else stamps[i]))
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


class Bag:
    """A rosbag2 recording by rosbags."""

    def __init__(self, folder: Path, storage: StoragePlugin = StoragePlugin.MCAP) -> None:
        self.folder = folder
        self._store = typestore()
        self._writer = Writer(folder, version=9, storage_plugin=storage)
        self._connections: dict[str, tuple] = {}

    def __enter__(self):
        self._writer.open()
        return self

    def __exit__(self, *error):
        self._writer.close()

    def write(self, topic: str, kind: str, stamp: int, **fields) -> None:
        if topic not in self._connections:
            connection = self._writer.add_connection(topic, kind, typestore=self._store)
            self._connections[topic] = (connection, kind)
        connection, kind = self._connections[topic]
        types = self._store.types
        seconds, rest = divmod(stamp, 10**9)
        time = types["builtin_interfaces/msg/Time"](sec=seconds, nanosec=rest)
        header = types["std_msgs/msg/Header"](stamp=time, frame_id="head_camera_optical")
        message = types[kind](header=header, **fields)
        # The log is later than the image, as in life.
        self._writer.write(connection, stamp + 3_000_000, self._store.serialize_cdr(message, kind))

    def image(self, topic: str, stamp: int, image: np.ndarray, encoding: str = "rgb8") -> None:
        pixels = image if encoding == "rgb8" else image[:, :, ::-1]
        self.write(
            topic, "sensor_msgs/msg/Image", stamp, height=image.shape[0], width=image.shape[1],
            encoding=encoding, is_bigendian=0, step=3 * image.shape[1],
            data=np.ascontiguousarray(pixels).ravel(),
        )  # fmt: skip

    def jpeg(self, topic: str, stamp: int, image: np.ndarray, cut: int | None = None) -> None:
        _, data = cv2.imencode(".jpg", image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
        data = data.ravel()[:cut]
        self.write(topic, "sensor_msgs/msg/CompressedImage", stamp, format="jpeg", data=data)

    def info(self, topic: str, stamp: int, camera: Camera, rotation=None) -> None:
        roi = self._store.types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
        p = np.zeros((3, 4))
        p[:, :3] = camera.K
        self.write(
            topic, "sensor_msgs/msg/CameraInfo", stamp, height=camera.height, width=camera.width,
            distortion_model=camera.model, d=np.array(camera.distortion), k=camera.K.ravel(),
            r=(np.eye(3) if rotation is None else rotation).ravel(), p=p.ravel(),
            binning_x=0, binning_y=0, roi=roi,
        )  # fmt: skip


def write_bag(
    folder: Path,
    images,
    camera: Camera | None,
    kind="jpeg",
    storage=StoragePlugin.MCAP,
    rotation=None,
) -> Path:
    """A recording of one camera; without `camera` there is no CameraInfo; `rotation`: its R."""
    topic = "/head/image_raw" + ("/compressed" if kind == "jpeg" else "")
    with Bag(folder, storage) as bag:
        for i, image in enumerate(images):
            stamp = FIRST_STAMP + round(i * 1e9 / RATE)
            getattr(bag, kind)(topic, stamp, image)
            if camera is not None:
                bag.info("/head/camera_info", stamp, camera, rotation)
    return folder


def write_lerobot(
    folder: Path, episodes, keys=("observation.images.head",), version="v3.0", dtype="video"
) -> Path:
    """A LeRobot v3.0 data set: all episodes in one data file and one video a camera."""
    shape = list(episodes[0][0].shape)
    features = {
        key: {"dtype": dtype, "shape": shape, "names": ["height", "width", "channels"]}
        for key in keys
    }
    features["action"] = {"dtype": "float32", "shape": [2], "names": ["x", "y"]}
    for name in ("timestamp", "frame_index", "episode_index", "index", "task_index"):
        kind = "float32" if name == "timestamp" else "int64"
        features[name] = {"dtype": kind, "shape": [1], "names": None}
    lengths = [len(images) for images in episodes]
    info = {
        "codebase_version": version, "robot_type": "arm", "total_episodes": len(episodes),
        "total_frames": sum(lengths), "total_tasks": 1, "chunks_size": 1000, "fps": RATE,
        "data_files_size_in_mb": 100, "video_files_size_in_mb": 200,
        "splits": {"train": f"0:{len(episodes)}"},
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
        "features": features,
    }  # fmt: skip
    (folder / "meta/episodes/chunk-000").mkdir(parents=True)
    (folder / "data/chunk-000").mkdir(parents=True)
    (folder / "meta/info.json").write_text(json.dumps(info, indent=4))
    stats = {"action": {"mean": [0.0, 0.0], "std": [1.0, 1.0], "min": [0.0, 0.0],
                        "max": [1.0, 1.0], "count": [sum(lengths)]}}  # fmt: skip
    (folder / "meta/stats.json").write_text(json.dumps(stats))
    pq.write_table(
        pa.table({"task_index": [0], "__index_level_0__": ["wave"]}), folder / "meta/tasks.parquet"
    )
    rows, images, at = [], [], 0
    for number, episode in enumerate(episodes):
        first = at / RATE
        row = {
            "episode_index": number, "tasks": ["wave"], "length": len(episode),
            "data/chunk_index": 0, "data/file_index": 0, "dataset_from_index": at,
            "dataset_to_index": at + len(episode), "meta/episodes/chunk_index": 0,
            "meta/episodes/file_index": 0, "stats/action/mean": [0.0, 0.0],
        }  # fmt: skip
        for key in keys:
            row |= {f"videos/{key}/chunk_index": 0, f"videos/{key}/file_index": 0,
                    f"videos/{key}/from_timestamp": first,
                    f"videos/{key}/to_timestamp": first + len(episode) / RATE}  # fmt: skip
        rows.append(row)
        images += episode
        at += len(episode)
    pq.write_table(pa.Table.from_pylist(rows), folder / "meta/episodes/chunk-000/file-000.parquet")
    frame = [i for length in lengths for i in range(length)]
    table = {
        "action": pa.array([[float(i), 0.0] for i in range(at)], pa.list_(pa.float32(), 2)),
        "timestamp": pa.array([i / RATE for i in frame], pa.float32()),
        "frame_index": pa.array(frame, pa.int64()),
        "episode_index": pa.array(np.repeat(range(len(lengths)), lengths), pa.int64()),
        "index": pa.array(range(at), pa.int64()),
        "task_index": pa.array([0] * at, pa.int64()),
    }
    if dtype == "image":
        png = [cv2.imencode(".png", image[:, :, ::-1])[1].tobytes() for image in images]
        for key in keys:
            table[key] = pa.array([{"bytes": data, "path": None} for data in png])
    else:
        for key in keys:
            write_video(folder / f"videos/{key}/chunk-000/file-000.mp4", images)
    pq.write_table(pa.table(table), folder / "data/chunk-000/file-000.parquet")
    return folder
