"""What a run is measured by."""

import json

from streamer.clock import MS, SECOND
from streamer.metrics import Metrics, Spread
from tests.fakes import FakeClock


def test_percentiles_are_nearest_ranks_in_milliseconds():
    """Of 1 to 100 ms, the percentiles are the values themselves."""
    assert Spread.of([n * MS for n in range(100, 0, -1)]) == Spread(50.0, 95.0, 99.0, 100.0)


def test_one_value_is_every_percentile():
    """A single frame has an age."""
    assert Spread.of([5 * MS]) == Spread(5.0, 5.0, 5.0, 5.0)


def test_nothing_has_no_percentiles():
    """No figure is invented."""
    assert Spread.of([]) is None
    assert Metrics().summary().age_ms is None


def test_memory_is_bounded_and_counts_are_not():
    """Percentiles look back on the last frames, counts on all."""
    metrics = Metrics(keep=10)
    for age in range(1000):
        metrics.work("sink", 0, age * MS)
    summary = metrics.summary()
    assert summary.sent == 1000
    assert summary.age_ms == Spread(994.0, 999.0, 999.0, 999.0)


def test_the_summary_has_everything():
    """Counts, reasons, the age at the sink and each stage's time."""
    clock = FakeClock()
    metrics = Metrics({"sink": "null"}, clock)
    clock.advance(5000)
    metrics.start()
    metrics.work("track", 3 * MS, 4 * MS)
    metrics.work("sink", 1 * MS, 30 * MS)
    metrics.drop("track: newer")
    metrics.drop("track: newer")
    metrics.hold()
    metrics.late()
    clock.now_ns += 2 * SECOND
    metrics.end()
    clock.now_ns += 9 * SECOND
    summary = metrics.summary()
    assert (summary.seconds, summary.fps, summary.sent) == (2.0, 0.5, 1)
    assert (summary.held, summary.sent_late, summary.dropped) == (1, 1, {"track: newer": 2})
    assert summary.stages["track"].work_ms == Spread(3.0, 3.0, 3.0, 3.0)
    assert summary.age_ms == Spread(30.0, 30.0, 30.0, 30.0)


def test_json_and_line_tell_the_same():
    """What a script reads is what a person sees."""
    metrics = Metrics({"portrait": "ada"})
    metrics.work("sink", 1 * MS, 30 * MS)
    summary = metrics.summary()
    data = json.loads(summary.as_json())
    assert data["chosen"] == {"portrait": "ada"}
    assert data["age_ms"]["p95"] == 30.0
    assert "sent 1 " in summary.line()
    assert "p95 30 ms" in summary.line()


def test_recent_figures_look_back_two_seconds_only():
    """What happened before is history; rates are per second of what was looked at."""
    clock = FakeClock()
    metrics = Metrics(clock=clock)
    for _ in range(75):  # three seconds at 25 fps
        clock.now_ns += SECOND // 25
        metrics.work("camera", 0, 0)
        metrics.work("sink", 2 * MS, (100 if clock.now_ns <= SECOND else 20) * MS)
    recent = metrics.recent()
    assert recent.fps_in == recent.fps_out == 25.0
    assert recent.age_ms == Spread(20.0, 20.0, 20.0, 20.0)
    assert recent.work_ms["sink"] == 2.0
    assert recent.late == 0.0


def test_recent_lateness_counts_drops_and_late_pictures():
    """Frames dropped for being late, and those shown in spite of it, over the images given."""
    clock = FakeClock()
    metrics = Metrics(clock=clock)
    clock.advance(10)
    for _ in range(10):
        metrics.work("camera", 0, 0)
    metrics.drop("generate: late")
    metrics.drop("track: newer")
    metrics.late()
    metrics.hold()
    clock.advance(990)
    recent = metrics.recent()
    assert recent.late == 0.2
    assert recent.held_fps == 1.0


def test_before_anything_came_recent_figures_are_empty():
    """No division by nothing."""
    recent = Metrics(clock=FakeClock()).recent()
    assert (recent.age_ms, recent.fps_in, recent.late, recent.work_ms) == (None, 0.0, 0.0, {})


def test_totals_agree_with_the_summary():
    """The cheap figures are the same figures."""
    metrics = Metrics()
    metrics.work("sink", 1, 2)
    metrics.drop("sink: late")
    metrics.hold()
    totals, summary = metrics.totals(), metrics.summary()
    assert (totals.sent, totals.held, totals.dropped) == (
        summary.sent,
        summary.held,
        summary.dropped,
    )
