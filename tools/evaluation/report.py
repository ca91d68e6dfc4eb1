"""Tables for the eye and JSON for programs."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from rich.console import Console
from rich.table import Table

from streamer.output import make_folder, replacing
from tools.evaluation.measure import mean, ratio

Scores = Mapping[str, float]
Results = Mapping[str, Mapping[str, Scores]]
"""By clip (or pair), then by method."""

_PICTURES = {
    "ssim_crop": "SSIM crop", "ssim_face": "SSIM face", "psnr_crop": "PSNR crop",
    "psnr_face": "PSNR face", "l1_crop": "L1 crop", "l1_region": "L1 1.35x", "l1_face": "L1 face",
    "l1_mouth": "L1 mouth", "l1_eyes": "L1 eyes", "perceptual": "perc.", "gmsd": "GMSD",
    "identity": "identity", "sharpness": "sharp", "sharpness_truth": "(truth)",
    "background": "backgr.",
}  # fmt: skip
_MOTION = {
    "landmark_error": "AKD", "pose_deg": "pose", "lip_r": "lip r", "lip_slope": "lip slope",
    "eye_r": "eye r", "eye_slope": "eye slope", "lip_gap": "lip gap",
    "lip_gap_driver": "(driver)", "lid_gap": "lid gap", "lid_gap_driver": "(driver)",
    "jitter": "jitter", "flicker": "flicker",
}  # fmt: skip
_CROSS = {
    "pose_deg": "pose", "lip_r": "lip r", "lip_slope": "lip slope", "eye_r": "eye r",
    "eye_slope": "eye slope", "lip_gap": "lip gap", "lip_gap_driver": "(driver)",
    "lid_gap": "lid gap", "lid_gap_driver": "(driver)", "sharpness": "sharp", "jitter": "jitter",
    "background": "backgr.", "identity": "identity", "leak": "leak", "found": "found",
}  # fmt: skip
_FROZEN = {
    "tremble_px": "shake >5 Hz, px @512", "frame_difference": "frame difference /255",
    "driver_tremble_px": "driver's shake", "driver_frame_difference": "driver's difference",
}  # fmt: skip


BASELINES = ("copy", "delaunay", "warp")


def means(results: Results) -> dict[str, dict[str, float]]:
    """The mean over clips, by method; numbers a clip cannot give are left out of its mean."""
    methods = dict.fromkeys(name for clip in results.values() for name in clip)
    return {
        method: _mean([clip[method] for clip in results.values() if method in clip])
        for method in methods
    }


def _mean(rows: Sequence[Scores]) -> dict[str, float]:
    return {key: mean([row[key] for row in rows if key in row]) for key in rows[0]}


_DIFFERENCES, _RATIOS = (
    ("ssim", "psnr", "identity"),
    ("l1", "landmark", "perceptual", "gmsd", "jitter", "flicker"),
)


def against(results: Results, method: str, baseline: str) -> dict[str, float]:
    """A method's means against a baseline's: differences of likenesses, ratios of errors."""
    both = [clip for clip in results.values() if method in clip and baseline in clip]
    if not both:
        return {}
    one, two = _mean([clip[method] for clip in both]), _mean([clip[baseline] for clip in both])
    return {
        key: one[key] - two[key] if key.startswith(_DIFFERENCES) else ratio(one[key], two[key])
        for key in one
        if key.startswith(_DIFFERENCES + _RATIOS)
    }


def show_same(console: Console, results: Results) -> None:
    """Every clip, the means, and each method against its baseline: pictures, then motion."""
    _beside(console, "Same identity: pictures", results, _PICTURES)
    _beside(console, "Same identity: motion", results, _MOTION)


def show_stills(console: Console, kind: str, results: Results) -> None:
    """Every still of a kind, and the same."""
    _beside(console, f"Disguised {kind}s", results, _PICTURES)


def _beside(console: Console, title: str, results: Results, columns: Mapping[str, str]) -> None:
    shown = _seen(results, columns)
    table = _filled(title, results, shown)
    for method, baseline in baselines(results).items():
        ratios = against(results, method, baseline)
        if ratios:
            cells = [_signed(key, ratios.get(key, math.nan)) for key in shown]
            table.add_row(f"[bold]{method} / {baseline}", "", *cells)
    console.print(table)


def baselines(results: Results) -> dict[str, str]:
    """What each method is compared with: refiners with the warp, the warp with the plain warp."""
    names = dict.fromkeys(name for clip in results.values() for name in clip)
    found = {"warp": "delaunay"} | {name: "warp" for name in names if name not in BASELINES}
    return {name: one for name, one in found.items() if {name, one} <= names.keys()}


def show_cross(console: Console, results: Results) -> None:
    """The cross-identity table: one row per pair and the mean."""
    _show(console, "Cross identity", results, _CROSS)


def show_frozen(console: Console, results: Results) -> None:
    """The frozen-driver table."""
    _show(console, "Frozen driver (a still face with the noise of a webcam)", results, _FROZEN)


def _show(console: Console, title: str, results: Results, columns: Mapping[str, str]) -> None:
    console.print(_filled(title, results, _seen(results, columns)))


def _seen(results: Results, columns: Mapping[str, str]) -> dict[str, str]:
    """The columns in which there is a number."""
    rows = [scores for methods in results.values() for scores in methods.values()]
    return {
        key: label
        for key, label in columns.items()
        if any(math.isfinite(row.get(key, math.nan)) for row in rows)
    }


def _filled(title: str, results: Results, columns: Mapping[str, str]) -> Table:
    table = Table("name", "method", title=title, header_style="bold")
    for label in columns.values():
        table.add_column(label, justify="right")
    for clip, methods in results.items():
        for method, scores in methods.items():
            table.add_row(clip, method, *_cells(scores, columns))
        if len(methods) > 1:
            table.add_section()
    table.add_section()
    for method, scores in means(results).items():
        table.add_row("[bold]mean", method, *_cells(scores, columns))
    return table


def _cells(scores: Scores, columns: Mapping[str, str]) -> list[str]:
    return [_number(scores.get(key, math.nan)) for key in columns]


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "-"
    return f"{value:.3f}" if abs(value) < 2 else f"{value:.2f}"


def _signed(key: str, value: float) -> str:
    if not math.isfinite(value):
        return ""
    return f"{value:+.3f}" if key.startswith(_DIFFERENCES) else f"x{value:.3f}"


def save_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write everything, numbers that do not exist as null; whole or not at all."""
    make_folder(path.parent)
    with replacing(path) as part:
        part.write_text(json.dumps(_plain(content), indent=1) + "\n", encoding="utf-8")


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        items = cast("Mapping[str, object]", value).items()
        return {key: _plain(item) for key, item in items}
    if isinstance(value, float):
        return round(value, 5) if math.isfinite(value) else None
    return value
