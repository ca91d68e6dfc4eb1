"""A recorded clip in a camera's place: at its own pace, and as forgetful as a camera."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol

from streamer.clock import SECOND, Clock, monotonic_ns
from streamer.errors import EndOfStream
from streamer.frame import Image
from streamer.video import ClipInfo

_LONGEST_NS = SECOND
"""The longest `read` may block."""
_GAP_NS = SECOND // 4
"""However far behind, a frame is delivered at least this often."""


class Recording(Protocol):
    """What is replayed; a streamer.video.Clip is one."""

    @property
    def info(self) -> ClipInfo:
        """Its frame rate is the one that counts here."""
        ...

    def frames(self) -> Iterator[tuple[int, Image]]:
        """Instants in ns from the first, and the images; from the start at each call."""
        ...


class Replay:
    """Delivers each image when its time has come, counted from the first read.

    A camera does not wait for those who read slowly, and neither does this: an image whose
    successor is due already is dropped.
    """

    def __init__(
        self,
        recording: Recording,
        on_drop: Callable[[str], None],
        *,
        name: str = "clip",
        label: str = "a clip",
        loop: bool = False,
        clock: Clock = monotonic_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name, self.label = name, label
        self._frames = _rounds(recording, loop=loop)
        self._on_drop = on_drop
        self._clock = clock
        self._sleep = sleep
        self._ahead: deque[tuple[int, Image]] = deque()  # the coming image and its successor
        self._last: Image | None = None
        self._started_ns: int | None = None
        self._given_ns = 0

    @property
    def state(self) -> str:
        """Nothing is ever wrong with a clip that could be opened."""
        return ""

    def read(self) -> Image:
        """The image of this instant. EndOfStream when the clip is over.

        Where the clip pauses for more than a second the last image is given again: a camera that
        looks at something still does the same.
        """
        started_ns = self._look_ahead()
        while self._is_over(started_ns):
            self._ahead.popleft()
            self._on_drop("camera: behind")
            self._look_ahead()
        due_ns, image = self._ahead[0]
        wait_ns = started_ns + due_ns - self._clock()
        if wait_ns > 0:
            self._sleep(min(wait_ns, _LONGEST_NS) / SECOND)
        if wait_ns > _LONGEST_NS and self._last is not None:
            return self._last
        self._ahead.popleft()
        self._last, self._given_ns = image, self._clock()
        return image

    def _look_ahead(self) -> int:
        """Decode what is missing. The instant of the first image: now, at the first call."""
        while len(self._ahead) < 2 and (frame := next(self._frames, None)):
            self._ahead.append(frame)
        if not self._ahead:
            raise EndOfStream
        if self._started_ns is None:
            self._started_ns = self._given_ns = self._clock()
        return self._started_ns

    def _is_over(self, started_ns: int) -> bool:
        if len(self._ahead) < 2:
            return False
        now_ns, (successor_ns, _) = self._clock(), self._ahead[1]
        return started_ns + successor_ns <= now_ns < self._given_ns + _GAP_NS


def _rounds(recording: Recording, *, loop: bool) -> Iterator[tuple[int, Image]]:
    """The frames once, or round after round, on one line of time."""
    frame_ns = round(SECOND / recording.info.fps)
    begin_ns = 0
    while True:
        end_ns = begin_ns
        for pts_ns, image in recording.frames():
            yield begin_ns + pts_ns, image
            end_ns = begin_ns + pts_ns + frame_ns
        if not loop or end_ns == begin_ns:
            return
        begin_ns = end_ns
