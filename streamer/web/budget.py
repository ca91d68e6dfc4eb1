"""How many bits a second a sender may spend: what its receiver tells of the path decides."""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from streamer.clock import SECOND, Clock

FPS = 30
_USUAL_AREA = 512 * 512
"""Pixels of the picture that the settings' bitrates are meant for."""
_HELD_BACK = 1.2
"""An estimate below so many times what is sent tells of the path; above, only of the picture."""
_FALLEN = 0.95
"""An estimate above so many times the one before says nothing new."""
_MUCH_LOST, _LITTLE_LOST, _GROWTH = 0.10, 0.02, 1.05
"""Shares of loss above which the path is taken to be too narrow, below which it may have room, and
by how much more is tried then: draft-ietf-rmcat-gcc-02, section 6.
"""


@dataclass(frozen=True, slots=True)
class Bitrates:
    """Of the pictures sent, at 512 x 512 pixels; larger ones take more. In kbit/s."""

    start: int = 2500
    least: int = 300
    most: int = 5000


def ignore(_: int) -> None:
    """Nobody wants to know."""


class Budget:
    """The bitrate to use. aiortc takes every estimate of the receiver's (REMB) as the truth.

    But that estimate is at most one and a half times what arrived, also when nothing held it back:
    a still portrait would never get the bits for its next gesture. So an estimate counts when it
    is close to what is sent, and has fallen: one that stays waits to be tried, since it grows by
    1 kbit/s at a time. Estimates also come late, after seconds, and not at all from some peers.
    What is lost tells at once.
    """

    def __init__(
        self, rates: Bitrates, clock: Clock, done: Callable[[int], object] = ignore
    ) -> None:
        self._rates = rates
        self._clock = clock
        self._done = done
        self._scale = 1.0
        self._wanted: float = rates.start * 1000
        self._bound: float = rates.most * 1000
        self._told = math.inf
        self._sent: deque[tuple[int, int]] = deque(maxlen=4 * FPS)

    @property
    def bps(self) -> int:
        """The bitrate now, in bit/s."""
        return round(min(self._wanted, self._bound) * self._scale)

    @property
    def most_bps(self) -> int:
        """The greatest there can be."""
        return round(self._rates.most * 1000 * self._scale)

    def fit(self, width: int, height: int) -> None:
        """A picture twice as large takes less than twice the bits."""
        self._scale = max(0.25, width * height / _USUAL_AREA) ** 0.75

    def estimate(self, bps: int) -> None:
        """What the receiver believes the path can carry."""
        now_ns = self._clock()
        recent = sum(size for at_ns, size in tuple(self._sent) if now_ns - at_ns <= SECOND) * 8
        wanted = bps / self._scale
        if bps >= recent * _HELD_BACK or bps > self._told * _FALLEN:
            wanted = max(wanted, self._wanted)
        self._told = bps
        self._wanted = self._within(wanted)

    def lost(self, share: float) -> None:
        """Of what was sent lately, this share did not arrive."""
        if share > _MUCH_LOST:
            self._bound = self._within(min(self._bound, self._wanted) * (1 - share / 2))
        elif share < _LITTLE_LOST:
            self._bound = self._within(self._bound * _GROWTH)
            self._wanted = max(self._wanted, min(self._wanted * _GROWTH, self._rates.start * 1000))

    def sent(self, size: int, pts: int | None) -> None:
        """A picture of `size` bytes went out, that of the instant `pts`."""
        self._sent.append((self._clock(), size))
        if pts is not None:
            self._done(pts)

    def _within(self, bps: float) -> float:
        return min(max(bps, self._rates.least * 1000), self._rates.most * 1000)
