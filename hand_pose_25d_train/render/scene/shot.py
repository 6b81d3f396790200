"""What is before the camera in one picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from hand_pose_25d_train.render.gl.drawables import Mesh
from hand_pose_25d_train.render.scene.instance import HandInstance
from hand_pose_25d_train.render.scene.people import Person


@dataclass(frozen=True)
class Staged:
    """A person in the picture, who can be drawn again with the arms elsewhere."""

    person: Person
    first: int
    """The number of the person's first hand among the shot's."""
    idents: frozenset[int]
    """Of the person's meshes."""
    draw: Callable[[Person], list[Mesh]]


@dataclass
class Shot:
    """What is before the camera."""

    hands: list[HandInstance]
    K: np.ndarray
    size: tuple[int, int]
    seed: int
    extras: list[Mesh] = field(default_factory=list)
    """More meshes (objects, bodies), with idents of OBJECT or above."""
    bare: bool = False
    """Leave away what might cover the hands: sleeves, things held and things in front."""
    whole: bool = False
    """A scene: `extras` hold all that is drawn, hands too; hands hardly seen lose their labels,
    of crops only the second hand."""
    people: list[Staged] = field(default_factory=list)
    """Whose meshes are among the extras."""
    reduced: int = 0
    """A pixel of the sensor is so many drawn ones wide, and labels are in the drawn ones; 0: what
    is drawn is what is wanted."""


OBJECT = 100
"""Idents: hand i has 1 + i, its sleeve 50 + i, objects 100 and above."""
