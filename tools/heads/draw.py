"""Pictures of a person, by NumPy or by torch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tools.heads.arrays import Values, dot, floats
from tools.heads.moves import Move
from tools.heads.parts import SOLID, Part
from tools.heads.posing import Posed, posed
from tools.heads.raster import Rasteriser, Soup
from tools.heads.shade import RING, Samples, Stage, colours

LAYERS = 6
"""So many hairs before one another are seen at most."""
_FAINT, _SOLID = 0.03, 0.5
_FINER = 2
"""Samples of a pixel along each side."""
_SHADOW, _TAPS = 512, 5
_REACH, _BIAS = 3.2, 0.03
"""Half the width of the shadow's picture, and what is no shadow yet, in decimetres."""
_FAR = 20.0
_NEAR_BY, _HIDES = 0.55, 1.0
"""How far around a place things hide the light, in decimetres, and how much."""
_NO_SHADOW = (Part.LENS, Part.LASH, Part.BROW, Part.BEARD)


@dataclass(frozen=True, slots=True)
class Meshes:
    """The triangles of a person by how they are drawn."""

    solid: Soup
    clear: Soup
    whole: Soup
    casting: Soup


@dataclass(frozen=True, slots=True)
class Drawn:
    """Pictures of some frames, where the library computes."""

    colour: Values
    """(f, side, side, 3) linear, times what of the pixel is covered"""
    matte: Values
    """(f, side, side)"""
    which: Values
    """(f, side, side) the triangle at each pixel's middle, -1 for none"""
    near: Values
    """(f, side, side) 1/distance there"""
    screen: Values
    """(f, n, 3) vertices: px from the top left corner, and 1/distance"""


def meshes_of(stage: Stage) -> Meshes:
    """The soups of a stage."""
    part, level = stage.puppet.rig.part, stage.puppet.rig.level
    solid = level <= SOLID
    every = np.ones(len(part), bool)
    return Meshes(
        _soup(stage, solid),
        _soup(stage, ~solid),
        _soup(stage, every),
        _soup(stage, ~np.isin(part, _NO_SHADOW)),
    )


def _soup(stage: Stage, mask: Values) -> Soup:
    library, rig = stage.puppet.library, stage.puppet.rig
    numbers = np.flatnonzero(mask)
    height = len(stage.atlas) // stage.width
    opacity = stage.atlas[:, 3].reshape(height, stage.width)
    return Soup(
        numbers=library.put(numbers),
        triangles=library.put(rig.triangles[numbers].astype(np.int64)),
        texels=stage.texels,
        texel_triangles=library.put(rig.texel_triangles[numbers].astype(np.int64)),
        level=library.put(rig.level[numbers]),
        gain=library.put(rig.gain[numbers]),
        clear=library.put(np.ascontiguousarray(library.get(opacity))),
    )


def draw(stage: Stage, meshes: Meshes, seen: Rasteriser, moves: Sequence[Move], side: int) -> Drawn:
    """Pictures (before exposure) of square `side`, and what is at each pixel."""
    library = stage.puppet.library
    xp, put = library.xp, library.put
    now = posed(stage.puppet, moves)
    pull = 1 + put(stage.puppet.rig.pull)
    screen = stage.camera.screen(xp, now.points, stage.axes, stage.eye, side)
    flat = _pulled(xp, screen, pull)
    nothing = put(np.zeros((len(moves), side, side), np.float32))
    near, which = seen(meshes.whole, flat, side, _SOLID, 1, nothing)
    around = _Around(near[:, 0], _shadows(stage, meshes, seen, now), side)
    fine = flat * put(floats([_FINER, _FINER, 1]))
    colour, cover = _shaded(stage, meshes, seen, (now, fine, around), side * _FINER)
    return Drawn(_box(colour), _box(cover), which[:, 0], near[:, 0], screen)


