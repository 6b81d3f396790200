"""The launch files: what they start, by stand-ins for `launch`; the real one reads them, too."""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path
from types import SimpleNamespace

import pytest

LAUNCH = Path(__file__).resolve().parents[2] / "launch"
FILES = sorted(path.name for path in LAUNCH.glob("*.launch.py"))


class Thing:
    """Stands in for a class of `launch`: keeps what it is made with."""

    def __init__(self, *args, **kwargs) -> None:
        self.args, self.kwargs = args, kwargs

    def perform(self, context):
        return str(context[self.args[0]])


class PackageNotFoundError(Exception):
    pass


@pytest.fixture
def stand_ins(monkeypatch):
    """Return read(file): a launch file's entities, made with stand-ins for `launch`."""
    kinds: dict[str, type] = {}
    installed = {"rviz2"}

    def get_package_prefix(name):
        if name not in installed:
            raise PackageNotFoundError(name)

    def module(name: str, *names: str, **more) -> None:
        made = types.ModuleType(name)
        for kind in names:
            kinds.setdefault(kind, type(kind, (Thing,), {}))
            setattr(made, kind, kinds[kind])
        vars(made).update(more)
        monkeypatch.setitem(sys.modules, name, made)

    module("launch", "LaunchDescription")
    module("launch.actions", "DeclareLaunchArgument", "IncludeLaunchDescription",
           "OpaqueFunction", "SetEnvironmentVariable", "Shutdown")  # fmt: skip
    module("launch.launch_description_sources", "PythonLaunchDescriptionSource")
    module("launch.substitutions", "LaunchConfiguration", "PathJoinSubstitution")
    module("launch_ros")
    module("launch_ros.actions", "Node")
    module("launch_ros.parameter_descriptions", "ParameterFile", "ParameterValue")
    module("launch_ros.substitutions", "FindPackageShare")
    module("ament_index_python.packages", get_package_prefix=get_package_prefix,
           get_package_share_directory=lambda name: str(LAUNCH.parent),
           PackageNotFoundError=PackageNotFoundError)  # fmt: skip

    def read(name: str):
        spec = importlib.util.spec_from_file_location("launch_file", LAUNCH / name)
        assert spec is not None
        made = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(made)
        return made

    return SimpleNamespace(read=read, kinds=kinds, installed=installed)


def started(stand_ins, **given) -> list:
    """Return the nodes that hand.launch.py starts with these arguments."""
    module = stand_ins.read("hand.launch.py")
    context = {name: default for name, default, _ in module.ARGUMENTS} | given
    return module.start(context)


def values(node: Thing, **given) -> list:
    """Return a node's parameters in their order: a file's path, or a dictionary of texts."""
    context = given
    return [
        entry.args[0].args[0] if type(entry).__name__ == "ParameterFile"
        else {k: v.args[0].perform(context) for k, v in entry.items()}
        for entry in node.kwargs["parameters"]
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ["params_file"]),
        ({"params_file": "mine.yaml"}, ["params_file"]),
        ({"rectified": "true"}, ["params_file", {"rectified": "true"}]),
        ({"device": "cpu", "use_sim_time": "false"},
         ["params_file", {"device": "cpu", "use_sim_time": "false"}]),
    ],
)  # fmt: skip
def test_only_what_is_given_goes_beyond_the_parameters_file(stand_ins, given, expected):
    (node,) = started(stand_ins, **given)
    assert values(node, **given) == expected


def test_arguments_that_are_parameters_have_their_types(stand_ins):
    given = {"rectified": "true", "device": "cpu"}
    (node,) = started(stand_ins, **given)
    types_ = {k: v.kwargs["value_type"] for k, v in node.kwargs["parameters"][1].items()}
    assert types_ == {"rectified": bool, "device": str}


@pytest.mark.parametrize(
    ("namespace", "logger"),
    [("", "hand_pose"), ("robot", "robot.hand_pose"), ("/a/b/", "a.b.hand_pose")],
)
def test_the_log_level_is_that_of_the_node_in_its_namespace(stand_ins, namespace, logger):
    (node,) = started(stand_ins, namespace=namespace, log_level="DEBUG")
    assert node.kwargs["arguments"] == ["--ros-args", "--log-level", f"{logger}:=debug"]


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [({"log_level": "loud"}, ValueError, "one of debug, info"),
     ({"rviz": "perhaps"}, ValueError, "true or false"),
     ({"fastdds_profile": "/no/such.xml"}, ValueError, "true, false or a file"),
     ({"rviz": "true"}, RuntimeError, "apt install ros-")],
)  # fmt: skip
def test_what_cannot_be_starts_nothing(stand_ins, given, error, words):
    stand_ins.installed.clear()
    with pytest.raises(error, match=words):
        started(stand_ins, **given)


