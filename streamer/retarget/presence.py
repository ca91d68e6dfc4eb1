"""What the portrait does while no driver is there: hold, ease to neutral, idle, come back."""

from dataclasses import fields
from enum import Enum

import numpy as np

from engines.geometry import POINTS, from_euler_deg, rotation_matrix, rotation_vector
from streamer.clock import MS, SECOND
from streamer.frame import Array, Motion
from streamer.retarget.pose import smooth_step

HOLD_NS = 300 * MS
EASE_NS = 400 * MS
RETURN_NS = 200 * MS
_BLINK_NS = 280 * MS
_BLINK_EVERY_S = (3.0, 6.0)


class Wish(Enum):
    """What whoever runs it asks for."""

    FOLLOW = "follow"
    IDLE = "idle"
    """move by itself, eased into"""
    CARD = "card"
    """a card is shown: the motion below it is at rest at once"""


_SKIPPED_NS = {Wish.FOLLOW: 0, Wish.IDLE: HOLD_NS, Wish.CARD: HOLD_NS + EASE_NS}
"""Of hold and ease, when there is a wish to idle."""


class Presence(Enum):
    """What the portrait is doing."""

    TRACKED = "tracked"
    HOLD = "hold"
    EASE = "ease"
    IDLE = "idle"
    RETURN = "return"


def neutral_motion() -> Motion:
    """The portrait as it is in the photo, with its lips together."""
    zero = np.zeros(2, np.float32)
    return Motion(
        rotation=np.eye(3, dtype=np.float32),
        translation=zero,
        scale=1.0,
        deltas=np.zeros((POINTS, 3), np.float32),
        openness=np.ones(2, np.float32),
        gaze=zero,
        aperture=0.0,
        jaw=0.0,
    )


def blend(a: Motion, b: Motion, share: float) -> Motion:
    """From `a` (0) to `b` (1); rotations along the shortest turn."""
    if share <= 0:
        return a
    if share >= 1:
        return b
    mixed: dict[str, Array | float] = {}
    for field in fields(Motion):
        x, y = getattr(a, field.name), getattr(b, field.name)
        mixed[field.name] = x + share * (y - x)
    step = rotation_vector(np.asarray(a.rotation.T @ b.rotation, np.float32)) * share
    mixed["rotation"] = (a.rotation @ rotation_matrix(step)).astype(np.float32)
    return Motion(**mixed)  # pyright: ignore[reportArgumentType]


def idle_motion(at_ns: int, blink_ns: int) -> Motion:
    """Quiet life: slow breathing and sway, and a blink that began at `blink_ns`."""
    seconds = at_ns / SECOND
    breath = np.sin(2 * np.pi * seconds / 4.2)
    neutral = neutral_motion()
    since = (at_ns - blink_ns) / _BLINK_NS
    shut = float(np.sin(np.pi * since) ** 2) if 0 <= since <= 1 else 0.0
    yaw = 1.4 * np.sin(2 * np.pi * seconds / 9.1) + 0.6 * np.sin(2 * np.pi * seconds / 5.3)
    return Motion(
        rotation=from_euler_deg(yaw, 0.5 * breath, 0.6 * np.sin(2 * np.pi * seconds / 11.7)),
        translation=np.array([0.0, -0.004 * breath], np.float32),
        scale=1.0,
        deltas=neutral.deltas,
        openness=np.full(2, max(0.0, 1 - 1.05 * shut), np.float32),
        gaze=neutral.gaze,
        aperture=0.0,
        jaw=0.0,
    )


class PresenceKeeper:
    """The state machine of presence: a motion or None goes in, a motion always comes out."""

    def __init__(self, seed: int = 0) -> None:
        self._random = np.random.default_rng(seed)
        self._state = Presence.IDLE
        self._last = neutral_motion()
        self._from = neutral_motion()
        self._lost_ns: int | None = None
        self._found_ns = 0
        self._blink_ns = 0
        self._ever = False
        self._shown = False

    @property
    def state(self) -> Presence:
        """What the portrait is doing now."""
        return self._state

    @property
    def fresh(self) -> bool:
        """True when the face was not seen in the last frame: filters must start anew."""
        return self._lost_ns is not None or not self._ever

    def next(self, motion: Motion | None, at_ns: int, wish: Wish = Wish.FOLLOW) -> Motion:
        """The motion to show at `at_ns`: `motion`, unless there is none or another wish."""
        if motion is None or wish is not Wish.FOLLOW:
            shown = self._absent(at_ns, _SKIPPED_NS[wish])
        else:
            shown = self._present(motion, at_ns)
        self._last, self._shown = shown, True
        return shown

    def soften(self, at_ns: int) -> None:
        """Blend from what is shown into what comes next: it is about to differ at once."""
        if self._shown and not self.fresh:
            self._from, self._found_ns = self._last, at_ns

    def _present(self, motion: Motion, at_ns: int) -> Motion:
        if self.fresh:
            self._from, self._found_ns = self._last, at_ns
            if not self._shown:
                self._found_ns = at_ns - RETURN_NS
        self._ever, self._lost_ns = True, None
        share = (at_ns - self._found_ns) / RETURN_NS
        self._state = Presence.RETURN if share < 1 else Presence.TRACKED
        return blend(self._from, motion, smooth_step(share))

    def _absent(self, at_ns: int, skipped_ns: int) -> Motion:
        if not self._ever:
            self._state = Presence.IDLE
            return self._idle(at_ns)
        if self._lost_ns is None:
            self._lost_ns, self._from = at_ns, self._last
        self._lost_ns = min(self._lost_ns, at_ns - skipped_ns)
        gone = at_ns - self._lost_ns
        if gone < HOLD_NS:
            self._state = Presence.HOLD
            return self._from
        self._state = Presence.EASE if gone < HOLD_NS + EASE_NS else Presence.IDLE
        return blend(self._from, self._idle(at_ns), smooth_step((gone - HOLD_NS) / EASE_NS))

    def _idle(self, at_ns: int) -> Motion:
        if at_ns > self._blink_ns + _BLINK_NS:
            self._blink_ns = at_ns + int(self._random.uniform(*_BLINK_EVERY_S) * SECOND)
        return idle_motion(at_ns, self._blink_ns)
