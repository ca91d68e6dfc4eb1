"""The microphone, open only while somebody wants it, on a thread of its own.

Whatever is wrong with it is told once and tried again: what is recorded goes on without sound. A
speaker that is to say the same, as late as the picture, is opened and closed along with it.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Protocol

import numpy as np

from streamer.clock import SECOND, Clock
from streamer.config import RecordConfig
from streamer.errors import DeviceError
from streamer.sink.sound import Delay, Sound, Tape
from streamer.sink.speaker import Fill, Speaker

_GLANCE_S = 0.25
"""Between two looks at a device that is open."""
_RETRY_S = 5.0
"""Until a device that failed is tried again."""
_DEAD_NS = 4 * SECOND
"""After which a microphone that says nothing is opened again."""
_MUTE_NS = 5 * SECOND
"""After which exact silence is no silence but a switch."""
_CLOSE_S = 0.2
"""After which the program ends though a device does not close."""
_log = logging.getLogger(__name__)

Hear = Callable[[Sound], None]


class Device(Protocol):
    """An open microphone or speaker."""

    @property
    def name(self) -> str:
        """What the system calls it."""
        ...

    @property
    def rate(self) -> float:
        """Samples a second."""
        ...

    @property
    def running(self) -> bool:
        """Whether it still works, as far as the system knows."""
        ...

    def start(self) -> None:
        """From now on it delivers, or asks for sound. DeviceError when it cannot."""
        ...


class Devices(Protocol):
    """The sound devices of this computer at one moment. Opened ones are closed with the block."""

    def microphone(self, choice: str | int | None, hear: Hear) -> Device:
        """Open one; None is the system's default. `hear` is called on a thread of the device."""
        ...

    def speaker(self, choice: str | int, fill: Fill) -> Device:
        """Open one; `fill` is called on a thread of the device."""
        ...


class OpenDevices(Protocol):
    """What opens them: PortAudio, or a test."""

    def __call__(self, clock: Clock, *, prompt: bool) -> AbstractContextManager[Devices]:
        """The devices that are there now; `prompt`: for sound that is to be said again at once.

        DeviceError when no sound can be had at all.
        """
        ...


class Microphone:
    """Hears while it is told to listen, and all the time when there is a speaker to say it."""

    def __init__(
        self, config: RecordConfig, delay: Callable[[], Delay], clock: Clock, devices: OpenDevices
    ) -> None:
        self._choice = None if isinstance(config.microphone, bool) else config.microphone
        self._speaker = config.speaker
        self._delay = delay
        self._clock = clock
        self._open_devices = devices
        self._changed = threading.Condition()
        self._listening = self._closing = False
        self._tape: Tape | None = None
        self._heard_ns = self._begun_ns = 0
        self._silent = True
        self._told: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="microphone", daemon=True)

    def tape(self) -> Tape | None:
        """What it hears; None while it hears nothing."""
        return self._tape

    def start(self) -> None:
        """Begin to obey."""
        self._thread.start()

    def listen(self, *, wanted: bool) -> None:
        """Open or close it, soon; returns at once."""
        with self._changed:
            self._listening = wanted
            self._changed.notify()

    def close(self) -> None:
        """Close it. A driver that does not come back is left alone after a moment."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(_CLOSE_S)

    def _run(self) -> None:
        while not self._closing:
            if not self._wanted():
                self._told.clear()
                self._wait(None)
                continue
            try:
                with self._open_devices(self._clock, prompt=self._speaker is not None) as devices:
                    self._hear(devices)
            except DeviceError as error:
                self._tell(f"{error}; there is no sound meanwhile")
                self._tape = None
                self._wait(_RETRY_S)
            finally:
                self._tape = None

    def _wanted(self) -> bool:
        return (self._listening or self._speaker is not None) and not self._closing

    def _wait(self, seconds: float | None) -> None:
        """Until something is wanted or not wanted any more, or that long."""
        before = self._wanted()
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._wanted() != before, seconds)

    def _hear(self, devices: Devices) -> None:
        """As long as it is wanted and alive."""
        self._begun_ns = self._heard_ns = self._clock()
        self._silent = True
        device = devices.microphone(self._choice, self._keep)
        self._tape = Tape(device.rate)
        device.start()
        with ExitStack() as stack:
            if self._speaker is not None:
                self._open_speaker(devices, self._speaker, self._tape, stack)
            _log.info("microphone: %s", device.name)
            while self._wanted():
                self._wait(_GLANCE_S)
                now_ns = self._clock()
                if self._wanted() and not (device.running and now_ns - self._heard_ns < _DEAD_NS):
                    raise DeviceError(
                        f"the microphone {device.name} says nothing any more: plug it in again"
                    )
                if self._silent and now_ns - self._begun_ns > _MUTE_NS:
                    self._tell(
                        f"the microphone {device.name} gives exact silence: unmute it, or allow"
                        " this program to use it in the system's privacy settings"
                    )
        self._told.clear()

    def _open_speaker(
        self, devices: Devices, choice: str | int, tape: Tape, stack: ExitStack
    ) -> None:
        speaker = Speaker(tape, self._delay())
        try:
            device = devices.speaker(choice, speaker.fill)
            device.start()
        except DeviceError as error:
            self._tell(str(error))
            return
        _log.info("the microphone is also played to %s", device.name)
        stack.callback(speaker.report)

    def _keep(self, sound: Sound) -> None:
        """Called by the device."""
        self._heard_ns = self._clock()
        if self._silent and np.any(sound.samples):
            self._silent = False
        if self._tape is not None:
            self._tape.add(sound)

    def _tell(self, text: str) -> None:
        """Once, until it works again or is no longer wanted."""
        if text not in self._told:
            self._told.add(text)
            _log.warning("%s", text)
