"""The figures of the glass-to-glass measurement, from samples whose latency is known."""

import base64

import numpy as np
import pytest

from tools.glassware.figures import figures

CELLS = 48
PERIOD_MS = 1000 / 30


def thumbnail(is_open, rng):
    """Of a face whose mouth is open or shut, with a sensor's noise."""
    picture = np.full((CELLS, CELLS), 120.0)
    picture[30:36, 20:28] += 80 * is_open
    noisy = picture + rng.normal(0, 1, picture.shape)
    return base64.b64encode(np.clip(noisy, 0, 255).astype(np.uint8).tobytes()).decode()


def samples(latency_ms, seconds=40.0, drift_ms_per_min=0.0, said=()):
    """What a page would have seen: steps at irregular instants, answered so much later."""
    rng = np.random.default_rng(1)
    steps = np.cumsum(rng.uniform(500, 900, round(seconds * 1.5)))
    late = latency_ms + drift_ms_per_min * steps / 60_000
    instants = np.arange(0, seconds * 1000, PERIOD_MS)
    rows = {}
    for name, changes in (("local", steps), ("remote", steps + late)):
        states = np.searchsorted(changes, instants, side="right") % 2
        rows[name] = [
            [float(at), number, 0.0, thumbnail(state, rng), 512]
            for number, (at, state) in enumerate(zip(instants, states, strict=True))
        ]
    return {**rows, "stats": [], "said": [[float(at), ms] for at, ms in said]}


@pytest.mark.parametrize("latency_ms", [20, 60, 150])
def test_a_known_latency_is_found(latency_ms):
    """To within a picture, as both videos are looked at once in each."""
    found = figures(samples(latency_ms), 2000, 38_000)
    assert found.p50_ms == pytest.approx(latency_ms, abs=PERIOD_MS)
    assert found.answered == found.steps
    assert found.fps == pytest.approx(30, abs=0.2)
    assert abs(found.drift_ms_per_min) < 3 * found.drift_error + 5


def test_a_latency_that_grows_is_found():
    """With its error: two minutes tell 20 ms a minute for sure."""
    found = figures(samples(40, seconds=120, drift_ms_per_min=20), 2000, 118_000)
    assert found.drift_ms_per_min == pytest.approx(20, abs=8)
    assert found.drift_ms_per_min > 2 * found.drift_error


def test_what_the_page_says_is_its_median_within_the_time():
    """What it said while it warmed up does not count."""
    said = [(1000, 500.0), (3000, 50.0), (4000, 60.0), (5000, 52.0)]
    assert figures(samples(40, said=said), 2000, 38_000).said_ms == 52.0
    assert figures(samples(40), 2000, 38_000).said_ms is None


def test_too_little_tells_nothing():
    """As when the portrait never came."""
    assert figures(samples(40, seconds=0.5), 0, 500) is None
