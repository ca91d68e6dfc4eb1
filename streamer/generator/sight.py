"""What the refiner's graph is given of a portrait, once, and of each picture.

A sight is one way to use a graph: on the whole face of a picture that is drawn already, on its
mouth and eyes alone, or to draw the whole picture. Its buffers are used again for every picture.
"""

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from engines.contract import FILM, NOWHERE, Bytes, Contract, Floats, Frame, Size, Still
from engines.geometry import LIP_CORNERS, POINTS, eyes, lip_contour
from engines.guide import guide, normals
from engines.marks import draw_marks
from engines.region import EYES, MOUTH, Box, Square, face_box, face_square, part_box, part_square
from engines.subdivide import face_mesh
from engines.vision import remapped
from streamer.frame import Array, Image
from streamer.generator.composite import Scene, Traced, WarpGenerator

_FACE, _PARTS = 256, 128
"""Sides of the net's views, px."""

Area = tuple[Box, Square]
"""What the net sees, and the box of the picture it lies in."""


@dataclass(frozen=True, slots=True)
class Refinement:
    """What refines a picture."""

    size: Size
    parts: bool = False
    """mouth and eyes alone"""

    @property
    def side(self) -> int:
        """Of the net's view, px."""
        return _PARTS if self.parts else _FACE


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a picture that the graph makes, and what it is made of."""

    box: Box
    square: Square
    frame: Frame


class Sight(Protocol):
    """One way to use a graph."""

    contract: Contract

    def stills(self, scene: Scene) -> list[Still]:
        """What is bound once; one for each piece."""
        ...

    def pieces(self, traced: Traced, picture: Image | None) -> list[Piece]:
        """Of one picture. Their arrays hold until the next call."""
        ...


class Lens:
    """Cuts out of what is traced what the net sees of it."""

    def __init__(self, warp: WarpGenerator, height: int, width: int, side: int) -> None:
        self._warp, self._side = warp, side
        self._places = np.empty((height, width, 2), np.float32)
        self._layers = np.zeros((height, width, 4), np.uint8)
        self._drawn: list[tuple[slice, slice]] = []
        self._box: Box | None = None
        self._turn = warp.portrait.pose.rotation

    def frame(self, traced: Traced, box: Box, square: Square, picture: Image | None) -> Frame:
        """Of the square in its box; `picture` is the whole one, if it is drawn already."""
        own = None if picture is None else np.ascontiguousarray(picture[box.rows, box.columns])
        return Frame(
            places=self._placed(traced, box),
            layers=self._layered(traced, box),
            marks=self._marked(traced, square),
            rotation=(self._turn @ traced.motion.rotation @ self._turn.T).astype(np.float32),
            picture=own,
        )

    def _placed(self, traced: Traced, box: Box) -> Array:
        if box != self._box:
            whole = self._warp.map_at_rest[box.rows, box.columns]
            self._places.fill(NOWHERE)
            self._places[: whole.shape[0], : whole.shape[1]] = whole
            self._box = box
        moving = self._warp.moving
        rows, seen_rows = _shared(moving[0], box.rows)
        columns, seen_columns = _shared(moving[1], box.columns)
        self._places[seen_rows, seen_columns] = traced.places[rows, columns]
        return self._places

    def _layered(self, traced: Traced, box: Box) -> Bytes:
        for rows, columns in self._drawn:
            self._layers[rows, columns] = 0
        self._drawn = [stroke.lay_into(self._layers, box.x, box.y) for stroke in traced.strokes]
        return self._layers

    def _marked(self, traced: Traced, square: Square) -> Bytes:
        lips = square.seen(traced.points[lip_contour()], self._side)
        left, right = (square.seen(traced.points[eye.contour], self._side) for eye in eyes())
        found = self._warp.openings.irises(traced.points, traced.motion)
        irises = np.column_stack(
            [square.seen(found, self._side), found[:, 2] * (self._side / square.side)]
        )
        return draw_marks(lips, (left, right), irises.astype(np.float32), self._side)


def _shared(one: slice, other: slice) -> tuple[slice, slice]:
    """What two ranges have in common, counted from the beginning of either."""
    low = min(max(one.start, other.start), other.stop)
    high = max(min(one.stop, other.stop), low)
    return slice(low - one.start, high - one.start), slice(low - other.start, high - other.start)


class OnFace:
    """The whole face of a picture that is drawn already."""

    def __init__(self, warp: WarpGenerator, kind: Refinement, film: Floats | None = None) -> None:
        """`film` as of `still_of`."""
        self._warp, self._film = warp, film
        self._area = face_area(warp)
        height, width = self._area[0].height, self._area[0].width
        self.contract = Contract(kind.size, kind.side, height, width)
        self._lens = Lens(warp, height, width, kind.side)

    def stills(self, scene: Scene) -> list[Still]:  # noqa: ARG002 - the same before any background
        """One."""
        return [still_of(self._warp, self.contract, self._area, film=self._film)]

    def pieces(self, traced: Traced, picture: Image | None) -> list[Piece]:
        """One."""
        return [Piece(*self._area, self._lens.frame(traced, *self._area, picture))]


class OnParts:
    """Mouth and eyes, each by itself, of a picture that is drawn already."""

    def __init__(self, warp: WarpGenerator, kind: Refinement, film: Floats | None = None) -> None:
        """`film` as of `still_of`."""
        self._warp, self._film = warp, film
        self._face_px = warp.portrait.pose.scale * warp.canvas.scale
        self._at_rest = self._areas(warp.canvas.place(warp.rest[:POINTS]))
        height, width = self._at_rest[0][0].height, self._at_rest[0][0].width
        self.contract = Contract(kind.size, kind.side, height, width, batch=2)
        self._lenses = [Lens(warp, height, width, kind.side) for _ in range(2)]

    def stills(self, scene: Scene) -> list[Still]:  # noqa: ARG002 - the same before any background
        """Of the mouth and of the eyes."""
        own = self._warp, self.contract
        return [still_of(*own, area, film=self._film) for area in self._at_rest]

    def pieces(self, traced: Traced, picture: Image | None) -> list[Piece]:
        """Mouth and eyes, where they are now."""
        return [
            Piece(*area, lens.frame(traced, *area, picture))
            for lens, area in zip(self._lenses, self._areas(traced.points), strict=True)
        ]

    def _areas(self, points: Array) -> tuple[Area, Area]:
        mouth = points[list(LIP_CORNERS), :2].mean(0)
        between = points[np.concatenate([eye.corners for eye in eyes()]), :2].mean(0)
        return self._around(mouth, MOUTH), self._around(between, EYES)

    def _around(self, middle: Array, side: float) -> Area:
        box = part_box(middle, self._face_px, self._warp.width, self._warp.height)
        return box, part_square(box, side * self._face_px)


def face_area(warp: WarpGenerator) -> Area:
    """The square of the whole face, and its box."""
    square = face_square(warp.portrait.pose, warp.canvas.place)
    return face_box(square, warp.width, warp.height), square


def still_of(
    warp: WarpGenerator,
    contract: Contract,
    area: Area,
    texture: Bytes | None = None,
    film: Floats | None = None,
) -> Still:
    """What a graph is told of a portrait whose picture is that `area`; see `Still`.

    `film` are the portrait's FiLM numbers (F,); None = 0 each, which is neutral.
    """
    box, square = area
    texture = warp.atlas.texture if texture is None else texture
    drawn = warp.atlas
    facing = normals(warp.rest, warp.mesh.triangles, len(face_mesh().skin))
    return Still(
        film=np.zeros(FILM[contract.size], np.float32) if film is None else film,
        guide=guide(texture, drawn.uv, drawn.triangles, warp.mesh.holes, facing[drawn.source]),
        rest=remapped(
            warp.original.still,
            square.grid(contract.side),
            cv2.BORDER_REPLICATE,
            cv2.INTER_LINEAR,
        ),
        extent=np.array([texture.shape[1], texture.shape[0]], np.float32),
        region=square.inside(box),
    )
