"""The generator of a run: whatever portrait, background, quality or card is asked for just now."""

import logging

from streamer.config import Background, Config
from streamer.control import Controls, Desk
from streamer.errors import StreamerError
from streamer.frame import Image, Shot
from streamer.generator.background import View
from streamer.generator.card import Cards
from streamer.generator.ladder import Level
from streamer.generator.library import Library
from streamer.generator.opened import Opened

_log = logging.getLogger(__name__)


class LiveGenerator:
    """Draws shots on a canvas of one size; a `Generator`.

    The properties may be read on any thread. `generate` is called on one.
    """

    def __init__(self, config: Config, desk: Desk, library: Library) -> None:
        self.library = library
        self.width, self.height = library.size
        self._desk = desk
        self._now: Opened = library.first
        self._background: Background = config.generator.background
        self._asked: Background = self._background
        self._view: View = self._now.backdrops.view(self._background)
        plate = self._now.generator.portrait.plate
        self._cards = Cards(config.presence, library.size, plate)
        self._cards.picture(config.presence.text)  # made now: nobody waits for it on panic

    @property
    def levels(self) -> tuple[Level, ...]:
        """The quality ladder, best first."""
        return self.library.steps.levels

    @property
    def level(self) -> str:
        """The step of the quality ladder that is shown."""
        return self.levels[self._now.level].name

    def usable(self, level: int) -> bool:
        """Whether this step can be shown now: its engine is there."""
        return self.library.steps.usable(self._now.name, level)

    @property
    def label(self) -> str:
        """What draws the portrait, and why nothing better does, for a person."""
        return self.library.steps.label(self._now.name)

    @property
    def preparing(self) -> str:
        """The portrait that is being opened; empty when none is."""
        return self.library.preparing

    def card(self, text: str) -> Image:
        """The card with these words (height, width, 3). The array is the caller's."""
        return self._cards.picture(text)

    def generate(self, shot: Shot) -> Image:
        """One picture (height, width, 3). The array is the caller's."""
        controls = self._desk.controls
        self.library.look(controls)
        if shot.card is not None:
            return self.card(shot.card)
        self._follow(shot.portrait, controls)
        picture = self._now.generator.generate(shot.motion, self._view.scene)
        return self._view.surround.placed(picture)

    def _follow(self, name: str, controls: Controls) -> None:
        """Go over to what is asked for, as far as it is there."""
        opened = self._best(name, controls.level)
        wanted = self._background
        if controls.background != self._asked:
            wanted = self._asked = controls.background
        if opened is self._now and wanted == self._background:
            return
        try:
            self._view = opened.backdrops.view(wanted)
            self._background = wanted
        except StreamerError as error:
            _log.warning("background stays %s: %s", self._background, error)
            self._view = opened.backdrops.view(self._background)
        self._now = opened

    def _best(self, name: str, level: int) -> Opened:
        """The portrait at this step of the ladder, else at another, else the one that is shown."""
        level = self.library.steps.served(name, level)
        if (self._now.name, self._now.level) == (name, level):
            return self._now
        exact = self.library.opened(name, level)
        if exact is not None or self._now.name == name:
            return exact or self._now
        return self.library.opened(name) or self._now
