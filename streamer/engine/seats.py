"""The fixed buffers of one graph: a seat for each picture of the batch, for inputs and outputs.

A recorded CUDA graph has the addresses of its buffers in it, and the pictures of a batch lie side
by side in one tensor. So a portrait does not lend its own memory to the graph: it is copied into
its seat on the GPU, when someone else sat there. All that a frame brings lies in one block, which
crosses the bus in one copy, and so does all that comes back.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from engines.contract import Bytes, Contract, Entry, Refined, Still, centres, inputs, outputs
from streamer.engine.cuda import Device, Room
from streamer.engine.protocol import (
    Job,
    check_patch,
    frame_arrays,
    of_frame,
    of_still,
    still_arrays,
)
from streamer.errors import EngineError

_ALIGNED = 256
"""Bytes: where a tensor may begin."""
TEXTURE = "texture"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tensor lies in a block."""

    entry: Entry
    start: int
    each: int
    """bytes of one seat, or of all where the tensor has no batch"""
    seats: int

    @property
    def size(self) -> int:
        """Bytes of all seats."""
        return self.each * self.seats


@dataclass(frozen=True, slots=True)
class Layout:
    """How tensors share a block of bytes."""

    places: tuple[Place, ...]
    size: int

    def views(self, block: Bytes) -> dict[str, NDArray[np.generic]]:
        """The tensors, with their batch, as arrays over the block."""
        return {
            place.entry.name: block[place.start : place.start + place.size]
            .view(place.entry.dtype)
            .reshape(place.seats, *_one(place.entry))
            for place in self.places
        }


