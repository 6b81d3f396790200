"""What a configured node publishes: hands, gestures, frames, markers, the debug image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sensor_msgs.msg import Image
from visualization_msgs.msg import ImageMarker, MarkerArray

from hand_pose_25d.hand_pose import HandPose
from hand_pose_25d.msg import HandGestureArray, HandPoseArray
from hand_pose_25d.ros.gestures import gestures_to_message
from hand_pose_25d.ros.images import rgb_to_image
from hand_pose_25d.ros.markers import hands_to_image_marker, hands_to_markers
from hand_pose_25d.ros.messages import hands_to_message
from hand_pose_25d.ros.parameters import Settings
from hand_pose_25d.ros.qos import output_qos
from hand_pose_25d.ros.serialized import hands_to_bytes, is_understood
from hand_pose_25d.ros.transforms import TOPIC, tf_message_type, wrist_transforms
from hand_pose_25d.visualization.draw_2d import draw_hands


class Outputs:
    """The lifecycle publishers of a node.  What only some look at is made while they do."""

    def __init__(self, node: Any, settings: Settings) -> None:
        """Make the publishers.  Raises ValueError where the type of tf's messages is missing."""
        self._tf_type = tf_message_type() if settings.publish_tf else None
        self._tf_prefix = settings.tf_prefix
        self._node = node
        self._publishers: list[Any] = []
        self._by_bytes: bool | None = None  # not known before there are hands
        self._hands = self._make(HandPoseArray, "hands")
        self._gestures = self._make(HandGestureArray, "gestures")
        self._markers = self._make(MarkerArray, "markers")
        self._image_markers = self._make(ImageMarker, "image_markers")
        self._debug_image = self._make(Image, "debug_image")
        if self._tf_type is not None:
            self._tf = self._make(self._tf_type, TOPIC)

    def close(self) -> None:
        """End the publishers."""
        for publisher in self._publishers:
            self._node.destroy_lifecycle_publisher(publisher)
        self._publishers = []

    @property
    def hands_topic(self) -> str:
        """Where the hands are published."""
        return str(self._hands.topic_name)

    def publish_hands(
        self, hands: Sequence[HandPose], header: Any, width: int, height: int
    ) -> None:
        """Publish the hands of an image of this size, their frames and gestures."""
        if self._hands.get_subscription_count():
            self._hands.publish(self._hands_message(hands, header, width, height))
        if self._tf_type is not None:
            transforms = wrist_transforms(hands, header, self._tf_prefix)
            if transforms:
                self._tf.publish(self._tf_type(transforms=transforms))
        if self._gestures.get_subscription_count():
            self._gestures.publish(gestures_to_message(hands, header))

    def publish_pictures(
        self, image: np.ndarray, hands: list[HandPose], header: Any, settings: Settings
    ) -> None:
        """Publish markers and debug image, where somebody looks."""
        if self._markers.get_subscription_count():
            self._markers.publish(
                hands_to_markers(
                    hands,
                    header,
                    ellipsoids=settings.marker_ellipsoids,
                    lifetime=settings.marker_lifetime,
                )
            )
        if self._image_markers.get_subscription_count():
            self._image_markers.publish(hands_to_image_marker(hands, header))
        if self._debug_image.get_subscription_count():
            self._debug_image.publish(rgb_to_image(draw_hands(image, hands), header))

    def _hands_message(
        self, hands: Sequence[HandPose], header: Any, width: int, height: int
    ) -> Any:
        """Return what is to be published; the first hands tell whether their bytes can be."""
        if self._by_bytes is None and hands:
            self._by_bytes = is_understood(hands, header, width, height)
        make = hands_to_bytes if self._by_bytes else hands_to_message
        return make(hands, header, width, height)

    def _make(self, kind: Any, topic: str) -> Any:
        publisher = self._node.create_lifecycle_publisher(kind, topic, output_qos())
        self._publishers.append(publisher)
        return publisher
