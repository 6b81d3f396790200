"""People put into a picture."""

from __future__ import annotations

import copy

import numpy as np

from hand_pose_25d_train.render.gl.drawables import Mesh
from hand_pose_25d_train.render.scene.dressing import meshes
from hand_pose_25d_train.render.scene.objects import used_mesh
from hand_pose_25d_train.render.scene.people import Person
from hand_pose_25d_train.render.scene.shot import OBJECT, Staged


def put_in(painter, rng, person: Person, hands, extras, people, bare: bool = False) -> None:
    """Dress a person, or not, and put the meshes and hands into the scene."""
    number, cloth, trousers = len(hands), painter.cloth(rng), painter.cloth(rng)
    state, ident = copy.deepcopy(rng), OBJECT + 20 + 2 * number

    def dressed(moved: Person, rng: np.random.Generator) -> list[Mesh]:
        drawn = meshes(moved, rng, cloth, trousers, 1 + number, ident, bare)
        for i, hand in enumerate(moved.hands, number):
            drawn += used_mesh(painter, hand, rng, OBJECT + 10 + i)
        return drawn

    def draw(moved: Person) -> list[Mesh]:
        again = copy.deepcopy(state)  # the same clothes each time
        return dressed(moved, again)

    hands += person.hands
    extras += dressed(person, rng)
    mine = (number, number + 1)
    idents = frozenset(
        {*(1 + i for i in mine), *(OBJECT + 10 + i for i in mine), ident, ident + 1}
    )
    people.append(Staged(person, number, idents, draw))


def move(person: Person, rotation: np.ndarray, translation: np.ndarray) -> Person:
    """Place a person anew."""
    change = rotation @ person.rotation.T
    shift = translation - change @ person.translation
    return Person(
        person.posed,
        rotation,
        np.asarray(translation, dtype=np.float64),
        person.skin,
        [h.moved(change, shift) for h in person.hands],
    )
