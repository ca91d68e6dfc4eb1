"""What a person sees in the terminal while it runs. Nothing of the driver's picture is in it."""

import logging
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
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
    apart,
    as_ascii,
    clean,
    columns,
    cut,
    fit,
    flow,
    tidy,
)
from streamer.commands.notices import Notice
from streamer.commands.rows import (
    BLANK,
    LABEL,
    READABLE,
    Row,
    call,
    chosen,
    figures,
    labelled,
    state,
)
from streamer.control import COMMANDS
from streamer.status import Status

_WIDE = 131
"""From this width on, what runs and why stands beside the figures."""
_LOW = 20
"""Below this height, there is room for a line or two of keys only."""
_FRESH_S = 120
"""So long a warning is worth more room than what was chosen."""


def screen(status: Status, notices: Sequence[Notice], width: int, height: int) -> RenderableType:
    """All there is to know at one look: exactly `height` lines of at most `width` cells."""
    return _Screen(status, notices, width, height)


def line(status: Status) -> str:
    """The same in one line, for a log."""
    age, recent = status.recent.age_ms, status.recent
    parts = [
        f"{status.seconds:.0f} s",
        f"age p50 {age.p50:.0f}, p95 {age.p95:.0f}, p99 {age.p99:.0f} ms" if age else "no picture",
        f"{recent.fps_in:.1f} fps in, {recent.fps_out:.1f} out, {recent.held_fps:.1f} held",
        f"dropped {sum(status.dropped.values())}",
        f"quality {status.level}",
        f"{status.portrait}: {status.presence}",
        status.camera,
        status.prompt,
        f"recording {status.recording}" if status.recording else "",
    ]
    return clean("; ".join(filter(None, parts)))


@dataclass(frozen=True, slots=True)
class _Screen:
    status: Status
    notices: Sequence[Notice]
    width: int
    height: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        del console
        for row in _lines(self, ascii_only=options.ascii_only):
            for text, style, _ in fit(row, self.width):
                yield Segment(as_ascii(text) if options.ascii_only else text, style)
            yield Segment.line()


def _lines(self: _Screen, *, ascii_only: bool) -> list[Line]:
    """Title, rows and keys; the rows get what the others leave."""
    status, width, height = self.status, self.width - 1, self.height
    keys = _keys(width, height)
    if height < _LOW:
        keys = keys[1 : 1 + height // 6]
    room = max(height - 1 - len(keys), 0)
    half = (width - 3) // 2
    if width < _WIDE:
        rows = [*figures(status, width), *state(status, width)]
        rows += call(status, width, ascii_only=ascii_only) or chosen(status, width)
        rows += _log(self.notices, width, room - len(rows))
        body = _fitting([row for row in rows if row.line or height >= _LOW], room)
    else:
        left = [*figures(status, half), *state(status, half)]
        left += call(status, half, ascii_only=ascii_only)
        right = [BLANK, *chosen(status, half)]
        right += _log(self.notices, half, room - len(right))
        body = _beside(_fitting(left, room), _fitting(right, room), half)
    body += [[]] * (room - len(body))
    return [_title(status, width), *body, *keys][:height]


def _fitting(rows: Sequence[Row], room: int) -> list[Line]:
    """As many as there is room for: those of the lowest ranks, in their own order."""
    order = sorted(range(len(rows)), key=lambda i: (rows[i].rank, i))
    lines: list[Line] = []
    for i in sorted(order[:room]):
        if rows[i].line or not lines or lines[-1]:  # no gap is wider than one line
            lines.append(rows[i].line)
    return lines


def _beside(left: list[Line], right: list[Line], half: int) -> list[Line]:
    longest = max(len(left), len(right))
    left, right = (side + [[]] * (longest - len(side)) for side in (left, right))
    gap = Segment("   ")
    return [[*fit(a, half, pad=True), gap, *b] for a, b in zip(left, right, strict=True)]


def _title(status: Status, width: int) -> Line:
    word, style = _word(status)
    sink = re.split(r"[,;(]", status.chosen.get("sink", ""), maxsplit=1)[0].strip()
    left = [Segment(f" ● {word}", style), Segment(f"   {status.portrait}", STRONG)]
    if sink:
        left.append(Segment(f"  →  {sink}", QUIET))
    right = [Segment(f"{_clock(status.seconds)} ", QUIET)]
    if status.controls.recording:
        right = [Segment("● REC ", ALARM), *right]
    return apart(tidy(left), right, width)


def _word(status: Status) -> tuple[str, Style]:
    controls = status.controls
    if controls.panic or status.presence == "card":
        return "CARD", ALARM if controls.panic else CARE
    if controls.idle or status.presence == "idle":
        return "IDLE", CARE
    return ("LIVE", GOOD) if status.presence == "tracked" else ("NO FACE", CARE)


def _log(notices: Sequence[Notice], width: int, room: int) -> list[Row]:
    """The newest ones, in order. The very newest, and fresh warnings, push other rows aside."""
    rows: list[Row] = []
    for notice in reversed(notices):
        lines = _notice(notice, min(width, READABLE))
        if len(rows) + len(lines) >= max(room, 6):
            break
        fresh = notice.level >= logging.WARNING and notice.age_s < _FRESH_S
        rank = 3 if not rows else 4 if fresh else 8
        rows = [Row(rank, line) for line in lines] + rows
    return [BLANK, *rows] if rows else []


def _notice(notice: Notice, width: int) -> list[Line]:
    """Warnings in full, since a person has to act on them; other events on one line."""
    warns = notice.level >= logging.WARNING
    text = clean(notice.text) + (f" ({notice.count} times)" if notice.count > 1 else "")
    room = max(width - LABEL - 1, 8)
    lines = textwrap.wrap(text, room)[:4] if warns and text.strip() else [cut(text, room)]
    style = CARE if warns else PLAIN
    ages = [_ago(notice.age_s)] + [""] * (len(lines) - 1)
    return [labelled(a, [Segment(t, style)], width) for a, t in zip(ages, lines, strict=True)]


def _keys(width: int, height: int) -> list[Line]:
    """The help of all keys where there is room for it, else their names."""
    full = [[Segment(f"{c.key:>6} ", STRONG), Segment(f" {c.help}", QUIET)] for c in COMMANDS]
    if len(rows := columns(full, width, 2)) + 25 <= height:
        return [[], *rows]
    short: dict[str, str] = {}
    for command in COMMANDS:
        name = re.sub("-(up|down)$", "", command.name).replace("-", " ")
        short[name] = f"{short[name]}/{command.key}" if name in short else command.key
    words = [[Segment(key, STRONG), Segment(f" {name}", QUIET)] for name, key in short.items()]
    return [[], *([Segment(" "), *row] for row in flow(words, width - 1, 3))]


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def _ago(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s ago"
    return f"{seconds / 60:.0f} min ago" if seconds < 3600 else f"{seconds / 3600:.0f} h ago"
