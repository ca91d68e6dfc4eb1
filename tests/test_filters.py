"""Filters: still when the driver is still, without lag when they move."""

from dataclasses import replace

import numpy as np
import pytest

from engines.geometry import euler_deg, from_euler_deg
from streamer.clock import SECOND
from streamer.retarget.filters import MotionFilter, OneEuro, Tuning, smoothed
from streamer.retarget.presence import neutral_motion
from tests.faces import times

PLAIN = Tuning(1.0, 0.0, 1.0)


def live(motions, at_ns):
    one = MotionFilter()
    return [one(motion, at) for motion, at in zip(motions, at_ns, strict=True)]


both = pytest.mark.parametrize("run", [live, smoothed])


def speech(hertz, amplitude=0.12, count=90):
    """An aperture that swings about its mean."""
    at = np.array(times(count)) / SECOND
    values = 0.2 + amplitude * np.sin(2 * np.pi * hertz * at)
    return [replace(neutral_motion(), aperture=float(v)) for v in values]


def swing(motions, hertz):
    """The amplitude of the aperture at a frequency, once the filter has settled."""
    at = np.array(times(len(motions))) / SECOND
    values = np.array([m.aperture for m in motions])[30:]
    waves = np.exp(-2j * np.pi * hertz * at[30:])
    return 2 * abs(np.mean((values - values.mean()) * waves))


def blink(phase_ms=0.0, noise=0.0):
    """Two seconds with a blink: 80 ms closing, 40 shut, 160 opening."""
    at = np.array(times(60)) / 1e6 - 100_000 - 1000 - phase_ms
    open_part = np.interp(at, [0, 80, 120, 280], [1, 0, 0, 1])
    open_part = open_part + np.random.default_rng(0).normal(0, noise, len(at))
    return [
        replace(neutral_motion(), openness=np.full(2, max(0, v), np.float32)) for v in open_part
    ]


