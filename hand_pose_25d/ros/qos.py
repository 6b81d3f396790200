"""Quality of service, chosen so that no publisher or subscriber is turned away in silence."""

from rclpy.qos import (
    QoSDurabilityPolicy,
    QoSHistoryPolicy,
    QoSProfile,
    QoSReliabilityPolicy,
)

OUTPUT_DEPTH = 5
INPUT_DEPTH = 5
"""That a thread which is late by an image or two loses none; only the newest is worked on."""


def sensor_qos(depth: int = INPUT_DEPTH, reliable: bool = False) -> QoSProfile:
    """Best effort matches publishers of any reliability; volatile of any durability."""
    policy = QoSReliabilityPolicy
    return QoSProfile(
        history=QoSHistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=policy.RELIABLE if reliable else policy.BEST_EFFORT,
        durability=QoSDurabilityPolicy.VOLATILE,
    )


def output_qos() -> QoSProfile:
    """Reliable: it matches subscribers of any reliability."""
    return QoSProfile(
        history=QoSHistoryPolicy.KEEP_LAST,
        depth=OUTPUT_DEPTH,
        reliability=QoSReliabilityPolicy.RELIABLE,
        durability=QoSDurabilityPolicy.VOLATILE,
    )


def latched_qos(depth: int = 1) -> QoSProfile:
    """Reliable and transient local: what publishers of that kind sent before comes, too.

    Others do not match it.
    """
    return QoSProfile(
        history=QoSHistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=QoSReliabilityPolicy.RELIABLE,
        durability=QoSDurabilityPolicy.TRANSIENT_LOCAL,
    )
