"""Memory, one stream and a recorded graph on one GPU, through torch.

The handful of calls that the engine needs, so that tests can put a fake in their place. Buffers are
allocated once; work is queued on the stream and waited for in one place, with a limit.
"""

import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from engines.contract import Bytes
from streamer.clock import MS, SECOND
from streamer.engine.cards import Card
from streamer.engine.library import Foreign
from streamer.errors import EngineError

Work = Callable[[], None]

_EAGER_NS = 3 * MS
"""How long a wait looks again at once: a picture takes about one millisecond."""
_NAP_S = 0.0002
ANSWER_NS = 800 * MS
"""How long a GPU may be silent: whoever falls back has to show a picture within the second."""


class GpuFullError(EngineError):
    """The GPU has no room for what was asked."""


class GpuLostError(EngineError):
    """The GPU failed or does not answer. Nothing on it can be used, or freed, any more."""


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes on the GPU, or on the host where the GPU can reach them."""

    address: int
    """of the first byte"""
    content: Foreign
    """keeps them alive; can be sliced"""

    def part(self, start: int, count: int) -> "Room":
        """The same bytes, a part of them."""
        return Room(self.address + start, self.content[start : start + count])


class Device(Protocol):
    """One GPU with one stream. What it does is queued, until `wait`."""

    card: Card

    @property
    def stream(self) -> int:
        """Handle of the stream."""
        ...

    def room(self, count: int) -> Room:
        """Bytes on the GPU. GpuFullError when there are not so many."""
        ...

    def pinned(self, count: int) -> tuple[Room, Bytes]:
        """Bytes on the host that the GPU reads and writes itself, and the same as an array."""
        ...

    def copy(self, to: Room, source: Room) -> None:
        """Queue a copy of equally many bytes."""
        ...

    def copy_rows(self, to: Room, pitch: int, rows: Bytes) -> None:
        """Queue a copy of (rows, bytes) from the host; each row lies `pitch` bytes further in `to`.

        The array may change as soon as this returns.
        """
        ...

    def record(self, work: Work) -> Work:
        """Record what `work` queues, as one graph, and what queues all of it again.

        EngineError when it cannot be recorded; the stream can be used further.
        """
        ...

    def wait(self, limit_ns: int = ANSWER_NS) -> None:
        """Until all that is queued is done. GpuLostError when it fails or takes longer."""
        ...

    def current(self) -> AbstractContextManager[None]:
        """While it lasts, this is the GPU that libraries use which do not ask."""
        ...


class TorchDevice:
    """The real thing. Several threads may use it; each waits for what all have queued."""

    def __init__(self, card: Card) -> None:
        import torch  # noqa: PLC0415  (heavy, and an extra)

        self.card = card
        self._torch: Any = torch
        with told(card):
            self._stream: Any = torch.cuda.Stream(card.device)

    @property
    def stream(self) -> int:
        """Handle of the stream."""
        return self._stream.cuda_stream

    def room(self, count: int) -> Room:
        """Bytes on the GPU, all 0."""
        with self._on_stream():
            kind = self._torch.uint8
            tensor = self._torch.zeros(max(1, count), dtype=kind, device=self.card.device)
            return Room(tensor.data_ptr(), tensor)

    def pinned(self, count: int) -> tuple[Room, Bytes]:
        """Bytes on the host that the GPU reads and writes itself, and the same as array."""
        with told(self.card):
            kind = self._torch.uint8
            tensor = self._torch.zeros(max(1, count), dtype=kind, pin_memory=True)
        return Room(tensor.data_ptr(), tensor), tensor.numpy()

    def copy(self, to: Room, source: Room) -> None:
        """Queue a copy of equally many bytes."""
        with self._on_stream():
            to.content.copy_(source.content, non_blocking=True)

    def copy_rows(self, to: Room, pitch: int, rows: Bytes) -> None:
        """Queue a copy of (rows, bytes) from the host, each row `pitch` bytes further on."""
        with self._on_stream():
            start = to.content.storage_offset()
            place = to.content.as_strided(rows.shape, (pitch, 1), start)
            place.copy_(self._torch.from_numpy(rows), non_blocking=True)

    def record(self, work: Work) -> Work:
        """Record what `work` queues, as one graph, and what queues all of it again."""
        with told(self.card), self._torch.cuda.device(self.card.device):
            graph = self._torch.cuda.CUDAGraph()
            # other threads may allocate meanwhile, for another portrait or another engine
            with self._torch.cuda.graph(
                graph, stream=self._stream, capture_error_mode="thread_local"
            ):
                work()

        def again() -> None:
            with self._on_stream():
                graph.replay()

        return again

    def wait(self, limit_ns: int = ANSWER_NS) -> None:
        """Until all that is queued is done, asking again and again: a lost GPU answers never."""
        begun_ns = time.monotonic_ns()
        with told(self.card):
            done = self._stream.record_event()
            while not done.query():
                spent_ns = time.monotonic_ns() - begun_ns
                if spent_ns > limit_ns:
                    raise GpuLostError(
                        f"{self.card.title} gave no answer for {limit_ns / SECOND:g} s"
                    )
                time.sleep(0 if spent_ns < _EAGER_NS else _NAP_S)

    @contextmanager
    def current(self) -> Generator[None]:
        """While it lasts, this is the GPU that libraries use which do not ask."""
        with told(self.card), self._torch.cuda.device(self.card.device):
            yield

    @contextmanager
    def _on_stream(self) -> Generator[None]:
        with told(self.card), self._torch.cuda.stream(self._stream):
            yield


@contextmanager
def told(card: Card) -> Generator[None]:
    """Errors of torch and CUDA as ours, with the GPU's name and what to do."""
    try:
        yield
    except EngineError:
        raise
    except (RuntimeError, AssertionError) as error:  # torch's errors are kinds of RuntimeError
        words = str(error).strip().splitlines() or [type(error).__name__]
        if "out of memory" in words[0].lower():
            raise GpuFullError(
                f"{card.title} has no memory left; close other programs that use it, or choose "
                "a smaller generator.refiner or generator.size"
            ) from error
        raise GpuLostError(f"{card.title} failed: {words[0]}") from error
