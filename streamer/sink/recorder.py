"""Recordings on demand: what the sink shows goes to a file too, with the microphone."""

import logging
import threading
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from streamer.clock import MS, Clock, monotonic_ns
from streamer.config import RecordConfig
from streamer.control import Desk
from streamer.errors import MediaError
from streamer.frame import Image
from streamer.metrics import Metrics
from streamer.output import make_folder
from streamer.sink.microphone import Microphone, OpenDevices
from streamer.sink.portaudio import open_portaudio
from streamer.sink.recording import (
    Film,
    Recording,
    check_video_name,
    clock_text,
    dated_name,
    open_recording,
)
from streamer.sink.sound import Delay
from streamer.sink.soundtrack import Source
from streamer.stages import Sink

_GLANCE_S = 0.05
"""Between two looks at the desk while no picture comes."""
_PAUSE_MS = 10
_LAST_WORD_MS = 300
"""For which the end of a recording waits for the sound of its last picture."""
_FINISH_S = 0.7
"""After which the program ends though a disk does not answer."""
_log = logging.getLogger(__name__)


class Recorder:
    """Follows `desk.controls.recording` on a thread of its own. Nothing it does stops the run."""

    def __init__(
        self,
        config: RecordConfig,
        film: Film,
        desk: Desk,
        metrics: Metrics,
        microphone: Microphone | None,
        source: Source | None,
        clock: Clock = monotonic_ns,
    ) -> None:
        self._film = film
        self._desk = desk
        self._metrics = metrics
        self._microphone = microphone
        self._source = source
        self._clock = clock
        self._folder = Path(config.folder)
        self._first_name = None if config.path is None else Path(config.path)
        if self._first_name is not None:
            check_video_name(self._first_name)
        self._came = threading.Condition()
        self._picture: tuple[Image, int] | None = None
        self._taking = self._closing = False
        self._state = ""
        self._thread = threading.Thread(target=self._run, name="record", daemon=True)

    @property
    def state(self) -> str:
        """The file and its length, or why it stopped; empty when nothing is recorded."""
        return self._state

    def offer(self, image: Image) -> None:
        """A picture is shown now. Never blocks; the newest wins over one that still waits.

        The array must not change afterwards.
        """
        if not self._taking:
            return
        at_ns = self._clock()
        with self._came:
            replaced = self._picture is not None
            self._picture = image, at_ns
            self._came.notify()
        if replaced:
            self._metrics.drop("record: newer")

    def start(self) -> None:
        """Begin to follow the desk."""
        self._thread.start()

    def close(self) -> None:
        """Finish the file. Takes at most a second: a disk that does not answer is left alone."""
        with self._came:
            self._closing = True
            self._came.notify()
        self._thread.join(_FINISH_S)
        if self._thread.is_alive():
            _log.warning("the disk does not answer: %s plays, its end may be missing", self._state)

    def _run(self) -> None:
        while not self._closing:
            if self._wanted():
                self._record()
            else:
                self._take()

    def _wanted(self) -> bool:
        return self._desk.controls.recording and not self._closing

    def _take(self) -> tuple[Image, int] | None:
        """The newest picture; None when none came for a moment."""
        with self._came:
            if self._picture is None and not self._closing:
                self._came.wait(_GLANCE_S)
            picture, self._picture = self._picture, None
        return picture

    def _record(self) -> None:
        """One recording, until it is no longer wanted or cannot go on."""
        try:
            with ExitStack() as stack:
                recording = stack.enter_context(
                    open_recording(self._target(), self._film, self._source)
                )
                _log.info("recording to %s", recording.path)
                self._listen(wanted=True)
                stack.callback(self._listen, wanted=False)
                self._taking = True
                stack.callback(self._stop_taking)
                self._state = f"{recording.target.name}, 0:00"
                self._follow(recording)
            self._state = ""
        except (MediaError, ValueError) as error:
            self._state = f"stopped: {error}"
            self._desk.edit(lambda controls: replace(controls, recording=False))
            _log.warning("the recording stopped: %s", error)

    def _follow(self, recording: Recording) -> None:
        while self._wanted():
            if picture := self._take():
                recording.write(*picture)
                self._state = f"{recording.target.name}, {clock_text(recording.length_ns)}"
        for _ in range(_LAST_WORD_MS // _PAUSE_MS):
            if not recording.awaits_sound():
                break
            time.sleep(_PAUSE_MS / 1000)

    def _stop_taking(self) -> None:
        self._taking = False
        with self._came:
            self._picture = None

    def _listen(self, *, wanted: bool) -> None:
        if self._microphone is not None:
            self._microphone.listen(wanted=wanted)

    def _target(self) -> Path:
        path, self._first_name = self._first_name, None
        if path is None:
            make_folder(self._folder)
            path = self._folder / dated_name()
        return path


class Recorded:
    """A sink whose pictures are recorded as well, as they are shown."""

    def __init__(self, sink: Sink, recorder: Recorder) -> None:
        self._sink = sink
        self._recorder = recorder

    @property
    def label(self) -> str:
        """The sink's own."""
        return self._sink.label

    def send(self, image: Image) -> None:
        """Show one picture, then offer it to the recorder."""
        self._sink.send(image)
        self._recorder.offer(image)


@contextmanager
def open_recorder(  # noqa: PLR0913  (the last one is for tests)
    config: RecordConfig,
    width: int,
    height: int,
    fps: float,
    desk: Desk,
    metrics: Metrics,
    latency_ns: Callable[[], int],
    clock: Clock = monotonic_ns,
    *,
    open_devices: OpenDevices = open_portaudio,
) -> Generator[Recorder]:
    """A recorder for pictures of one size, of which `latency_ns` tells the median age.

    Leaving the block finishes the file, within a second. MediaError when `config.path` is not a
    video's name. The microphone is open only while it records, or all the time for the speaker.
    """

    def delay() -> Delay:
        return Delay(latency_ns, int(config.offset_ms * MS))

    with ExitStack() as stack:
        microphone, source = None, None
        if config.microphone is not False:
            microphone = Microphone(config, delay, clock, open_devices)
            source = Source(microphone.tape, delay)
        recorder = Recorder(
            config, Film(width, height, fps), desk, metrics, microphone, source, clock
        )
        if microphone is not None:
            microphone.start()
            stack.callback(microphone.close)
        recorder.start()
        stack.callback(recorder.close)
        yield recorder