def test_the_first_value_passes_unchanged():
    """There is nothing to compare it with; so too after a restart."""
    one = OneEuro(PLAIN)
    assert one(np.float32([3]), 0) == 3
    assert one(np.float32([9]), SECOND // 30) < 9
    one.restart()
    assert one(np.float32([9]), SECOND) == 9


def test_a_constant_stays_constant():
    """Exactly: no drift and no rounding."""
    one = OneEuro(Tuning(1, 2, 5))
    values = [one(np.float32([0.7, -2]), at) for at in times(50)]
    assert np.array_equal(values[0], values[-1])


def test_a_step_is_reached_without_overshoot():
    """The value runs to its goal and not past it."""
    one = OneEuro(PLAIN)
    one(np.float32([0]), 0)
    values = [float(one(np.float32([1]), at)[0]) for at in times(90, start_s=0.033)]
    assert (np.diff(values) >= 0).all()
    assert 0.99 < values[-1] <= 1


def test_time_counts_and_not_the_number_of_frames():
    """Twice the frame rate gives the same course."""
    slow, fast = OneEuro(PLAIN), OneEuro(PLAIN)
    for one in (slow, fast):
        one(np.float32([0]), 0)
    a = [float(slow(np.float32([1]), at)[0]) for at in range(SECOND // 30, SECOND, SECOND // 30)]
    b = [float(fast(np.float32([1]), at)[0]) for at in range(SECOND // 60, SECOND, SECOND // 60)]
    assert a[-1] == pytest.approx(b[-1], abs=0.02)


@pytest.mark.parametrize("step_ns", [0, -SECOND, 10 * SECOND])
def test_strange_clocks_do_no_harm(step_ns):
    """Equal instants, a step back, a long pause: finite values between the old and the new."""
    one = OneEuro(Tuning(1, 2, 5))
    one(np.float32([0]), SECOND)
    value = float(one(np.float32([1]), SECOND + step_ns)[0])
    assert 0 <= value <= 1


def test_the_filter_does_not_hold_on_to_what_it_is_given():
    """Changing an array after the call changes nothing in the filter."""
    one, value = OneEuro(PLAIN), np.float32([1.0])
    one(value, 0)
    value[:] = 100
    assert one(np.float32([1]), SECOND // 30) == 1


@both
@pytest.mark.parametrize("amplitude", [0.08, 0.15])
def test_speech_at_eight_hertz_passes(run, amplitude):
    """More than 70 % of the lips' swing arrives: they are never low-passed below 8 Hz."""
    motions = run(speech(8, amplitude), times(90))
    assert swing(motions, 8) > 0.7 * swing(speech(8, amplitude), 8)


@both
@pytest.mark.parametrize("phase_ms", [0, 8, 16, 25])
def test_a_blink_shuts_the_eyes(run, phase_ms):
    """Wherever the frames fall, openness comes near 0, and is back half a second later."""
    motions = run(blink(phase_ms, noise=0.02), times(60))
    openness = np.array([m.openness.min() for m in motions])
    assert openness.min() < 0.08
    assert openness[50:].mean() > 0.9


@both
def test_touching_lips_and_shut_lids_stay_so(run):
    """An exact 0 remains an exact 0 in the very frame it belongs to."""
    motions = [
        replace(m, aperture=0.0 if i % 7 == 3 else m.aperture) for i, m in enumerate(speech(3))
    ]
    shut = [i for i, m in enumerate(motions) if m.aperture == 0]
    found = run(motions, times(90))
    assert all(found[i].aperture == 0 for i in shut)
    lids = run(blink(), times(60))
    raw = blink()
    assert all((lids[i].openness == 0).all() for i in range(60) if raw[i].openness.max() == 0)


@both
def test_noise_of_a_still_driver_is_damped(run):
    """Head and lids shake less than their landmarks."""
    random = np.random.default_rng(4)
    raw = [
        replace(
            neutral_motion(),
            rotation=from_euler_deg(5 + random.normal(0, 0.25), 0, 0),
            openness=np.float32(0.9 + random.normal(0, 0.02, 2)),
        )
        for _ in range(120)
    ]
    found = run(raw, times(120))
    for of in (lambda m: euler_deg(m.rotation)[0], lambda m: float(m.openness[0])):
        noise = [np.std(np.diff([of(m) for m in motions][30:])) for motions in (raw, found)]
        assert noise[1] < 0.8 * noise[0]


@both
def test_a_turn_of_the_head_is_followed(run):
    """25 degrees back and forth at 0.8 Hz: within four degrees, nearly to the full angle."""
    at = np.array(times(120)) / SECOND
    yaws = 25 * np.sin(2 * np.pi * 0.8 * at)
    motions = [replace(neutral_motion(), rotation=from_euler_deg(y, 0, 0)) for y in yaws]
    found = np.array([euler_deg(m.rotation)[0] for m in run(motions, times(120))])
    error = (found - yaws)[10:-10]
    assert np.sqrt(np.mean(error**2)) < 4
    assert found.max() > 21


def test_a_recording_is_filtered_without_lag():
    """The middle of a blink stays where it was, to a hundredth of a second."""

    def middle(motions):
        shut = 1 - np.array([m.openness[0] for m in motions])
        return np.average(times(60), weights=shut) / 1e6

    assert middle(smoothed(blink(), times(60))) == pytest.approx(middle(blink()), abs=10)


@both
def test_motions_stay_motions(run):
    """Rotations stay rotations, types stay, and one frame alone passes unchanged."""
    motions = run(speech(3)[:1], times(1))
    assert motions[0].aperture == pytest.approx(speech(3)[0].aperture)
    turned = [replace(neutral_motion(), rotation=from_euler_deg(i, -i, i / 2)) for i in range(20)]
    for motion in run(turned, times(20)):
        assert np.allclose(motion.rotation @ motion.rotation.T, np.eye(3), atol=1e-5)
        assert motion.deltas.dtype == motion.openness.dtype == motion.rotation.dtype == np.float32
        assert isinstance(motion.aperture, float)


def test_an_empty_recording_is_empty():
    """Nothing in, nothing out."""
    assert smoothed([], []) == []


def test_what_moves_together_is_filtered_together():
    """A group in motion is followed at once, also where its own part of the motion is small."""
    tuning = Tuning(0.5, 100.0, 5.0, 0.02)
    groups = np.float32([[1, 1, 0, 0], [0, 0, 1, 1]])
    alone, together = OneEuro(tuning), OneEuro(tuning, groups)
    for at in times(30):
        ramp = (at / SECOND - 100) * np.float32([1.0, 0.001, 0.001, 0])
        a, b = alone(ramp, at), together(ramp, at)
    assert ramp[1] - b[1] < 0.1 * (ramp[1] - a[1]) + 1e-5
    assert ramp[2] - b[2] > 10 * (ramp[1] - b[1])


def delay_ms(wave, found):
    """How much later the same sine comes."""
    turns = np.exp(-2j * np.pi * np.array(times(len(wave))) / SECOND)[30:]
    early, late = (np.angle(np.sum(turns * values[30:])) for values in (wave, found))
    return float((early - late) / (2 * np.pi) * 1000)


def test_the_live_head_lags_by_less_than_a_frame():
    """A nod of eight degrees once a second comes less than 15 ms late."""
    yaws = 8 * np.sin(2 * np.pi * np.array(times(150)) / SECOND)
    motions = [replace(neutral_motion(), rotation=from_euler_deg(y, 0, 0)) for y in yaws]
    found = np.array([euler_deg(m.rotation)[0] for m in live(motions, times(150))])
    assert 0 <= delay_ms(yaws, found) < 15
