"""`vivant doctor`: one look at all that is needed, and what to do about what is not there."""

import argparse
import sys
from collections import Counter
from typing import TYPE_CHECKING

from streamer.commands import add_config_options, config_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

    from streamer.commands import Subparsers
    from streamer.doctor.check import Check, Status

_MARKS: "dict[Status, tuple[str, str, str]]" = {
    "ok": ("✓", "+", "green"),
    "warn": ("!", "!", "bold yellow"),
    "fail": ("✗", "x", "bold red"),
}
"""Mark, the same in ASCII, and style."""
_PROMISES = {
    True: "`vivant run` can work with these settings.",
    False: "`vivant run` cannot work with these settings.",
}

_EPILOG = """ok: as it should be. warn: it works, but less well. fail: `vivant run` with
these settings cannot work. Nothing is changed. Every camera is opened for a
moment, and its light goes on; --quick leaves that out, and the measurement of
speed.

exit code: 0 nothing fails (there may be warnings), 1 something fails,
2 a wrong setting

examples:
  vivant doctor
  vivant doctor --quick --set camera.kind=webcam --set sink.kind=virtualcam
  vivant doctor --json > doctor.json
"""


def add_parser(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "doctor",
        help="look at camera, virtual camera, libraries, GPU ... and tell what to do",
        description="Look at everything that Vivant needs or can use on this computer,\nand tell"
        " the command or setting for what is missing. Takes some seconds.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="open no camera and measure no speed")
    add("--json", action="store_true", help="print JSON and nothing else")
    add_config_options(parser)
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Look, and tell."""
    from streamer.doctor import examine

    config = config_of(args, {})
    if args.json:
        checks = examine(config, quick=args.quick)
        sys.stdout.write(as_json(checks) + "\n")
    else:
        from rich.console import Console

        with Console(stderr=True).status("looking ...", spinner="line"):
            checks = examine(config, quick=args.quick)
        tell(checks, Console(highlight=False))
    return 0 if _runs(checks) else 1


def _runs(checks: "Sequence[Check]") -> bool:
    return all(check.status != "fail" for check in checks)


def as_json(checks: "Sequence[Check]") -> str:
    """All checks, and the summary."""
    import json
    from dataclasses import asdict

    counts = Counter(check.status for check in checks)
    summary = {status: counts[status] for status in _MARKS} | {"runs": _runs(checks)}
    listed = [asdict(check) | {"commands": check.commands} for check in checks]
    return json.dumps({"checks": listed, "summary": summary}, indent=1)


def tell(checks: "Sequence[Check]", console: "Console") -> None:
    """A table by topic, then what to do, with commands to copy."""
    from rich.text import Text

    letters = _letters(console.encoding)
    names = max((len(check.name) for check in checks), default=0)
    for topic in dict.fromkeys(check.topic for check in checks):
        console.print(Text(topic, "bold"))
        console.print(_table([c for c in checks if c.topic == topic], names, letters))
    problems = [check for check in checks if check.status != "ok" and check.fix]
    problems.sort(key=lambda check: check.status)  # "fail" comes before "warn"
    if problems:
        console.print(Text("\nWhat to do", "bold"))
    for check in problems:
        console.print()
        for line, is_command in _advice(check, letters):
            # a command is not wrapped, so that it is copied as one line
            console.print(line, soft_wrap=is_command)
    console.print()
    console.print(_summary(checks))


def _letters(encoding: str) -> str:
    """The terminal's encoding, or ASCII where it lacks the marks."""
    try:
        "".join(mark for mark, _, _ in _MARKS.values()).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return "ascii"
    return encoding


def _table(checks: "Sequence[Check]", names: int, letters: str) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 1))
    table.add_column(width=2, justify="right")
    table.add_column(width=names, no_wrap=True)
    table.add_column(overflow="fold")
    for check in checks:
        table.add_row(_mark(check, letters), check.name, Text(_shown(check.found, letters)))
    return table


def _mark(check: "Check", letters: str) -> "Text":
    from rich.text import Text

    mark, plain, style = _MARKS[check.status]
    return Text(plain if letters == "ascii" else mark, style)


def _shown(text: str, letters: str) -> str:
    """Names of devices and files may hold anything: nothing in them commands the terminal."""
    from streamer.commands.draw import clean

    return clean(text).encode(letters, "replace").decode(letters)


def _advice(check: "Check", letters: str) -> "Iterator[tuple[RenderableType, bool]]":
    """What is wrong, then words and commands, each by itself; and whether it is a command."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    from streamer.doctor.check import steps

    problem = Table.grid(padding=(0, 1))
    problem.add_column(width=2, justify="right")
    problem.add_row(_mark(check, letters), Text(_shown(f"{check.topic}: {check.found}", letters)))
    yield problem, False
    for text, is_command in steps(check.fix):
        shown = _shown(text, letters)
        if is_command:
            yield Text(f"     {shown}", "cyan"), True
        else:
            yield Padding(Text(shown), (0, 0, 0, 3)), False


def _summary(checks: "Sequence[Check]") -> "Text":
    from rich.text import Text

    counts = Counter(check.status for check in checks)
    warnings = f"{counts['warn']} warning{'' if counts['warn'] == 1 else 's'}"
    text = Text(f"{counts['ok']} ok, {warnings}, {counts['fail']} failed. ")
    return text.append(_PROMISES[_runs(checks)], "bold green" if _runs(checks) else "bold red")
