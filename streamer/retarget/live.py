"""The retargeter of a run: what is asked for while it runs, and what is shown when nobody is."""

import logging
import math
from dataclasses import dataclass
from typing import Protocol

from streamer.clock import MS, SECOND
from streamer.config import Config, GainsConfig
from streamer.control import Controls, Desk
from streamer.frame import Landmarks, Motion, Shot
from streamer.portrait import Portrait
from streamer.retarget.coach import Coach
from streamer.retarget.filters import MotionFilter
from streamer.retarget.look import Look, believed
from streamer.retarget.presence import PresenceKeeper, Wish
from streamer.retarget.retargeter import MotionReader

_GAIN_EASE_NS = 50 * MS
"""A changed gain is there to 95 % after three times this."""
_SMALLEST = 1e-3

_log = logging.getLogger(__name__)


class Portraits(Protocol):
    """The portraits of a run."""

    def ready(self, name: str) -> Portrait | None:
        """One of them; None while it is being prepared. Never blocks."""
        ...


@dataclass(frozen=True, slots=True)
class _Said:
    """What is told of one frame."""

    presence: str
    prompt: str
    portrait: str
    calibration: str


class LiveRetargeter:
    """Moves the portrait that is asked for by the driver that is there; a `Retargeter`.

    The properties may be read on any thread.
    """

    def __init__(self, config: Config, desk: Desk, portraits: Portraits, coach: Coach) -> None:
        controls = desk.controls
        first = portraits.ready(controls.portrait)
        if first is None:
            raise LookupError(f"{controls.portrait}: the first portrait must be ready")
        self._desk = desk
        self._portraits = portraits
        self._coach = coach
        self._presence_config = config.presence
        self._absolute = config.retarget.mode == "absolute"
        self._reader = MotionReader(config.retarget, first)
        self._filter = MotionFilter()
        self._keeper = PresenceKeeper()
        self._portrait = controls.portrait
        self._gains: GainsConfig = controls.gains
        self._mirror: bool = controls.mirror
        self._reader.follow(self._gains, mirror=self._mirror)
        self._changes = coach.changes
        self._alone_ns: int | None = None
        self._at_ns: int | None = None
        self._said = _Said("idle", "", self._portrait, "learning")

    @property
    def presence(self) -> str:
        """tracked, hold, ease, idle or return; card while a card is shown."""
        return self._said.presence

    @property
    def prompt(self) -> str:
        """What the driver is to do now, or how it went; empty when nothing."""
        return self._said.prompt

    @property
    def portrait(self) -> str:
        """Name of the portrait that is shown."""
        return self._said.portrait

    @property
    def calibration(self) -> str:
        """Whose neutral face is used."""
        return self._said.calibration

    def retarget(self, landmarks: Landmarks | None, at_ns: int) -> Shot:
        """The shot at the capture instant `at_ns`; landmarks that cannot be a face are none."""
        controls = self._desk.controls
        seen = believed(landmarks)
        self._show(controls.portrait)
        self._follow(controls, at_ns)
        card = self._card(seen, controls, at_ns)
        motion = self._motion(seen, at_ns, controls, _wish(controls, card))
        self._at_ns = at_ns
        self._said = _Said(
            "card" if card is not None else self._keeper.state.value,
            self._coach.prompt(at_ns),
            self._portrait,
            self._coach.describe(at_ns),
        )
        return Shot(self._portrait, motion, card)

    def _show(self, wanted: str) -> None:
        """Go over to the portrait asked for, once it is ready; the driver's state stays."""
        if wanted == self._portrait or (portrait := self._portraits.ready(wanted)) is None:
            return
        self._reader.show(portrait)
        self._portrait = wanted
        if self._absolute:  # the same pose is another turn of another photo
            self._filter.restart()
        _log.info("switched to %s", wanted)

    def _follow(self, controls: Controls, at_ns: int) -> None:
        """Gains glide to where they are set; the mirror turns at once, blended."""
        if controls.gains is self._gains and controls.mirror == self._mirror:
            return
        since_ns = 0 if self._at_ns is None else max(0, at_ns - self._at_ns)
        self._gains = _nearer(self._gains, controls.gains, 1 - math.exp(-since_ns / _GAIN_EASE_NS))
        if controls.mirror != self._mirror:
            self._mirror = controls.mirror
            self._blend(at_ns)
        self._reader.follow(self._gains, mirror=self._mirror)

    def _card(self, seen: Look | None, controls: Controls, at_ns: int) -> str | None:
        """The words of the card: on panic, and when nobody was seen for long."""
        text, after_s = self._presence_config.text, self._presence_config.card_after_s
        if controls.panic:
            self._alone_ns = at_ns
            return text
        if seen is not None or controls.idle or self._alone_ns is None:
            self._alone_ns = at_ns
        alone = after_s is not None and at_ns - self._alone_ns >= after_s * SECOND
        return text if alone else None

    def _motion(self, seen: Look | None, at_ns: int, controls: Controls, wish: Wish) -> Motion:
        calibration = self._coach.see(seen, at_ns, controls)
        if self._coach.changes != self._changes:
            self._changes = self._coach.changes
            self._blend(at_ns)
        if seen is None or calibration is None or wish is not Wish.FOLLOW:
            return self._keeper.next(None, at_ns, wish)
        if self._keeper.fresh:
            self._filter.restart()
        motion = self._filter(self._reader.read(seen, calibration), at_ns)
        return self._keeper.next(motion, at_ns)

    def _blend(self, at_ns: int) -> None:
        """What comes next differs at once: begin it afresh, and blend into it."""
        self._filter.restart()
        self._keeper.soften(at_ns)


def _wish(controls: Controls, card: str | None) -> Wish:
    if card is not None:
        return Wish.CARD
    return Wish.IDLE if controls.idle else Wish.FOLLOW


def _nearer(now: GainsConfig, wanted: GainsConfig, share: float) -> GainsConfig:
    """A step from one set of gains to another; in the end exactly the other."""
    pairs = {name: (getattr(now, name), getattr(wanted, name)) for name in GainsConfig.model_fields}
    if all(abs(b - a) < _SMALLEST for a, b in pairs.values()):
        return wanted
    return now.model_copy(update={name: a + share * (b - a) for name, (a, b) in pairs.items()})
