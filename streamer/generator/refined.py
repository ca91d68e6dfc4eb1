"""A portrait drawn by the warp and repaired by the refiner, or drawn by the refiner's own graph.

Whatever becomes of the engine, there is a picture: when it fails, that of the warp alone.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol, cast

import cv2
import numpy as np

from engines.contract import Bytes, Refined
from engines.region import Box
from engines.vision import warped
from streamer.engine.protocol import Bound, Engine, Job
from streamer.errors import EngineError
from streamer.frame import Image, Motion
from streamer.generator.composite import Scene, WarpGenerator
from streamer.generator.sight import Piece, Sight
from streamer.generator.skin import Skin
from streamer.portrait import Portrait

_cv2 = cast("Any", cv2)

Show = Literal["picture", "gate"]
"""the picture, or what the refiner changes in it"""

_SEATS = 2
"""Scenes that stay on the device."""
_DIMMED = 3
"""The picture's light is divided by this behind what the refiner changes."""


class Painter(Protocol):
    """Draws one portrait."""

    portrait: Portrait
    width: int
    height: int

    def generate(self, motion: Motion, scene: Scene | None = None) -> Image:
        """One picture (height, width, 3). The array is the caller's."""
        ...

    def generate_batch(self, motions: Sequence[Motion], scene: Scene | None = None) -> list[Image]:
        """One picture per motion."""
        ...


class RefinedGenerator:
    """Draws one portrait with an engine; a `Painter`.

    One picture is drawn at a time, others wait. The engine is not closed here: others use it, too.
    """

    def __init__(
        self,
        warp: WarpGenerator,
        engine: Engine,
        sight: Sight,
        failed: Callable[[Engine, EngineError], None],
        show: Show = "picture",
    ) -> None:
        """`failed` is told when the engine failed, after which only the warp draws."""
        self.warp, self.portrait = warp, warp.portrait
        self.width, self.height = warp.width, warp.height
        self._engine, self._sight, self._failed, self._show = engine, sight, failed, show
        self._draws = sight.contract.form == "source"
        self._lock = threading.Lock()
        self._seats: dict[int, _Seat] = {}
        self._broken = False

    def prepare(self, scene: Scene) -> None:
        """Bring what a picture before this scene needs to the device. EngineError if it fails."""
        seat = _Seat(self._engine, self._sight, scene)
        with self._lock:
            before = self._keep(seat, scene)
            if self._broken:
                self._leave()
        if before is not None:
            before.close()

    def close(self) -> None:
        """Free what is on the device; from now on the warp draws alone."""
        with self._lock:
            self._broken = True
            self._leave()

    def generate(self, motion: Motion, scene: Scene | None = None) -> Image:
        """One picture (height, width, 3). The array is the caller's."""
        scene = scene or self.warp.scene
        with self._lock:
            if self._broken or scene.silhouette:
                return self.warp.generate(motion, scene)
            try:
                return self._refined(motion, scene)
            except EngineError as error:
                self._broken = True
                self._leave()
                self._failed(self._engine, error)
            return self.warp.generate(motion, scene)

    def generate_batch(self, motions: Sequence[Motion], scene: Scene | None = None) -> list[Image]:
        """One picture per motion."""
        return [self.generate(motion, scene) for motion in motions]

    def _refined(self, motion: Motion, scene: Scene) -> Image:
        seat = self._seat(scene)
        with self.warp.traced(motion) as traced:
            picture = None if self._draws else self.warp.painted(traced, scene)
            pieces = self._sight.pieces(traced, picture)
            if self._draws:
                seat.follow(self.warp.skin)
        jobs = [Job(bound, piece.frame) for bound, piece in zip(seat.bound, pieces, strict=True)]
        results = self._engine.run(jobs)
        if picture is None:
            picture = np.ascontiguousarray(results[0].picture[: self.height, : self.width])
        if self._show == "gate":
            return _gated(picture, pieces, results)
        if not self._draws:
            _lay(pieces, results, picture)
        return picture

    def _seat(self, scene: Scene) -> "_Seat":
        """What is bound for this scene, which is bound if need be."""
        key = self._key(scene)
        if key not in self._seats:
            self._keep(_Seat(self._engine, self._sight, scene), scene)
        return self._seats[key]

    def _keep(self, seat: "_Seat", scene: Scene) -> "_Seat | None":
        """Keep it among the newest; what was there before."""
        before = self._seats.pop(self._key(scene), None)
        self._seats[self._key(scene)] = seat
        while len(self._seats) > _SEATS:
            self._seats.pop(next(iter(self._seats))).close()
        return before

    def _key(self, scene: Scene) -> int:
        """What is drawn already is the same before any background."""
        return id(scene) if self._draws else 0

    def _leave(self) -> None:
        for seat in self._seats.values():
            seat.close()
        self._seats = {}


