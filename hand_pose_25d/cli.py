"""The command line `hand-pose-25d`: a table of subcommands, each imported only when it is run.

A command is a module with `add_arguments(parser)` and `run(args) -> int`.  What a user can mend
(a missing file, a wrong value, a package of an extra that is not installed) ends in one sentence
on stderr and exit code 2; `--traceback` shows where it came from.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import io
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from hand_pose_25d import __version__
from hand_pose_25d.io.blas import one_blas_thread
from hand_pose_25d.io.packages import advice


@dataclass(frozen=True)
class Command:
    """A subcommand: the module that implements it, one line of help, the extra it needs."""

    module: str
    help: str
    extra: str = ""


COMMANDS: dict[str, Command] = {
    name: Command(f"hand_pose_25d.commands.{name}", text, extra)
    for name, text, extra in (
        ("demo", "run the estimator over the bundled clip, without ROS", ""),
        ("estimate", "hands in images and videos: overlays and JSON", ""),
        ("process", "hands of many recordings, as Parquet", "archive"),
        ("view", "look at hands in rerun", "view"),
        ("benchmark", "time each part on this machine", ""),
        ("calibrate", "measure a person's hand size into a YAML file", ""),
        ("export", "write a network as ONNX, OpenVINO, TorchScript", "onnx,torch"),
    )
}
WORKSHOP = "hand_pose_25d_train"
"""The package that makes networks, data and figures; `commands.SUBCOMMANDS` joins the table."""
WORKSHOP_COMMANDS = ("evaluate", "heatmaps", "train", "label", "render", "data")


def commands() -> dict[str, Command]:
    """Return the table of subcommands, those of the workshop included where it is installed."""
    if importlib.util.find_spec(WORKSHOP) is None:
        return COMMANDS
    table = importlib.import_module(f"{WORKSHOP}.commands").SUBCOMMANDS
    return COMMANDS | {name: Command(*row) for name, row in table.items()}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit code."""
    one_blas_thread()
    argv = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):  # a name that the terminal cannot show ends nothing
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    name = next((word for word in argv if not word.startswith("-")), None)
    module = None
    table = commands()
    if name in WORKSHOP_COMMANDS and name not in table:
        print(
            f"hand-pose-25d {name}: this installation lacks {WORKSHOP}, which trains, renders "
            "and evaluates; get it with: pip install 'hand-pose-25d[train]'",
            file=sys.stderr,
        )
        return 2
    if name in table:
        try:
            module = importlib.import_module(table[name].module)
        except ModuleNotFoundError as error:
            return _missing_module(name, error)
    args = _parser(name, module).parse_args(argv)
    logging.basicConfig(
        level=logging.DEBUG if args.verbose else logging.INFO, format="%(levelname)s: %(message)s"
    )
    if module is None:
        _parser(None, None).print_help()
        return 2
    try:
        return int(module.run(args) or 0)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader (head, less) has had enough
        sys.stderr.close()
        return 0
    except ModuleNotFoundError as error:
        if args.traceback:
            raise
        return _missing_module(str(name), error)
    except (OSError, ValueError, RuntimeError, ImportError, MemoryError) as error:
        if args.traceback:
            raise
        print(f"hand-pose-25d {name}: {str(error) or type(error).__name__}", file=sys.stderr)
        return 2


def _parser(chosen: str | None, module) -> argparse.ArgumentParser:
    """Make the parser; only the chosen command's module is loaded and has its arguments added."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("-v", "--verbose", action="store_true", help="log details too")
    common.add_argument("--traceback", action="store_true", help="show where an error came from")
    parser = argparse.ArgumentParser(
        prog="hand-pose-25d", description="Absolute 3D hand pose from one calibrated RGB camera."
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.set_defaults(verbose=False, traceback=False)
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, command in commands().items():
        description = (module.__doc__ if name == chosen and module else None) or command.help
        sub = subparsers.add_parser(
            name,
            help=command.help,
            description=description,
            parents=[common],
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name == chosen and module:
            module.add_arguments(sub)
    return parser


def _missing_module(name: str, error: ModuleNotFoundError) -> int:
    """Say which package is missing and what to install; a module of our own is a fault of ours."""
    if error.name is None or error.name.startswith("hand_pose_25d"):
        raise error
    how = advice(error.name, commands()[name].extra)
    print(
        f"hand-pose-25d {name}: the Python package {error.name!r} is missing; try: {how}",
        file=sys.stderr,
    )
    return 2


if __name__ == "__main__":
    sys.exit(main())
