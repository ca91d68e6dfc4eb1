"""Where all vertices of a person are in each frame; one code for NumPy and torch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.heads.arrays import Library, Values, cross, csr, dot, floats, smooth, unit
from tools.heads.assets import UNITS, Assets
from tools.heads.moves import Move, shares
from tools.heads.parts import Part
from tools.heads.rig import Eye, Rig

_BAG = (0.86, 0.78, 0.92)
"""The bag behind the lips is made so much smaller, or it would show through the cheeks."""
_BAG_BACK = 0.05
_TONGUE, _TONGUE_FLAT = (0.0, 0.17, 0.12), 0.3
"""How far the tongue goes down and back, and how much flatter it gets, with the jaw."""


@dataclass(frozen=True, slots=True)
class Ball:
    """One eye, where the library computes."""

    eye: Eye
    ball: Values
    skin: Values
    fine: Values
    centre: Values
    rest: Values
    """(n, 3) the ball's own vertices, looking ahead"""


@dataclass(frozen=True, slots=True)
class Puppet:
    """A rig where the library computes, ready to be posed."""

    rig: Rig
    library: Library
    names: tuple[str, ...]
    rest: Values
    units: Values
    """(u, 3 v)"""
    matrix: Values
    offset: Values
    triangles: Values
    around: Values
    """(n, 3 t) sparse: which triangles are at which vertex"""
    balls: tuple[Ball, Ball]
    mouth: Values
    mouth_share: Values
    teeth: Values
    tongue: Values
    inside: Values
    shade: Values
    neck: Values


@dataclass(frozen=True, slots=True)
class Posed:
    """Vertices of some frames."""

    points: Values
    """(f, n, 3)"""
    normals: Values
    """(f, n, 3)"""
    light: Values
    """(f, n) share of the light that reaches the inside of the mouth and the roots of hairs"""


def puppet_of(assets: Assets, rig: Rig, library: Library) -> Puppet:
    """The rig, ready to be posed."""
    names = tuple(assets.units)
    units = np.zeros((len(names), *assets.average.shape), np.float32)
    for row, name in zip(units, names, strict=True):
        which, far = assets.shapes[UNITS + name]
        row[which] = far
    put = library.put
    count = len(rig.triangles)
    around = csr(
        np.ones(3 * count),
        rig.triangles.T.ravel(),
        np.tile(np.arange(count), 3),
        (len(rig.offset), count),
    )
    at_rest = (rig.matrix @ rig.rest + rig.offset).astype(np.float32)
    balls = tuple(
        Ball(
            eye,
            put(eye.ball),
            put(eye.skin),
            put(eye.fine),
            put(eye.centre),
            put(at_rest[eye.ball]),
        )
        for eye in rig.eyes
    )
    return Puppet(
        rig=rig,
        library=library,
        names=names,
        rest=put(rig.rest),
        units=put(units.reshape(len(names), -1)),
        matrix=library.put_matrix(rig.matrix),
        offset=put(rig.offset),
        triangles=put(rig.triangles.astype(np.int64)),
        around=library.put_matrix(around),
        balls=(balls[0], balls[1]),
        mouth=put(assets.mouth),
        mouth_share=put(assets.mouth_share),
        teeth=put(_vertices(rig, Part.TEETH)),
        tongue=put(_vertices(rig, Part.TONGUE)),
        inside=put(rig.inside),
        shade=put(rig.shade),
        neck=put(((rig.neck + rig.head) / 2).astype(np.float32)),
    )


def _vertices(rig: Rig, part: Part) -> NDArray[np.int64]:
    return np.unique(rig.triangles[rig.part == part]).astype(np.int64)


def posed(puppet: Puppet, moves: Sequence[Move]) -> Posed:
    """The vertices of some frames of a person."""
    library, xp = puppet.library, puppet.library.xp
    share = library.put(shares(moves, puppet.names))
    coarse = puppet.rest[None] + (share @ puppet.units).reshape(len(moves), -1, 3)
    points: list[Values] = []
    lights: list[Values] = []
    for move, vertices in zip(moves, coarse, strict=True):
        _shrink_bag(puppet, vertices)
        for ball in puppet.balls:
            _keep_out(xp, ball, ball.skin, vertices)
        at_rest = puppet.matrix @ vertices + puppet.offset
        for ball in puppet.balls:
            _keep_out(xp, ball, ball.fine, at_rest)
            _look(library, ball, at_rest, move)
        _lower_tongue(puppet, at_rest, move)
        lights.append(_mouth_light(puppet, at_rest, move))
        points.append(_turned(puppet, at_rest, move) + library.put(floats(move.shift)))
    placed = xp.stack(points)
    return Posed(placed, _normals(puppet, placed), xp.stack(lights))


