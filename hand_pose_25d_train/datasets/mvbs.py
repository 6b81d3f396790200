"""MVBS (multi-view bootstrapping): Simon et al., CVPR 2017.  2D only, for training.

Two releases: `hand_labels_synth/synth*/` holds `<name>.jpg` with `<name>.json` as MPII+NZSL does;
`hand143_panopticdb/hands_v143_14817.json` lists under `root` entries with `img_paths` and
`joint_self` (21 x 3: x, y, 1 where valid).  Readers of the second take every hand for a right one.
"""

from __future__ import annotations

from pathlib import Path

from hand_pose_25d_train.datasets.mpii_nzsl import read_hand
from hand_pose_25d_train.datasets.sample import Part, Sample, need_folder, read_json

SYNTH = "hand_labels_synth"
PANOPTIC = "hand143_panopticdb"
PANOPTIC_LIST = "hands_v143_14817.json"
PANOPTIC_SIZE = 14817


class MVBS:
    """The hands of both releases, or of the one that is there."""

    def __init__(self, folder: Path, split: str = "training") -> None:
        """Find the annotations; `folder` holds either or both of the releases.

        Raises ValueError for another split or a damaged list, and FileNotFoundError where neither
        release is there.
        """
        if split != "training":
            raise ValueError(f"MVBS has only a training set, not {split!r}")
        self.folder = need_folder(Path(folder), "MVBS")
        self.synth = sorted((self.folder / SYNTH).rglob("*.json"))
        path = self.folder / PANOPTIC / PANOPTIC_LIST
        self.panoptic = read_panoptic(path) if path.is_file() else []
        if not self.synth and not self.panoptic:
            raise FileNotFoundError(f"neither {SYNTH}/**/*.json nor {path} in {self.folder}")

    def __len__(self) -> int:
        return len(self.synth) + len(self.panoptic)

    def __getitem__(self, index: int) -> Sample:
        """Read one hand; errors name the file and the key."""
        if not 0 <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        if index < len(self.synth):
            path = self.synth[index]
            return read_hand(path, path.with_suffix(".jpg"), read_json(path))
        root = self.folder / PANOPTIC
        number = index - len(self.synth)
        entry = self.panoptic[number]
        where = root / f"{PANOPTIC_LIST}[{number}]"
        for key in ("joint_self", "img_paths"):
            if key not in entry:
                raise ValueError(f"{where} has no {key!r}")
        hand = {"hand_pts": entry["joint_self"], "is_left": 0}
        return read_hand(where, root / str(entry["img_paths"]), hand)


def read_panoptic(path: Path) -> list[dict]:
    """Return the entries of the list; ValueError where it has another form."""
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("root"), list):
        raise ValueError(f"{path} has no list 'root'")
    return content["root"]


def inventory(folder: Path) -> list[Part]:
    """List the annotations and images of both releases."""
    synth = sorted((folder / SYNTH).rglob("*.json"))
    missing = [str(p.with_suffix(".jpg")) for p in synth if not p.with_suffix(".jpg").is_file()]
    absent = [] if synth else [f"no *.json below {folder / SYNTH}"]
    parts = [Part(SYNTH, len(synth) - len(missing), None, missing or absent)]
    path = folder / PANOPTIC / PANOPTIC_LIST
    try:
        entries = read_panoptic(path)
    except (OSError, ValueError) as error:
        return [*parts, Part(PANOPTIC, 0, PANOPTIC_SIZE, [str(error)])]
    paths = [folder / PANOPTIC / str(entry.get("img_paths")) for entry in entries]
    missing = [str(p) for p in paths if not p.is_file()]
    return [*parts, Part(PANOPTIC, len(paths) - len(missing), PANOPTIC_SIZE, missing)]
