"""From camera to sink: one thread per stage, a slot of one between two, and how it all ends.

Endings (a difference is a bug):

1. Asked to stop (Ctrl-C, SIGTERM, peer gone): the task that runs the pipeline is cancelled, and
   with it the stages. Each thread finishes the call it is in, which is bounded, before `run`
   returns; whoever opened the devices then closes them, the camera first and the sink last.
2. A stage fails: its exception gets a note (in stage 'generate', frame 812), the others stop as
   in 1, and `run` raises it. Nothing is retried.
3. The source ends: the camera raises EndOfStream; each stage works off what is in its slot and
   closes the next one; `run` returns.
4. No face, or no image (the camera is away): not an ending. None goes to the retargeter, which
   always answers with a shot.
5. Late or slow: not an ending. A stage that can no longer be on time does not start; the drop is
   counted by reason. A machine too slow for its budget would so show nothing at all: therefore no
   frame is too late once nothing new was shown for as long as the whole budget. When nothing came
   for one period, and half of one for jitter, the sink gets its last picture again, and then once
   a period, counted as held: whoever watches never sees a dead camera.

In none of these does the camera's image reach the sink: the sink is given what the generator
returned, and nothing else.
"""

import asyncio
import itertools
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic

from streamer.clock import SECOND, Budget, Clock, monotonic_ns
from streamer.errors import EndOfStream
from streamer.frame import Image, Landmarks, Shot, T, Timed, U
from streamer.metrics import Metrics
from streamer.slot import Slot
from streamer.stages import Camera, Generator, Retargeter, Sink, Tracker

