"""The figures of a run in the text format of Prometheus."""

import re
from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from streamer.metrics import Spread
from streamer.status import Status

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_PRESENCE = ("tracked", "hold", "ease", "idle", "return", "card")


def exposition(status: Status, frames: Mapping[str, int]) -> bytes:
    """One look at a run; `frames` is how many each stage finished."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Look(status, frames))
    return generate_latest(registry)


class _Look(Collector):
    """Gives the families of one look, once."""

    def __init__(self, status: Status, frames: Mapping[str, int]) -> None:
        self._status = status
        self._frames = frames

    def collect(self) -> Iterable[Metric]:
        """In the order of a reader's questions: what runs, how well, what became of the frames."""
        yield from _running(self._status)
        yield from _speed(self._status)
        yield from _counts(self._status, self._frames)


def _running(status: Status) -> Iterable[Metric]:
    controls = status.controls
    chosen = {re.sub(r"\W", "_", name): text for name, text in status.chosen.items()}
    yield InfoMetricFamily("vivant_run", "What runs and why", chosen)
    yield _gauge("vivant_uptime_seconds", "Since the start", status.seconds)
    names = dict.fromkeys((*_PRESENCE, status.presence))
    presence = GaugeMetricFamily("vivant_presence", "What the portrait follows", labels=["state"])
    for name in names:
        presence.add_metric([name], float(name == status.presence))
    yield presence
    yield _gauge("vivant_recording", "Whether it records", float(controls.recording))
    yield _gauge(
        "vivant_panic", "Whether a card is shown at a person's wish", float(controls.panic)
    )
    yield _gauge(
        "vivant_quality_level", "Step of the quality ladder; 0 is the best", controls.level
    )


def _speed(status: Status) -> Iterable[Metric]:
    recent = status.recent
    ages = Metric("vivant_age_seconds", "Age of the pictures at the sink, last seconds", "summary")
    for quantile, value in _ranks(recent.age_ms):
        ages.add_sample("vivant_age_seconds", {"quantile": quantile}, value)
    ages.add_sample("vivant_age_seconds_count", {}, status.sent)
    yield ages
    work = GaugeMetricFamily(
        "vivant_stage_work_seconds", "Median work of each stage, last seconds", labels=["stage"]
    )
    for stage, value in recent.work_ms.items():
        work.add_metric([stage], value / 1e3)
    yield work
    yield _gauge("vivant_input_frames_per_second", "Images the camera gave", recent.fps_in)
    yield _gauge("vivant_output_frames_per_second", "New pictures at the sink", recent.fps_out)
    yield _gauge("vivant_held_frames_per_second", "Pictures sent again", recent.held_fps)
    yield _gauge("vivant_late_ratio", "Share of the frames that were too late", recent.late)


def _counts(status: Status, frames: Mapping[str, int]) -> Iterable[Metric]:
    done = CounterMetricFamily("vivant_frames", "Frames each stage finished", labels=["stage"])
    for stage, count in frames.items():
        done.add_metric([stage], count)
    yield done
    drops = CounterMetricFamily("vivant_frames_dropped", "Frames dropped", labels=["reason"])
    for reason, count in status.dropped.items():
        drops.add_metric([reason], count)
    yield drops
    yield CounterMetricFamily("vivant_frames_held", "Pictures sent again", status.held)


def _ranks(age_ms: Spread | None) -> Iterable[tuple[str, float]]:
    if age_ms is None:
        return ()
    return (("0.5", age_ms.p50 / 1e3), ("0.95", age_ms.p95 / 1e3), ("0.99", age_ms.p99 / 1e3))


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value)
