"""Hands in rerun: the image with skeletons, 3D hands before the camera's frustum, and plots.

rerun's pinhole has no lens distortion: skeletons on the image are at their own pixels, the frustum
is that of the undistorted camera.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import rerun as rr
import rerun.blueprint as rrb

from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.geometry.wrist_frame import quaternion
from hand_pose_25d.hand_pose import HandPose
from hand_pose_25d.skeleton import BONES, KEYPOINT_COLORS

TIMELINE = "image_time"
IMAGE = "world/camera/image"
JPEG_QUALITY = 85
FRUSTUM = 1.0  # m: behind most hands, which the picture on its plane would cover
WEB_PORT = 9090
CHI_95 = 2.7955  # sqrt of the 95 % quantile of chi-square with 3 degrees of freedom
_COLORS = np.asarray(KEYPOINT_COLORS, dtype=np.uint8)
_BONE_COLORS = _COLORS[[child for _, child in BONES]]


class RerunLog:
    """A recording in rerun's format that goes to a file, the viewer or a browser."""

    def __init__(self, title: str = "hand_pose_25d", latency: bool = True) -> None:
        """Take a title, and whether latencies are logged, too."""
        self._recording = rr.new_recording(title)
        self._layout = layout(latency)
        self._shown: set[int] = set()
        self.images = 0
        """Logged so far."""

    def save(self, path: Path) -> None:
        """Write to a file from now on.  Raises OSError where that is not possible."""
        path.open("wb").close()
        rr.save(path, default_blueprint=self._layout, recording=self._recording)

    def spawn(self) -> None:
        """Open the native viewer."""
        rr.spawn(default_blueprint=self._layout, recording=self._recording)

    def serve(self, open_browser: bool = True, port: int = WEB_PORT) -> str:
        """Serve the viewer to browsers as long as this process runs; return the page's address.

        `port` is the page's, the next one the data's.  Raises OSError where one is taken.
        """
        for taken in (port, port + 1):
            with socket.create_server(("", taken)):
                pass  # rerun says nothing when it cannot listen
        rr.serve_web(
            open_browser=open_browser, web_port=port, ws_port=port + 1, recording=self._recording
        )
        # Handed to serve_web, which waits for the server and keeps the GIL meanwhile, the layout's
        # arrays can stop both: the server's thread asks for the GIL to free them.
        rr.send_blueprint(self._layout, recording=self._recording)
        return f"http://localhost:{port}?url=ws://localhost:{port + 1}"

    def close(self) -> None:
        """Write what is left."""
        rr.disconnect(recording=self._recording)

    def log(
        self,
        stamp: float,
        camera: Camera,
        hands: Sequence[HandPose],
        image: np.ndarray | None = None,
        latency: float | None = None,
    ) -> None:
        """Show an image's hands.

        Args:
            stamp: seconds.
            camera: that took it.
            hands: those that are lost are not shown.
            image: (H, W, 3) uint8 RGB, where it is at hand.
            latency: seconds that the estimator took.
        """
        self.images += 1
        recording = self._recording
        rr.set_time_seconds(TIMELINE, stamp, recording=recording)
        self._put("world", rr.ViewCoordinates.RDF)
        self._put(
            "world/camera",
            rr.Pinhole(
                image_from_camera=camera.K, resolution=[camera.width, camera.height],
                camera_xyz=rr.ViewCoordinates.RDF, image_plane_distance=FRUSTUM,
            ),
        )  # fmt: skip
        if image is not None:
            self._put(IMAGE, rr.Image(image).compress(jpeg_quality=JPEG_QUALITY))
        shown = {hand.track_id for hand in hands if hand.state != "lost"}
        for gone in self._shown - shown:
            for entity in (f"{IMAGE}/hand_{gone}", f"world/hands/hand_{gone}"):
                self._put(entity, rr.Clear(recursive=True))
        self._shown = shown
        for hand in hands:
            if hand.state != "lost":
                self._log_hand(hand)
        if latency is not None:
            self._put("plots/latency/ms", rr.Scalar(1e3 * latency))

    def _log_hand(self, hand: HandPose) -> None:
        name = f"hand_{hand.track_id}"
        label = f"{hand.handedness} {hand.track_id}"
        pixels, points = hand.keypoints_2d, hand.keypoints
        known = np.isfinite(points).all(-1)
        self._put(f"{IMAGE}/{name}/bones", rr.LineStrips2D(
            [pixels[list(bone)] for bone in BONES], colors=_BONE_COLORS, radii=1.5))  # fmt: skip
        self._put(f"{IMAGE}/{name}/keypoints", rr.Points2D(pixels, colors=_COLORS, radii=2.5))
        bones = [bone for bone in BONES if known[list(bone)].all()]
        self._put(f"world/hands/{name}/bones", rr.LineStrips3D(
            [points[list(bone)] for bone in bones], colors=_COLORS[[b for _, b in bones]],
            radii=0.002))  # fmt: skip
        self._put(f"world/hands/{name}/keypoints", rr.Points3D(
            points[known], colors=_COLORS[known], radii=0.004,
            labels=[label if k == 0 else "" for k in np.flatnonzero(known)],
            show_labels=False))  # fmt: skip
        self._put(f"world/hands/{name}/uncertainty", _ellipsoids(hand, known))
        self._put(f"plots/depth/{name}", rr.Scalar(float(points[0, 2])))
        self._put(f"plots/score/{name}", rr.Scalar(float(hand.score)))

    def _put(self, entity: str, what: rr.AsComponents) -> None:
        rr.log(entity, what, recording=self._recording)


def layout(latency: bool = True) -> rrb.Blueprint:
    """Return where what is shown: image, 3D, plots of depth (m), score, and latency (ms)."""
    titles = {"depth": "Depth of the wrist (m)", "score": "Score"}
    if latency:
        titles["latency"] = "Latency (ms)"
    plots = [
        rrb.TimeSeriesView(origin=f"plots/{name}", name=title) for name, title in titles.items()
    ]
    return rrb.Blueprint(
        rrb.Vertical(
            rrb.Horizontal(
                rrb.Spatial2DView(origin=IMAGE, name="Image"),
                rrb.Spatial3DView(origin="world", name="Hands"),
            ),
            rrb.Horizontal(*plots),
            row_shares=[2, 1],
        ),
        collapse_panels=True,
    )


def _ellipsoids(hand: HandPose, known: np.ndarray) -> rr.Ellipsoids3D:
    """Return the keypoints' 95 % ellipsoids."""
    rows = np.flatnonzero(known & np.isfinite(hand.covariance).all((-1, -2)))
    values, axes = np.linalg.eigh(hand.covariance[rows])
    axes[np.linalg.det(axes) < 0, :, 0] *= -1  # rotations, not mirror images
    return rr.Ellipsoids3D(
        centers=hand.keypoints[rows],
        half_sizes=CHI_95 * np.sqrt(np.maximum(values, 1e-12)),
        quaternions=[rr.Quaternion(xyzw=quaternion(a)) for a in axes],
        colors=_COLORS[rows],
        line_radii=rr.Radius.ui_points(0.4),  # three outlines each, which leave the hand visible
    )