def _shrink_bag(puppet: Puppet, vertices: Values) -> None:
    bag = vertices[puppet.mouth]
    middle = bag.mean(0)
    factor = puppet.library.put(floats(_BAG))
    back = puppet.library.put(floats([0, 0, _BAG_BACK]))
    smaller = middle + (bag - middle) * factor - back
    vertices[puppet.mouth] = bag + (smaller - bag) * puppet.mouth_share


def _keep_out(xp: Values, ball: Ball, skin: Values, points: Values) -> None:
    """Push skin that an expression has led through the eyeball back onto it."""
    away = points[skin] - ball.centre
    length = xp.sqrt(dot(away, away))[:, None]
    least = ball.eye.radius
    points[skin] = ball.centre + away * xp.clip(least / (length + 1e-9), 1, 1e9)


def _look(library: Library, ball: Ball, points: Values, move: Move) -> None:
    yaw, pitch = move.eye_turn
    matrix = library.put((_about_y(yaw) @ _about_x(pitch)).astype(np.float32))
    points[ball.ball] = (ball.rest - ball.centre) @ matrix.T + ball.centre


def _about_x(angle: float) -> Values:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def _about_y(angle: float) -> Values:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def _about_z(angle: float) -> Values:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def _turned(puppet: Puppet, points: Values, move: Move) -> Values:
    """Turned about the neck, by less the lower on the neck a vertex is."""
    xp, rig = puppet.library.xp, puppet.rig
    yaw, pitch, roll = move.turn
    axis, angle = _axis(_about_z(-roll) @ _about_y(yaw) @ _about_x(pitch))
    turn = puppet.library.put(axis.astype(np.float32))
    arm = points - puppet.neck
    height = points[:, 1] + 0.55 * xp.clip(arm[:, 2], -0.5, 1.2)
    share = smooth(xp, float(rig.neck[1]) - 0.35, float(rig.head[1]) + 0.1, height)[:, None]
    cosine, sine = xp.cos(share * angle), xp.sin(share * angle)
    along = dot(arm, turn)[:, None] * turn
    around = cross(xp, turn + 0 * arm, arm)
    return puppet.neck + arm * cosine + around * sine + along * (1 - cosine)


def _axis(matrix: Values) -> tuple[Values, float]:
    """The axis and the angle of a rotation of less than half a turn."""
    skew = np.array([matrix[2, 1] - matrix[1, 2], matrix[0, 2] - matrix[2, 0],
                     matrix[1, 0] - matrix[0, 1]])  # fmt: skip
    sine = float(np.linalg.norm(skew))
    return skew / max(sine, 1e-12), float(np.arctan2(sine, np.trace(matrix) - 1))


def _lower_tongue(puppet: Puppet, points: Values, move: Move) -> None:
    """The tongue lies on the floor of an open mouth, and leaves it dark above."""
    put, jaw = puppet.library.put, move.units.get("jawOpen", 0)
    tongue = points[puppet.tongue]
    middle = tongue.mean(0)
    flat = put(floats([1, 1 - _TONGUE_FLAT * jaw, 1]))
    points[puppet.tongue] = middle + (tongue - middle) * flat - put(floats(_TONGUE)) * jaw


def _mouth_light(puppet: Puppet, points: Values, move: Move) -> Values:
    """Darker the farther behind the teeth, and the less the mouth is open."""
    xp = puppet.library.xp
    unit_of = move.units.get
    opened = min(
        1.0,
        0.25
        + 1.1 * unit_of("jawOpen", 0)
        + 0.3 * unit_of("mouthLowerDownLeft", 0)
        + 0.3 * unit_of("mouthUpperUpLeft", 0),
    )
    front = float(points[puppet.teeth][:, 2].max()) + 0.06
    behind = xp.clip(front - points[:, 2] - 0.05, 0, 1e3)
    reaches = 0.03 + 0.97 * xp.exp(-behind / (0.2 + 0.2 * opened)) * (0.85 + 0.15 * opened)
    return puppet.shade * (1 - puppet.inside * (1 - reaches))


def _normals(puppet: Puppet, points: Values) -> Values:
    xp = puppet.library.xp
    a, b, c = (points[:, puppet.triangles[:, i]] for i in range(3))
    faces = cross(xp, b - a, c - a)
    return xp.stack([unit(xp, puppet.around @ one) for one in faces])
