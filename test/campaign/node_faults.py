"""Faults of the live node: what comes over its topics, services and parameters.

`inject(session)` does it, up to three times, and returns what was answered, if that is where
something is said; else the node's diagnostics say it.  ROS is imported when it is called.
"""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from campaign.faults import Fault

WIDTH, HEIGHT = 96, 64
TIMES = 3  # that a message is sent, to see that it is said once
SAID = "said once, in log and diagnostics; the next good image is right"
USED = "said once, and used"
GOES_ON = "the next good image is right"
ANSWERED = "refused in the answer; the next good image is right"


@dataclass(frozen=True)
class NodeFault(Fault):
    """Something that comes to the node."""


def image(**fields: Any) -> Any:
    """Make a black rgb8 image with some fields changed."""
    from sensor_msgs.msg import Image

    message = Image(width=WIDTH, height=HEIGHT, encoding="rgb8", step=3 * WIDTH)
    message.data = bytes(3 * WIDTH * HEIGHT)
    for name, value in fields.items():
        setattr(message, name, value)
    return message


def info(**fields: Any) -> Any:
    """Make a fitting CameraInfo with some fields changed."""
    from sensor_msgs.msg import CameraInfo

    made = CameraInfo(width=WIDTH, height=HEIGHT, distortion_model="plumb_bob", d=[0.0] * 5)
    made.k = [100.0, 0.0, 48.0, 0.0, 100.0, 32.0, 0.0, 0.0, 1.0]
    made.p = [100.0, 0.0, 48.0, 0.0, 0.0, 100.0, 32.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    for name, value in fields.items():
        if name == "frame_id":
            made.header.frame_id = value
        elif name == "roi":
            made.roi.x_offset, made.roi.y_offset, made.roi.width, made.roi.height = value
        else:
            setattr(made, name, value)
    return made


def sends(**fields: Any) -> Callable[[Any], None]:
    """Send images with such fields, and CameraInfo that fit."""

    def inject(session: Any) -> None:
        for _ in range(TIMES):
            message = image(**{k: v for k, v in fields.items() if k != "frame_id"})
            message.header.frame_id = fields.get("frame_id", "camera_optical")
            session.client.send(message, info())

    return inject


def infos(**fields: Any) -> Callable[[Any], None]:
    """Send good images with such CameraInfo."""

    def inject(session: Any) -> None:
        for _ in range(TIMES):
            session.client.send(image(), info(**fields))

    return inject


def of_another_camera(session: Any) -> None:
    """An image of a camera whose own CameraInfo has never come."""
    for _ in range(TIMES):
        message = image()
        message.header.frame_id = "left_camera"
        session.client.send(message, info(frame_id="right_camera"))


def k(fx: float = 100.0, cx: float = 48.0, fy: float = 100.0, cy: float = 32.0) -> list[float]:
    return [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0]


def stamped(*stamps: float) -> Callable[[Any], None]:
    """Send good images with these stamps, in seconds."""

    def inject(session: Any) -> None:
        for stamp in stamps:
            session.client.send(image(), info(), stamp)

    return inject


def wrong_nanoseconds(session: Any) -> None:
    message = image()
    message.header.stamp.sec, message.header.stamp.nanosec = 5, 4_000_000_000
    message.header.frame_id = "camera_optical"
    for _ in range(TIMES):
        session.client.images.publish(message)


def encodings(session: Any) -> None:
    """Thirty encodings that nobody knows: one kind of fault, not thirty lines."""
    for number in range(30):
        session.client.send(image(encoding=f"unknown{number}"), info())


def burst(session: Any) -> None:
    for _ in range(100):
        session.client.images.publish(image())


def flood(session: Any) -> None:
    for number in range(300):
        session.client.infos.publish(info(frame_id=f"camera{number}"))


def sizes(session: Any) -> None:
    for width, height in ((64, 48), (48, 64), (1, 1), (3, 200)):
        message = image(width=width, height=height, step=3 * width)
        message.data = bytes(3 * width * height)
        made = info(width=width, height=height)
        made.k = k(100.0, width / 2, 100.0, height / 2)
        session.client.send(message, made)


def two_cameras(session: Any) -> None:
    from sensor_msgs.msg import CameraInfo

    other = session.client.node.create_publisher(CameraInfo, "camera_info", 1)
    time.sleep(2.5)
    session.client.node.destroy_publisher(other)


def box(x: int, y: int, width: int, height: int) -> Callable[[Any], None]:
    """Send a region of interest, and an image."""

    def inject(session: Any) -> None:
        for _ in range(TIMES):
            session.box((x, y, width, height))
            session.client.send(image(), info())

    return inject


def sets(**values: Any) -> Callable[[Any], str]:
    """Set parameters that cannot be; return the reasons."""

    def inject(session: Any) -> str:
        results = session.put(**values)
        assert not any(result.successful for result in results)
        return "; ".join(result.reason for result in results)

    return inject


def calibrates(**values: Any) -> Callable[[Any], str]:
    """Call ~/calibrate with such parameters; it fails."""

    def inject(session: Any) -> str:
        from std_srvs.srv import Trigger

        assert all(result.successful for result in session.put(**values))
        answer = session.client.call(Trigger, "hand_pose/calibrate")
        session.put(hand_length=0.0, wrist_distance=0.0)
        assert not answer.success
        return str(answer.message)

    return inject


def transition(*numbers: int, good: bool = True) -> Callable[[Any], None]:
    """Ask for lifecycle transitions; send an image after each."""

    def inject(session: Any) -> None:
        from lifecycle_msgs.srv import ChangeState

        for number in numbers:
            request = ChangeState.Request()
            request.transition.id = number
            answer = session.client.call(ChangeState, "hand_pose/change_state", request)
            assert answer.success is good
            session.client.send(image(), info())

    return inject


CONFIGURE, CLEANUP, ACTIVATE, DEACTIVATE = 1, 2, 3, 4
FAULTS = [
    NodeFault(
        "D",
        "an image without pixels",
        sends(width=0, height=0, step=0, data=b""),
        "without pixels",
        SAID,
    ),
    NodeFault(
        "D", "an image of width 0", sends(width=0, step=0, data=b""), "without pixels", SAID
    ),
    NodeFault("D", "an image of height 0", sends(height=0, data=b""), "without pixels", SAID),
    NodeFault(
        "D", "an unknown encoding", sends(encoding="rgb9"), "encoding 'rgb9' is not known", SAID
    ),
    NodeFault(
        "D",
        "an encoding of 10,000 characters",
        sends(encoding="x" * 10_000),
        "encoding 'xxx",
        SAID,
    ),
    NodeFault(
        "D",
        "an encoding of line breaks and umlauts",
        sends(encoding="a\nb\u00e4"),
        "is not known",
        SAID,
    ),
    NodeFault("D", "no encoding at all", sends(encoding=""), "encoding '' is not known", SAID),
    NodeFault(
        "D",
        "30 encodings that nobody knows",
        encodings,
        "is not known",
        "one line in the log, not 30",
    ),
    NodeFault(
        "D",
        "float images (32FC3)",
        sends(encoding="32FC3", step=12 * WIDTH, data=bytes(12 * WIDTH * HEIGHT)),
        "32FC3",
        SAID,
    ),
    NodeFault("D", "a step below the width", sends(step=10), "step is 10", SAID),
    NodeFault("D", "a step of 0", sends(step=0), "step is 0", SAID),
    NodeFault("D", "a step of 2^32 - 1", sends(step=2**32 - 1), "data has", SAID),
    NodeFault("D", "data that break off", sends(data=bytes(1000)), "data has 1000 bytes", SAID),
    NodeFault("D", "no data", sends(data=b""), "data has 0 bytes", SAID),
    NodeFault("D", "a width of 2^32 - 1", sends(width=2**32 - 1), "a row takes at least", SAID),
    NodeFault("D", "a height of 2^32 - 1", sends(height=2**32 - 1), "data has", SAID),
    NodeFault("D", "more data than said", sends(data=bytes(4 * WIDTH * HEIGHT)), "", GOES_ON),
    NodeFault(
        "D",
        "yuv422 of an odd width",
        sends(encoding="yuv422", width=95, step=190),
        "must be even",
        SAID,
    ),
    NodeFault(
        "D",
        "nv12 of an odd height",
        sends(encoding="nv12", height=63, step=WIDTH),
        "must be even",
        SAID,
    ),
    NodeFault(
        "D",
        "a Bayer pattern of 2 x 2",
        sends(encoding="bayer_rggb8", width=2, height=2, step=2, data=bytes(4)),
        "at least 3 x 3",
        SAID,
    ),
    NodeFault(
        "D",
        "16 bits of the other byte order",
        sends(encoding="mono16", is_bigendian=1, step=2 * WIDTH),
        "",
        GOES_ON,
    ),
    NodeFault("D", "images of four sizes in turn, 1 x 1 among them", sizes, "", GOES_ON),
    NodeFault(
        "D",
        "another size than CameraInfo says",
        sends(width=48, step=144),
        "has 48 x 64 pixels, its CameraInfo says 96 x 64",
        SAID,
    ),
    NodeFault(
        "D", "a frame_id of 10,000 characters", sends(frame_id="x" * 10_000), "frame_id 'xxx", USED
    ),
    NodeFault("D", "a frame_id of line breaks", sends(frame_id="a\nb"), "frame_id", USED),
    NodeFault("D", "100 images at once", burst, "", GOES_ON),
    NodeFault("C", "a stamp of 0", stamped(0.0, 0.0, 0.0), "", GOES_ON),
    NodeFault("C", "a stamp before 1970", stamped(-5.0, -4.9), "", GOES_ON),
    NodeFault("C", "4,000,000,000 nanoseconds", wrong_nanoseconds, "", GOES_ON),
    NodeFault("C", "a stamp ten years ahead, then one of now", stamped(3e8, 200.0), "", GOES_ON),
    NodeFault("C", "an hour back", stamped(9000.0, 5400.0), "", GOES_ON),
    NodeFault("C", "the same stamp three times", stamped(300.0, 300.0, 300.0), "", GOES_ON),
    NodeFault(
        "C", "stamps that go back by 5 ms", stamped(310.0, 309.995, 310.033, 310.028), "", GOES_ON
    ),
    NodeFault("H", "K of zeros", infos(k=[0.0] * 9), "not calibrated", SAID),
    NodeFault("H", "K of NaN", infos(k=[float("nan")] * 9), "CameraInfo", SAID),
    NodeFault("H", "K of infinity", infos(k=k(float("inf"))), "CameraInfo", SAID),
    NodeFault(
        "H",
        "K transposed",
        infos(k=[100.0, 0.0, 0.0, 0.0, 100.0, 0.0, 48.0, 32.0, 1.0]),
        "it is transposed",
        SAID,
    ),
    NodeFault("H", "K[8] of 2", infos(k=[*k()[:8], 2.0]), "no camera matrix", SAID),
    NodeFault(
        "H",
        "K of the identity",
        infos(k=k(1.0, 0.0, 1.0, 0.0)),
        "no lens has the focal length",
        SAID,
    ),
    NodeFault("H", "fx of 1e30", infos(k=k(1e30, fy=1e30)), "CameraInfo", SAID),
    NodeFault("H", "fx of 1e-3", infos(k=k(1e-3, fy=1e-3)), "no lens has the focal length", SAID),
    NodeFault("H", "fx below 0", infos(k=k(-100.0)), "CameraInfo", SAID),
    NodeFault("H", "fx ten times fy", infos(k=k(1000.0)), "too different", SAID),
    NodeFault(
        "H", "a centre far outside", infos(k=k(cx=2000.0)), "outside the image by more", SAID
    ),
    NodeFault(
        "H", "a centre outside", infos(k=k(cx=120.0)), "lies outside the image: is it", USED
    ),
    NodeFault(
        "H", "a skew", infos(k=[100.0, 5.0, *k()[2:]]), "skew 5 of CameraInfo is not used", USED
    ),
    NodeFault(
        "H",
        "an unknown lens",
        infos(distortion_model="kb8", d=[1.0] * 4),
        "unknown distortion model 'kb8'",
        SAID,
    ),
    NodeFault(
        "H",
        "a lens's name of 10,000 characters",
        infos(distortion_model="x" * 10_000, d=[1.0] * 4),
        "unknown distortion model",
        SAID,
    ),
    NodeFault("H", "D of NaN", infos(d=[float("nan")] * 5), "finite", SAID),
    NodeFault("H", "D of three numbers", infos(d=[0.1, 0.2, 0.3]), "coefficients", SAID),
    NodeFault(
        "H", "D of 10,000 numbers", infos(d=[0.1] * 10_000), "coefficients|distortion", SAID
    ),
    NodeFault(
        "H",
        "D that folds inside the image",
        infos(d=[-3.0, 0.0, 0.0, 0.0, 0.0]),
        "folds inside the image",
        USED,
    ),
    NodeFault(
        "H",
        "the CameraInfo of another camera",
        of_another_camera,
        "their CameraInfo 'right_camera'",
        USED,
    ),
    NodeFault("H", "a CameraInfo of 0 x 0", infos(width=0, height=0), "CameraInfo", SAID),
    NodeFault(
        "H",
        "a CameraInfo of 2^32 - 1 px",
        infos(width=2**32 - 1, height=2**32 - 1),
        "CameraInfo",
        SAID,
    ),
    NodeFault(
        "H", "a ROI beyond the sensor", infos(roi=(90, 60, 96, 64)), "not within its 96 x 64", SAID
    ),
    NodeFault("H", "a ROI of another size", infos(roi=(0, 0, 10, 10)), "says 10 x 10", SAID),
    NodeFault(
        "H", "a binning of 2^32 - 1", infos(binning_x=2**32 - 1, binning_y=1), "CameraInfo", SAID
    ),
    NodeFault("H", "two publishers of camera_info", two_cameras, "has 2 publishers", SAID),
    NodeFault("H", "300 CameraInfo of as many cameras", flood, "", GOES_ON),
    NodeFault("I", "a detection of no size", box(10, 10, 0, 0), "", GOES_ON),
    NodeFault(
        "I", "a detection at 4 billion px", box(2**32 - 1, 2**32 - 1, 5, 5), "beyond 1e", SAID
    ),
    NodeFault(
        "I", "a detection of 4 billion px", box(0, 0, 2**32 - 1, 2**32 - 1), "beyond 1e", SAID
    ),
    NodeFault("I", "a detection outside the image", box(500, 500, 10, 10), "", GOES_ON),
    NodeFault("I", "a detection of one pixel", box(95, 63, 1, 1), "", GOES_ON),
    NodeFault(
        "F",
        "max_hands while it runs",
        sets(max_hands=3),
        "deactivate and clean up first",
        ANSWERED,
    ),
    NodeFault(
        "F", "a threshold of 2", sets(presence_threshold=2.0), "presence_threshold|range", ANSWERED
    ),
    NodeFault("F", "a switch of text", sets(smoothing="yes"), "smoothing", ANSWERED),
    NodeFault("F", "a hand size of 9", sets(hand_scale=9.0), "hand_scale|range", ANSWERED),
    NodeFault(
        "F",
        "an interval of NaN",
        sets(redetect_interval=float("nan")),
        "redetect_interval|range",
        ANSWERED,
    ),
    NodeFault("F", "a parameter that is none", sets(max_hand=3), "max_hand|declared", ANSWERED),
    NodeFault("E", "calibrate without a measured length", calibrates(), "hand_length", ANSWERED),
    NodeFault(
        "E",
        "calibrate into the home of nobody",
        calibrates(hand_length=0.19, calibration_file="~nobody_/h.yaml"),
        "home directory",
        ANSWERED,
    ),
    NodeFault(
        "E",
        "calibrate into a place that cannot be written",
        calibrates(hand_length=0.19, calibration_file="/proc/nothing/h.yaml"),
        "proc",
        ANSWERED,
    ),
    NodeFault("E", "cleanup while active", transition(CLEANUP, good=False), "", GOES_ON),
    NodeFault("E", "configure while active", transition(CONFIGURE, good=False), "", GOES_ON),
    NodeFault(
        "E",
        "deactivated, images meanwhile, activated",
        transition(DEACTIVATE, ACTIVATE),
        "",
        GOES_ON,
    ),
    NodeFault(
        "E",
        "cleaned up and configured again",
        transition(DEACTIVATE, CLEANUP, CONFIGURE, ACTIVATE),
        "",
        GOES_ON,
    ),
]


def png(width: int, height: int, data: bytes = bytes(99)) -> bytes:
    """Make a PNG of one bit a pixel whose header says so many."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def encoded(extension: str, width: int = WIDTH, height: int = HEIGHT, bits: int = 8) -> bytes:
    import cv2

    pixels = np.zeros((height, width, 3), np.uint16 if bits == 16 else np.uint8)
    return cv2.imencode(extension, pixels)[1].tobytes()


def compressed(data: bytes | Callable[[], bytes], kind: str = "jpeg") -> Callable[[Any], None]:
    """Send compressed images of these bytes."""

    def inject(session: Any) -> None:
        from sensor_msgs.msg import CompressedImage

        content = data() if callable(data) else data
        for _ in range(TIMES):
            session.client.send(CompressedImage(format=kind, data=content), info())

    return inject


def with_flips() -> bytes:
    data = bytearray(encoded(".png"))
    data[60] ^= 255
    return bytes(data)


COMPRESSED_FAULTS = [
    NodeFault("D", "no bytes", compressed(b""), "0 bytes", SAID),
    NodeFault("D", "text", compressed(b"no image"), "8 bytes that are no JPEG", SAID),
    NodeFault(
        "D",
        "half a JPEG's header",
        compressed(lambda: encoded(".jpg")[:40]),
        "compressed image",
        SAID,
    ),
    NodeFault(
        "D",
        "a PNG that breaks off",
        compressed(lambda: encoded(".png")[:50]),
        "compressed image",
        SAID,
    ),
    NodeFault("D", "a PNG with flipped bytes", compressed(with_flips), "", GOES_ON),
    NodeFault(
        "D", "60,000 x 60,000 by the header", compressed(png(60000, 60000)), "60000 x 60000", SAID
    ),
    NodeFault(
        "D",
        "16,000 x 16,000 in 31 KB",
        compressed(lambda: png(16000, 16000, bytes(2001 * 16000))),
        "16000 x 16000",
        SAID,
    ),
    NodeFault(
        "D",
        "another size than CameraInfo says",
        compressed(lambda: encoded(".jpg", 48, 64)),
        "48 x 64 pixels",
        SAID,
    ),
    NodeFault(
        "D",
        "a format of 10,000 characters",
        compressed(lambda: encoded(".jpg"), "x" * 10_000),
        "",
        GOES_ON,
    ),
    NodeFault("D", "a GIF", compressed(b"GIF89a" + bytes(60)), "no JPEG", SAID),
    NodeFault("D", "a PNG of 16 bits", compressed(lambda: encoded(".png", bits=16)), "", GOES_ON),
    NodeFault(
        "D",
        "a BMP of random numbers",
        compressed(b"BM" + bytes(range(200))),
        "compressed image",
        SAID,
    ),
    NodeFault(
        "D",
        "a TIFF whose directory is itself",
        compressed(b"II*\x00\x08\x00\x00\x00\xff\xff" + bytes(50)),
        "compressed image",
        SAID,
    ),
]


@dataclass(frozen=True)
class StartFault(Fault):
    """Arguments of a node that is started: it ends, or it goes on and says something."""

    code: int | None = 2
    """Exit code; None: it is there."""


def gives(*arguments: str) -> Callable[[Any], list[str]]:
    return lambda folder: ["--ros-args", *arguments]


ENDS = "one sentence, code 2"
STAYS = "said at the start; the node is there"
START_FAULTS = [
    StartFault(
        "G", "a log level that is none", gives("--log-level", "loud"), "log.level|loud", ENDS
    ),
    StartFault(
        "G", "a remapping that is none", gives("-r", "image"), "remap rule: '-r image'", ENDS
    ),
    StartFault(
        "G", "a topic's name that cannot be", gives("-r", "image:=a b"), "image:=a b", ENDS
    ),
    StartFault("F", "a whole number out of range", gives("-p", "max_hands:=0"), "max_hands", ENDS),
    StartFault("F", "text for a number", gives("-p", "max_hands:=two"), "max_hands", ENDS),
    StartFault("F", "a device that is none", gives("-p", "device:=gpu"), "device", ENDS),
    StartFault(
        "F",
        "a parameter's name misspelt",
        gives("-p", "max_hand:=2"),
        "did you mean max_hands",
        STAYS,
        None,
    ),
    StartFault(
        "F",
        "weights that are not there",
        gives("-p", "weights:=none"),
        "Cannot configure: .*no such file",
        STAYS,
        None,
    ),
    StartFault(
        "I",
        "bone lengths that mean billions of values",
        lambda folder: ["--ros-args", "-p", f"bone_lengths:={folder}/laughs.yaml"],
        "Cannot configure: .*more than 50000 values",
        STAYS,
        None,
    ),
    StartFault(
        "I",
        "a graph with a flipped bit",
        lambda folder: ["--ros-args", "-p", f"weights:={folder}/flipped.onnx"],
        "Cannot configure: .*damaged",
        STAYS,
        None,
    ),
    StartFault(
        "F",
        "a parameters file that is not there",
        gives("--params-file", "none.yaml"),
        "none.yaml",
        ENDS,
    ),
]
