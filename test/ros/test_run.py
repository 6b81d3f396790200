"""How nodes are run: what goes wrong in a callback or at the start, and signals."""

from __future__ import annotations

import ast
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import EXECUTABLE, Process, until, within
from rclpy.executors import ExternalShutdownException

from hand_pose_25d.ros import run, values
from hand_pose_25d.ros.run import FAULTS, spin_on


class Executor:
    """Raises one exception after the other, then ends."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    def spin(self) -> None:
        if self.errors:
            raise self.errors.pop(0)


def logging_node():
    said: list[str] = []
    logger = SimpleNamespace(error=said.append, fatal=said.append)
    return SimpleNamespace(get_logger=lambda: logger, said=said)


@pytest.mark.parametrize(
    ("errors", "good", "said"),
    [
        ([], True, []),
        ([ExternalShutdownException()], True, []),
        ([ValueError("a\nb"), RuntimeError("c")], True,
         ["a callback failed: a", "a callback failed: RuntimeError: c"]),
        ([KeyError("x")] * FAULTS, False, None),
    ],
    ids=["none", "shutdown", "two", "endless"],
)  # fmt: skip
def test_exceptions_of_callbacks_are_logged_and_it_goes_on(errors, good, said):
    node = logging_node()
    assert spin_on(Executor(*errors), node, threading.Event()) is good
    assert said is None or node.said == said
    assert good or "callbacks failed one after the other" in node.said[-1]


def started(executable: str, *arguments: str) -> subprocess.CompletedProcess:
    command = [str(EXECUTABLE.with_name(executable)), "--ros-args", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=1800)


@pytest.mark.parametrize(
    ("executable", "arguments", "words"),
    [
        ("source", ["-p", "input:=99"], "camera 99 cannot be opened"),
        ("source", ["-p", "input:=~nosuchuser_/a.mp4"], "home directory in it is not known"),
        ("source", ["-p", "subscribers:=1.5"], "subscribers must be a whole number from 0 to 100"),
        ("source", ["-p", "lockstep:=1"], "lockstep must be true or false, got 1"),
        ("source", ["-p", "frame_id:=7"], "frame_id must be text, got 7"),
        ("source", ["-p", "field_of_view:=wide"], "field_of_view must be a number from 1 to 170"),
        ("source", ["-p", "camera_file:=/none.yaml"], "/none.yaml"),
        ("recorder", ["-p", "reliable:=1"], "reliable must be true or false, got 1"),
        ("recorder", ["-p", "output:=/proc/none/a.mcap"], "/proc/none/a.mcap cannot be written"),
        ("hand_pose", ["-p", "max_hands:='2'"], "max_hands"),
        ("hand_pose", ["-r", "image:=//"], "image:=//"),
        ("hand_pose", ["--params-file", "/none.yaml"], "/none.yaml"),
    ],
)
def test_what_is_wrong_at_the_start_is_one_sentence(executable, arguments, words):
    done = started(executable, *arguments)
    assert done.returncode == 2
    assert words in done.stderr and "Traceback" not in done.stderr


RCL_TEXT = (
    "failed to initialize rcl: Couldn't parse log level: '--log-level loud'. Error: Argument does "
    "not use a valid severity level, at /project/src/rcl/arguments.c:1860, at /a/arguments.c:441"
)


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("RCLError", RCL_TEXT, "an argument behind --ros-args is none: Couldn't parse log level: "
         "'--log-level loud'. Error: Argument does not use a valid severity level"),
        ("UnknownROSArgsError", "['--x']", "unknown arguments behind --ros-args: ['--x']"),
        ("KeyError", "a", "KeyError: 'a'"),
    ],
)  # fmt: skip
def test_errors_of_rcl_become_sentences_without_places_in_c(kind, text, expected):
    error = {"KeyError": KeyError}.get(kind) or type(kind, (Exception,), {})
    assert run._sentence(error(text)) == expected


def test_hanging_up_is_an_end_as_any_other(start):
    process, _ = start("hangup", connect=False)
    code, seconds = process.stop(signal.SIGHUP)
    assert code == 0 and seconds < within(2.0) and "Traceback" not in process.text


def test_a_recording_that_is_there_stays(tmp_path):
    (tmp_path / "a.mcap").write_bytes(b"earlier")
    log = tmp_path / "log.txt"
    command = [str(EXECUTABLE.with_name("recorder")), "--ros-args", "-p"]
    recorder = Process([*command, f"output:={tmp_path}/a.mcap"], log, "")
    wanted = tmp_path / "a_2.recording"
    until(lambda: wanted.exists() or not recorder.alive, why=recorder.text)
    assert recorder.stop()[0] == 0
    assert (tmp_path / "a.mcap").read_bytes() == b"earlier"
    assert (tmp_path / "a_2.mcap").exists() and "a_2.mcap: nothing" in recorder.text


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"max_hands": 1}, []),
        ({"max_hand": 1}, ["there is no parameter max_hand: it has no effect; did you mean "
                           "max_hands?"]),
        ({"zzz": 1}, ["there is no parameter zzz: it has no effect"]),
        ({"qos_overrides./image.subscription.depth": 1}, []),
    ],
)  # fmt: skip
def test_parameters_that_there_are_not_are_named(given, said):
    node = SimpleNamespace(_parameter_overrides=given, _parameters={"max_hands": 1, "method": 2})
    assert values.without_meaning(node) == said


def test_a_misspelt_parameter_is_named_by_the_node(start):
    process, _ = start("misspelt", connect=False, smoothin=True)
    assert process.count("no parameter smoothin: it has no effect; did you mean smoothing") == 1


# What rclpy has had since a release after Humble (its CHANGELOG: 3.3 is Humble's).
LATER = {"rclpy.event_handler", "rclpy.parameter_client", "rclpy.wait_for_message",
         "rclpy.parameter_event_handler", "rclpy.logging_service"}  # fmt: skip


def test_nothing_is_imported_that_humble_does_not_have():
    found = set()
    for path in Path(run.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            elif isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
    assert "rclpy.node" in found and not found & LATER


def test_sigint_ends_what_a_script_started_in_the_background(tmp_path):
    """A shell has SIGINT ignored there, as scripts/demo.sh's nodes have it."""
    recorder = [str(EXECUTABLE.with_name("recorder")), "--ros-args", "-p"]
    ignoring = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", *recorder]
    process = Process([*ignoring, f"output:={tmp_path}/a.mcap"], tmp_path / "log.txt", "")
    until(lambda: (tmp_path / "a.recording").exists() or not process.alive, why=process.text)
    assert process.stop(signal.SIGINT)[0] == 0


SLOW = """
import sys, time
from rclpy.node import Node
from hand_pose_25d.ros.run import PATIENCE, run

class Slow(Node):
    def __init__(self):
        super().__init__("slow")
        self.create_timer(0.01, self.work)
        self.worked = False

    def work(self):
        print("working", flush=True)
        time.sleep(2 * PATIENCE)
        self.worked = True

    def close(self):
        print("finished" if self.worked else "in mid-work", flush=True)

sys.exit(run(Slow))
"""


def test_what_a_node_has_to_finish_is_finished(tmp_path):
    """On a slow computer a message may be under way for long when the signal comes."""
    process = Process([sys.executable, "-c", SLOW], tmp_path / "log.txt", "working")
    assert process.stop(signal.SIGINT)[0] == 0
    assert process.text.endswith("finished\n")
