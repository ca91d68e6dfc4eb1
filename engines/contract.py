"""What goes into the refiner's graph and what comes out: names, shapes and kinds, and nothing else.

One graph has fixed shapes. It comes in two forms: `picture` refines a picture that the processor
has drawn; `source` also draws it, from the portrait's texture, which stays on the device.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Size = Literal["xs", "s", "m"]
Form = Literal["picture", "source"]
Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

SIZES: tuple[Size, ...] = ("xs", "s", "m")
"""of the refiner, the cheapest first"""
FILM: Mapping[Size, int] = {"xs": 1024, "s": 2752, "m": 3840}
"""how many FiLM numbers each size takes"""
GUIDE = 256
"""side of the guide, px"""
NOWHERE = -1e5
"""A place this far left in the texture, px, has nothing of the person: the plate as it is."""
PLANES = 20
"""input maps of the refiner"""
WEIGHT = "weights."
"""Before the name of each weight where weights are inputs, as in a graph without any."""


@dataclass(frozen=True, slots=True)
class Contract:
    """The shapes of one graph."""

    size: Size
    side: int
    """of the net's view of the region, px: 256, 192 or 128"""
    height: int
    """of the picture, px"""
    width: int
    batch: int = 1
    form: Form = "picture"
    texture: tuple[int, int] | None = None
    """height and width of the texture; form `source` only"""

    def __post_init__(self) -> None:
        if self.side % 32 or min(self.side, self.height, self.width, self.batch) < 1:
            raise ValueError(f"no graph can have these shapes: {self}")
        if (self.form == "source") != (self.texture is not None):
            raise ValueError(f"a texture goes with form source, and with no other: {self}")

    @property
    def name(self) -> str:
        """For a person and for files, as `xs-256-512x512-b1-picture`."""
        return f"{self.size}-{self.side}-{self.width}x{self.height}-b{self.batch}-{self.form}"

    def facts(self) -> dict[str, object]:
        """As JSON keeps it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Entry:
    """One input or output of a graph."""

    name: str
    shape: tuple[int, ...]
    dtype: type[np.uint8] | type[np.float32]
    lives: Literal["frame", "portrait", "shape"]
    """how long it stays the same: for a frame, for a portrait, or as long as the shapes do"""


def inputs(contract: Contract) -> tuple[Entry, ...]:
    """Of the graph, in order."""
    b, h, w, n = contract.batch, contract.height, contract.width, contract.side
    u8, f32 = np.uint8, np.float32
    entries = [
        Entry("places", (b, h, w, 2), f32, "frame"),
        Entry("layers", (b, h, w, 4), u8, "frame"),
        Entry("marks", (b, n, n, 3), u8, "frame"),
        Entry("rotation", (b, 3, 3), f32, "frame"),
        Entry("film", (b, FILM[contract.size]), f32, "portrait"),
        Entry("guide", (b, GUIDE, GUIDE, 4), u8, "portrait"),
        Entry("rest", (b, n, n, 3), u8, "portrait"),
        Entry("extent", (b, 2), f32, "portrait"),
        Entry("region", (b, 4), f32, "portrait"),
        Entry("across", (w,), f32, "shape"),
        Entry("down", (h,), f32, "shape"),
    ]
    if contract.texture is None:
        return (Entry("picture", (b, h, w, 3), u8, "frame"), *entries)
    texture = Entry("texture", (b, *contract.texture, 4), u8, "portrait")
    return (texture, Entry("plate", (b, h, w, 3), u8, "portrait"), *entries)


def outputs(contract: Contract) -> tuple[Entry, ...]:
    """Of the graph, in order."""
    b, h, w, n = contract.batch, contract.height, contract.width, contract.side
    return (
        Entry("refined", (b, h, w, 3), np.uint8, "frame"),
        Entry("gates", (b, n, n, 3), np.uint8, "frame"),
    )


@dataclass(frozen=True, slots=True)
class Frame:
    """What one picture brings along."""

    places: Floats
    """(h, w, 2) where in the texture each pixel comes from: x, y in its pixels"""
    layers: Bytes
    """(h, w, 4) eyes and mouth, premultiplied"""
    marks: Bytes
    """(N, N, 3) distance to the lips' and lids' lines (128 on them, more inside), irises"""
    rotation: Floats
    """(3, 3) turn of the head relative to the photo"""
    picture: Bytes | None = None
    """(h, w, 3) drawn already; form `picture` only"""


@dataclass(frozen=True, slots=True)
class Still:
    """What a portrait brings along, once."""

    film: Floats
    """(F,) scale and shift of the refiner's features; 0 is neutral"""
    guide: Bytes
    """(GUIDE, GUIDE, 4) matte and normal of the head, over the whole texture"""
    rest: Bytes
    """(N, N, 3) the portrait at rest in the net's view"""
    extent: Floats
    """(2,) width and height of the texture, px"""
    region: Floats
    """(4,) centre x, y and half sides x, y in the picture's -1..1"""
    texture: Bytes | None = None
    """(th, tw, 4) premultiplied; form `source` only"""
    plate: Bytes | None = None
    """(h, w, 3); form `source` only"""


@dataclass(frozen=True, slots=True)
class Refined:
    """What comes out for one frame. The arrays are the caller's."""

    picture: Bytes
    """(h, w, 3)"""
    gates: Bytes
    """(N, N, 3) how much was painted anew, how much brightened, how far moved"""


def centres(count: int) -> Floats:
    """(count,) of pixels along one side, in -1..1 over the image's outer edges."""
    return ((2 * np.arange(count, dtype=np.float64) + 1) / count - 1).astype(np.float32)


def fits(entry: Entry, value: NDArray[np.generic]) -> bool:
    """Whether this is one of the batch that `entry` describes."""
    shape = entry.shape if entry.lives == "shape" else entry.shape[1:]
    return value.shape == shape and value.dtype == np.dtype(entry.dtype)
