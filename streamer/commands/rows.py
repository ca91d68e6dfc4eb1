"""The rows of the screen in the terminal: one fact each, with a rank."""

from collections.abc import Iterator
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style

from streamer.commands.draw import (
    ALARM,
    CARE,
    GOOD,
    PLAIN,
    QUIET,
    STRONG,
    Line,
    bar,
    box,
    clean,
    fit,
    flow,
    length,
    tidy,
)
from streamer.control import by_name
from streamer.status import Status

LABEL = 12
"""Cells before the values."""
READABLE = 100
"""No prompt and no notice is wider."""
_ELSEWHERE = ("portrait", "budget")
"""What was chosen, but is told in other rows."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line and its rank: where there is little room, the lowest ranks stay."""

    rank: int
    line: Line


BLANK = Row(6, [])
_FIRM = Row(3, [])
"""A gap that stays, so that figures do not jump while one looks at them."""


def figures(status: Status, width: int) -> Iterator[Row]:
    """How old the pictures are, how many there are, and how good."""
    recent = status.recent
    yield _FIRM
    yield Row(1, labelled("age", _age(status, width - LABEL), width))
    rates = f"{recent.fps_in:.1f} in   {recent.fps_out:.1f} out   {recent.held_fps:.1f} held  fps"
    late = [Segment(f"   {recent.late:.0%} late", CARE)] if recent.late > 0.05 else []
    yield Row(1, labelled("frames", [Segment(rates), *late], width))
    yield Row(3, labelled("dropped", _drops(status), width))
    yield Row(4, labelled("quality", [Segment(status.level)], width))
    yield _FIRM


def _age(status: Status, width: int) -> Line:
    age, budget_ms = status.recent.age_ms, status.budget_ms
    if age is None:
        return [Segment("no picture yet", CARE)]
    style = GOOD if age.p95 <= budget_ms else ALARM
    ranks = ((age.p50, "p50"), (age.p95, "p95"), (age.p99, "p99"))
    line = [Segment(f"{value:.0f}", style if name == "p95" else PLAIN) for value, name in ranks]
    names = [Segment(f"{name} ", QUIET) for _, name in ranks]
    gap = Segment("  ")
    line = [names[0], line[0], gap, names[1], line[1], gap, names[2], line[2], Segment(" ms  ")]
    of = [Segment(f"  of {budget_ms:.0f} ms", QUIET)]
    room = min(width - length(line) - length(of), 40)
    if room < 8:
        return line
    fast = Style(color=style.color, bold=True)
    slow = Style(color=style.color, dim=True)
    return [*line, *bar(((age.p50 / budget_ms, fast), (age.p95 / budget_ms, slow)), room), *of]


def _drops(status: Status) -> Line:
    total = sum(status.dropped.values())
    if not total:
        return [Segment("none", QUIET)]
    reasons = sorted(status.dropped.items(), key=lambda item: -item[1])
    why = "   ".join(f"{reason} {count:,}" for reason, count in reasons)
    return [Segment(f"{total:,} of {status.sent + total:,}   "), Segment(why, QUIET)]


def state(status: Status, width: int) -> Iterator[Row]:
    """Who drives what, and how."""
    controls = status.controls
    picture = [Segment(status.portrait)]
    if status.preparing:
        picture.append(Segment(f" → {status.preparing} is made ready", CARE))
    mirror = "mirrored" if controls.mirror else "not mirrored"
    picture.append(Segment(f" · background {controls.background} · {mirror}", QUIET))
    recording = [Segment(status.recording or "off", ALARM if controls.recording else QUIET)]
    yield Row(2, labelled("driver", _driver(status), width))
    yield Row(3, labelled("picture", picture, width))
    yield Row(5, labelled("gains", _gains(status, width - LABEL), width))
    yield Row(2 if status.recording else 5, labelled("recording", recording, width))
    yield Row(5, labelled("sound", _sound(status), width))
    if status.camera:
        yield Row(0, labelled("camera", [Segment(status.camera, CARE)], width))
    yield BLANK


def _driver(status: Status) -> Line:
    keys = by_name()
    controls = status.controls
    if controls.panic:
        text = f"a card is shown until {keys['panic'].key} is pressed"
    elif controls.idle:
        text = f"it moves by itself until {keys['idle'].key} is pressed"
    else:
        text = {
            "tracked": "followed",
            "hold": "no face in view, the last one is held",
            "ease": "no face in view, easing to rest",
            "idle": "no face in view, it moves by itself",
            "return": "there again",
            "card": "no face in view, a card is shown",
        }.get(status.presence, status.presence)
    style = PLAIN if text == "followed" else CARE
    calibration = [Segment(f" · {status.calibration}", QUIET)] if status.calibration else []
    return [Segment(text, style), *calibration]


def _gains(status: Status, width: int) -> Line:
    gains = status.controls.gains.model_dump()
    steered = ("mouth", "eyes", "brows", "head")
    names = (*steered, *(name for name in gains if name not in steered))
    return flow(
        [[Segment(f"{name} ", QUIET), Segment(f"{gains[name]:.1f}")] for name in names], width, 3
    )[0]


def _sound(status: Status) -> Line:
    if not status.latency_ms:
        return [Segment("its delay is not known yet", QUIET)]
    offset = Segment(f"{status.latency_ms:.0f} ms", STRONG)
    return [Segment("set the audio offset in OBS to "), offset]


def chosen(status: Status, width: int) -> list[Row]:
    """What runs and why."""
    hidden = (*_ELSEWHERE, "camera" if status.camera else "")
    told = [(k, v) for k, v in status.chosen.items() if k not in hidden]
    return [Row(7, labelled(k, [Segment(v, QUIET)], width)) for k, v in told]


def call(status: Status, width: int, *, ascii_only: bool) -> list[Row]:
    """What the driver is asked to do; it pushes other rows aside."""
    if not status.prompt:
        return []
    lines = box(clean(status.prompt), min(width - 2, READABLE), ascii_only=ascii_only)
    return [Row(0, [Segment(" "), *row]) for row in lines]


def labelled(label: str, value: Line, width: int) -> Line:
    """A value in its place."""
    return fit([Segment(f" {label:<{LABEL - 1}}", QUIET), *tidy(value)], width)
