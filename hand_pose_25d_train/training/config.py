"""The YAML files in config/train/: what is trained, on what, and how."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from hand_pose_25d.io.yaml import read_yaml
from hand_pose_25d_train.augmentation.augment import Augmentation
from hand_pose_25d_train.augmentation.paper_jitter import PaperJitter
from hand_pose_25d_train.augmentation.regions import Jitter
from hand_pose_25d_train.training.loop import LoopConfig
from hand_pose_25d_train.training.pose.losses import LossWeights

CONFIG_FOLDER = Path(__file__).resolve().parent.parent / "recipes"


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
    """One training."""

    network: dict[str, Any]
    """The network's configuration, see `network.weights.build_network`."""
    loop: dict[str, Any]
    """LoopConfig without `out`."""
    start: str = ""
    """Starting weights: "", "mediapipe", or a network's name or file."""
    data: DataConfig = field(default_factory=DataConfig)
    loss: LossWeights = field(default_factory=LossWeights)
    freeze: list[str] = field(default_factory=list)
    """Parameters whose names begin with one of these are not trained."""

    def loop_config(self, out: Path, **changes: Any) -> LoopConfig:
        """Return the loop's configuration; raises ValueError for unknown or bad settings."""
        given = {**self.loop, **{k: v for k, v in changes.items() if v is not None}}
        return _make(LoopConfig, {**given, "out": out}, "loop")


def _make(kind: type[Any], values: dict[str, Any], where: str) -> Any:
    known = {f.name for f in fields(kind)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise ValueError(
            f"{where}: unknown {', '.join(unknown)}; allowed are {', '.join(sorted(known))}"
        )
    return kind(**values)


def load_config(name_or_path: str) -> TrainConfig:
    """Read a configuration: a file, or the name of one in config/train/ ("realtime").

    A file may name another as its `base` and give only what differs from it; a list replaces the
    base's list.  Raises FileNotFoundError that names the shipped ones, ValueError for unknown
    keys, for what is no YAML of keys and values, and for files that are each other's base.
    """
    path, document = _read(name_or_path, ())
    data = dict(document.pop("data", {}))
    jitter = PaperJitter if "hand_share" in data.get("jitter", {}) else Jitter
    for key, kind in (("jitter", jitter), ("augmentation", Augmentation)):
        if key in data:
            data[key] = _make(kind, data[key], f"{path}: data.{key}")
    document["data"] = _make(DataConfig, data, f"{path}: data")
    document["loss"] = _make(LossWeights, dict(document.pop("loss", {})), f"{path}: loss")
    document.setdefault("loop", {})
    config: TrainConfig = _make(TrainConfig, document, str(path))
    return config


def _read(name_or_path: str, seen: tuple[Path, ...]) -> tuple[Path, dict[str, Any]]:
    path = Path(name_or_path)
    if not path.is_file():
        path = CONFIG_FOLDER / f"{name_or_path}.yaml"
    if not path.is_file():
        names = ", ".join(sorted(p.stem for p in CONFIG_FOLDER.glob("*.yaml")))
        raise FileNotFoundError(f"no training configuration {name_or_path!r}; shipped are {names}")
    document = read_yaml(path)
    if path in seen:
        raise ValueError(f"{path}: is its own base, by way of {', '.join(map(str, seen))}")
    if "base" in document:
        base = document.pop("base")
        if not isinstance(base, str):
            raise ValueError(f"{path}: base must be a configuration's name or file, is {base!r}")
        _, shared = _read(base, (*seen, path))
        document = _merged(shared, document)
    if "network" not in document:
        raise ValueError(f"{path}: needs a mapping with at least 'network' and 'loop', or a base")
    return path, document


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return the base with the changes, mapping by mapping."""
    merged = dict(base)
    for key, value in changes.items():
        known = merged.get(key)
        if isinstance(known, dict) and isinstance(value, dict):
            value = _merged(known, value)
        merged[key] = value
    return merged
