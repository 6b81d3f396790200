"""How long people's bones are: makes config/populations.yaml from measured hands.

    python -m hand_pose_25d_train.evaluation.project.populations \\
        --ansur ansur2_hands.csv --out populations.yaml

Sizes and the spread of the palm-to-finger ratio are ANSUR II's (6,068 adults by caliper; US Army,
NATICK/TR-15/007): a CSV file with the columns sex, stature_mm, hand_length_mm and palm_length_mm.
What it cannot tell is given below: where keypoints lie in a hand, and children.
"""

from __future__ import annotations

import argparse
import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hand_pose_25d.io.yaml import write_yaml
from hand_pose_25d.reconstruction.bone_length_prior import (
    BONE_NAMES,
    HAND_LENGTH_BONES,
    POPULATIONS,
)
from hand_pose_25d_train.datasets.bone_proportions import PROPORTIONS

RULER = 1.07
"""A flat hand by a ruler over the chain wrist - middle MCP - ... - middle tip of the keypoints.
Photographs of open hands, looked at by eye: the finger's skin ends 4.7 % of the chain beyond its
keypoint (10 photographs), the wrist's fold nearest the forearm lies 1.5 % behind the wrist's (4):
1.06.  A man measured in metres has the chain of an average man at 1.08."""
FINGER_TO_PALM = 0.97
"""Middle finger's three bones over wrist - middle MCP: the mean of five sources.  Medians of open
hands in photographs, which are not all quite flat: 0.903 (206 of ASL digits), 0.947 (91, office
and home phones), 0.955 (84, finger counting), 1.045 (52, one man in many rooms); and 1.00, a man
measured in metres."""
INDIVIDUAL = 0.04
"""Relative standard deviation of each bone on its own."""
CHILD_STATURE = {
    # age: medians, then 5th and 95th percentiles, cm: boys, girls
    7: ((122.6, 121.7), (114.0, 113.0), (131.2, 130.4)),
    8: ((127.9, 126.9), (118.9, 117.9), (137.0, 136.0)),
    9: ((133.1, 132.1), (123.8, 122.7), (142.9, 142.0)),
    10: ((138.1, 137.2), (128.4, 127.3), (148.4, 148.0)),
    11: ((142.9, 142.9), (132.8, 132.0), (153.8, 154.8)),
    12: ((147.7, 149.3), (137.0, 137.1), (159.8, 161.7)),
    13: ((153.5, 155.5), (141.5, 143.0), (167.6, 167.0)),
}
"""Statures of the Copenhagen School Health Records Register, two million measurements (American
Journal of Epidemiology, article kww128, Table 1; PMC5394246).  A child's hand is taken to have the
proportion to its stature that an adult's of the same sex has."""
CHILDREN = 0.2
"""Share of children among `anyone`."""
_PERCENTILES = 2 * 1.645  # from the 5th to the 95th, in standard deviations

_HEADER = """\
# Bone lengths of people, by population, made by
# `python -m hand_pose_25d_train.evaluation.project.populations`, which says where each number
# comes from.  Keypoint conventions differ between data sets by up to 40 % for one bone: these
# lengths belong to the keypoints of the shipped networks.
#   ruler         length of a flat hand by a ruler (the wrist's fold nearest the forearm to the
#                 skin of the middle fingertip) over the chain of its keypoints
#   hand_length   m by a ruler, mean and standard deviation
#   proportions   mean length of each bone over the chain's
#   shape         covariance of the bones' relative lengths among hands of one length
# A population's Gaussian: mean = hand_length / ruler * proportions, and the covariance is
# (shape + (deviation / hand_length)^2) times the outer product of the mean.
# Proportions: medians of open hands in photographs (bone_proportions.py), finger and thumb bones
# stretched so that the middle finger has {ratio} of wrist - middle MCP.
"""


@dataclass(frozen=True)
class PopulationSize:
    """A population's hand length by a ruler: metres."""

    mean: float
    deviation: float
    source: str


def read_ansur(path: Path) -> dict[str, np.ndarray]:
    """Return per sex ("male", "female") an (N, 3) array: hand length, palm length, stature, mm.

    Raises FileNotFoundError, or ValueError for a file that lacks a column or a sex.
    """
    columns = ("hand_length_mm", "palm_length_mm", "stature_mm")
    rows: dict[str, list[list[float]]] = {"male": [], "female": []}
    with Path(path).open(newline="") as file:
        reader = csv.DictReader(file)
        missing = {"sex", *columns} - set(reader.fieldnames or ())
        if missing:
            raise ValueError(f"{path}: the columns {', '.join(sorted(missing))} are missing")
        for row in reader:
            if row["sex"] not in rows:
                raise ValueError(f"{path}: sex must be male or female, got {row['sex']!r}")
            rows[row["sex"]].append([float(row[name]) for name in columns])
    if min(len(found) for found in rows.values()) < 2:
        raise ValueError(f"{path}: needs at least 2 rows of each sex")
    return {sex: np.array(found) for sex, found in rows.items()}