@dataclass(frozen=True, slots=True)
class _Around:
    """What keeps light away."""

    near: Values
    """(f, side, side)"""
    shadow: Values
    """(f, shadow, shadow)"""
    side: int


def _pulled(xp: Values, screen: Values, pull: Values) -> Values:
    return xp.concatenate([screen[..., :2], screen[..., 2:] * pull], -1)


def _shadows(stage: Stage, meshes: Meshes, seen: Rasteriser, now: Posed) -> Values:
    library = stage.puppet.library
    places = _by_lamp(stage, now.points)
    floor = library.put(np.zeros((len(places), _SHADOW, _SHADOW), np.float32))
    return seen(meshes.casting, places, _SHADOW, _SOLID, 1, floor)[0][:, 0]


def _by_lamp(stage: Stage, points: Values) -> Values:
    """(..., 3) places in the picture that the strong lamp sees; larger is nearer to it."""
    library = stage.puppet.library
    ahead = library.get(stage.lamps[0])
    right = np.cross([0, 1, 0], ahead)
    right = right / np.linalg.norm(right)
    down = np.cross(right, ahead)
    axes = library.put(np.stack([right, down, ahead]).astype(np.float32))
    arm = (points - stage.puppet.neck - library.put(floats([0, 1, 0]))) @ axes.T
    half = 0.5 * _SHADOW
    scale = library.put(floats([half / _REACH, half / _REACH, 1]))
    return arm * scale + library.put(floats([half, half, _FAR]))


def _shaded(
    stage: Stage,
    meshes: Meshes,
    seen: Rasteriser,
    scene: tuple[Posed, Values, _Around],
    side: int,
) -> tuple[Values, Values]:
    """Colour (f, side, side, 3) and cover (f, side, side) of all samples."""
    library = stage.puppet.library
    xp = library.xp
    now, screen, around = scene
    count = len(screen)
    nothing = library.put(np.zeros((count, side, side), np.float32))
    near, which = seen(meshes.solid, screen, side, _SOLID, 1, nothing)
    _, before = seen(meshes.clear, screen, side, _FAINT, LAYERS, near[:, 0])
    size = count * side * side
    colour = library.put(np.zeros((size, 3), np.float32))
    rest = library.put(np.ones(size, np.float32))
    lists = [before[:, i] for i in range(LAYERS)] + [which[:, 0]]
    for layer in lists:
        flat = layer.reshape(-1)
        index = library.where_true(flat >= 0)
        if len(index) == 0:
            continue
        samples = _samples(stage, now, screen, around, (index, flat[index], side))
        shade, opacity = colours(stage, now, samples)
        if layer is lists[-1]:
            opacity = 0 * opacity + 1
        share = rest[index] * opacity
        colour[index] = colour[index] + shade * share[:, None]
        rest[index] = rest[index] - share
    cover = 1 - rest
    return colour.reshape(count, side, side, 3), xp.clip(cover, 0, 1).reshape(count, side, side)


def _samples(
    stage: Stage,
    now: Posed,
    screen: Values,
    around: _Around,
    found: tuple[Values, Values, int],
) -> Samples:
    """The list of what is to be shaded, with the light that reaches it."""
    library = stage.puppet.library
    xp = library.xp
    index, triangle, side = found
    frame, pixel = index // (side * side), index % (side * side)
    x = library.real(pixel % side) + 0.5
    y = library.real(pixel // side) + 0.5
    corner = stage.puppet.triangles[triangle]
    share, near = shares_at(xp, screen, corner, (frame, x, y))
    place = 0
    for i in range(3):
        place = place + now.points[frame, corner[:, i]] * share[:, i : i + 1]
    spin = 6.2832 * _noise(xp, x, y)
    turn = (xp.cos(spin), xp.sin(spin))
    scale = around.side / side
    open_ = _open(stage, around, (frame, x * scale, y * scale, 1 / near), turn)
    return Samples(frame, triangle, share, _lit(stage, around, (frame, place), turn), open_)


def shares_at(
    xp: Values, screen: Values, corner: Values, where: tuple[Values, Values, Values]
) -> tuple[Values, Values]:
    """Shares (n, 3) of the corners at places (frame, x, y) of the screen, and 1/distance there."""
    frame, x, y = where
    a, b, c = (screen[frame, corner[:, i]] for i in range(3))
    ab, ac = b - a, c - a
    inverse = 1 / (ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0])
    fx, fy = x - a[:, 0], y - a[:, 1]
    second = (fx * ac[:, 1] - fy * ac[:, 0]) * inverse * b[:, 2]
    third = (fy * ab[:, 0] - fx * ab[:, 1]) * inverse * c[:, 2]
    first = a[:, 2] * (1 - second / b[:, 2] - third / c[:, 2])
    near = first + second + third
    share = xp.stack([first / near, second / near, third / near], -1)
    return share, near


