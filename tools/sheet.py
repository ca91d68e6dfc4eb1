"""Contact sheets: labelled cells in rows."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import cv2
import numpy as np

from engines.geometry import POINTS
from streamer.frame import Image, Landmarks

_BAR = 22
_INK = (235, 235, 235)
_PAPER = 24


def square_around(picture: Image, landmarks: Landmarks, factor: float, side: int) -> Image:
    """The square `factor` times the face, `side` pixels large; dark outside the picture."""
    low, high = landmarks[:POINTS, :2].min(0), landmarks[:POINTS, :2].max(0)
    middle = (low + high) / 2
    scale = side / (float((high - low).max()) * factor)
    shift = side / 2 - scale * middle
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float64)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    soft = picture if scale >= 0.5 else cv2.GaussianBlur(picture, (0, 0), 0.4 / scale)
    paper = (_PAPER, _PAPER, _PAPER)
    return cast(
        "Image", cv2.warpAffine(soft, matrix, (side, side), flags=method, borderValue=paper)
    )


def contain(picture: Image, side: int) -> Image:
    """The whole picture inside a square of `side` pixels."""
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = cv2.resize(picture, size, interpolation=method)
    cell = np.full((side, side, 3), _PAPER, np.uint8)
    top, left = (side - size[1]) // 2, (side - size[0]) // 2
    cell[top : top + size[1], left : left + size[0]] = small
    return cell


def difference(a: Image, b: Image) -> Image:
    """The absolute difference, three times as bright."""
    return np.clip(cv2.absdiff(a, b).astype(np.int16) * 3, 0, 255).astype(np.uint8)


def labelled(cell: Image, label: str) -> Image:
    """The cell under a bar with its label."""
    bar = np.full((_BAR, cell.shape[1], 3), _PAPER, np.uint8)
    cv2.putText(bar, label, (4, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.42, _INK, 1, cv2.LINE_AA)
    return np.vstack([bar, cell])


def grid(rows: Sequence[Sequence[Image]], gap: int = 2) -> Image:
    """Rows of cells of one size as one picture; short rows are filled up."""
    blank = np.full_like(rows[0][0], _PAPER)
    count = max(len(row) for row in rows)
    full = [[*row, *[blank] * (count - len(row))] for row in rows]
    padded = [
        np.hstack([np.pad(cell, ((0, gap), (0, gap), (0, 0))) for cell in row]) for row in full
    ]
    return np.ascontiguousarray(np.vstack(padded))


def save_sheet(sheet: Image, path: Path) -> None:
    """Write a PNG, making its folder."""
    from streamer.picture import write_png

    path.parent.mkdir(parents=True, exist_ok=True)
    write_png(path, sheet)
