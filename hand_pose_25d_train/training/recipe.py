"""What a network's recipe says, recipes/{accurate,realtime,detector}.yaml: all stages of it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from hand_pose_25d.io.yaml import read_yaml
from hand_pose_25d_train.render.shares import RenderShares
from hand_pose_25d_train.training.config import DataConfig, data_config
from hand_pose_25d_train.training.loop_config import LoopConfig
from hand_pose_25d_train.training.loss_weights import LossWeights
from hand_pose_25d_train.training.mappings import from_mapping
from hand_pose_25d_train.training.teaching import Teaching

RECIPES = Path(__file__).resolve().parent.parent / "recipes"
_SIZES = ("cpu", "gpu")
LOOP_SET_BY_SIZE = ("steps", "learning_rate", "seed", "minutes", "device", "out")
"""What a recipe's `loop` must not name: sizes and options set it."""


@dataclass(frozen=True)
class Size:
    """How much is rendered and trained: one of a recipe's sizes."""

    crops: int
    """Rendered crops to train on."""
    scenes: int
    """Rendered scenes: to train a detector on, to fit a pose network's presence on."""
    holdout: int
    """Images of bodies that are not trained on: to calibrate and to judge by."""
    steps: int
    batch_size: int
    learning_rate: float
    settle_steps: int = 0
    """Of each of the pose network's last training runs."""

    def __post_init__(self) -> None:
        """Raise ValueError for numbers that are too small."""
        for f in fields(self):
            least = 0 if f.name == "settle_steps" else 1
            if f.name == "learning_rate":
                if not 0 < self.learning_rate < 1:
                    raise ValueError(f"learning_rate must be in 0..1, is {self.learning_rate}")
            elif getattr(self, f.name) < least:
                raise ValueError(f"{f.name} must be at least {least}, is {getattr(self, f.name)}")


@dataclass(frozen=True)
class RenderOptions(RenderShares):
    """What is rendered; see `hand-pose-25d render`."""

    crop_side: int = 224
    scene_height: int = 480
    bodies: tuple[int, ...] = (0, 600)
    """Seeds of the bodies to train on: first and end."""
    holdout_bodies: tuple[int, ...] = (800, 1000)
    seed: int = 0
    """Of the first image; other folders' seeds follow in steps of ten millions."""
    shard: int = 500

    def __post_init__(self) -> None:
        """Raise ValueError for ranges that are none or overlap, and for shares that are none."""
        super().__post_init__()
        ranges = [tuple(self.bodies), tuple(self.holdout_bodies)]
        for pair in ranges:
            if len(pair) != 2 or not 0 <= pair[0] < pair[1]:
                raise ValueError(f"bodies: a range is [first, end], not {list(pair)}")
        (a, b), (c, d) = ranges
        if a < d and c < b:
            raise ValueError(f"holdout_bodies {[c, d]} overlap the bodies to train on, {[a, b]}")


@dataclass(frozen=True)
class SettleRun:
    """One of the last training runs, whose average is taken."""

    seed: int
    certainty: float = 0.0
    """See `LossWeights.certainty`."""


@dataclass(frozen=True)
class Settle:
    """Short training runs from the long one's weights; their average is better than each."""

    rate: float
    """Learning rate over that of the long training run."""
    before: float
    """Share of the long training's weights in the average."""
    runs: list[SettleRun]

    def __post_init__(self) -> None:
        """Raise ValueError for shares that are none."""
        if not 0 <= self.before <= 1:
            raise ValueError(f"before must be in 0..1, is {self.before}")
        if not self.rate > 0:
            raise ValueError(f"rate must be above 0, is {self.rate}")


@dataclass(frozen=True)
class PresenceOptions:
    """How the presence is fitted, see training/pose/presence.py."""

    count: int = 200
    """Images of each kind."""
    threshold: float = 0.25
    """Score from which on detections are mined."""
    offset: float = 0.0
    """Added to the logit after the fit."""
    detector: str = "detector"


