"""EstimatorSettings: what is refused, and that every list of options is made from its fields."""

from __future__ import annotations

import argparse
import inspect
import math
from dataclasses import dataclass, fields

import numpy as np
import pytest

from hand_pose_25d import EstimatorSettings, HandPoseEstimator
from hand_pose_25d.commands.options import add_estimator_arguments, add_settings_arguments
from hand_pose_25d.option import option
from hand_pose_25d.settings import options
from hand_pose_25d.tracking.motion_modes import MotionParameters


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("max_hands", "2", "max_hands must be a whole number from 1 on, got '2'"),
        ("max_hands", True, "max_hands must be a whole number from 1 on, got True"),
        ("max_hands", math.nan, "max_hands must be a whole number from 1 on, got nan"),
        ("max_hands", 1.5, "max_hands must be a whole number from 1 on, got 1.5"),
        ("max_hands", 0, "max_hands must be a whole number from 1 on, got 0"),
        ("max_hands", None, "max_hands must be a whole number from 1 on, got None"),
        ("threads", -1, "threads must be a whole number from 0 on, got -1"),
        ("presence_threshold", 1, "presence_threshold must be a number between 0 and 1, got 1"),
        ("presence_threshold", "0.5", "presence_threshold must be a number between 0 and 1"),
        ("detector_threshold", math.nan, "detector_threshold must be a number between 0 and 1"),
        ("redetect_interval", -0.1, "redetect_interval must be a number from 0 on, got -0.1"),
        ("redetect_interval", math.inf, "redetect_interval must be a number from 0 on, got inf"),
        ("hand_scale", 0.0, "hand_scale must be a number above 0, got 0.0"),
        ("device", "tpu", "device must be auto, cpu, cuda or cuda:N, got 'tpu'"),
        ("device", 0, "device must be auto, cpu, cuda or cuda:N, got 0"),
        ("backend", "caffe", "backend must be one of auto, torch, onnxruntime, openvino, got"),
        ("precision", 16, "precision must be one of auto, float32, bfloat16, float16, int8"),
        ("method", "magic", "method must be one of map, closed_form, got 'magic'"),
        ("population", "elves", "population must be one of adult, man, woman, child, anyone"),
    ],
)  # fmt: skip
def test_wrong_values_are_named_with_what_is_allowed(name, value, message):
    with pytest.raises(ValueError) as error:
        EstimatorSettings(**{name: value})
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("smoothing", 0.5, "smoothing must be true or false or MotionParameters, got float 0.5"),
        ("smoothing", 1, "smoothing must be true or false or MotionParameters, got int 1"),
        ("detector", 7, "detector must be a path or HandDetector, got int 7"),
        ("bone_lengths", 0.2, "bone_lengths must be a path or BoneLengthPrior, got float 0.2"),
        ("weights", 3, "weights must be a path, got int 3"),
    ],
)
def test_wrong_types_are_named_with_what_is_allowed(name, value, message):
    with pytest.raises(TypeError) as error:
        EstimatorSettings(**{name: value})
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("max_hands", np.int64(3), 3),
        ("redetect_interval", 2, 2.0),
        ("presence_threshold", np.float32(0.25), 0.25),
        ("hand_scale", None, None),
        ("device", "cuda:1", "cuda:1"),
        ("smoothing", MotionParameters(lively=3.0), MotionParameters(lively=3.0)),
    ],
)
def test_good_values_are_kept_as_plain_numbers(name, value, kept):
    found = getattr(EstimatorSettings(**{name: value}), name)
    assert found == kept and type(found) is type(kept)


def test_tuned_changes_what_can_change():
    settings = EstimatorSettings(max_hands=3, presence_threshold=0.4)
    tuned = settings.tuned(redetect_interval=0.5, presence_threshold=None)
    assert (tuned.redetect_interval, tuned.presence_threshold, tuned.max_hands) == (0.5, 0.4, 3)
    with pytest.raises(ValueError, match="max_hands is fixed.*tunable: hand_scale, detector_thr"):
        settings.tuned(max_hands=2)
    with pytest.raises(TypeError, match="no such option: max_hand; known: device, weights"):
        settings.tuned(max_hand=2)
    with pytest.raises(ValueError, match="presence_threshold must be"):
        settings.tuned(presence_threshold=2)


def test_the_estimators_signature_is_the_fields():
    parameters = inspect.signature(HandPoseEstimator).parameters
    assert [*parameters] == [*(f.name for f in fields(EstimatorSettings)), "settings"]
    by_position = [n for n, p in parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert by_position == [
        "device", "weights", "detector", "max_hands", "bone_lengths", "hand_scale"
    ]  # fmt: skip
    assert parameters["redetect_interval"].default == 3.0


def test_settings_and_options_are_not_given_together():
    with pytest.raises(TypeError, match="settings, or options"):
        HandPoseEstimator("cpu", settings=EstimatorSettings())


@dataclass(frozen=True)
class More(EstimatorSettings):
    """One option more."""

    patience: float = option(float, 2.0, "Seconds of patience", least=0, most=9, runtime=True)


def test_one_entry_makes_an_option_everywhere():
    assert More().patience == 2.0 and More(patience=3).tuned(patience=4).patience == 4.0
    with pytest.raises(ValueError, match="patience must be a number between 0 and 9, got 10"):
        More(patience=10)
    parser = argparse.ArgumentParser()
    add_settings_arguments(parser, More)
    assert parser.parse_args(["--patience", "5"]).patience == 5.0
    assert "Seconds of patience (default: 2.0)" in parser.format_help()


def test_one_entry_makes_a_parameter_of_the_node():
    module = pytest.importorskip("hand_pose_25d.ros.parameters", exc_type=ImportError)
    known = module.parameters(More)
    assert (known["patience"].default, known["patience"].runtime) == (2.0, True)
    assert (known["patience"].least, known["patience"].most) == (0, 9)
    assert known["patience"].description == "Seconds of patience."
    assert set(known) == set(module.PARAMETERS) | {"patience"}


def test_the_command_line_has_every_option_but_the_python_ones():
    parser = argparse.ArgumentParser()
    add_estimator_arguments(parser)
    given = vars(parser.parse_args([]))
    assert set(given) == {n for n, o in options().items() if o.kind is not object}
    assert EstimatorSettings(**given) == EstimatorSettings()
    arguments = "--max-hands 1 --no-smoothing --method closed_form --hand-scale 1.1".split()
    made = EstimatorSettings(**vars(parser.parse_args(arguments)))
    assert (made.max_hands, made.smoothing, made.method) == (1, False, "closed_form")
    assert made.hand_scale == 1.1
