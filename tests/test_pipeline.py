"""The pipeline and its endings, as numbered on top of pipeline.py."""

import asyncio
import statistics
import threading
from dataclasses import dataclass, field

import pytest

from streamer.clock import Budget, Clock, monotonic_ns
from streamer.errors import DeviceError
from streamer.metrics import Metrics
from streamer.pipeline import Pipeline, Stages
from tests.fakes import (
    MS,
    PAINT,
    ROOMY,
    FakeCamera,
    FakeClock,
    FakeGenerator,
    FakeRetargeter,
    FakeSink,
    FakeTracker,
    failing_at,
    number_of,
    sleeping,
)

NEVER = 3600_000 * MS
TIGHT = Budget(66 * MS, {"track": 8 * MS, "retarget": MS, "generate": 20 * MS, "sink": 4 * MS})


@dataclass
class Scene:
    """A pipeline of fakes."""

    camera: FakeCamera = field(default_factory=lambda: FakeCamera(10))
    tracker: FakeTracker = field(default_factory=FakeTracker)
    retargeter: FakeRetargeter = field(default_factory=FakeRetargeter)
    generator: FakeGenerator = field(default_factory=FakeGenerator)
    sink: FakeSink = field(default_factory=FakeSink)
    budget: Budget = ROOMY
    period_ns: int = NEVER
    clock: Clock = monotonic_ns

    def __post_init__(self):
        self.metrics = Metrics(clock=self.clock)

    @property
    def all(self):
        return (self.camera, self.tracker, self.retargeter, self.generator, self.sink)

    def run(self):
        asyncio.run(self.start())

    async def start(self):
        stages = Stages(*self.all)
        await Pipeline(stages, self.budget, self.metrics, self.period_ns, self.clock).run()

    async def until(self, fake, count):
        """Start, wait for a fake to be called so often, and give the running task."""
        task = asyncio.create_task(self.start())
        await asyncio.to_thread(fake.wait_for, count)
        return task

    @property
    def sent(self):
        return [number_of(image) for image in self.sink.images]


def stage_threads():
    return [t.name for t in threading.enumerate() if t.name.startswith(("camera", "track", "sink"))]