@dataclass(frozen=True)
class Recipe:
    """What both recipes have."""

    network: dict[str, Any]
    start: str
    """Starting weights: "mediapipe", or a network's name or file."""
    sizes: dict[str, Size]
    loop: dict[str, Any]
    """LoopConfig but for what the size and the command's options set."""
    seed: int = 0
    render: RenderOptions = field(default_factory=RenderOptions)
    tolerance: float = 0.06
    """Photographs are kept where MediaPipe's labels of them and of their mirror images agree to
    this fraction of the hand's box."""

    def __post_init__(self) -> None:
        """Raise ValueError for missing sizes and bad settings of the loop."""
        if sorted(self.sizes) != sorted(_SIZES):
            raise ValueError(f"sizes must be {' and '.join(_SIZES)}, are {', '.join(self.sizes)}")
        if set_twice := sorted(set(self.loop) & set(LOOP_SET_BY_SIZE)):
            raise ValueError(f"loop: {', '.join(set_twice)} belong into sizes and options")
        self.loop_config(Path("."), 1, 1e-3)

    def loop_config(self, out: Path, steps: int, rate: float, **more: Any) -> LoopConfig:
        """Return the settings of a run of so many steps; raises ValueError for bad ones."""
        given = {**self.loop, "out": out, "steps": steps, "learning_rate": rate, **more}
        made: LoopConfig = from_mapping(LoopConfig, given, "loop")
        return made


@dataclass(frozen=True)
class PoseRecipe(Recipe):
    """The pose network's."""

    data: dict[str, Any] = field(default_factory=dict)
    """DataConfig but for the batch's size."""
    loss: LossWeights = field(default_factory=LossWeights)
    teacher: str = ""
    """The network whose maps are learned from, too: a name or file; "": none."""
    freeze: list[str] = field(default_factory=list)
    """Parameters whose names begin with one of these are not trained."""
    settle: Settle = field(default_factory=lambda: Settle(0.2, 0.5, []))
    presence: PresenceOptions = field(default_factory=PresenceOptions)

    def __post_init__(self) -> None:
        """Raise ValueError for bad settings of the data, too."""
        super().__post_init__()
        if "batch_size" in self.data:
            raise ValueError("data: batch_size belongs into sizes")
        self.data_config(1)
        few = [name for name, size in self.sizes.items() if size.settle_steps < 1]
        if self.settle.runs and few:
            raise ValueError(f"sizes.{few[0]}: settle_steps must be at least 1 for settle.runs")

    def data_config(self, batch_size: int) -> DataConfig:
        """Return what batches are made of."""
        return data_config({**self.data, "batch_size": batch_size}, "data")


@dataclass(frozen=True)
class Shares:
    """Of the kinds of scenes, those that there are."""

    photos: float
    scenes: float
    crops: float
    people: float
    whole: float = 0.0
    """Photographs that `label --consensus` labelled."""

    def __post_init__(self) -> None:
        """Raise ValueError for a share below 0."""
        if min(self.photos, self.scenes, self.crops, self.people, self.whole) < 0:
            raise ValueError(f"shares must not be below 0: {self}")


@dataclass(frozen=True)
class DetectorRecipe(Recipe):
    """The detector's."""

    shares: Shares = Shares(0.25, 0.35, 0.25, 0.15)
    scene_sides: list[int] = field(default_factory=lambda: [224, 256, 288])
    """Of the scenes, px; one drawn for each batch."""
    teaching: Teaching = Teaching()


RECIPE_KINDS: dict[str, type[Recipe]] = {
    "accurate": PoseRecipe,
    "realtime": PoseRecipe,
    "detector": DetectorRecipe,
}


def load_recipe(name: str, path: Path | None = None) -> Recipe:
    """Read a recipe, "accurate", "realtime" or "detector": the shipped one, or a file.

    Raises FileNotFoundError, or ValueError for unknown keys and bad values.
    """
    path = path or RECIPES / f"{name}.yaml"
    if not path.is_file():
        raise FileNotFoundError(f"no recipe {path}")
    document = read_yaml(path)
    try:
        made: Recipe = from_mapping(RECIPE_KINDS[name], document, name)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return made
