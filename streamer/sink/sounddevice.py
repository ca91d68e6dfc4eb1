"""The sounddevice package: what is used of it, with types, and how it is loaded.

Its import starts PortAudio, which needs a system library on Linux: that is why it is done here and
not at the top of a file.
"""

import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Protocol, TypedDict, cast

from streamer.errors import DeviceError
from streamer.frame import Array
from streamer.missing import advice
from streamer.quiet import quiet_stderr


class Times(Protocol):
    """Instants on a clock of the stream's own, in seconds."""

    inputBufferAdcTime: float  # noqa: N815  (the library's names)
    outputBufferDacTime: float  # noqa: N815


class Status(Protocol):
    """What went wrong before a block."""

    input_overflow: bool


Callback = Callable[[Array, int, Times, Status], None]


class RawStream(Protocol):
    """What is used of the library's streams."""

    samplerate: float
    latency: float
    active: bool
    time: float

    def start(self) -> None:
        """Begin to call back."""
        ...

    def abort(self) -> None:
        """Stop at once."""
        ...

    def close(self) -> None:
        """Give the device back."""
        ...


class Make(Protocol):
    """Opens a stream."""

    def __call__(
        self,
        *,
        device: int,
        samplerate: float,
        channels: int,
        dtype: str,
        blocksize: int,
        latency: float,
        callback: Callback,
    ) -> RawStream:
        """A stream; it does not run yet."""
        ...


class Info(TypedDict):
    """One device, as it is listed."""

    name: str
    hostapi: int
    max_input_channels: int
    max_output_channels: int
    default_samplerate: float


class Default(Protocol):
    """What the system would take: a pair of numbers, input and output; -1 is none."""

    hostapi: int
    device: Sequence[int]


class Library(Protocol):
    """What is used of the library."""

    InputStream: Make
    OutputStream: Make
    PortAudioError: type[Exception]
    default: Default

    def query_devices(self) -> Sequence[Info]:
        """What there was when it was initialised."""
        ...


def load() -> Library:
    """The module, not initialised."""
    loaded = sys.modules.get("sounddevice")
    try:
        with quiet_stderr():
            library = cast("Library", importlib.import_module("sounddevice"))
    except (ImportError, OSError) as error:
        text = advice(error) or "PortAudio is missing; run: sudo apt-get install -y libportaudio2"
        raise DeviceError(f"no microphone can be used: {text}") from None
    if loaded is None:
        private(library, "_terminate")()  # the import initialises it
    return library


def private(library: Library, name: str) -> Callable[[], None]:
    """There is no other way to list devices anew."""
    return getattr(library, name)
