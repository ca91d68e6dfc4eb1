"""Lines of a terminal: plain pieces of text with a style, cheap enough to draw beside a video."""

import re
import textwrap
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

Line = list[Segment]

PLAIN = Style()
QUIET = Style(dim=True)
STRONG = Style(bold=True)
GOOD = Style(color="green")
CARE = Style(color="yellow")
ALARM = Style(color="red", bold=True)
CALL = Style(color="bright_yellow", bold=True)

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_SECONDS = re.compile(r"(?:: |\()([0-9]{1,3})(?: s\))?$")
_TO_ASCII = str.maketrans("●→·…━─┏┓┗┛┃", "*>-~=-++++|")

_DIGITS = (
    "█▀█ ▀█  ▀▀█ ▀▀█ █ █ █▀▀ █▀▀ ▀▀█ █▀█ █▀█",
    "█ █  █  █▀▀ ▀▀█ ▀▀█ ▀▀█ █▀█   █ █▀█ ▀▀█",
    "▀▀▀ ▀▀▀ ▀▀▀ ▀▀▀   ▀ ▀▀▀ ▀▀▀   ▀ ▀▀▀ ▀▀▀",
)
_ASCII_DIGITS = (
    " _       _   _       _   _   _   _   _ ",
    "| |   |  _|  _| |_| |_  |_    | |_| |_|",
    "|_|   | |_   _|   |  _| |_|   | |_|  _|",
)


def clean(text: str) -> str:
    """Text of whatever origin on one line: nothing in it commands the terminal."""
    text = _CONTROL.sub(" ", text)
    return text.encode("utf-8", "replace").decode()  # halves of pairs, as in odd file names


def tidy(line: Line) -> Line:
    """The line with clean texts."""
    return [Segment(clean(text), style) for text, style, _ in line]


def as_ascii(text: str) -> str:
    """For terminals of another encoding than UTF-8."""
    return text.translate(_TO_ASCII).encode("ascii", "replace").decode()


def length(line: Line) -> int:
    """Its width in cells."""
    return sum(segment.cell_length for segment in line)


def cut(text: str, width: int) -> str:
    """The text, or as much of it as fits, in cells."""
    if cell_len(text) <= width:
        return text
    return f"{set_cell_size(text, width - 1).rstrip()}…" if width > 0 else ""


def fit(line: Line, width: int, *, pad: bool = False) -> Line:
    """The line, or as much of it as fits."""
    width = max(width, 0)
    missing = width - length(line)
    if missing >= 0:
        return [*line, Segment(" " * missing)] if pad else line
    kept: Line = []
    for text, style, _ in line:
        left = width - length(kept)
        kept.append(Segment(cut(text, left), style))
        if cell_len(text) > left:
            break
    return fit(kept, width, pad=pad)


def apart(left: Line, right: Line, width: int) -> Line:
    """One at each side; the left one gives way."""
    room = width - length(right)
    return fit([*fit(left, room - 2, pad=True), Segment("  "), *right], width)


def flow(words: Sequence[Line], width: int, gap: int) -> list[Line]:
    """Words beside each other, on as many lines as it takes."""
    lines: list[Line] = []
    for word in words:
        if lines and length(lines[-1]) + gap + length(word) <= width:
            lines[-1] += [Segment(" " * gap), *word]
        else:
            lines.append(list(word))
    return lines


def columns(words: Sequence[Line], width: int, gap: int) -> list[Line]:
    """Words below each other, in as many columns as fit; at least one."""
    best = [list(word) for word in words]
    for count in range(2, len(words) + 1):
        rows = -(-len(words) // count)
        parts = [words[at : at + rows] for at in range(0, len(words), rows)]
        each = [max(length(word) for word in part) for part in parts]
        if sum(each) + gap * (len(parts) - 1) > width:
            break
        best = [
            [
                segment
                for part, cells in zip(parts, each, strict=True)
                if row < len(part)
                for segment in fit(part[row], cells + gap, pad=True)
            ]
            for row in range(rows)
        ]
    return best


def bar(parts: Sequence[tuple[float, Style]], width: int) -> Line:
    """Growing shares of a whole, 0 to 1, and the rest."""
    line: Line = []
    done = 0
    for share, style in parts:
        end = max(done, min(width, round(share * width)))
        line.append(Segment("━" * (end - done), style))
        done = end
    return [*line, Segment("─" * (width - done), QUIET)]


def box(text: str, width: int, *, ascii_only: bool) -> list[Line]:
    """A call that cannot be overlooked, in five lines; the seconds left in it are large."""
    inner = max(width - 2, 1)
    big = _large(text, ascii_only=ascii_only)
    room = inner - cell_len(big[0]) - 6
    if room < 16:
        big, room = ["", "", ""], max(inner - 4, 1)
    told = textwrap.wrap(text, room, max_lines=3, placeholder="…")
    rows = ["", *told, ""] if len(told) == 1 else [*told, "", "", ""][:3]
    inside = (f"  {set_cell_size(row, room)}  {b}" for row, b in zip(rows, big, strict=True))
    return [
        [Segment(f"┏{'━' * inner}┓", CALL)],
        *([Segment(f"┃{set_cell_size(row, inner)}┃", CALL)] for row in inside),
        [Segment(f"┗{'━' * inner}┛", CALL)],
    ]


def _large(text: str, *, ascii_only: bool) -> list[str]:
    """The seconds at the end, as in "look here: 3" or "look here (3 s)", three lines high."""
    found = _SECONDS.search(text)
    digits = found.group(1) if found else ""
    font = _ASCII_DIGITS if ascii_only else _DIGITS
    return ["  ".join(row[4 * int(d) : 4 * int(d) + 3] for d in digits) for row in font]
