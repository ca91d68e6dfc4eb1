"""The sight of a graph that draws the whole picture itself, from a texture that it keeps."""

from dataclasses import replace

import numpy as np

from engines.contract import Bytes, Contract, Floats, Still
from engines.region import Box
from streamer.frame import Image
from streamer.generator.composite import Scene, Traced, WarpGenerator
from streamer.generator.sight import Lens, Piece, Refinement, face_area, still_of

_ROWS, _COLUMNS = 512, 256
"""Textures are padded to multiples of these, so that those of most portraits have one shape."""
_MOST = 4096, 8192
"""Columns and rows of the largest texture."""


def source_contract(
    warp: WarpGenerator, kind: Refinement, canvas: tuple[int, int]
) -> Contract | None:
    """For pictures of a portrait, the largest of which fill the `canvas` (width, height).

    None where only mouth and eyes are refined, or the texture is too large for any graphics card.
    """
    rows, columns = warp.atlas.texture.shape[:2]
    if kind.parts or columns > _MOST[0] or rows > _MOST[1]:
        return None
    width, height = max(canvas[0], warp.width), max(canvas[1], warp.height)
    texture = (-(-rows // _ROWS) * _ROWS, -(-columns // _COLUMNS) * _COLUMNS)
    return Contract(kind.size, kind.side, height, width, 1, "source", texture)


class OnSource:
    """The whole picture, drawn and refined by the graph.

    Picture and texture are padded to shapes that several portraits share. The texture goes on as
    its outermost pixels there; the picture's padding is drawn and thrown away.
    """

    def __init__(self, warp: WarpGenerator, contract: Contract, film: Floats | None = None) -> None:
        """`contract` as of `source_contract`, `film` as of `still_of`."""
        self._warp, self.contract, self._film = warp, contract, film
        width, height = contract.width, contract.height
        self._box = Box(0, 0, width, height)
        _, self._square = face_area(warp)
        self._lens = Lens(warp, height, width, contract.side)

    def stills(self, scene: Scene) -> list[Still]:
        """One, with the texture as it is at rest."""
        texture = self._padded(self._warp.atlas.texture)
        area = self._box, self._square
        plain = still_of(self._warp, self.contract, area, texture, self._film)
        return [replace(plain, texture=texture, plate=self._plate(scene))]

    def pieces(self, traced: Traced, picture: Image | None) -> list[Piece]:  # noqa: ARG002 - it draws
        """One."""
        frame = self._lens.frame(traced, self._box, self._square, None)
        return [Piece(self._box, self._square, frame)]

    def _padded(self, texture: Bytes) -> Bytes:
        rows, columns = self.contract.texture or texture.shape[:2]
        below, beside = rows - texture.shape[0], columns - texture.shape[1]
        return np.pad(texture, ((0, below), (0, beside), (0, 0)), "edge")

    def _plate(self, scene: Scene) -> Bytes:
        """(h, w, 3) what the person is laid over: where nothing moves, what gives `still` again."""
        person = self._warp.at_rest.astype(np.float32)
        rest = np.maximum(255 - person[..., 3:], 1)
        own = (scene.still - person[..., :3]) * (255 / rest)
        plate = np.clip(own + 0.5, 0, 255).astype(np.uint8)
        plate[self._warp.moving] = scene.plate
        below, beside = self._box.height - plate.shape[0], self._box.width - plate.shape[1]
        return np.pad(plate, ((0, below), (0, beside), (0, 0)), "edge")
