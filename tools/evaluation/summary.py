"""Whether a refiner is better than the warp, and better than asked for, at a glance."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from tools.evaluation.report import Results, against, baselines, means


@dataclass(frozen=True, slots=True)
class Goal:
    """What is asked for of one number against the warp."""

    label: str
    first: str
    """after the first training, for a person"""
    met: Callable[[float], bool]


GOALS: Mapping[str, Goal] = {
    "l1_mouth": Goal("mouth L1", "<= 0.88", lambda x: x <= 0.88),
    "l1_eyes": Goal("eyes L1", "<= 0.85", lambda x: x <= 0.85),
    "l1_region": Goal("L1 1.35x", "<= 0.85", lambda x: x <= 0.85),
    "perceptual": Goal("percept.", "<= 0.80", lambda x: x <= 0.80),
    "ssim_face": Goal("SSIM face", ">= +0.03", lambda x: x >= 0.03),
    "identity": Goal("identity", ">= 0", lambda x: x >= 0),
    "jitter": Goal("jitter", "<= 1", lambda x: x <= 1),
    "flicker": Goal("flicker", "<= 1", lambda x: x <= 1),
    "sharp": Goal("sharp", "0.9-1.1", lambda x: 0.9 <= x <= 1.1),
}
"""Ratios of errors and gains of likenesses; `sharp` is the output's over the truth's."""

Summary = dict[str, dict[str, dict[str, float]]]
"""By kind, method and number."""


def summary(kinds: Mapping[str, Results]) -> Summary:
    """Each refiner against the warp."""
    return {
        kind: {
            method: _against(results, method)
            for method, baseline in baselines(results).items()
            if baseline == "warp"
        }
        for kind, results in kinds.items()
    }


def _against(results: Results, method: str) -> dict[str, float]:
    found, own = against(results, method, "warp"), means(results)[method]
    found["sharp"] = own.get("sharpness", math.nan) / own.get("sharpness_truth", math.nan)
    return {key: found[key] for key in GOALS if key in found}


def show_summary(console: Console, found: Summary) -> None:
    """A line for each kind and method, what is reached in green; and what is asked for."""
    rows = [(kind, name, row) for kind, each in found.items() for name, row in each.items()]
    shown = [key for key in GOALS if any(math.isfinite(row.get(key, math.nan)) for *_, row in rows)]
    if not shown:
        return
    table = Table("", "", title="Against the warp", header_style="bold")
    for key in shown:
        table.add_column(GOALS[key].label, justify="right")
    for kind, name, row in rows:
        table.add_row(kind, name, *(_cell(key, row.get(key, math.nan)) for key in shown))
    table.add_row("[bold]asked for", "", *(GOALS[key].first for key in shown))
    console.print(table)


def _cell(key: str, value: float) -> str:
    if not math.isfinite(value):
        return "-"
    text = f"{value:+.3f}" if key in {"ssim_face", "identity"} else f"{value:.3f}"
    return f"[green]{text}[/]" if GOALS[key].met(value) else text
