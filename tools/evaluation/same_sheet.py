"""Blocks of a contact sheet: the frames where a warp has the hardest time."""

from collections.abc import Mapping, Sequence

from engines.geometry import euler_deg
from engines.scores import mouth_width
from streamer.frame import Image
from streamer.portrait import Portrait
from tools.evaluation.clips import Footage
from tools.evaluation.measure import Expression, trace
from tools.sheet import difference, grid, labelled, square_around

_CELL = 224
_FACTOR = 1.9


def hard_frames(footage: Footage, among: range | None = None) -> dict[str, int]:
    """By name, the frames of the largest turns, the widest mouth, the blink and the smile."""
    seen = trace(footage.landmarks, footage.neutral)
    inside = [i for i in among or range(len(seen)) if i != footage.source]
    moved = [(i, look) for i, look in ((i, seen[i]) for i in inside) if look is not None]
    if not moved:
        return {}

    def yaw(item: tuple[int, Expression]) -> float:
        return euler_deg(item[1].turn)[0]

    def smile(item: tuple[int, Expression]) -> float:
        face = footage.landmarks[item[0]]
        return 0.0 if face is None else mouth_width(face) - 200 * max(item[1].lips - 0.25, 0)

    return {
        "turn left": max(moved, key=yaw)[0],
        "turn right": min(moved, key=yaw)[0],
        "mouth": max(moved, key=lambda item: item[1].lips)[0],
        "blink": min(moved, key=lambda item: item[1].lids)[0],
        "smile": max(moved, key=smile)[0],
    }


def same_block(
    footage: Footage, frames: Mapping[str, int], kept: Mapping[str, Mapping[int, Image]]
) -> Image:
    """Source, driver, each method and its last difference, one column per frame."""
    source = footage.pictures[footage.source]
    methods = [name for name in kept if name != "copy"]
    columns: list[list[Image]] = []
    for label, i in frames.items():
        pictures = [source, footage.pictures[i], *(kept[name][i] for name in methods)]
        columns.append(_column(footage, i, pictures, [label, "driver", *methods]))
    return grid([list(row) for row in zip(*columns, strict=True)])


def _column(
    footage: Footage, frame: int, pictures: Sequence[Image], labels: Sequence[str]
) -> list[Image]:
    face = footage.landmarks[frame]
    around = footage.neutral if face is None else face
    cells = [square_around(picture, around, _FACTOR, _CELL) for picture in pictures]
    if len(cells) > 2:
        cells.append(difference(cells[-1], cells[1]))
    names = [f"{footage.name[:14]}: {labels[0]} #{frame}", *labels[1:], "difference x3"]
    return [labelled(cell, name) for cell, name in zip(cells, names, strict=False)]


def cross_block(
    portrait: Portrait,
    footage: Footage,
    frames: Mapping[str, int],
    kept: Mapping[str, Mapping[int, Image]],
) -> Image:
    """Driver and each method, one column per frame of those that were drawn, after the portrait."""
    own, factor = portrait.landmarks, _FACTOR
    still = square_around(portrait.picture, own, factor, _CELL)
    columns = [[labelled(still, portrait.name[:24])] * (1 + len(kept))]
    for label, i in frames.items():
        if not all(i in pictures for pictures in kept.values()):
            continue
        driver = square_around(footage.pictures[i], footage.landmark(i), factor, _CELL)
        cells = [labelled(driver, f"{footage.name[:14]}: {label} #{i}")]
        for name, pictures in kept.items():
            size = pictures[i].shape[1] / portrait.width
            place = (own * size).astype(own.dtype)
            cells.append(labelled(square_around(pictures[i], place, factor, _CELL), name))
        columns.append(cells)
    return grid([list(row) for row in zip(*columns, strict=True)])
