"""What a person changes while it runs, and the commands by which keys and the HTTP interface do it.

The stages are never called back: each looks at the newest controls when it takes its next frame.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import get_args

from streamer.config import Background, GainsConfig

BACKGROUNDS: tuple[Background, ...] = get_args(Background)
_STEP = 0.1
"""By which one key press changes a gain."""


@dataclass(frozen=True, slots=True)
class Controls:
    """The wishes of whoever runs it, at one instant."""

    portraits: tuple[str, ...]
    """What can be shown: bundled names, .portrait files, pictures."""
    portrait: str
    """Which of them is asked for; it is shown as soon as it is ready."""
    gains: GainsConfig
    mirror: bool = False
    background: Background = "original"
    idle: bool = False
    """The portrait moves by itself, whatever the driver does."""
    panic: bool = False
    """A card is shown at once, and nothing else until this ends."""
    recording: bool = False
    neutral: int = 0
    """How often a countdown to a new neutral face was asked for."""
    best_neutral: int = 0
    """How often the most neutral face of the last seconds was asked for."""
    guide: int = 0
    """How often the guided calibration was asked for."""
    level: int = 0
    """Step of the quality ladder: 0 is the best. Set by the latency budget, not by a person."""
    quit: bool = False


Edit = Callable[[Controls], Controls]


class Desk:
    """Holds the newest controls of one run. Any thread reads and edits them."""

    def __init__(self, controls: Controls) -> None:
        self._lock = threading.Lock()
        self._controls = controls

    @property
    def controls(self) -> Controls:
        """The newest ones."""
        return self._controls

    def edit(self, edit: Edit) -> Controls:
        """Change them as one step; what they are afterwards."""
        with self._lock:
            self._controls = edit(self._controls)
            return self._controls


@dataclass(frozen=True, slots=True)
class Command:
    """One thing a person can ask for: by a key of the terminal, or by name from other programs."""

    name: str
    key: str
    help: str
    edit: Edit


def _next_portrait(step: int) -> Edit:
    def edit(c: Controls) -> Controls:
        at = c.portraits.index(c.portrait) if c.portrait in c.portraits else 0
        return replace(c, portrait=c.portraits[(at + step) % len(c.portraits)])

    return edit


def _gain(step: float, *parts: str) -> Edit:
    """Stronger or weaker, within the bounds of the settings."""

    def edit(c: Controls) -> Controls:
        bounds = {"shift": 1.0}
        values = {
            part: round(min(max(getattr(c.gains, part) + step, 0.0), bounds.get(part, 2.0)), 3)
            for part in parts
        }
        return replace(c, gains=c.gains.model_copy(update=values))

    return edit


def _next_background(c: Controls) -> Controls:
    at = BACKGROUNDS.index(c.background)
    return replace(c, background=BACKGROUNDS[(at + 1) % len(BACKGROUNDS)])


COMMANDS: tuple[Command, ...] = (
    Command("panic", "space", "card at once, and back", lambda c: replace(c, panic=not c.panic)),
    Command("next-portrait", "n", "next portrait", _next_portrait(1)),
    Command("previous-portrait", "p", "previous portrait", _next_portrait(-1)),
    Command(
        "neutral",
        "c",
        "calibrate: this is my neutral face, after 3, 2, 1",
        lambda c: replace(c, neutral=c.neutral + 1),
    ),
    Command(
        "best-neutral",
        "C",
        "calibrate: the most neutral face of the last 10 s",
        lambda c: replace(c, best_neutral=c.best_neutral + 1),
    ),
    Command("guide", "g", "guided calibration, 8 s", lambda c: replace(c, guide=c.guide + 1)),
    Command("idle", "i", "move by itself, and back", lambda c: replace(c, idle=not c.idle)),
    Command("mirror", "x", "mirror", lambda c: replace(c, mirror=not c.mirror)),
    Command("background", "b", "next background", _next_background),
    Command("record", "r", "record, and stop", lambda c: replace(c, recording=not c.recording)),
    Command("mouth-up", "M", "mouth stronger", _gain(_STEP, "mouth", "jaw")),
    Command("mouth-down", "m", "mouth weaker", _gain(-_STEP, "mouth", "jaw")),
    Command("eyes-up", "E", "eyes stronger", _gain(_STEP, "eyes")),
    Command("eyes-down", "e", "eyes weaker", _gain(-_STEP, "eyes")),
    Command("brows-up", "B", "brows stronger", _gain(_STEP, "brows")),
    Command("brows-down", "w", "brows weaker", _gain(-_STEP, "brows")),
    Command("pose-up", "H", "head stronger", _gain(_STEP, "head", "shift")),
    Command("pose-down", "h", "head weaker", _gain(-_STEP, "head", "shift")),
    Command("quit", "q", "end", lambda c: replace(c, quit=True)),
)


def by_key() -> Mapping[str, Command]:
    """The commands by their key."""
    return {command.key: command for command in COMMANDS}


def by_name() -> Mapping[str, Command]:
    """The commands by their name."""
    return {command.name: command for command in COMMANDS}