def _noise(xp: Values, x: Values, y: Values) -> Values:
    """(n,) 0 to 1, another value at each sample."""
    value = 0.06711056 * x + 0.00583715 * y
    value = 52.9829189 * (value - xp.floor(value))
    return value - xp.floor(value)


def _lit(
    stage: Stage, around: _Around, where: tuple[Values, Values], turn: tuple[Values, Values]
) -> Values:
    """(n,) share of the strong lamp that is seen from the places."""
    library = stage.puppet.library
    frame, place = where
    spot = _by_lamp(stage, place)
    flat = around.shadow.reshape(-1)
    start = frame * (_SHADOW * _SHADOW)
    total = 0
    for dx, dy in RING[:_TAPS]:
        x, y = _stepped(spot[:, 0], spot[:, 1], turn, (dx, dy, stage.soft * _SHADOW))
        column = library.whole(library.xp.clip(x, 0, _SHADOW - 1))
        row = library.whole(library.xp.clip(y, 0, _SHADOW - 1))
        total = total + library.real(flat[start + row * _SHADOW + column] < spot[:, 2] + _BIAS)
    return total / _TAPS


def _stepped(
    x: Values,
    y: Values,
    turn: tuple[Values, Values],
    step: tuple[float, float, Values],
) -> tuple[Values, Values]:
    cosine, sine = turn
    dx, dy, far = step
    return x + far * (cosine * dx + sine * dy), y + far * (cosine * dy - sine * dx)


def _open(
    stage: Stage,
    around: _Around,
    where: tuple[Values, Values, Values, Values],
    turn: tuple[Values, Values],
) -> Values:
    """(n,) share of the light around that nothing near by hides."""
    library = stage.puppet.library
    xp = library.xp
    frame, x, y, far = where
    flat, side = around.near.reshape(-1), around.side
    start = frame * (side * side)
    radius = _NEAR_BY * 0.5 * side / stage.camera.zoom / far
    hidden = 0
    ring = RING[::2]
    for i, (dx, dy) in enumerate(ring):
        px, py = _stepped(x, y, turn, (dx, dy, radius * ((i + 0.5) / len(ring))))
        column = library.whole(xp.clip(px, 0, side - 1))
        row = library.whole(xp.clip(py, 0, side - 1))
        before = far - 1 / xp.clip(flat[start + row * side + column], 1e-3, 1e3) - 0.012
        fade = xp.clip((1.4 - before) / 1.2, 0, 1)
        hidden = hidden + fade * fade * xp.clip(before * 14, 0, 1)
    return xp.clip(1 - _HIDES * hidden / len(ring), 0, 1)


def _box(values: Values) -> Values:
    """The mean of the samples of each pixel."""
    rows, columns = values[:, ::_FINER] + values[:, 1::_FINER], slice(None, None, _FINER)
    return (rows[:, :, columns] + rows[:, :, 1::_FINER]) / (_FINER * _FINER)


def brightness(colour: Values) -> Values:
    """The mean of the channels."""
    return dot(colour, colour * 0 + 1) / 3
