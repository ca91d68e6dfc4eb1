"""From what the page saw to figures: when each step of the driver's mouth was answered."""

import base64
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SETTLED = (0.18, 0.42)
"""Seconds after a step in which its pose is surely shown, for the template. Steps are longer."""
_LONGEST_MS = 2500.0
_BEFORE_S = 0.15
_SKEW_S = 5e-4
Series = tuple[NDArray[np.float64], NDArray[np.float32]]
"""Instants in seconds, and a row of pixels for each."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One row of the table. Latency is from the step on the local video to that on the remote."""

    steps: int
    answered: int
    p50_ms: float
    p95_ms: float
    drift_ms_per_min: float
    drift_error: float
    """One standard error of it: a short run tells little."""
    fps: float
    """Pictures that were shown, a second."""
    contrast: float
    """How far the two poses stand apart in the remote video, in its own noise; below 4: none."""
    kbps_in: float
    kbps_out: float
    keyframes: int
    codec: str
    said_ms: float | None
    """The latency as the page itself tells it, median; None where it tells none."""


def figures(samples: dict[str, Any], begin_ms: float, end_ms: float) -> Figures | None:
    """Of the time from `begin_ms` to `end_ms` of the page; None when nothing can be told."""
    local, remote = _series(samples["local"]), _series(samples["remote"])
    if min(len(local[0]), len(remote[0])) < 30:
        return None
    steps = _steps(local)
    lag, template = _answer(remote, steps)
    steps = [(at, pose) for at, pose in steps if begin_ms <= at * 1000 <= end_ms - _LONGEST_MS / 4]
    if len(steps) < 3:
        return None
    score, contrast = _scores(remote, template, steps, lag)
    latencies = [(at, _crossing(remote[0], score, at, pose)) for at, pose in steps]
    told = [(at, ms) for at, ms in latencies if ms is not None]
    if len(told) < 3:
        return None
    ms = sorted(value for _, value in told)
    slope, error = _slope(told)
    shown = [row for row in samples["remote"] if begin_ms <= row[0] <= end_ms]
    return Figures(
        steps=len(steps),
        answered=len(told),
        p50_ms=round(statistics.median(ms), 1),
        p95_ms=round(ms[min(len(ms) - 1, round(0.95 * (len(ms) - 1)))], 1),
        drift_ms_per_min=round(slope * 60, 2),
        drift_error=round(error * 60, 2),
        fps=round((shown[-1][1] - shown[0][1]) / (shown[-1][0] - shown[0][0]) * 1000, 1),
        contrast=round(contrast, 1),
        said_ms=_said(samples.get("said", []), begin_ms, end_ms),
        **_stream(samples["stats"], begin_ms, end_ms),
    )


def _series(rows: Sequence[Sequence[Any]]) -> Series:
    kept = [row for row in rows if row[2] is None or abs(row[2]) < _SKEW_S]
    instants = np.array([row[0] for row in kept]) / 1000
    pixels = [np.frombuffer(base64.b64decode(row[3]), np.uint8) for row in kept]
    return instants, np.array(pixels, np.float32)


def _steps(local: Series) -> list[tuple[float, float]]:
    """When the camera's picture changed, and to which pose: 1 or -1. It stands still between."""
    instants, pixels = local
    change = np.abs(np.diff(pixels, axis=0)).max(axis=1)
    at = np.flatnonzero(change > change.max() / 2) + 1
    pose, steps = 1.0, list[tuple[float, float]]()
    for index in at:
        steps.append((float(instants[index]), pose))
        pose = -pose
    return steps


def _mean(series: Series, begin: float, end: float) -> NDArray[np.float32] | None:
    instants, pixels = series
    first, last = np.searchsorted(instants, (begin, end))
    return pixels[first:last].mean(axis=0) if last - first >= 2 else None


