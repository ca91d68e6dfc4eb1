"""What is asked of an evaluation, and what is there while it goes on."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from streamer.config import GeneratorConfig, TrackerConfig
from streamer.frame import Image
from streamer.stages import Tracker
from streamer.tracker import open_tracker
from tools.evaluation.film import Reel
from tools.evaluation.meter import Meter
from tools.evaluation.opinions import Opinions
from tools.evaluation.painters import Refiner


@dataclass(frozen=True, slots=True)
class Settings:
    """What to evaluate and where to write it."""

    clips: tuple[Path, ...]
    stills: Mapping[str, tuple[Path, ...]]
    """by kind: still, painting"""
    methods: tuple[str, ...] | None
    """None: the baselines and all sizes whose weights are there"""
    generator: GeneratorConfig
    """the folder of the weights, and what runs them"""
    opinions: Opinions
    frames: int
    seconds: float
    portraits: tuple[str, ...]
    drivers: int
    same: bool
    cross: bool
    frozen: bool
    json: Path | None
    sheet: Path | None
    video: Path | None


Table = dict[str, dict[str, dict[str, float]]]


def tracker() -> AbstractContextManager[Tracker]:
    """A fresh tracker with the default settings; drivers and outputs are seen by the same kind."""
    return open_tracker(TrackerConfig())


@dataclass(frozen=True, slots=True)
class Work:
    """What is being done: tools, and what came of it so far."""

    settings: Settings
    console: Console
    meter: Meter
    refiners: Mapping[str, Refiner]
    reel: Reel | None
    same: Table = field(default_factory=Table)
    cross: Table = field(default_factory=Table)
    frozen: Table = field(default_factory=Table)
    stills: dict[str, Table] = field(default_factory=dict[str, Table])
    blocks: list[Image] = field(default_factory=list[Image])

    def say(self, text: str) -> None:
        """A line about what could not be done."""
        self.console.print(text, style="yellow", highlight=False, soft_wrap=True)

    @property
    def kinds(self) -> dict[str, Table]:
        """What was compared with a truth, by kind of picture."""
        found = {"clip": self.same} | self.stills
        return {kind: table for kind, table in found.items() if table}
