"""Finds where on the mesh the detector's points lie: python -m tools.heads.fit_landmarks --help.

Renders people, looks for their faces as the tracker does, and finds for each point the vertices
whose mean is nearest to it in half of the people. The error is told for the other half, in parts
of the face's width.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streamer.errors import StreamerError
from streamer.frame import Array, Landmarks
from streamer.output import replacing
from streamer.tracker import FaceMesh
from tools.heads.arrays import NumpyLibrary, closest
from tools.heads.assets import load
from tools.heads.camera import Camera
from tools.heads.landmarks import (
    COUNT,
    FILE,
    IRIS_POINTS,
    Places,
    candidates,
    landmarks_of,
    load_places,
)
from tools.heads.moves import draw_moves
from tools.heads.person import make_person
from tools.heads.raster import nearest
from tools.heads.render import frames, studio

_NEIGHBOURS, _STIFF = 10, 0.02
"""Vertices that a point is a mean of, and how reluctantly it leaves the nearest."""


@dataclass(frozen=True, slots=True)
class Look:
    """One picture, as rendered and as detected."""

    person: int
    camera: Camera
    vertices: Array
    """(n, 3) of skin and eyes"""
    found: Landmarks | None
    width: float
    """of the face, px"""


def looks(assets_folder: Path, people: range, count: int, side: int) -> list[Look]:
    """Rendered people, looked at."""
    assets, mesh = load(assets_folder), FaceMesh(0.5)
    result: list[Look] = []
    for number, seed in enumerate(people):
        person = make_person(assets, seed)
        place = studio(assets, person, NumpyLibrary(), nearest, side)
        size = int(place.person.rig.eyes[0].ball.max(initial=0)) + 1
        size = max(size, int(place.person.rig.eyes[1].ball.max(initial=0)) + 1)
        for frame in frames(place, draw_moves(seed, count)):
            mesh.forget()
            found = mesh.settle(frame.picture)
            across = float(np.ptp(found[:, 0])) if found is not None else 0.0
            result.append(Look(number, person.camera, frame.vertices[:size], found, across))
        print(f"{number + 1} of {len(people)}", end="\r", flush=True)
    mesh.close()
    return result


def fit(seen: Sequence[Look], usable: NDArray[np.int64], rest: Array) -> Places:
    """The places that fit best."""
    points = np.stack([look.vertices[usable, :2] / look.width for look in seen])
    wanted = np.stack([_found(look)[:, :2] / look.width for look in seen])
    flat = points.transpose(1, 0, 2).reshape(len(usable), -1).astype(np.float64)
    goal = wanted.transpose(1, 0, 2).reshape(COUNT, -1).astype(np.float64)
    square = (flat**2).sum(1)[:, None] - 2 * flat @ goal.T
    best = square.argmin(0)
    _, near = closest(rest[usable[best]], rest[usable], _NEIGHBOURS)
    weights = np.stack([_weights(flat[n], g) for n, g in zip(near, goal, strict=True)])
    return Places(usable[near], weights.astype(np.float32))


def _weights(corners: NDArray[np.float64], goal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights (k,) of sum 1 of rows (k, m), the first of which is preferred."""
    away = (corners[1:] - corners[0]).T
    stiff = _STIFF * np.sqrt((away**2).mean() * len(goal)) * np.eye(away.shape[1])
    left = np.concatenate([away, stiff])
    right = np.concatenate([goal - corners[0], np.zeros(away.shape[1])])
    rest = np.linalg.lstsq(left, right, rcond=None)[0]
    return np.concatenate([[1 - rest.sum()], rest])


def errors(seen: Sequence[Look], places: Places, side: int) -> Array:
    """(f, 478) distance on the screen, in parts of the face's width."""
    rows = [
        np.linalg.norm(
            (landmarks_of(places, look.vertices, look.camera, side) - _found(look))[:, :2], axis=1
        )
        / look.width
        for look in seen
    ]
    return np.array(rows, np.float32)


def _found(look: Look) -> Landmarks:
    assert look.found is not None
    return look.found


def report(held: Sequence[Look], places: Places, side: int) -> None:
    """Print the errors of people who were not fitted."""
    away = 100 * errors(held, places, side)
    face, iris = away[:, :-IRIS_POINTS], away[:, -IRIS_POINTS:]
    print(f"error in % of the face's width, {len(held)} pictures that were not fitted:")
    for name, values in (("468 points", face), ("irises", iris)):
        print(f"  {name}: mean {values.mean():.2f}, median {np.median(values):.2f}, "
              f"95 % {np.percentile(values, 95):.2f}")  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Fit; the exit code."""
    parser = argparse.ArgumentParser(prog="tools.heads.fit_landmarks", description=__doc__)
    parser.add_argument("--assets", type=Path, required=True, metavar="DIR")
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument("--frames", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1_000_000, help="of the first person")
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--check", action="store_true", help="only tell the errors of the file")
    parsed = parser.parse_args(arguments)
    try:
        people = range(parsed.seed, parsed.seed + parsed.people)
        every = looks(parsed.assets, people, parsed.frames, parsed.side)
        seen = [look for look in every if look.found is not None]
        print(f"faces found: {len(seen)} of {len(every)}")
        if parsed.check:
            report(seen, load_places(), parsed.side)
            return 0
        person = make_person(load(parsed.assets), parsed.seed)
        rest = (person.rig.matrix @ person.rig.rest + person.rig.offset).astype(np.float32)
        usable = candidates(person.rig)
        places = fit([look for look in seen if look.person % 2], usable, rest)
        report([look for look in seen if not look.person % 2], places, parsed.side)
        with replacing(FILE) as part, part.open("wb") as file:
            np.savez_compressed(file, which=places.which.astype(np.uint16), weights=places.weights)
    except StreamerError as error:
        print(f"fit_landmarks: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