class _Seat:
    """A portrait on the device, before one scene."""

    def __init__(self, engine: Engine, sight: Sight, scene: Scene) -> None:
        self.scene = scene
        """kept, so that no other gets its identity"""
        self.bound: tuple[Bound, ...] = ()
        self._steps: tuple[int, ...] | None = None
        try:
            for still in sight.stills(scene):
                self.bound = (*self.bound, engine.bind(still))
        except EngineError:
            self.close()
            raise

    def follow(self, skin: Skin) -> None:
        """Change the texture on the device where that of the portrait has changed."""
        steps = self._steps or (0,) * len(skin.steps)
        for here, before, now in zip(skin.places, steps, skin.steps, strict=True):
            if now != before:
                for bound in self.bound:
                    bound.patch(*here, skin.pixels[here])
        self._steps = skin.steps

    def close(self) -> None:
        for bound in self.bound:
            bound.close()


def _lay(pieces: Sequence[Piece], results: Sequence[Refined], picture: Image) -> None:
    """The pieces on the picture they are made from.

    Where they overlap, both repair the same: a piece gives way as far as one before it has a say.
    """
    for index, (piece, result) in enumerate(zip(pieces, results, strict=True)):
        part = piece.box.cut(picture)
        if index == 0:
            part[:] = result.picture
            continue
        before, after = piece.frame.picture, result.picture
        for earlier in pieces[:index]:
            _give_way(after, before, piece.box, earlier)
        brighter, darker = _cv2.subtract(after, before), _cv2.subtract(before, after)
        part[:] = _cv2.subtract(_cv2.add(part, brighter), darker)


def _give_way(after: Bytes, before: Bytes | None, box: Box, other: Piece) -> None:
    """Take back what has changed in a box where another piece repairs."""
    common = box.common(other.box)
    if common is None or before is None:
        return
    inside = Box(common.x - box.x, common.y - box.y, common.width, common.height)
    own, plain = inside.cut(after), inside.cut(before)
    share = other.square.fade(common)[..., None]
    own[:] = (own + (plain - own.astype(np.float32)) * share + 0.5).astype(np.uint8)


def _gated(picture: Image, pieces: Sequence[Piece], results: Sequence[Refined]) -> Image:
    """The picture, dark; on it in red what is painted, in green what is lit, in blue what moves."""
    shown = np.repeat(picture.mean(2, keepdims=True) / _DIMMED, 3, 2).astype(np.uint8)
    for piece, result in zip(pieces, results, strict=True):
        box, square, side = piece.box, piece.square, result.gates.shape[0]
        painted, gain, moved = np.moveaxis(result.gates.astype(np.float32), 2, 0)
        colours = np.dstack([painted, np.abs(2 * gain - 255), moved]).clip(0, 255)
        scale = square.side / side
        begin = (scale - square.side) / 2
        x, y = square.x - box.x + begin, square.y - box.y + begin
        matrix = np.array([[scale, 0, x], [0, scale, y]], np.float32)
        part = shown[box.rows, box.columns]
        laid = warped(colours.astype(np.uint8), matrix, (box.width, box.height))
        np.maximum(part, laid[: part.shape[0], : part.shape[1]], out=part)
    return shown