def layout(entries: Iterable[Entry], seats: int) -> Layout:
    """Of tensors one after the other, each with so many seats."""
    places: list[Place] = []
    start = 0
    for entry in entries:
        each = int(np.prod(_one(entry))) * np.dtype(entry.dtype).itemsize
        places.append(Place(entry, start, each, seats))
        start += -(-each * seats // _ALIGNED) * _ALIGNED
    return Layout(tuple(places), start)


class DevicePortrait:
    """A portrait's own copy on the GPU."""

    def __init__(self, device: Device, contract: Contract, still: Still) -> None:
        self._device, self._contract = device, contract
        self.layout = layout(of_still(contract), 1)
        self.room: Room | None = device.room(self.layout.size)
        """None once closed"""
        self.patches = 0
        """how many there have been"""
        staging, block = device.pinned(self.layout.size)
        views = self.layout.views(block)
        for name, value in still_arrays(contract, still).items():
            views[name][0] = value
        device.copy(self.room, staging)
        device.wait()

    def patch(self, rows: slice, columns: slice, pixels: Bytes) -> None:
        """Replace a part of the texture: only that crosses the bus, and it is not waited for."""
        check_patch(self._contract, rows, columns, pixels)
        if self.room is None or pixels.size == 0 or self._contract.texture is None:
            return
        height, width = self._contract.texture
        top, left = rows.indices(height)[0], columns.indices(width)[0]
        texture = next(place for place in self.layout.places if place.entry.name == TEXTURE)
        start, pitch = texture.start + 4 * (top * width + left), 4 * width
        span = pitch * (pixels.shape[0] - 1) + 4 * pixels.shape[1]
        lines = pixels.copy().reshape(len(pixels), -1)
        self._device.copy_rows(self.room.part(start, span), pitch, lines)
        self.patches += 1

    def close(self) -> None:
        """Free what it holds."""
        self.room = None


class Seats:
    """Inputs and outputs of one graph, on the GPU and where the GPU reaches them on the host."""

    def __init__(self, device: Device, contract: Contract) -> None:
        self._device, self._contract = device, contract
        batch = contract.batch
        self._frame = layout(of_frame(contract), batch)
        self._still = layout(of_still(contract), batch)
        self._out = layout(outputs(contract), batch)
        self._shape = layout((e for e in inputs(contract) if e.lives == "shape"), 1)
        self._frame_room = device.room(self._frame.size)
        self._still_room = device.room(self._still.size)
        self._out_room = device.room(self._out.size)
        self._shape_room = device.room(self._shape.size)
        self._frame_host, frame = device.pinned(self._frame.size)
        self._out_host, out = device.pinned(self._out.size)
        self._given, self._made = self._frame.views(frame), self._out.views(out)
        self._sitting: list[DevicePortrait | None] = [None] * batch
        self._seen = [0] * batch
        """how many patches of who sits there are in the seat"""
        self._fill_shapes()

    def addresses(self) -> dict[str, int]:
        """Of all tensors of the graph."""
        blocks = (
            (self._frame, self._frame_room),
            (self._still, self._still_room),
            (self._out, self._out_room),
            (self._shape, self._shape_room),
        )
        return {
            place.entry.name: room.address + place.start
            for plan, room in blocks
            for place in plan.places
        }

    def upload(self) -> None:
        """Queue the way of all that the frames bring to the GPU."""
        self._device.copy(self._frame_room, self._frame_host)

    def download(self) -> None:
        """Queue the way of all that was made from the GPU."""
        self._device.copy(self._out_host, self._out_room)

    def seat(self, jobs: Sequence[Job]) -> list[int]:
        """Give each job a seat, its portrait's last one where it can be, and bring what is new.

        Seats that were never taken get the first portrait too: what is computed for them is
        thrown away, and yet should be of numbers that make sense.
        """
        portraits = [self._own(job) for job in jobs]
        taken = assign(portraits, self._sitting)
        for portrait, seat in zip(portraits, taken, strict=True):
            self._bring(portrait, seat)
        for seat, sitting in enumerate(self._sitting):
            if sitting is None:
                self._bring(portraits[0], seat)
        return taken

    def give(self, job: Job, seat: int) -> None:
        """Write what a frame brings to where the GPU fetches it."""
        for name, value in frame_arrays(self._contract, job.frame).items():
            self._given[name][seat] = value

    def made(self, seat: int) -> Refined:
        """What came back, copied: the arrays are the caller's."""
        picture, gates = self._made["refined"][seat], self._made["gates"][seat]
        return Refined(cast("Bytes", picture.copy()), cast("Bytes", gates.copy()))

    def _own(self, job: Job) -> DevicePortrait:
        if isinstance(job.bound, DevicePortrait) and job.bound.room is not None:
            return job.bound
        raise EngineError(
            f"engine {self._contract.name}: the portrait is closed or another engine's"
        )

    def _bring(self, portrait: DevicePortrait, seat: int) -> None:
        if portrait.room is None:
            return
        whole = self._sitting[seat] is not portrait
        if whole and self._contract.batch == 1:  # both blocks are alike
            self._device.copy(self._still_room, portrait.room)
        elif whole or self._seen[seat] != portrait.patches:
            for to, source in zip(self._still.places, portrait.layout.places, strict=True):
                if whole or to.entry.name == TEXTURE:
                    start = to.start + seat * to.each
                    self._device.copy(
                        self._still_room.part(start, to.each),
                        portrait.room.part(source.start, source.each),
                    )
        self._sitting[seat], self._seen[seat] = portrait, portrait.patches

    def _fill_shapes(self) -> None:
        staging, block = self._device.pinned(self._shape.size)
        views = self._shape.views(block)
        views["across"][0] = centres(self._contract.width)
        views["down"][0] = centres(self._contract.height)
        self._device.copy(self._shape_room, staging)
        self._device.wait()


def assign(wanted: Sequence[object], sitting: Sequence[object]) -> list[int]:
    """A seat for each, its own last one where nobody was quicker; never two in one seat."""
    free = set(range(len(sitting)))
    seats: list[int | None] = []
    for one in wanted:
        own = next((seat for seat in sorted(free) if sitting[seat] is one), None)
        seats.append(own)
        free -= {own}
    # who must move takes an empty seat first, so that others find theirs next time
    spare = sorted(free, key=lambda seat: sitting[seat] is not None)
    return [spare.pop(0) if seat is None else seat for seat in seats]


def _one(entry: Entry) -> tuple[int, ...]:
    """Shape of one seat."""
    return entry.shape if entry.lives == "shape" else entry.shape[1:]
