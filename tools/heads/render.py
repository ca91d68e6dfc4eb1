"""Frames of a person, with what is known about them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamer.frame import Array, Image
from tools.heads.arrays import Library
from tools.heads.assets import Assets
from tools.heads.draw import Meshes, draw, meshes_of
from tools.heads.moves import Move
from tools.heads.person import Person
from tools.heads.posing import puppet_of
from tools.heads.raster import Rasteriser
from tools.heads.scene import Scene, developed, finished, make_scene
from tools.heads.shade import Stage, materials, stage_of


@dataclass(frozen=True, slots=True)
class Studio:
    """A person before the camera."""

    person: Person
    stage: Stage
    meshes: Meshes
    seen: Rasteriser
    scene: Scene
    side: int


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture, and what is at each pixel's middle."""

    move: Move
    picture: Image
    """(side, side, 3)"""
    matte: Image
    """(side, side) how much of the pixel is the person"""
    triangle: NDArray[np.int32]
    """(side, side) number of the triangle seen, -1 for none"""
    near: Array
    """(side, side) 1/distance in 1/dm, 0 where there is nothing"""
    vertices: Array
    """(n, 3) px from the top left corner, and 1/distance"""


def studio(assets: Assets, person: Person, library: Library, seen: Rasteriser, side: int) -> Studio:
    """A person, ready to be drawn by one of the libraries."""
    puppet = puppet_of(assets, person.rig, library)
    surfaces = materials(person.traits)
    stage = stage_of(puppet, person.atlas, person.camera, person.light, surfaces)
    meshes = meshes_of(stage)
    who = (person.traits, person.camera, person.light, person.atlas)
    scene = make_scene(assets, who, (stage, meshes, seen), side)
    return Studio(person, stage, meshes, seen, scene, side)


def frames(place: Studio, moves: Sequence[Move], at_once: int = 1) -> Iterator[Frame]:
    """The frames of a person, so many computed together."""
    library = place.stage.puppet.library
    for start in range(0, len(moves), at_once):
        batch = moves[start : start + at_once]
        drawn = draw(place.stage, place.meshes, place.seen, batch, place.side)
        shown = library.get(developed(library.xp, drawn.colour, drawn.matte, place.scene.exposure))
        matte, which = library.get(drawn.matte), library.get(drawn.which)
        near, vertices = library.get(drawn.near), library.get(drawn.screen)
        for i, move in enumerate(batch):
            rng = np.random.default_rng([place.person.traits.seed, 7, start + i])
            yield Frame(
                move,
                finished(shown[i], matte[i], place.scene, rng),
                np.rint(matte[i] * 255).astype(np.uint8),
                which[i].astype(np.int32),
                near[i],
                vertices[i],
            )