def mixture(parts: list[tuple[float, float, float]]) -> tuple[float, float]:
    """Return mean and deviation of a mixture of (share, mean, deviation); shares sum to 1."""
    mean = sum(share * m for share, m, _ in parts)
    return mean, math.sqrt(sum(share * (d**2 + (m - mean) ** 2) for share, m, d in parts))


def sizes(ansur: dict[str, np.ndarray]) -> dict[str, PopulationSize]:
    """Return each population's size."""
    own = {
        sex: (float(table[:, 0].mean()) / 1e3, float(table[:, 0].std()) / 1e3)
        for sex, table in ansur.items()
    }
    adult = mixture([(0.5, *own["male"]), (0.5, *own["female"])])
    child = _children(ansur)
    anyone = mixture([(1 - CHILDREN, *adult), (CHILDREN, *child)])
    counts = {sex: f"{len(table):,}" for sex, table in ansur.items()}
    return {
        "adult": PopulationSize(*adult, "men and women, half and half (ANSUR II)"),
        "man": PopulationSize(*own["male"], f"{counts['male']} men (ANSUR II)"),
        "woman": PopulationSize(*own["female"], f"{counts['female']} women (ANSUR II)"),
        "child": PopulationSize(
            *child,
            "7 to 13 years: statures of Copenhagen's schools (PMC5394246), hands in the "
            "proportion to stature that ANSUR II's adults have",
        ),
        "anyone": PopulationSize(*anyone, f"adults, and {CHILDREN:.0%} children"),
    }


def _children(ansur: dict[str, np.ndarray]) -> tuple[float, float]:
    """Children's hand length, mean and deviation: every age and sex as often."""
    parts = []
    share = 1 / (2 * len(CHILD_STATURE))
    for medians, low, high in CHILD_STATURE.values():
        for i, sex in enumerate(("male", "female")):
            ratio = ansur[sex][:, 0] / ansur[sex][:, 2]
            spread = (high[i] - low[i]) / _PERCENTILES / medians[i]
            relative = math.hypot(spread, float(ratio.std() / ratio.mean()))
            mean = float(ratio.mean()) * medians[i] / 100
            parts.append((share, mean, mean * relative))
    return mixture(parts)


def proportions() -> np.ndarray:
    """Return the mean bone lengths (20,) over the chain wrist - middle fingertip."""
    lengths = np.array(PROPORTIONS).reshape(5, 4)
    lengths[:, 1:] *= FINGER_TO_PALM * lengths[2, 0] / lengths[2, 1:].sum()
    flat = lengths.reshape(20)
    return flat / flat[list(HAND_LENGTH_BONES)].sum()


def shape(ansur: dict[str, np.ndarray]) -> np.ndarray:
    """Return the covariance (20, 20) of relative bone lengths among hands of one length.

    Each bone on its own, and all fingers against the palm, as much as ANSUR's palms and fingers
    differ among men and among women; then conditioned on the chain's length.
    """
    spread = []
    for table in ansur.values():
        ratio = table[:, 1] / (table[:, 0] - table[:, 1])
        spread.append(float(np.log(ratio).std()))
    mean = proportions()
    chain = np.isin(np.arange(20), HAND_LENGTH_BONES)
    palm = np.arange(20) % 4 == 0
    fingers = mean[chain & ~palm]
    own = INDIVIDUAL**2 * (1 + float((fingers**2).sum() / fingers.sum() ** 2))
    ratio_variance = max(float(np.mean(spread)) ** 2 - own, 0.0)
    factor = np.where(palm, fingers.sum(), -mean[8])  # longer palm, shorter fingers, same length
    covariance = ratio_variance * np.outer(factor, factor) + INDIVIDUAL**2 * np.eye(20)
    along = mean * chain
    seen = covariance @ along
    return covariance - np.outer(seen, seen) / (along @ seen)


def write(ansur: Path, out: Path) -> dict[str, PopulationSize]:
    """Make the file; return what it says of sizes."""
    table = read_ansur(ansur)
    found = sizes(table)
    assert tuple(found) == POPULATIONS
    populations = {
        name: {
            "hand_length": round(size.mean, 4),
            "deviation": round(size.deviation, 4),
            "source": size.source,
        }
        for name, size in found.items()
    }
    content = {
        "ruler": RULER,
        "populations": populations,
        "bones": list(BONE_NAMES),
        "proportions": [round(float(v), 5) for v in proportions()],
        "shape": [[round(float(v), 8) for v in row] for row in shape(table)],
    }
    write_yaml(out, content)
    out.write_text(_HEADER.format(ratio=FINGER_TO_PALM) + out.read_text())
    return found


def main() -> None:
    """Make the file and print its sizes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ansur", type=Path, required=True, metavar="CSV")
    parser.add_argument("--out", type=Path, required=True, metavar="YAML")
    args = parser.parse_args()
    for name, size in write(args.ansur, args.out).items():
        print(f"{name:8}{1e3 * size.mean:7.1f} +- {1e3 * size.deviation:4.1f} mm  {size.source}")


if __name__ == "__main__":
    main()
