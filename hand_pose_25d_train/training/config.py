"""One training: what is trained, on what, and how, as the YAML files in recipes/paper/ say it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hand_pose_25d.io.yaml import read_yaml
from hand_pose_25d_train.augmentation.augment import Augmentation
from hand_pose_25d_train.augmentation.paper_jitter import PaperJitter
from hand_pose_25d_train.augmentation.regions import Jitter
from hand_pose_25d_train.training.loop_config import LoopConfig
from hand_pose_25d_train.training.loss_weights import LossWeights
from hand_pose_25d_train.training.mappings import from_mapping

CONFIG_FOLDER = Path(__file__).resolve().parent.parent / "recipes" / "paper"


@dataclass
class DataConfig:
    """What a batch is made of."""

    batch_size: int = 32
    share_2d: float = 1.0
    """Shares of 2D-only photographs and of samples with 3D: equal in the paper."""
    share_3d: float = 1.0
    share_empty: float = 0.1
    """Share of backgrounds without a hand."""
    weak_depth: float = 0.0
    """Weight of the photographs' pseudo-depths."""
    replace_background: float = 0.7
    jitter: Jitter | PaperJitter = field(default_factory=Jitter)
    """With `hand_share` among its keys: the paper's."""
    augmentation: Augmentation = field(default_factory=Augmentation)


@dataclass
class TrainConfig:
    """One training run."""

    network: dict[str, Any]
    """The network's configuration, see `networks.formulations.build_any`."""
    loop: dict[str, Any]
    """LoopConfig without `out`."""
    start: str = ""
    """Starting weights: "", "mediapipe", or a network's name or file."""
    teacher: str = ""
    """The network whose maps are learned from, too: a name or file; "": none."""
    data: DataConfig = field(default_factory=DataConfig)
    loss: LossWeights = field(default_factory=LossWeights)
    freeze: list[str] = field(default_factory=list)
    """Parameters whose names begin with one of these are not trained."""

    def loop_config(self, out: Path, **changes: Any) -> LoopConfig:
        """Return the loop's configuration; raises ValueError for unknown or bad settings."""
        given = {**self.loop, **{k: v for k, v in changes.items() if v is not None}}
        return from_mapping(LoopConfig, {**given, "out": out}, "loop")


def load_config(name_or_path: str) -> TrainConfig:
    """Read a configuration: a file, or the name of one in recipes/paper/ ("latent").

    Raises FileNotFoundError that names the shipped ones, ValueError for unknown keys and for what
    is no YAML of keys and values.
    """
    path = Path(name_or_path)
    if not path.is_file():
        path = CONFIG_FOLDER / f"{name_or_path}.yaml"
    if not path.is_file():
        names = ", ".join(sorted(p.stem for p in CONFIG_FOLDER.glob("*.yaml")))
        raise FileNotFoundError(f"no training configuration {name_or_path!r}; shipped are {names}")
    document = read_yaml(path)
    if "network" not in document:
        raise ValueError(f"{path}: needs a mapping with at least 'network' and 'loop'")
    document["data"] = data_config(document.get("data", {}), f"{path}: data")
    config: TrainConfig = from_mapping(TrainConfig, {"loop": {}, **document}, str(path))
    config.loop_config(Path("."), steps=config.loop.get("steps", 1))
    return config


def data_config(values: dict[str, Any], where: str) -> DataConfig:
    """Make a DataConfig of keys and values; raises ValueError for bad ones."""
    values = dict(values)
    jitter = PaperJitter if "hand_share" in values.get("jitter", {}) else Jitter
    if "jitter" in values:
        values["jitter"] = from_mapping(jitter, values["jitter"], f"{where}.jitter")
    made: DataConfig = from_mapping(DataConfig, values, where)
    return made