_AFTER = {"track": "retarget", "retarget": "generate", "generate": "sink"}
"""Whose slot a stage fills."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stages:
    """The five stages, opened. Whoever opened them closes them, after `Pipeline.run`."""

    camera: Camera
    tracker: Tracker
    retargeter: Retargeter
    generator: Generator
    sink: Sink


class Pipeline:
    """Runs the stages side by side until the source ends, a stage fails or it is cancelled.

    Each stage is called on a thread of its own, one call at a time. `budget` is the age a frame may
    reach and each stage's part of it; `period_ns` the time between two pictures that whoever
    watches the sink expects.
    """

    def __init__(
        self,
        stages: Stages,
        budget: Budget,
        metrics: Metrics,
        period_ns: int,
        clock: Clock = monotonic_ns,
    ) -> None:
        self.metrics = metrics
        self._stages = stages
        self._budget = budget
        self._period_s = period_ns / SECOND
        self._clock = clock
        self._shown_ns = 0

    async def run(self) -> None:
        """Run once. Returns after ending 3, raises the stage's own exception after ending 2."""
        images: Slot[Timed[Image | None]] = Slot()
        faces: Slot[Timed[Landmarks | None]] = Slot()
        shots: Slot[Timed[Shot]] = Slot()
        pictures: Slot[Timed[Image]] = Slot()
        stages = self._stages
        self.metrics.start()
        self._shown_ns = self._clock()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._show(pictures))
                group.create_task(
                    self._stage(
                        "generate", shots, lambda s: stages.generator.generate(s.value), pictures
                    )
                )
                group.create_task(
                    self._stage(
                        "retarget",
                        faces,
                        lambda f: stages.retargeter.retarget(f.value, f.captured_ns),
                        shots,
                    )
                )
                group.create_task(self._stage("track", images, self._track, faces))
                group.create_task(self._capture(images))
        except ExceptionGroup as failures:
            raise _first(failures) from None
        finally:
            self.metrics.end()

    def _track(self, image: Timed[Image | None]) -> Landmarks | None:
        return None if image.value is None else self._stages.tracker.track(image.value)

    async def _capture(self, out: Slot[Timed[Image | None]]) -> None:
        """The camera's loop: read as long as there is something; nobody holds it back."""
        with _Worker("camera", self._clock) as worker:
            for seq in itertools.count():
                try:
                    done = await worker.call(self._stages.camera.read)
                except EndOfStream:
                    break
                except Exception as error:
                    error.add_note(f"in stage 'camera', frame {seq}")
                    raise
                self.metrics.work("camera", done.spent_ns, 0)
                self._pass_on("track", out, Timed(done.value, seq, done.ended_ns))
        out.close()

    async def _stage(
        self, name: str, source: Slot[Timed[T]], work: Callable[[Timed[T]], U], out: Slot[Timed[U]]
    ) -> None:
        """The loop of the three stages in the middle."""
        after = _AFTER[name]
        with _Worker(name, self._clock) as worker:
            async for item in source:
                if not self._too_late(name, item):
                    done = await self._do(worker, work, item)
                    self.metrics.work(name, done.spent_ns, done.ended_ns - item.captured_ns)
                    self._pass_on(after, out, item.carry(done.value))
        out.close()

    async def _show(self, source: Slot[Timed[Image]]) -> None:
        """The sink's loop: each new picture in time, and the last one again when none comes."""

        def send(item: Timed[Image]) -> None:
            self._stages.sink.send(item.value)

        last: Timed[Image] | None = None
        until: float | None = None
        now = asyncio.get_running_loop().time
        with _Worker("sink", self._clock) as worker:
            while True:
                try:
                    item = await self._fresh(source, until)
                except EndOfStream:
                    return
                if item is not None:
                    self._count_shown(item, await self._do(worker, send, item))
                    last, until = item, now() + 1.5 * self._period_s
                elif last is not None and until is not None:
                    await self._do(worker, send, last)
                    self.metrics.hold()
                    until = max(until + self._period_s, now())

    async def _fresh(self, source: Slot[Timed[Image]], until: float | None) -> Timed[Image] | None:
        """The next picture in time for the sink; None when it is time to hold the last one."""
        try:
            async with asyncio.timeout_at(until):
                async for item in source:
                    if not self._too_late("sink", item):
                        return item
        except TimeoutError:
            return None
        raise EndOfStream

    def _count_shown(self, item: Timed[Image], done: "_Done[None]") -> None:
        self._shown_ns = done.ended_ns
        age_ns = done.ended_ns - item.captured_ns
        self.metrics.work("sink", done.spent_ns, age_ns)
        if age_ns > self._budget.total_ns:
            self.metrics.late()

    async def _do(
        self, worker: "_Worker", work: Callable[[Timed[T]], U], item: Timed[T]
    ) -> "_Done[U]":
        """One call on the stage's thread; its failure says where it happened."""
        try:
            done = await worker.call(work, item)
        except Exception as error:
            error.add_note(f"in stage {worker.name!r}, frame {item.seq}")
            raise
        return done

    def _pass_on(self, stage: str, slot: Slot[Timed[T]], item: Timed[T]) -> None:
        if slot.offer(item):
            self.metrics.drop(f"{stage}: newer")

    def _too_late(self, stage: str, item: Timed[T]) -> bool:
        """Whether to drop `item` because `stage` can no longer finish it in time (ending 5)."""
        now = self._clock()
        late = now - item.captured_ns > self._budget.latest_start(stage)
        starved = now - self._shown_ns >= self._budget.total_ns
        if late and not starved:
            self.metrics.drop(f"{stage}: late")
        return late and not starved


@dataclass(frozen=True, slots=True)
class _Done(Generic[T]):
    """What a call on a thread returned, when it ended and how long it took."""

    value: T
    ended_ns: int
    spent_ns: int


class _Worker:
    """One named thread. Used with `with`: nothing runs on it any more when the block is left."""

    def __init__(self, name: str, clock: Clock) -> None:
        self.name = name
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    def __enter__(self) -> "_Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(wait=True)

    async def call(self, work: Callable[..., U], *args: object) -> _Done[U]:
        """Run one call on the thread. When cancelled, waits for it to end; the loop runs on."""
        future = asyncio.get_running_loop().run_in_executor(self._thread, self._timed, work, *args)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])
            if (error := future.exception()) and not isinstance(error, EndOfStream):
                _log.warning("stage %s failed while it was stopped: %s", self.name, error)
            raise

    def _timed(self, work: Callable[..., U], *args: object) -> _Done[U]:
        started_ns = self._clock()
        try:
            value = work(*args)
        except StopIteration as error:  # asyncio cannot carry it: the task would hang
            raise RuntimeError("a stage raised StopIteration") from error
        ended_ns = self._clock()
        return _Done(value, ended_ns, ended_ns - started_ns)


def _first(failures: ExceptionGroup[Exception]) -> Exception:
    """The stage's own exception; those of others that failed at the same moment are noted on it."""
    first, *others = failures.exceptions
    for other in others:
        first.add_note(f"at the same time: {other!r}")
    return first
