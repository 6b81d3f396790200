"""EstimatorSettings: every option of the estimator, declared once.

The estimator's signature and `tune`, the commands' options (commands/options.py) and the node's
parameters (ros/parameters.py) are all made from the fields below: a new option is one entry here,
and the code that uses it.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, fields, replace
from pathlib import Path
from typing import Any

from hand_pose_25d.inference.backends.base import BACKENDS, PRECISIONS
from hand_pose_25d.inference.detection import HandDetector
from hand_pose_25d.option import Option, option
from hand_pose_25d.reconstruction.bone_length_prior import POPULATIONS, BoneLengthPrior
from hand_pose_25d.reconstruction.reconstruct import METHODS, Method
from hand_pose_25d.tracking.motion_modes import MotionParameters


@dataclass(frozen=True)
class EstimatorSettings:
    """The estimator's options, checked.

    >>> EstimatorSettings(max_hands=1).redetect_interval
    3.0
    >>> EstimatorSettings(max_hands="2")
    Traceback (most recent call last):
    ValueError: max_hands must be a whole number from 1 on, got '2'

    Raises ValueError or TypeError for a wrong value; the message names it and what is allowed.
    """

    device: str = option(
        str,
        "auto",
        "Where the networks run: auto, cpu, cuda or cuda:N",
        pattern=r"auto|cpu|cuda(:\d+)?",
        group="network",
    )
    weights: str | Path | None = option(
        Path,
        None,
        "The pose network: a shipped one's name (realtime, accurate) or a file (.safetensors, "
        ".onnx, .xml, .pt)",
        unset="realtime in video, accurate for single images",
        node_default="realtime",
        group="network",
    )
    detector: HandDetector | str | Path | None = option(
        Path,
        None,
        "The detector: a shipped one's name or a file, as for weights",
        unset="the shipped one",
        also=(HandDetector,),
    )
    max_hands: int = option(
        int, 2, "The most hands followed at a time", least=1, node_range=(1, 16)
    )
    bone_lengths: BoneLengthPrior | str | Path | None = option(
        Path,
        None,
        "YAML file of bone lengths, such as ~/calibrate writes",
        unset="the population's",
        also=(BoneLengthPrior,),
    )
    hand_scale: float | None = option(
        float,
        None,
        "The person's hand size over the mean of bone_lengths",
        unset="not known",
        least=0,
        exclusive=True,
        node_range=(0.5, 1.7),
        runtime=True,
    )
    _: KW_ONLY
    population: str | None = option(
        str,
        None,
        "Whose hands are seen; with bone_lengths, which say it better, leave it at adult",
        unset="adult",
        choices=POPULATIONS,
        node_default="adult",
    )
    network: object = option(
        object, None, "The pose network where weights is None: a name, a torch module, ..."
    )
    backend: str = option(
        str, "auto", "What runs the networks: auto or a name", choices=BACKENDS, group="network"
    )
    precision: str = option(
        str,
        "auto",
        "Arithmetic of the networks: auto or a type",
        choices=PRECISIONS,
        group="network",
    )
    threads: int = option(
        int,
        0,
        "Threads of each network on a CPU; 0: the best number, which is 1",
        least=0,
        node_range=(0, 256),
        group="network",
    )
    method: Method = option(
        str,
        "map",
        "How metres are found: map (all bones, with uncertainty) or closed_form (the paper's)",
        choices=METHODS,
    )
    detector_threshold: float | None = option(
        float,
        None,
        "Score from which on the detector reports something: lower finds more hands, and more of "
        "what is none; in an image on its own the pose network's judgement is weighed with it",
        unset="the detector's own",
        least=0,
        most=1,
        exclusive=True,
        node_range=(0.05, 0.95),
        node_default=0.5,
        runtime=True,
    )
    presence_threshold: float = option(
        float,
        0.5,
        "Probability by the pose network from which on something is a hand; in an image on its "
        "own the detector's score is weighed with it",
        least=0,
        most=1,
        exclusive=True,
        node_range=(0.01, 0.99),
        runtime=True,
    )
    grey: bool = option(
        bool,
        False,
        "Look at the images without their colours: finds more hands in gloves, fewer bare ones",
        runtime=True,
    )
    redetect_interval: float = option(
        float,
        3.0,
        "Seconds between detections while max_hands hands are followed, to check them",
        least=0,
        node_range=(0, 60),
        runtime=True,
    )
    learn_bones: bool = option(
        bool,
        True,
        "Learn a tracked hand's proportions over its images, where its size is not given",
        runtime=True,
    )
    smoothing: bool | MotionParameters = option(
        bool,
        False,
        "Kalman filter on the keypoints: less jitter, above all along the ray",
        also=(MotionParameters,),
        node_default=True,
        runtime=True,
    )

    def __post_init__(self) -> None:
        for name, spec in options(type(self)).items():
            object.__setattr__(self, name, spec.check(name, getattr(self, name)))

    def tuned(self, **changes: Any) -> EstimatorSettings:
        """Return the settings with options changed that can change between two images.

        None leaves one as it is.  Raises TypeError for a name that is no option, ValueError for
        one that is fixed, and what a wrong value raises.
        """
        known = options(type(self))
        for name in changes:
            if name not in known:
                raise TypeError(f"no such option: {name}; known: {', '.join(known)}")
            if not known[name].runtime:
                tunable = ", ".join(n for n, spec in known.items() if spec.runtime)
                raise ValueError(f"{name} is fixed once the estimator is made; tunable: {tunable}")
        return replace(self, **{n: value for n, value in changes.items() if value is not None})


def options(settings: type[EstimatorSettings] = EstimatorSettings) -> dict[str, Option]:
    """Return what is declared of each field, in their order."""
    return {f.name: f.metadata["option"] for f in fields(settings)}
