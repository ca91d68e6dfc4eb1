"""Files that are written while it runs, and that play whatever ends the program.

An MP4 is written as fragments of about a second, each complete in itself; when it is finished, an
index makes an ordinary file of it, without copying. Matroska is made of such clusters anyway. Until
then it is called `talk.recording.mp4`, so that what a crash left behind is known for it.
"""

import contextlib
import io
import itertools
import logging
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import av
from av.error import FFmpegError

from streamer.clock import SECOND, Clock, monotonic_ns
from streamer.errors import MediaError
from streamer.frame import Image
from streamer.output import cannot_write
from streamer.sink.file import FileSink, abandon
from streamer.sink.h264 import CONTAINERS, VIDEO_SUFFIXES, Pictures
from streamer.sink.loop import LOOP_SUFFIXES
from streamer.sink.movie import open_movie
from streamer.sink.soundtrack import Soundtrack, Source
from streamer.stages import Sink

_PICTURES = {
    # Measured on a talking portrait, 512 x 512: under half the time and a third of the bits of
    # `superfast`, 1.8 dB worse. One thread: pictures come singly, the other cores have work to do.
    "preset": "ultrafast",
    "x264-params": "mbtree=1:rc-lookahead=8:cabac=1:deblock=0,0",
    "crf": "18",
    "threads": "1",
    # Key pictures are asked for by time, as pictures may come seldom.
    "g": "600",
    "forced-idr": "1",
}
_FRAGMENTS = {"movflags": "+hybrid_fragmented+frag_keyframe+empty_moov+default_base_moof"}
_CLUSTERS = {"cluster_time_limit": "1000"}
_KEY_NS = SECOND - SECOND // 20
"""Time between key pictures; each begins a fragment."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Film:
    """What pictures come."""

    width: int
    height: int
    fps: float


class Recording:
    """One file that grows. For one thread; opened and finished by `open_recording`."""

    def __init__(
        self, path: Path, target: Path, film: Film, source: Source | None, *, replace: bool
    ) -> None:
        self.path = path
        """Where it is while it grows."""
        self.target = target
        """What it will be called."""
        self._replace = replace
        self._film = film
        self._source = source
        self._first_ns: int | None = None
        self._last_ns = self._key_ns = 0
        self._broken = False

    def open(self) -> None:
        """Make the file, which must not exist; OSError when that cannot be."""
        self._file = io.FileIO(self.path, "x")
        kind = CONTAINERS[self.path.suffix.lower()]
        options = _CLUSTERS if kind == "matroska" else _FRAGMENTS
        options = {**options, "flush_packets": "1"}
        self._container = av.open(self._file, "w", format=kind, options=options)
        film = self._film
        self._pictures = Pictures(self._container, film.width, film.height, film.fps, _PICTURES)
        self._sound = Soundtrack(self._container, self._source) if self._source else None

    @property
    def length_ns(self) -> int:
        """From the first picture to the last."""
        return 0 if self._first_ns is None else self._last_ns - self._first_ns

    def write(self, image: Image, at_ns: int) -> None:
        """Add the picture that is seen from `at_ns`, and the sound until then.

        MediaError when the file cannot grow; what it holds stays playable.
        """
        if self._first_ns is None:
            self._first_ns = self._key_ns = at_ns
            if self._sound is not None:
                self._sound.start(at_ns)
        key = at_ns - self._key_ns >= _KEY_NS
        with self._writing():
            self._pictures.write(image, at_ns - self._first_ns, key=key)
            if self._sound is not None:
                self._sound.write_until(at_ns)
            if key:
                self._key_ns = at_ns
                self._check_present()
        self._last_ns = max(self._last_ns, at_ns)

    def awaits_sound(self) -> bool:
        """Whether sound that belongs to the last picture is still to come, or to be written."""
        if self._sound is None or self._broken:
            return False
        with self._writing():
            self._sound.write_until(self._last_ns)
        return self._sound.behind(self._last_ns)

    def finish(self) -> Path | None:
        """Close the file and give it its name; None when there was no picture, so no file.

        MediaError when the last of it could not be written.
        """
        if self._first_ns is None:
            self.abandon()
            self.path.unlink(missing_ok=True)
            return None
        try:
            if not self._broken:
                with self._writing():
                    self._pictures.finish()
                    if self._sound is not None:
                        self._sound.finish()
                    self._container.close()
        finally:
            self.abandon()
            self._rename()
        return self.target

    def abandon(self) -> None:
        """Close the file as it is: without a last word, it plays as far as it goes."""
        with contextlib.suppress(OSError):
            self._file.close()
        abandon(self._container)

    def _rename(self) -> None:
        if not self._replace:
            self.target = next(filter(lambda name: not name.exists(), _names(self.target)))
        try:
            self.path.replace(self.target)
        except FileNotFoundError:
            raise _removed(self.path) from None
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def _check_present(self) -> None:
        """Some systems go on writing to a file that was removed, and nothing is left of it."""
        if os.fstat(self._file.fileno()).st_nlink == 0:
            raise _removed(self.path)

    @contextmanager
    def _writing(self) -> Generator[None]:
        try:
            yield
        except MediaError:
            self._broken = True
            raise
        except (OSError, FFmpegError) as error:
            self._broken = True
            raise cannot_write(self.target, error) from error


@contextmanager
def open_recording(
    target: Path, film: Film, source: Source | None = None, *, replace: bool = False
) -> Generator[Recording]:
    """A file that grows until the block is left, however it is left; then it has its name.

    When there is a file of that name, another is found, unless it is to be replaced. MediaError
    when it cannot be made or finished.
    """
    check_video_name(target)
    recording = _claim(target, film, source, replace=replace)
    try:
        yield recording
    except BaseException:
        with contextlib.suppress(MediaError):  # the first failure is the one to tell
            recording.finish()
        raise
    if path := recording.finish():
        _log.info("%s is finished: %s", path, clock_text(recording.length_ns))


def check_video_name(path: Path) -> None:
    """MediaError when the name's ending is none of a video's."""
    if path.suffix.lower() not in VIDEO_SUFFIXES:
        known = ", ".join(VIDEO_SUFFIXES)
        raise MediaError(f"{path}: a recording's name ends in one of {known}")


def clock_text(length_ns: int) -> str:
    """A length as 0:12 or 1:02:03."""
    minutes, seconds = divmod(length_ns // SECOND, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def dated_name(now: datetime | None = None) -> str:
    """The name of a recording that was given none."""
    return f"vivant-{now or datetime.now().astimezone():%Y%m%d-%H%M%S}.mp4"


def _claim(target: Path, film: Film, source: Source | None, *, replace: bool) -> Recording:
    for name in _names(target):
        if not replace and name.exists():
            continue
        part = name.with_stem(f"{name.stem}.recording")
        recording = Recording(part, target if replace else name, film, source, replace=replace)
        try:
            recording.open()
        except FileExistsError:  # what a crash left behind, or another program's
            continue
        except OSError as error:
            raise cannot_write(name, error) from error
        return recording
    raise AssertionError  # the names are without end


def _names(target: Path) -> Iterator[Path]:
    """The name itself, then the same with a number."""
    yield target
    for number in itertools.count(2):
        yield target.with_stem(f"{target.stem}-{number}")


def _removed(path: Path) -> MediaError:
    return MediaError(f"{path}: somebody removed it; begin a new recording")


class LiveFileSink:
    """A sink that is one file from the start. Its failure ends the run."""

    def __init__(self, recording: Recording, clock: Clock) -> None:
        self._recording = recording
        self._clock = clock

    @property
    def label(self) -> str:
        """The file."""
        return str(self._recording.target)

    def send(self, image: Image) -> None:
        """Write one picture."""
        self._recording.write(image, self._clock())


@contextmanager
def open_file_sink(
    path: str | None, width: int, height: int, fps: float, clock: Clock = monotonic_ns
) -> Generator[Sink]:
    """A sink whose pictures go to one file, without sound: a video, or a loop by the name's ending.

    What was there is replaced at the end. Without a path it gets a name from the date.
    """
    target = Path(path or dated_name())
    if target.suffix.lower() in LOOP_SUFFIXES:
        with open_movie(target, width, height, fps) as writer:
            yield FileSink(writer, clock, str(target))
        return
    if target.is_dir():
        raise MediaError(f"{target}: this is a folder; name a file to write")
    with open_recording(target, Film(width, height, fps), replace=True) as recording:
        yield LiveFileSink(recording, clock)
