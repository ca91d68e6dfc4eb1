"""The microphone played to another device as late as the picture: a cable to OBS or Zoom."""

import logging
from collections.abc import Callable

from streamer.clock import MS, SECOND
from streamer.frame import Array
from streamer.sink.sound import RATE, Delay, Follower, Tape

_LONGEST_NS = SECOND
"""The most by which the devices may make sound later than asked for."""
_log = logging.getLogger(__name__)

Fill = Callable[[Array, int], None]
"""Is given an array (n,) of 48 kHz to fill, and the instant at which it will be heard."""


class Speaker:
    """Fills the buffers of one device from one tape. For the device's thread."""

    def __init__(self, tape: Tape, delay: Delay) -> None:
        self._tape = tape
        self._follower = Follower(tape)
        self._delay = delay
        self._later_ns = 0
        self.underruns = 0
        """Buffers that were filled with silence, as the sound had not come yet."""

    def fill(self, out: Array, at_ns: int) -> None:
        """What is to be heard at `at_ns`; silence if it has not come.

        Then it was asked for sooner than the devices can, and all that follows comes a little
        later.
        """
        samples = self._follower.read(len(out), at_ns - self._delay.now_ns - self._later_ns)
        elapsed_ns = len(out) * SECOND // RATE
        self._delay.advance(elapsed_ns)
        if samples is not None:
            out[:] = samples
            return
        out[:] = 0
        if self._tape.position(at_ns) is None:  # the microphone has not begun
            return
        self.underruns += 1
        self._follower.restart()
        if self._later_ns + elapsed_ns // 2 <= _LONGEST_NS:
            self._later_ns += elapsed_ns // 2

    def report(self) -> None:
        """Say how it went."""
        _log.info(
            "the speaker had %d gaps; its sound came %d ms later than the picture",
            self.underruns,
            self._later_ns // MS,
        )
