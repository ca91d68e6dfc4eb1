"""What a refiner is worth on people it has not seen: a table, and a sheet to look at."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines import scores
from engines.contract import Bytes
from tools.sheet import difference, grid, labelled, save_sheet
from tools.training.cache import Samples

Refine = Callable[[Mapping[str, NDArray[Any]]], tuple[Bytes, Bytes]]
"""from the arrays of a batch to its pictures (B, N, N, 3) and gates (B, N, N, 3)"""
Table = dict[str, dict[str, dict[str, float]]]

_BATCH, _CELL_FACES = 16, 8
_METHODS = ("copy", "warp", "refined")


def spread(samples: Samples, count: int) -> list[int]:
    """So many of the samples, evenly chosen, the same at each call."""
    return [int(i) for i in np.linspace(0, len(samples) - 1, min(count, len(samples))).round()]


def table(samples: Samples, refine: Refine, count: int) -> Table:
    """By kind of sample and method, the mean of each score of `engines.scores.compare`."""
    rows: defaultdict[tuple[str, str], list[dict[str, float]]] = defaultdict(list)
    chosen = spread(samples, count)
    for start in range(0, len(chosen), _BATCH):
        numbers = chosen[start : start + _BATCH]
        arrays = samples.batch(numbers)
        refined, _ = refine(arrays)
        for i, number in enumerate(numbers):
            truth, face = arrays["truth"][i], arrays["landmarks"][i]
            shown = (arrays["rest"][i], arrays["picture"][i], refined[i])
            for method, picture in zip(_METHODS, shown, strict=True):
                row = _scores(picture, truth, face)
                for kind in (samples.kinds[number], "all"):
                    rows[kind, method].append(row)
    found: Table = {}
    for (kind, method), each in rows.items():
        mean = {name: float(np.nanmean([row[name] for row in each])) for name in each[0]}
        found.setdefault(kind, {})[method] = mean
    for methods in found.values():
        methods["ratio"] = {
            name: methods["refined"][name] / max(methods["warp"][name], 1e-6)
            for name in methods["warp"]
        }
    return found


def _scores(picture: Bytes, truth: Bytes, face: NDArray[np.float32]) -> dict[str, float]:
    known = asdict(scores.compare(picture, truth, face))
    sharp = scores.sharpness(picture, face) / max(scores.sharpness(truth, face), 1e-6)
    return known | {"sharp": sharp}


def lines(found: Table) -> list[str]:
    """The table for a person."""
    names = ("l1_mouth", "l1_eyes", "l1_face", "l1_crop", "ssim_face", "sharp")
    text = [f"{'':18}" + "".join(f"{name:>11}" for name in names)]
    for kind, methods in found.items():
        for method, row in methods.items():
            text.append(f"{kind + ' ' + method:18}" + "".join(f"{row[n]:11.3f}" for n in names))
    return text


def sheet(samples: Samples, refine: Refine, numbers: Sequence[int], path: Path) -> None:
    """One column per sample: at rest, warped, refined, truth, their difference, and the gates."""
    arrays = samples.batch(numbers)
    refined, gates = refine(arrays)
    columns: list[list[Bytes]] = []
    for i in range(len(numbers)):
        truth = arrays["truth"][i]
        cells = {
            "at rest": arrays["rest"][i],
            "warp": arrays["picture"][i],
            "refined": refined[i],
            "truth": truth,
            "warp - truth x3": difference(arrays["picture"][i], truth),
            "refined - truth": difference(refined[i], truth),
            "gate gain flow": gates[i],
        }
        columns.append([labelled(_large(cell), name) for name, cell in cells.items()])
    save_sheet(grid([list(row) for row in zip(*columns, strict=True)]), path)


def _large(cell: Bytes) -> Bytes:
    times = max(1, 192 // cell.shape[0])
    return np.ascontiguousarray(cell.repeat(times, 0).repeat(times, 1))


def faces(samples: Samples) -> list[int]:
    """Samples for the sheet: of as many people as fit, those that are hardest first."""
    best: dict[str, int] = {}
    for number in np.argsort(-samples.weights, kind="stable"):
        best.setdefault(samples.identities[number], int(number))
    both = [[n for n in best.values() if samples.kinds[n] == kind] for kind in ("clip", "still")]
    half = max(_CELL_FACES // 2, _CELL_FACES - min(len(one) for one in both))
    return [n for one in both for n in one[:half]][:_CELL_FACES]
