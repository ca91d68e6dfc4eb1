"""Where received frames wait to be decoded: never many, and never old."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from av.frame import Frame

from streamer.clock import Clock, monotonic_ns

_START_CODE = b"\x00\x00\x01"
_ASK_EVERY = 15
"""Frames that are refused before a keyframe is asked for again."""
_H264_KEYS = {5, 7}
"""Types of H.264 units that stand for a keyframe: the picture itself, or its parameters."""


class Encoded(Protocol):
    """A frame as it came."""

    data: bytes
    timestamp: int


class Codec(Protocol):
    """What it was encoded with."""

    @property
    def name(self) -> str:
        """As in SDP: VP8, H264, opus."""
        ...


Task = tuple[Codec, Encoded]


def is_keyframe(codec: str, data: bytes) -> bool:
    """Whether it can be decoded without those before it."""
    match codec:
        case "VP8":
            return bool(data) and not data[0] & 1
        case "H264":
            at = data.find(_START_CODE)
            while 0 <= at < len(data) - 3:
                kind = data[at + 3] & 0x1F
                if kind in _H264_KEYS:
                    return True
                if kind == 1:  # a part of a picture that is none: the rest need not be searched
                    return False
                at = data.find(_START_CODE, at + 3)
            return False
        case _:
            return True


class Inbox:
    """At most `longest` frames. The loop puts, the decoder's thread gets.

    A video frame is made from those before it, so that none can be left out. When the decoder
    cannot keep up, all are dropped until a keyframe, which is asked for by `on_behind`.
    """

    def __init__(
        self, longest: int, on_behind: Callable[[], None], clock: Clock = monotonic_ns
    ) -> None:
        self._longest = longest
        self._on_behind = on_behind
        self._clock = clock
        self._waiting: deque[tuple[Task | None, int]] = deque()
        self._filled = threading.Condition()
        self._needs_keyframe = False
        self._refused = 0
        self.dropped = 0
        self.came_ns = 0
        """When the frame came that the decoder has now. For its own thread."""

    def put(self, task: Task | None) -> None:
        """Let a frame wait; None: no more will come, and none that waits is wanted."""
        with self._filled:
            if task is None:
                self._waiting.clear()
            elif not self._admitted(task):
                self.dropped += 1
                return
            self._waiting.append((task, self._clock()))
            self._filled.notify()

    def get(self) -> Task | None:
        """The next frame. Blocks until there is one; None at the end."""
        with self._filled:
            self._filled.wait_for(lambda: self._waiting)
            task, self.came_ns = self._waiting.popleft()
            return task

    def await_keyframe(self) -> None:
        """Something is missing: nothing but a keyframe is of use."""
        with self._filled:
            self._needs_keyframe = True

    def _admitted(self, task: Task) -> bool:
        codec, frame = task
        key = is_keyframe(codec.name, frame.data)
        if len(self._waiting) >= self._longest:
            self.dropped += len(self._waiting)
            self._waiting.clear()
            self._needs_keyframe = True
        if key:
            self._needs_keyframe = False
        self._ask()
        return not self._needs_keyframe

    def _ask(self) -> None:
        """At first, and again where the answer or the question was lost."""
        if not self._needs_keyframe:
            self._refused = 0
            return
        if self._refused % _ASK_EVERY == 0:
            self._on_behind()
        self._refused += 1


class Straight:
    """In place of a track's queue of frames: hands each on at once, on the decoder's thread."""

    def __init__(self, take: Callable[[Frame | None], None]) -> None:
        self._take = take

    def put(self, frame: Frame | None) -> Coroutine[Any, Any, None]:
        """Hand it on now; what is returned for the loop to run does nothing."""
        self._take(frame)
        return asyncio.sleep(0)

    async def get(self) -> Frame | None:
        """Nothing is kept."""
        return None
