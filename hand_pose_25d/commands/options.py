"""The commands' options for the estimator, made from the fields of its settings."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from hand_pose_25d.estimator import HandPoseEstimator
from hand_pose_25d.option import Option
from hand_pose_25d.settings import EstimatorSettings, options

_METAVARS = {int: "N", float: "X", Path: "FILE"}


def add_network_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose the pose network and what runs it."""
    add_settings_arguments(parser, groups=("network",))


def add_estimator_arguments(parser: argparse.ArgumentParser, weights: str = "") -> None:
    """Add the options of HandPoseEstimator; `weights`: default of that option."""
    add_settings_arguments(parser, defaults={"weights": Path(weights)} if weights else {})


def add_settings_arguments(
    parser: argparse.ArgumentParser,
    settings: type[EstimatorSettings] = EstimatorSettings,
    groups: tuple[str, ...] = ("network", "hands"),
    defaults: Mapping[str, Any] | None = None,
) -> None:
    """Add an option for each field of the settings that a command line can give.

    `defaults`: of fields, where the command has other ones than the settings.
    """
    for title in groups:
        group = parser.add_argument_group(title)
        for field in fields(settings):
            option: Option = field.metadata["option"]
            if option.group == title and option.kind is not object:
                default = (defaults or {}).get(field.name, field.default)
                _add_argument(group, field.name, option, default)


def _add_argument(group: Any, name: str, option: Option, default: Any) -> None:
    flag = "--" + name.replace("_", "-")
    shown = option.unset if default is None else default
    if option.kind is bool:
        group.add_argument(flag, action=argparse.BooleanOptionalAction, default=default,
                           help=option.help)  # fmt: skip
    elif option.choices:
        group.add_argument(flag, default=default, choices=option.choices,
                           help=f"{option.help} (default: {shown})")  # fmt: skip
    else:
        group.add_argument(
            flag, type=option.kind, default=default, metavar=_METAVARS.get(option.kind),
            help=f"{option.help} (default: {shown})",
        )  # fmt: skip


def estimator_options(args: argparse.Namespace) -> dict[str, Any]:
    """Return the fields of EstimatorSettings that the command line has, by name."""
    return {name: getattr(args, name) for name in options() if hasattr(args, name)}


def make_estimator(args: argparse.Namespace) -> HandPoseEstimator:
    """Make the estimator that the options describe."""
    return HandPoseEstimator(settings=EstimatorSettings(**estimator_options(args)))
