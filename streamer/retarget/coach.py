"""Whose neutral face is used: learnt while running, saved earlier, or taken when asked for."""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from streamer.clock import SECOND
from streamer.control import Controls
from streamer.errors import MediaError
from streamer.retarget.calibration import Calibration, RunningCalibration, unlikeness
from streamer.retarget.guide import Guide
from streamer.retarget.look import Look
from streamer.retarget.still import Countdown, Outcome
from streamer.retarget.store import CalibrationStore

_SAY_NS = 4 * SECOND
"""How long the outcome of a calibration stands in the prompt."""
_BEST_QUALITY = 60
"""Quality of a neutral face that was picked and not posed for."""
_DOUBT_AFTER_NS, _DOUBT_EVERY_NS = 3 * SECOND, SECOND // 2
_VERDICT_OF = 5
"""A saved calibration is compared this often with the face that is there; the median decides."""
STRANGER = 0.0105
"""Unlikeness beyond which two faces are two people.

Measured on 19 clips of 16 or 17 people in parts of 4 s, seen within 8 degrees: of 38 pairs of one
person (12 of them from two clips) the largest is 0.0100; of 262 pairs of two people 72 % are above
this.
"""

_log = logging.getLogger(__name__)


class _Exercise(Protocol):
    @property
    def prompt(self) -> str: ...
    def see(self, seen: Look | None, at_ns: int) -> Outcome | None: ...


@dataclass(frozen=True, slots=True)
class _Own:
    """A calibration that is the driver's own, and no guess."""

    calibration: Calibration
    quality: int
    taken_ns: int | None
    """None: it was saved in an earlier run."""


class Coach:
    """Holds the calibration in use and changes it when a person asks for it.

    `camera` tells the camera's name, which may become known, or change, while it runs. `saver` is
    the thread on which files are written, so that no frame waits for a disk.
    """

    def __init__(
        self,
        driver: str,
        store: CalibrationStore | None,
        camera: Callable[[], str],
        saver: ThreadPoolExecutor,
        asked: Controls,
    ) -> None:
        self._driver = driver
        self._store = store
        self._camera_name = camera
        self._camera: str | None = None
        self._saver = saver
        self._saving: Future[None] | None = None
        self._asked = asked
        self._running = RunningCalibration()
        self._own: _Own | None = None
        self._doubts: list[float] | None = None
        self._doubt_ns = 0
        self._exercise: _Exercise | None = None
        self._said, self._said_ns = "", 0
        self.changes = 0
        """How often the calibration became another one at once."""

    def see(self, seen: Look | None, at_ns: int, controls: Controls) -> Calibration | None:
        """The calibration to use for this frame; None as long as nobody was seen."""
        self._check_saving()
        self._remember()
        learnt = self._running.see(seen, at_ns) if seen is not None else None
        if learnt is not None:
            self._doubt(learnt, at_ns)
        self._begin(controls, at_ns)
        if self._exercise is not None and (outcome := self._exercise.see(seen, at_ns)):
            self._exercise = None
            self._finish(outcome, at_ns)
        return self._own.calibration if self._own else learnt

    def prompt(self, at_ns: int) -> str:
        """What the driver is to do now, or how it went; empty when there is nothing to say."""
        if self._exercise is not None:
            return self._exercise.prompt
        return self._said if at_ns - self._said_ns < _SAY_NS else ""

    def describe(self, at_ns: int) -> str:
        """Whose neutral face is used, for a person."""
        own = self._own
        if own is None:
            return "learning"
        if own.taken_ns is None:
            where = f" at {self._camera}" if self._camera else ""
            return f"saved for {self._driver}{where}, quality {own.quality}"
        ago_s = max(0, at_ns - own.taken_ns) // SECOND
        ago = f"{ago_s} s" if ago_s < 120 else f"{ago_s // 60} min"
        return f"taken {ago} ago, quality {own.quality}"

    def _remember(self) -> None:
        """What was saved for this camera, as soon as its name is known and when it changes."""
        camera = self._camera_name() or self._camera or ""
        if camera == self._camera:
            return
        before, self._camera = self._own, camera
        saved = self._store.load(self._driver, camera) if self._store else None
        self._own = _Own(*saved, None) if saved else None
        self._doubts = [] if saved else None
        self._doubt_ns = 0
        if saved:
            _log.info("calibration saved for %s at %s is used", self._driver, camera or "a camera")
        if before != self._own:
            self.changes += 1

    def _doubt(self, learnt: Calibration, at_ns: int) -> None:
        """Whether the saved calibration is that of the face that is there."""
        if self._own is None or self._doubts is None:
            return
        if not self._doubt_ns:
            self._doubt_ns = at_ns + _DOUBT_AFTER_NS
        if at_ns < self._doubt_ns:
            return
        self._doubt_ns = at_ns + _DOUBT_EVERY_NS
        unlike = unlikeness(self._own.calibration, learnt)
        self._doubts += [] if unlike is None else [unlike]
        if len(self._doubts) < _VERDICT_OF:
            return
        found, self._doubts = float(np.median(self._doubts)), None
        if found > STRANGER:
            self._own = None
            self.changes += 1
            _log.warning(
                "the saved calibration of %s is of another face (%.1f %% of its width away):"
                " learning this one; press c to take it",
                self._driver,
                100 * found,
            )

    def _begin(self, controls: Controls, at_ns: int) -> None:
        """Start what was asked for since the last frame."""
        before, self._asked = self._asked, controls
        if controls.guide > before.guide:
            self._exercise = Guide(at_ns)
        elif controls.neutral > before.neutral:
            self._exercise = Countdown(at_ns, self._running.best(at_ns))
        elif controls.best_neutral > before.best_neutral:
            self._exercise = None
            best = self._running.best(at_ns)
            words = "the most neutral face of the last seconds is taken"
            missing = "nobody was seen in the last seconds: nothing is changed"
            outcome = Outcome(best, _BEST_QUALITY, words if best else missing)
            self._finish(outcome, at_ns)

    def _finish(self, outcome: Outcome, at_ns: int) -> None:
        self._said, self._said_ns = outcome.words, at_ns
        if outcome.calibration is None:
            _log.warning("calibration: %s", outcome.words)
            return
        _log.info("calibrated, quality %d: %s", outcome.quality, outcome.words)
        self._own = _Own(outcome.calibration, outcome.quality, at_ns)
        self._doubts = None
        self.changes += 1
        if self._store is not None:
            where = (self._store, self._driver, self._camera or "")
            self._saving = self._saver.submit(_save, *where, outcome.calibration, outcome.quality)

    def _check_saving(self) -> None:
        """What nobody foresaw while saving fails here, and not unseen on the other thread."""
        if self._saving is not None and self._saving.done():
            saving, self._saving = self._saving, None
            saving.result()


def _save(
    store: CalibrationStore, driver: str, camera: str, calibration: Calibration, quality: int
) -> None:
    try:
        store.save(driver, camera, calibration, quality)
    except MediaError as error:
        _log.warning("the calibration is used but not saved: %s", error)
