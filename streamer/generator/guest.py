"""A portrait of one run on an engine that several runs share."""

from copy import deepcopy

from engines.contract import Bytes, Still
from streamer.engine.protocol import Bound, Engine

_Place = tuple[slice, slice]


class Guest:
    """A portrait on the engines that have drawn it; a `Bound`.

    One thread at a time uses it: whoever has it drawn waits until it is.
    """

    def __init__(self, share: object, engine: Engine, still: Still, *, stays: bool) -> None:
        """Of a share. `stays`: there will never be another engine than this."""
        self.share = share
        self._first = engine.bind(still)
        self._bound = {engine: self._first}
        self._still = None if stays else deepcopy(still)
        """as it is now"""
        self._patched: dict[Engine, list[_Place]] = {}
        """where engines other than the first do not have it yet as it is now"""

    @property
    def is_open(self) -> bool:
        """Whether it can be drawn."""
        return bool(self._bound)

    def patch(self, rows: slice, columns: slice, pixels: Bytes) -> None:
        """Replace a part of the texture by (rows, columns, 4) pixels; form `source` only."""
        self._first.patch(rows, columns, pixels)
        if self._still is not None and self._still.texture is not None:
            self._still.texture[rows, columns] = pixels
            for places in self._patched.values():
                if (rows, columns) not in places:
                    places.append((rows, columns))

    def on(self, engine: Engine) -> Bound:
        """The portrait on one of the engines, as it is now. EngineError if that cannot be."""
        if engine not in self._bound:
            assert self._still is not None, "one that stays is on its own engine alone"
            self._bound[engine], self._patched[engine] = engine.bind(self._still), []
        bound, places = self._bound[engine], self._patched.get(engine, [])
        for place in places:
            assert self._still is not None
            assert self._still.texture is not None
            bound.patch(*place, self._still.texture[place])
        places.clear()
        return bound

    def close(self) -> None:
        """Free what it holds."""
        bound, self._bound = self._bound, {}
        for one in bound.values():
            one.close()
