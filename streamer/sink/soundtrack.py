"""The microphone's sound in a file that grows, in step with the pictures."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.container import OutputContainer

from streamer.clock import SECOND
from streamer.frame import Array
from streamer.sink.mux import add_aac, encode_audio, mux_audio
from streamer.sink.sound import RATE, Delay, Follower, Tape

_BLOCK = 1024
"""Samples of one packet of AAC."""
_BLOCK_NS = _BLOCK * SECOND // RATE
_BITS = 128_000
_PATIENCE_NS = SECOND
"""For which sound is waited for from a microphone that is open."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where sound comes from."""

    tape: Callable[[], Tape | None]
    """What the microphone hears now; None while there is none, which is silence."""
    delay: Callable[[], Delay]
    """A new follower of the latency, for one file."""


class Soundtrack:
    """The audio stream of `output`, which has no header yet. It has no gap: silence fills them."""

    def __init__(self, output: OutputContainer, source: Source) -> None:
        self._output = output
        self._source = source
        self._delay = source.delay()
        self._stream = add_aac(output, RATE)
        self._stream.bit_rate = _BITS
        self._stream.layout = "mono"
        self._follower: Follower | None = None
        self._start_ns = 0
        self._blocks = 0

    def start(self, at_ns: int) -> None:
        """The file begins at this instant."""
        self._start_ns = at_ns

    def behind(self, at_ns: int) -> bool:
        """Whether sound is missing that is heard before `at_ns`, and may still come."""
        return self._due_ns() + _BLOCK_NS <= at_ns and self._source.tape() is not None

    def write_until(self, at_ns: int) -> None:
        """Write the sound that is heard before `at_ns`, as far as it has come."""
        while self._due_ns() + _BLOCK_NS <= at_ns:
            samples = self._heard(self._due_ns())
            if samples is None:
                if at_ns - self._due_ns() < _PATIENCE_NS and self._source.tape() is not None:
                    return
                samples = np.zeros(_BLOCK, np.float32)
            self._write(samples)

    def finish(self) -> None:
        """Write what the encoder still holds."""
        mux_audio(self._output, encode_audio(self._stream, None))

    def _due_ns(self) -> int:
        """When the next block is heard."""
        return self._start_ns + self._blocks * _BLOCK * SECOND // RATE

    def _heard(self, due_ns: int) -> Array | None:
        tape = self._source.tape()
        if tape is None:
            self._follower = None
            return None
        if self._follower is None or self._follower.tape is not tape:
            self._follower = Follower(tape)
        return self._follower.read(_BLOCK, due_ns - self._delay.now_ns)

    def _write(self, samples: Array) -> None:
        packed = np.clip(samples, -1, 1)[None]
        frame = av.AudioFrame.from_ndarray(packed, format="fltp", layout="mono")
        frame.sample_rate, frame.time_base = RATE, Fraction(1, RATE)
        frame.pts = self._blocks * _BLOCK
        mux_audio(self._output, encode_audio(self._stream, frame))
        self._blocks += 1
        self._delay.advance(_BLOCK_NS)
