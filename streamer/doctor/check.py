"""What `vivant doctor` says about one thing."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "fail"]

TOPICS = (
    "Python",
    "Settings",
    "Disk and memory",
    "Processor",
    "Camera",
    "Virtual camera",
    "Inference",
    "Sound",
    "Terminal",
    "Network",
)
"""In the order in which they are shown."""

_COMMAND = re.compile(
    r"\b(?:run|then|to keep it|in a checkout|rejected'): (?P<command>.+?)"
    r"(?=, then\b| \(|\)?; |\)?$)"
)
"""A command in a sentence. It ends where the sentence goes on, in brackets or after a comma."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that Vivant needs or can use, and how it is here."""

    topic: str
    """one of `TOPICS`"""
    name: str
    status: Status
    """warn: it runs, but less well; fail: `vivant run` with these settings cannot work"""
    found: str
    """one line"""
    fix: str = ""
    """one line; empty when there is nothing to do. What follows "run: " is a command to copy"""

    @property
    def commands(self) -> list[str]:
        """The commands of the fix, to copy."""
        return [text for text, is_command in steps(self.fix) if is_command]


def steps(fix: str) -> Iterator[tuple[str, bool]]:
    """A fix as words and commands in turn, each with whether it is a command."""
    end = 0
    for found in _COMMAND.finditer(fix):
        if words := _words(fix[end : found.start("command")].rstrip().removesuffix("run:")):
            yield words, False
        command, end = found["command"], found.end("command")
        if command.count("(") > command.count(")"):  # the bracket belongs to it, as in $(uname -r)
            command, end = f"{command})", end + 1
        yield command, True
    if rest := _words(fix[end:]) if end else fix:
        yield rest, False


def _words(text: str) -> str:
    """What stands between commands, without the brackets and commas that joined it to them."""
    words = text.lstrip(" ,;()").rstrip(" ,;(")
    return words.replace(")", "", 1) if words.count(")") > words.count("(") else words