def test_rviz_is_started_where_it_is(stand_ins):
    node, rviz = started(stand_ins, rviz="true", use_sim_time="true")
    assert (node.kwargs["executable"], rviz.kwargs["executable"]) == ("hand_pose", "rviz2")
    assert list(rviz.kwargs["parameters"][0]) == ["use_sim_time"]


@pytest.mark.parametrize(
    ("profile", "distro", "variable"),
    [("true", "jazzy", "FASTRTPS_DEFAULT_PROFILES_FILE"),
     ("true", "kilted", "FASTDDS_DEFAULT_PROFILES_FILE"),
     (str(LAUNCH.parent / "config/fastdds.xml"), "humble", "FASTRTPS_DEFAULT_PROFILES_FILE")],
)  # fmt: skip
def test_the_profile_of_fast_dds_is_set_before_anything_starts(
    stand_ins, monkeypatch, profile, distro, variable
):
    monkeypatch.setenv("ROS_DISTRO", distro)
    environment, node = started(stand_ins, fastdds_profile=profile)
    assert environment.args == (variable, str(LAUNCH.parent / "config/fastdds.xml"))
    assert node.kwargs["executable"] == "hand_pose"


def test_the_demo_is_lossless_and_ends_with_its_input(stand_ins):
    description = stand_ins.read("demo.launch.py").generate_launch_description()
    *_, hand, source = description.args[0]
    assert dict(hand.kwargs["launch_arguments"])["reliability"] == "reliable"
    assert type(source.kwargs["on_exit"][0]).__name__ == "Shutdown"
    assert {"input", "camera_file", "field_of_view", "lockstep", "loop"} == set(
        source.kwargs["parameters"][0]
    )
    names = {name for name, _, _ in stand_ins.read("hand.launch.py").ARGUMENTS}
    assert set(dict(hand.kwargs["launch_arguments"])) <= names


def bag_launch(stand_ins, **given) -> list:
    """Return what bag.launch.py starts: hand.launch.py, recorder, source."""
    module = stand_ins.read("bag.launch.py")
    return module.start({name: default for name, default, _ in module.ARGUMENTS} | given)


def test_a_bag_is_played_losslessly_and_its_end_is_the_end_of_all(stand_ins):
    given = {"bag": "walk.mcap", "out": "hands.mcap", "image_topic": "/head/image"}
    hand, recorder, source = bag_launch(stand_ins, **given)
    assert dict(hand.kwargs["launch_arguments"])["reliability"] == "reliable"
    names = {name for name, _, _ in stand_ins.read("hand.launch.py").ARGUMENTS}
    assert set(dict(hand.kwargs["launch_arguments"])) <= names
    (recording,), (playing,) = recorder.kwargs["parameters"], source.kwargs["parameters"]
    assert recording["output"].args[0].perform(given) == "hands.mcap"
    assert recording["reliable"] is recording["header_time"] is True
    assert playing["input"].args[0].perform(given) == "walk.mcap"
    assert playing["subscribers"] == 2
    for node in (recorder, source):
        assert type(node.kwargs["on_exit"][0]).__name__ == "Shutdown"


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, {"rectified": bool}),
     ({"field_of_view": "75", "camera_info_topic": "/c"},
      {"rectified": bool, "field_of_view": float, "camera_info_topic": str})],
)  # fmt: skip
def test_only_what_is_known_of_the_bags_camera_is_handed_on(stand_ins, given, expected):
    *_, source = bag_launch(stand_ins, bag="walk.mcap", **given)
    (playing,) = source.kwargs["parameters"]
    types_ = {k: v.kwargs["value_type"] for k, v in playing.items() if k != "subscribers"}
    assert types_ == {"input": str, **expected}


@pytest.mark.parametrize("name", FILES)
def test_every_argument_is_described(stand_ins, name: str) -> None:
    arguments = stand_ins.read(name).ARGUMENTS
    assert len({argument for argument, _, _ in arguments}) == len(arguments) > 3
    for argument, _, description in arguments:
        assert description.endswith("."), f"{argument}: {description!r}"


def test_hand_launch_has_what_its_page_promises(stand_ins) -> None:
    names = {argument for argument, _, _ in stand_ins.read("hand.launch.py").ARGUMENTS}
    wanted = {"image", "camera_info", "namespace", "rviz", "params_file", "device", "use_sim_time"}
    assert wanted <= names


@pytest.mark.parametrize("name", FILES)
def test_launch_reads_it(name: str) -> None:
    pytest.importorskip("launch.actions", reason="launch comes with ROS 2 from apt only")
    pytest.importorskip("launch_ros", reason="launch_ros comes with ROS 2 from apt")
    from launch.actions import DeclareLaunchArgument

    spec = importlib.util.spec_from_file_location("launch_file", LAUNCH / name)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    entities = module.generate_launch_description().entities
    declared = {e.name for e in entities if isinstance(e, DeclareLaunchArgument)}
    assert {argument for argument, _, _ in module.ARGUMENTS} <= declared