def test_asked_to_stop_it_stops_every_stage():
    """Ending 1: cancelled, it leaves no call running and no thread behind."""
    scene = Scene(camera=FakeCamera(before=sleeping(1)))

    async def stop():
        task = await scene.until(scene.sink, 3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not any(fake.busy for fake in scene.all)
        assert stage_threads() == []

    asyncio.run(stop())


@pytest.mark.parametrize("slow", ["camera", "tracker", "retargeter", "generator", "sink"])
def test_stopping_waits_for_the_call_and_not_the_loop_for_it(slow):
    """Ending 1: `run` returns after the running call, while the event loop goes on."""
    release = threading.Event()
    scene = Scene(camera=FakeCamera(before=sleeping(1)))
    fake = getattr(scene, slow)
    fake.before = lambda _: release.wait(30)

    async def stop():
        task = await scene.until(fake, 1)
        task.cancel()
        await asyncio.sleep(0.02)
        assert fake.busy
        assert not task.done()
        release.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not fake.busy

    asyncio.run(stop())


@pytest.mark.parametrize("stage", ["camera", "tracker", "retargeter", "generator", "sink"])
def test_a_failing_stage_ends_the_run_with_its_own_error(stage):
    """Ending 2: the exception says where it happened, and nothing runs on."""
    names = {"tracker": "track", "retargeter": "retarget", "generator": "generate"}
    scene = Scene(camera=FakeCamera(before=sleeping(1)))
    getattr(scene, stage).before = failing_at(0, DeviceError("gone"))
    with pytest.raises(DeviceError, match="gone") as caught:
        scene.run()
    assert caught.value.__notes__ == [f"in stage '{names.get(stage, stage)}', frame 0"]
    assert not any(fake.busy for fake in scene.all)
    assert stage_threads() == []


def test_a_stage_cannot_hang_the_run_by_stop_iteration():
    """Ending 2: asyncio cannot carry StopIteration; it is told as what it is, a bug."""
    scene = Scene()
    scene.tracker.before = failing_at(0, StopIteration())
    with pytest.raises(RuntimeError, match="StopIteration"):
        scene.run()


def test_a_failure_while_stopping_is_logged(caplog):
    """Ending 1: an error of the last call does not hide that the run was cancelled."""
    scene = Scene(camera=FakeCamera(before=sleeping(1)))

    async def stop():
        task = await scene.until(scene.generator, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    scene.generator.before = lambda seq: sleeping(50)(seq) or failing_at(seq, OSError("full"))(seq)
    asyncio.run(stop())
    assert "stage generate failed while it was stopped: full" in caplog.text


def test_the_end_of_the_source_lets_the_last_frame_through():
    """Ending 3: what is on its way when the clip is over is delivered."""
    scene = Scene(generator=FakeGenerator(sleeping(5)))
    scene.run()
    assert scene.sent[-1] == 9
    assert stage_threads() == []


def test_every_frame_is_sent_or_dropped_for_a_reason():
    """No frame vanishes uncounted."""
    scene = Scene(camera=FakeCamera(50, sleeping(1)), generator=FakeGenerator(sleeping(4)))
    scene.run()
    summary = scene.metrics.summary()
    assert summary.sent == len(scene.sent)
    assert summary.sent + sum(summary.dropped.values()) == 50


def test_no_face_is_not_an_ending():
    """Ending 4: without a face the retargeter still answers, and pictures still come."""
    scene = Scene(tracker=FakeTracker(face=lambda _: False))
    scene.run()
    assert set(scene.retargeter.seen) == {-1}
    assert scene.sink.images


def test_a_slow_generator_gets_the_newest_motion():
    """Ending 5: what came while it was busy is dropped, except the newest."""
    scene = Scene()
    scene.generator.before = lambda seq: seq == 0 and scene.retargeter.wait_for(10)
    scene.tracker.before = scene.retargeter.wait_for
    scene.camera.before = scene.tracker.wait_for
    scene.run()
    assert scene.sent[0] == 0
    assert scene.sent[-1] == 9
    assert len(scene.sent) <= 3
    assert scene.metrics.summary().dropped["generate: newer"] >= 7


def test_a_slow_generator_costs_frame_rate_and_not_latency():
    """Ending 5: under fourfold overload the pictures stay as young as at the beginning."""
    backlog = []
    scene = Scene(camera=FakeCamera(200, sleeping(4)), generator=FakeGenerator(sleeping(16)))
    scene.sink.before = lambda seq: backlog.append(scene.camera.seen[-1] - seq)
    scene.run()
    assert statistics.median(backlog) < 30  # a queue would be at 75


def test_a_stage_that_cannot_be_on_time_does_not_start():
    """Ending 5: a frame that is 50 ms old cannot be generated and sent by 66."""
    clock = FakeClock()
    scene = Scene(camera=FakeCamera(1), budget=TIGHT, clock=clock)
    scene.tracker.before = lambda _: clock.advance(50)
    scene.run()
    assert scene.metrics.summary().dropped == {"retarget: late": 1}
    assert scene.generator.seen == []
    assert scene.sent == []


def test_too_slow_a_machine_still_shows_something():
    """Ending 5: when nothing was shown for the whole budget, late is better than never."""
    clock = FakeClock()
    scene = Scene(camera=FakeCamera(1), budget=TIGHT, clock=clock)
    scene.tracker.before = lambda _: clock.advance(70)
    scene.run()
    summary = scene.metrics.summary()
    assert (summary.sent, summary.sent_late) == (1, 1)
    assert summary.age_ms.p50 == 70.0


def test_the_last_picture_is_held_when_none_comes():
    """Ending 5: a camera that pauses does not freeze the sink."""
    scene = Scene(camera=FakeCamera(2), period_ns=5 * MS)
    scene.camera.before = lambda seq: seq == 1 and scene.sink.wait_for(4)
    scene.run()
    summary = scene.metrics.summary()
    assert summary.held >= 3
    assert summary.sent == 2
    assert scene.sent[:4] == [0, 0, 0, 0]
    assert summary.stages["sink"].frames == 2


def test_late_pictures_do_not_keep_the_sink_from_holding():
    """Ending 5: a picture that comes too late to be shown does not count as coming."""
    clock = FakeClock()
    budget = Budget(66 * MS, {"track": 0, "retarget": 0, "generate": 0, "sink": 40 * MS})
    scene = Scene(camera=FakeCamera(40), budget=budget, period_ns=10 * MS, clock=clock)

    def capture(seq):
        scene.generator.wait_for(seq)
        sleeping(4)(seq)
        clock.now_ns = 0

    scene.camera.before = capture
    scene.generator.before = lambda seq: seq > 0 and clock.advance(30)
    scene.run()
    summary = scene.metrics.summary()
    assert summary.dropped["sink: late"] > 0
    assert summary.held > 0


@pytest.mark.parametrize("broken", [None, "tracker", "retargeter", "generator"])
@pytest.mark.parametrize("face", [True, False])
def test_the_camera_never_reaches_the_sink(broken, face):
    """Whatever is lost or fails, each picture at the sink is the generator's."""
    scene = Scene(camera=FakeCamera(20, sleeping(1)), tracker=FakeTracker(face=lambda _: face))
    scene.period_ns = 2 * MS
    if broken:
        fake = getattr(scene, broken)
        fake.before = lambda _: failing_at(3, OSError("broken"))(len(fake.seen))
    try:
        scene.run()
    except OSError as error:
        assert "broken" in str(error)  # noqa: PT017
    assert all((image[1:] == PAINT).all() for image in scene.sink.images)


def test_each_stage_has_a_thread_of_its_own():
    """Calls of one stage are never on two threads, nor two stages on one."""
    scene = Scene()
    scene.run()
    assert [len(fake.threads) for fake in scene.all] == [1] * 5
    names = [next(iter(fake.threads)).partition("_")[0] for fake in scene.all]
    assert names == ["camera", "track", "retarget", "generate", "sink"]


def test_work_and_age_are_told_per_stage():
    """The camera works 10 ms, the tracker 5, the generator 20: the ages add up after the camera."""
    clock = FakeClock()
    scene = Scene(camera=FakeCamera(1, lambda _: clock.advance(10)), clock=clock)
    scene.tracker.before = lambda _: clock.advance(5)
    scene.generator.before = lambda _: clock.advance(20)
    scene.run()
    stages = scene.metrics.summary().stages
    assert [s.work_ms.p50 for s in stages.values()] == [10.0, 5.0, 0.0, 20.0, 0.0]
    assert [s.age_ms.p50 for s in stages.values()] == [0.0, 5.0, 5.0, 25.0, 25.0]
