"""The figures of all sessions in the text format of Prometheus."""

import asyncio
import threading
from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from streamer.generator.workshop import Figures
from streamer.web.models import SessionStatus
from streamer.web.session import Session
from streamer.web.sessions import Sessions


def exposition(sessions: Sessions, version: str) -> bytes:
    """One look at the server; on its loop."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Look(sessions, version))
    return generate_latest(registry)


class _Look(Collector):
    """Gives the families of one look, once."""

    def __init__(self, sessions: Sessions, version: str) -> None:
        self._sessions = sessions
        self._version = version

    def collect(self) -> Iterable[Metric]:
        """First the server, then each session by the first letters of its name."""
        sessions = self._sessions
        yield InfoMetricFamily("vivant_server", "What runs", {"version": self._version})
        yield GaugeMetricFamily("vivant_sessions", "Sessions that are open", sessions.open)
        yield GaugeMetricFamily(
            "vivant_sessions_most", "Sessions that may be open", sessions.web.max_sessions
        )
        yield GaugeMetricFamily(
            "vivant_draining", "Whether it is about to stop", float(sessions.draining)
        )
        yield GaugeMetricFamily("vivant_threads", "Threads that run", threading.active_count())
        yield GaugeMetricFamily("vivant_tasks", "Tasks of the loop", len(asyncio.all_tasks()))
        yield CounterMetricFamily(
            "vivant_sessions_opened", "Sessions since the start", sessions.counts["opened"]
        )
        ended = CounterMetricFamily("vivant_sessions_ended", "Ended, by reason", labels=["reason"])
        for name, count in sessions.counts.items():
            if name.startswith("ended "):
                ended.add_metric([name.removeprefix("ended ")], count)
        yield ended
        refused = CounterMetricFamily("vivant_sessions_refused", "Refused", labels=["reason"])
        for name, count in sessions.admission.counts.items():
            refused.add_metric([name], count)
        yield refused
        yield from _engines(sessions.engines())
        looks = [(s, s.status(sessions.open)) for s in sessions.all if s.live is not None]
        yield from _speed(looks)
        yield from _counts(looks)


def _engines(figures: Figures) -> Iterable[Metric]:
    yield GaugeMetricFamily(
        "vivant_engines", "Refiner engines that are open, for all sessions", figures.engines
    )
    runs = CounterMetricFamily("vivant_engine_runs", "Runs of engines, by batch", labels=["batch"])
    for batch, count in sorted(figures.runs.items()):
        runs.add_metric([str(batch)], count)
    yield runs
    yield CounterMetricFamily(
        "vivant_engine_pictures", "Pictures, or parts of one, made by engines", figures.pictures
    )


def _speed(looks: Sequence[tuple[Session, SessionStatus]]) -> Iterable[Metric]:
    ages = GaugeMetricFamily(
        "vivant_session_age_seconds",
        "Age of the pictures when they are sent, last seconds",
        labels=["session", "quantile"],
    )
    came = GaugeMetricFamily(
        "vivant_session_input_frames_per_second", "Images that came", labels=["session"]
    )
    went = GaugeMetricFamily(
        "vivant_session_output_frames_per_second", "Pictures that went", labels=["session"]
    )
    kbps = GaugeMetricFamily(
        "vivant_session_bits_per_second", "Of the video that is sent", labels=["session"]
    )
    for session, status in looks:
        name = session.id[:6]
        if status.age_ms is not None:
            ages.add_metric([name, "0.5"], status.age_ms.p50 / 1e3)
            ages.add_metric([name, "0.95"], status.age_ms.p95 / 1e3)
        came.add_metric([name], status.fps_in)
        went.add_metric([name], status.fps_out)
        kbps.add_metric([name], status.bitrate_kbps * 1e3)
    yield from (ages, came, went, kbps)


def _counts(looks: Sequence[tuple[Session, SessionStatus]]) -> Iterable[Metric]:
    seconds = GaugeMetricFamily("vivant_session_seconds", "Since it began", labels=["session"])
    dropped = CounterMetricFamily(
        "vivant_session_frames_dropped", "Frames dropped", labels=["session"]
    )
    for session, status in looks:
        seconds.add_metric([session.id[:6]], round(session.seconds, 1))
        dropped.add_metric([session.id[:6]], status.dropped)
    yield from (seconds, dropped)
