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