def _answer(remote: Series, steps: list[tuple[float, float]]) -> tuple[float, NDArray[np.float32]]:
    """The lag, s, at which the remote picture follows the poses best, and how it differs."""
    best = (0.0, 0.0, np.zeros(remote[1].shape[1], np.float32))
    for lag in np.arange(0, _LONGEST_MS / 1000, 0.02):
        differences: list[NDArray[np.float32]] = []
        for at, pose in steps:
            after = _mean(remote, at + lag + 0.04, at + lag + 0.3)
            before = _mean(remote, at + lag - 0.3, at + lag - 0.04)
            if after is not None and before is not None:
                differences.append(pose * (after - before))
        if len(differences) > 2:
            template = np.mean(differences, axis=0)
            strength = float(np.sort(np.abs(template))[-40:].mean())
            if strength > best[0]:
                best = (strength, float(lag), template)
    return best[1], best[2]


def _scores(
    remote: Series, template: NDArray[np.float32], steps: list[tuple[float, float]], lag: float
) -> tuple[NDArray[np.float64], float]:
    """For each picture how far it is on its way from one pose (-1) to the other (1)."""
    instants, pixels = remote
    raw = pixels @ (template / np.linalg.norm(template))
    sides: dict[float, list[float]] = {1.0: [], -1.0: []}
    for at, pose in steps:
        begin, end = np.searchsorted(instants, (at + lag + _SETTLED[0], at + lag + _SETTLED[1]))
        sides[pose] += raw[begin:end].tolist()
    high, low = np.median(sides[1.0]), np.median(sides[-1.0])
    noise = (np.std(sides[1.0]) + np.std(sides[-1.0])) / 2 + 1e-6
    return (raw - (high + low) / 2) / ((high - low) / 2), float((high - low) / noise)


def _crossing(
    instants: NDArray[np.float64], score: NDArray[np.float64], at: float, pose: float
) -> float | None:
    """Milliseconds until the first picture after a step that is nearer to the new pose.

    A quick echo has it in its first picture after the step: the ones before must not be.
    """
    first, last = np.searchsorted(instants, (at - _BEFORE_S, at + _LONGEST_MS / 1000))
    left = False
    for index in range(first, last):
        towards = score[index] * pose
        left = left or towards < 0
        if left and towards >= 0 and instants[index] >= at:
            return float(instants[index] - at) * 1000
    return None


def _slope(points: list[tuple[float, float]]) -> tuple[float, float]:
    """Of the latency over the run, ms/s, and its standard error.

    By least squares, with the few extremes pulled in. A median of slopes would not do: latencies
    are multiples of the screen's period, and a drift below one in the whole run would count as 0.
    """
    at, ms = np.array(points, np.float64).T
    low, high = np.sort(ms)[[len(ms) // 50, -1 - len(ms) // 50]]
    ms = np.clip(ms, low, high)
    at, ms = at - at.mean(), ms - ms.mean()
    slope = float(at @ ms / (at @ at))
    rest: NDArray[np.float64] = ms - slope * at
    return slope, float(rest.std() / np.sqrt(at @ at))


def _said(rows: Sequence[Sequence[float]], begin_ms: float, end_ms: float) -> float | None:
    within = [row[1] for row in rows if begin_ms <= row[0] <= end_ms]
    return round(statistics.median(within), 1) if within else None


def _stream(stats: list[dict[str, Any]], begin_ms: float, end_ms: float) -> dict[str, Any]:
    within = [row for row in stats if begin_ms <= row["at"] <= end_ms and "bytesIn" in row]
    if len(within) < 2:
        return {"kbps_in": 0.0, "kbps_out": 0.0, "keyframes": 0, "codec": ""}
    first, last = within[0], within[-1]
    span = last["at"] - first["at"]

    def rate(name: str) -> float:
        return round((last.get(name, 0) - first.get(name, 0)) * 8 / span)

    return {
        "kbps_in": rate("bytesIn"),
        "kbps_out": rate("bytesOut"),
        "keyframes": last.get("keys", 0) - first.get("keys", 0),
        "codec": str(last.get("codec", "")).removeprefix("video/"),
    }
