"""Samples on disk, as bytes that are mapped into memory: read by the thousand a second.

A cache is a folder of shards, each a folder of `.npy` arrays with `index.json`. Places are kept as
16-bit numbers: -0.5 to 1.5 of the texture, and 0 where there is nothing of the person.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from engines.contract import NOWHERE, Bytes, Floats, Frame, Still
from streamer.errors import MediaError

VERSION = 2
_SPAN = 65535.0
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture as the warp draws it, and as it really is, in the net's view of N x N px."""

    frame: Frame
    still: Still
    truth: Bytes
    """(N, N, 3)"""
    left: NDArray[np.int8]
    """(N/4, N/4, 2) see `teacher.flow_left`"""
    known: tuple[int, int, int, int]
    """first column and row, last column and row (exclusive) in which the truth is known"""
    landmarks: Floats
    """(478, 2) of the truth, px of the net's view"""
    identity: str
    kind: str
    weight: float
    """how much more often than others it is to be seen"""


def packed_places(places: Floats, extent: Floats) -> NDArray[np.uint16]:
    """(h, w, 2) px of a texture of `extent` (2,) as 16-bit numbers."""
    part = (places / extent + 0.5) / 2
    value = np.clip(np.round(part * _SPAN), 1, _SPAN).astype(np.uint16)
    value[places[..., 0] < NOWHERE / 2] = 0
    return value


def unpacked_places(packed: NDArray[np.uint16], extent: Floats) -> Floats:
    """The reverse, of (B, h, w, 2) and (B, 2)."""
    part = packed.astype(np.float32) * np.float32(2 / _SPAN) - np.float32(0.5)
    places = part * extent[:, None, None].astype(np.float32)
    places[packed[..., 0] == 0] = NOWHERE
    return places


def write_shard(folder: Path, samples: Sequence[Sample], facts: Mapping[str, object]) -> None:
    """Write one shard; the folder is there whole or not at all."""
    stills = list({id(s.still): s.still for s in samples}.values())
    number = {id(still): i for i, still in enumerate(stills)}
    arrays: Arrays = {
        "picture": np.stack([cast("Bytes", s.frame.picture) for s in samples]),
        "places": np.stack([packed_places(s.frame.places, s.still.extent) for s in samples]),
        "layers": np.stack([s.frame.layers for s in samples]),
        "marks": np.stack([s.frame.marks for s in samples]),
        "rotation": np.stack([s.frame.rotation for s in samples]).astype(np.float32),
        "truth": np.stack([s.truth for s in samples]),
        "left": np.stack([s.left for s in samples]),
        "known": np.array([s.known for s in samples], np.int16),
        "landmarks": np.stack([s.landmarks for s in samples]).astype(np.float32),
        "weight": np.array([s.weight for s in samples], np.float32),
        "still": np.array([number[id(s.still)] for s in samples], np.int32),
        "guide": np.stack([still.guide for still in stills]),
        "rest": np.stack([still.rest for still in stills]),
        "extent": np.stack([still.extent for still in stills]).astype(np.float32),
    }
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for name, array in arrays.items():
        np.save(part / f"{name}.npy", array)
    index = {
        "version": VERSION,
        "samples": len(samples),
        "identities": [s.identity for s in samples],
        "kinds": [s.kind for s in samples],
        **facts,
    }
    (part / "index.json").write_text(json.dumps(index), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)


class Shard:
    """One shard, mapped into memory."""

    def __init__(self, folder: Path) -> None:
        index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        if index["version"] != VERSION:
            raise MediaError(f"{folder}: samples of another version; make them again")
        self.index: dict[str, Any] = index
        self.arrays: Arrays = {
            file.stem: np.load(file, mmap_mode="r") for file in folder.glob("*.npy")
        }

    def __len__(self) -> int:
        return int(self.index["samples"])


class Samples:
    """All shards of a cache, as one row of samples."""

    def __init__(self, folder: Path, side: int) -> None:
        """MediaError when there are none, or none of this side."""
        self._pattern = (folder, f"{side}-*/index.json")
        self._shards = [Shard(path.parent) for path in self._files()]
        if not self._shards:
            raise MediaError(f"{folder}: no samples of {side} px; make some with tools/train.py")
        self._starts = np.cumsum([0, *(len(shard) for shard in self._shards)])
        self.weights = np.concatenate([shard.arrays["weight"] for shard in self._shards])
        self.kinds = [kind for shard in self._shards for kind in shard.index["kinds"]]
        self.identities = [one for shard in self._shards for one in shard.index["identities"]]

    def _files(self) -> list[Path]:
        folder, pattern = self._pattern
        return sorted(folder.glob(pattern))

    def grown(self) -> bool:
        """Whether there are more shards by now."""
        return len(self._files()) > len(self._shards)

    def __len__(self) -> int:
        return int(self._starts[-1])

    def batch(self, numbers: Sequence[int]) -> Arrays:
        """These samples, stacked."""
        return stacked([self.row(number) for number in numbers])

    def row(self, number: int) -> Arrays:
        """One sample: the inputs of the graph by name, and what else a shard holds; all mapped."""
        which = int(np.searchsorted(self._starts, number, "right")) - 1
        arrays, place = self._shards[which].arrays, number - int(self._starts[which])
        own = ("picture", "places", "layers", "marks", "rotation", "truth", "left", "known")
        own += ("landmarks",)
        found = {name: arrays[name][place] for name in own}
        found["real"] = np.array(self.kinds[number] != "render")
        still = int(arrays["still"][place])
        return found | {name: arrays[name][still] for name in ("guide", "rest", "extent")}


def stacked(rows: Sequence[Arrays]) -> Arrays:
    """Samples or windows of them as a batch, places in px."""
    found = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    found["places"] = unpacked_places(found["places"], found["extent"])
    return found
