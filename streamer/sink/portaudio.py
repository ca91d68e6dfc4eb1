"""Microphones and speakers by PortAudio, on Linux, macOS and Windows.

The av wheels do not do: on Linux they bring an ALSA library that looks for its settings and
plug-ins where it was built, so that it finds no `default`, which is where PipeWire and PulseAudio
are; and elsewhere they have no output devices. PortAudio comes with the sounddevice wheels for
macOS and Windows; on Linux it is `libportaudio2`, which uses the system's ALSA: `default` is the
microphone that is chosen in the system's sound settings.

Blocks are stamped by the driver's own figure of how old they are. The age is taken after this
program's thread was woken, so that a busy program does not make sound late.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np

from streamer.clock import SECOND, Clock
from streamer.errors import DeviceError
from streamer.frame import Array
from streamer.quiet import quiet_stderr
from streamer.sink.microphone import Device, Hear
from streamer.sink.sound import RATE, Sound
from streamer.sink.sounddevice import (
    Callback,
    Info,
    Library,
    Make,
    RawStream,
    Status,
    Times,
    load,
    private,
)
from streamer.sink.speaker import Fill

_BLOCK = 0
"""As many samples at once as the device likes. With blocks of our own size the ages that PortAudio
tells of PulseAudio's are wrong by 60 to 90 ms; with these they are right within 5 (measured)."""
_LATENCY_S = 0.1
"""What is asked of devices: a program that is busy this long loses nothing."""
_SHORT_S = 0.04
"""The same for sound that is to be said again at once."""
_OLDEST_S = 2.0
"""An age beyond this is no age: some drivers know none, and a step of the wall clock looks so."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A device as the system lists it."""

    number: int
    name: str
    usual: bool
    """Whether it is reached in the usual way: Windows lists each device once for every way."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """The half of a device that is asked for."""

    name: str
    setting: str
    off: str
    """What that setting is without one."""
    default: int
    """Its place in the library's pair of defaults."""
    channels: Callable[[Info], int]


_MICROPHONE = _Kind(
    "microphone", "record.microphone", "false", 0, lambda info: info["max_input_channels"]
)
_SPEAKER = _Kind("speaker", "record.speaker", "null", 1, lambda info: info["max_output_channels"])


class _Stream:
    """One open device."""

    def __init__(self, library: Library, stream: RawStream, name: str) -> None:
        self._library = library
        self._stream = stream
        self.name = name

    @property
    def rate(self) -> float:
        return float(self._stream.samplerate)

    @property
    def running(self) -> bool:
        return bool(self._stream.active)

    def start(self) -> None:
        try:
            with quiet_stderr():
                self._stream.start()
        except self._library.PortAudioError as error:
            raise DeviceError(f"{self.name} does not start: {error}") from None

    def close(self) -> None:
        self._stream.abort()
        self._stream.close()


class PortAudio:
    """The devices of one moment. Their streams are closed by `open_portaudio`."""

    def __init__(self, library: Library, clock: Clock, stack: ExitStack, *, prompt: bool) -> None:
        self._library = library
        self._clock = clock
        self._latency_s = _SHORT_S if prompt else _LATENCY_S
        self._stack = stack

    def microphone(self, choice: str | int | None, hear: Hear) -> Device:
        """Open one; None is the system's default."""

        def callback(data: Array, frames: int, times: Times, status: Status) -> None:
            age_s = stream.time - times.inputBufferAdcTime
            if not 0 <= age_s < _OLDEST_S:
                age_s = frames / stream.samplerate + stream.latency
            at_ns = self._clock() - int(age_s * SECOND)
            hear(Sound(at_ns, data.mean(axis=1), bool(status.input_overflow)))

        number, name = self._find(_MICROPHONE, choice)
        info = self._library.query_devices()[number]
        own, two = info["default_samplerate"], min(2, info["max_input_channels"])
        attempts = [(RATE, 1), (own, 1), (RATE, two), (own, two)]
        stream = self._open(self._library.InputStream, number, name, attempts, callback)
        return self._owned(stream, name)

    def speaker(self, choice: str | int, fill: Fill) -> Device:
        """Open one."""

        def callback(data: Array, frames: int, times: Times, status: Status) -> None:  # noqa: ARG001
            until_s = times.outputBufferDacTime - stream.time
            if not 0 <= until_s < _OLDEST_S:
                until_s = stream.latency
            sound = np.empty(frames, np.float32)
            fill(sound, self._clock() + int(until_s * SECOND))
            data[:] = sound[:, None]

        number, name = self._find(_SPEAKER, choice)
        channels = min(2, self._library.query_devices()[number]["max_output_channels"])
        attempts = [(RATE, channels), (RATE, 1)]
        stream = self._open(self._library.OutputStream, number, name, attempts, callback)
        return self._owned(stream, name)

    def _find(self, kind: _Kind, choice: str | int | None) -> tuple[int, str]:
        usual = self._library.default.hostapi
        listed = [
            Listed(number, device["name"], device["hostapi"] == usual)
            for number, device in enumerate(self._library.query_devices())
            if kind.channels(device) > 0
        ]
        if not listed:
            raise DeviceError(
                f"there is no {kind.name}: connect one, or set {kind.setting} to {kind.off}"
            )
        if choice is None:
            found = pick(listed, self._library.default.device[kind.default]) or listed[0]
        else:
            found = pick(listed, choice)
        if found is None:
            there = ", ".join(f"{device.number} {device.name}" for device in listed)
            raise DeviceError(f"{kind.setting}: there is no {choice!r}; there are {there}")
        return found.number, found.name

    def _open(
        self,
        make: Make,
        number: int,
        name: str,
        attempts: Sequence[tuple[float, int]],
        callback: Callback,
    ) -> RawStream:
        """A stream in the first form that the device takes."""
        failure: Exception | None = None
        for rate, channels in attempts:
            try:
                with quiet_stderr():
                    return make(
                        device=number,
                        samplerate=rate,
                        channels=channels,
                        dtype="float32",
                        blocksize=_BLOCK,
                        latency=self._latency_s,
                        callback=callback,
                    )
            except self._library.PortAudioError as error:
                failure = failure or error
        raise DeviceError(
            f"{name} cannot be opened ({failure}): close the program that uses it, or name another"
            " in the section record"
        )

    def _owned(self, stream: RawStream, name: str) -> Device:
        device = _Stream(self._library, stream, name)
        self._stack.callback(device.close)
        return device


def pick(listed: Sequence[Listed], choice: str | int) -> Listed | None:
    """The device of that number, or whose name has that part: the whole name goes first."""
    if isinstance(choice, int):
        return next((device for device in listed if device.number == choice), None)
    word = choice.casefold()
    found = [device for device in listed if word in device.name.casefold()]
    return min(
        found, key=lambda d: (d.name.casefold() != word, not d.usual, d.number), default=None
    )


@contextmanager
def open_portaudio(clock: Clock, *, prompt: bool) -> Generator[PortAudio]:
    """The devices that are there now; `prompt`: with short buffers.

    DeviceError when there is no PortAudio.
    """
    library = load()
    with ExitStack() as stack:
        # It lists devices once, when it is initialised; and it leads stderr aside meanwhile, which
        # two may not do at once.
        with quiet_stderr():
            private(library, "_initialize")()
        stack.callback(private(library, "_terminate"))
        yield PortAudio(library, clock, stack, prompt=prompt)
