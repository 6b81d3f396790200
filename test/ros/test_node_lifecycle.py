"""Transitions, parameters, services and the end of the process."""

from __future__ import annotations

import signal
import time

import pytest
from conftest import PATIENCE, Patience, rgb8, until, within
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import DescribeParameters, GetParameters, SetParameters
from rclpy.parameter import Parameter
from std_srvs.srv import Trigger


def change(client, transition: int) -> bool:
    request = ChangeState.Request()
    request.transition.id = transition
    return client.call(ChangeState, "hand_pose/change_state", request).success


def state(client) -> int:
    return client.call(GetState, "hand_pose/get_state").current_state.id


def put(client, name: str, value):
    request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
    return client.call(SetParameters, "hand_pose/set_parameters", request).results[0]


def get(client, name: str):
    request = GetParameters.Request(names=[name])
    response = client.call(GetParameters, "hand_pose/get_parameters", request)
    return Parameter.from_parameter_msg(
        Parameter(name).to_parameter_msg().__class__(name=name, value=response.values[0])
    ).value


@pytest.fixture(scope="module")
def node(start):
    return start("node")


def test_every_transition_twice(start):
    process, client = start("managed", wait="", autostart=False)
    assert state(client) == State.PRIMARY_STATE_UNCONFIGURED
    assert client.node.count_publishers("hands") == 0
    for _ in range(2):
        assert change(client, Transition.TRANSITION_CONFIGURE)
        assert state(client) == State.PRIMARY_STATE_INACTIVE
        for _ in range(2):
            assert change(client, Transition.TRANSITION_ACTIVATE)
            assert state(client) == State.PRIMARY_STATE_ACTIVE
            client.arrays.clear()
            client.connected()
            client.ask()
            assert change(client, Transition.TRANSITION_DEACTIVATE)
            assert state(client) == State.PRIMARY_STATE_INACTIVE
        header = client.send(rgb8())
        time.sleep(0.3)
        assert client.answer(header) is None  # an inactive node is silent
        assert change(client, Transition.TRANSITION_CLEANUP)
        assert state(client) == State.PRIMARY_STATE_UNCONFIGURED
    assert change(client, Transition.TRANSITION_CONFIGURE)
    assert change(client, Transition.TRANSITION_INACTIVE_SHUTDOWN)
    assert state(client) == State.PRIMARY_STATE_FINALIZED
    assert process.alive
    assert process.count("Traceback") == 0
    code, seconds = process.stop()
    assert code == 0 and seconds < within(2.0)


def test_a_wrong_weights_path_says_so_and_can_be_mended(start, tiny_network):
    process, client = start(
        "mended", wait="Cannot configure", connect=False, weights="/no/such/file.safetensors"
    )
    assert "/no/such/file.safetensors" in process.text
    assert "shipped are" in process.text
    assert process.count("Traceback") == 0
    assert state(client) == State.PRIMARY_STATE_UNCONFIGURED
    assert put(client, "weights", str(tiny_network)).successful
    assert change(client, Transition.TRANSITION_CONFIGURE)
    assert change(client, Transition.TRANSITION_ACTIVATE)
    client.connected()
    assert list(client.ask().hands) == []


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("presence_threshold", 2.0, "0.99"),
        ("presence_threshold", float("nan"), "nan"),
        ("detector_threshold", 0.0, "0.05"),
        ("presence_threshold", "high", "must be a number, got 'high'"),
        ("rectified", 1, "must be true or false, got 1"),
        ("calibration_images", 0, "5"),
        ("calibration_images", 7.5, "must be a whole number, got 7.5"),
        ("hand_scale", 0.1, "must be 0 (not known) or lie between 0.5 and 1.7, got 0.1"),
        ("hand_length", 0.02, "must be 0 (not measured) or lie between 0.08 and 0.3, got 0.02"),
        ("image_transport", "theora", "must be one of raw, compressed, got 'theora'"),
        ("population", "men", "must be one of adult, man, woman, child, anyone, got 'men'"),
        ("population", "child", "deactivate and clean up first"),
        ("weights", "other", "deactivate and clean up first"),
        ("max_hands", 4, "deactivate and clean up first"),
    ],
)
def test_invalid_parameters_are_refused_with_the_reason(node, name, value, reason):
    _, client = node
    before = get(client, name)
    result = put(client, name, value)
    assert not result.successful
    assert reason in result.reason
    assert name in result.reason
    assert get(client, name) == before
    client.ask()


@pytest.mark.parametrize(
    ("name", "value", "normal"),
    [
        ("presence_threshold", 0.7, 0.5), ("redetect_interval", 2, 3.0), ("hand_scale", 1.1, 0.0),
        ("marker_ellipsoids", True, False), ("marker_lifetime", 0, 0.5),
        ("detector_threshold", 0.6, 0.5),
        ("rectified", True, False), ("weights", None, None),
    ],
)  # fmt: skip
def test_parameters_change_while_it_runs(node, name, value, normal, tiny_network):
    _, client = node
    value = str(tiny_network) if value is None else value  # the value that it has already
    assert put(client, name, value).successful
    assert get(client, name) == value
    client.ask()
    if normal is not None:
        assert put(client, name, normal).successful


def test_descriptors_tell_ranges(node):
    _, client = node
    request = DescribeParameters.Request(names=["presence_threshold", "max_hands", "method"])
    found = client.call(DescribeParameters, "hand_pose/describe_parameters", request).descriptors
    low_high = found[0].floating_point_range[0]
    assert (low_high.from_value, low_high.to_value) == (0.01, 0.99)
    assert (found[1].integer_range[0].from_value, found[1].integer_range[0].to_value) == (1, 16)
    assert found[2].additional_constraints == "one of: map, closed_form"
    assert all(d.description for d in found)


def test_reset(node):
    _, client = node
    response = client.call(Trigger, "hand_pose/reset")
    assert response.success, response.message


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [("max_hands", 99, "max_hands"), ("method", "magic", "one of map, closed_form"),
     ("rectified", "perhaps", "true or false")],
)  # fmt: skip
def test_a_wrong_parameter_at_the_start_is_one_sentence(start, name, value, words):
    process, _ = start(f"wrong_{name}", wait="", connect=False, **{name: value})
    assert process.ended(Patience(2 * PATIENCE)) == 2
    assert words in process.text
    assert process.count("Traceback") == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("when", ["starting", "idle", "busy"])
def test_signals_end_it_soon_with_code_0(start, number, when):
    name = f"{when}_{number.name.lower()}"
    process, client = start(name, wait="" if when == "starting" else "Active", connect=False)
    if when == "starting":
        until(lambda: process.handles(signal.SIGTERM))
    if when == "busy":
        client.connected()
        for _ in range(30):
            client.send(rgb8(), info=None)
    code, seconds = process.stop(number)
    assert process.count("Traceback") == 0, process.text
    assert code == 0, process.text
    assert seconds < within(2.0)


def test_reset_and_calibrate_of_an_unconfigured_node(start):
    _, client = start("unconfigured", wait="", autostart=False)
    for name in ("reset", "calibrate"):
        response = client.call(Trigger, f"hand_pose/{name}")
        assert not response.success
        assert response.message == "the node is not configured"
    until(lambda: client.node.count_publishers("/diagnostics"))
