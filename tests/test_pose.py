"""From the driver's pose to the portrait's."""

import numpy as np
import pytest

from engines.geometry import euler_deg, fit_pose, from_euler_deg
from streamer.config import LimitsConfig
from streamer.retarget.pose import (
    NECK,
    head_shift,
    limited_rotation,
    scaled_rotation,
    smooth_step,
    soft_limit,
)
from tests.faces import driver

LIMITS = LimitsConfig()


def test_the_soft_limit_leaves_small_values_alone():
    """Up to the knee nothing changes."""
    for value in (-20.0, -3.0, 0.0, 7.5, 20.0):
        assert soft_limit(value, 20, 30) == value


def test_the_soft_limit_is_continuous_monotone_odd_and_bounded():
    """It bends without a step and never passes the limit, whatever comes."""
    values = np.linspace(-200, 200, 8001)
    limited = np.array([soft_limit(float(v), 20, 30) for v in values])
    steps = np.diff(limited)
    assert (steps >= 0).all()
    assert steps.max() <= np.diff(values).max() + 1e-9
    assert np.allclose(limited, -limited[::-1])
    assert np.abs(limited).max() <= 30
    assert soft_limit(1e9, 20, 30) == pytest.approx(30)


def test_the_soft_limit_bends_smoothly_at_the_knee():
    """Its slope there is 1 on both sides."""
    before = soft_limit(20, 20, 30) - soft_limit(19.99, 20, 30)
    after = soft_limit(20.01, 20, 30) - soft_limit(20, 20, 30)
    assert after == pytest.approx(before, rel=0.01)


def test_a_limit_at_its_knee_is_a_wall():
    """No room means no more, and no division by zero."""
    assert soft_limit(50, 20, 20) == pytest.approx(20, abs=1e-5)
    assert soft_limit(-50, 0, 0) == pytest.approx(0, abs=1e-5)


def test_smooth_step_runs_from_zero_to_one():
    """Flat at both ends, half-way in the middle, clamped outside."""
    assert [smooth_step(x) for x in (-1, 0, 0.5, 1, 2)] == [0, 0, 0.5, 1, 1]
    assert smooth_step(0.01) < 0.001


@pytest.mark.parametrize("yaw", [-60, -40, 40, 60])
def test_yaw_stays_inside_its_limit(yaw):
    """Sixty degrees of the driver are at most thirty of the picture, in the same direction."""
    found, _, _ = euler_deg(limited_rotation(from_euler_deg(yaw, 0, 0), LIMITS, 0.0))
    assert LIMITS.yaw_deg[0] < abs(found) <= LIMITS.yaw_deg[1] + 1e-3
    assert np.sign(found) == np.sign(yaw)


@pytest.mark.parametrize("seed", range(5))
def test_any_turn_stays_inside_all_limits(seed):
    """Yaw, pitch and roll, however they are mixed."""
    random = np.random.default_rng(seed)
    rotation = from_euler_deg(*random.uniform([-80, -70, -90], [80, 70, 90]))
    limited = limited_rotation(rotation, LIMITS, 0.0)
    bounds = (LIMITS.yaw_deg[1], LIMITS.pitch_deg[1], LIMITS.roll_deg[1])
    assert (np.abs(euler_deg(limited)) <= np.array(bounds) + 1e-3).all()
    assert np.allclose(limited @ limited.T, np.eye(3), atol=1e-5)


def test_a_turn_inside_the_limits_is_not_changed():
    """Nothing is bent where the picture holds."""
    rotation = from_euler_deg(15, -8, 20)
    assert np.allclose(limited_rotation(rotation, LIMITS, 0.0), rotation, atol=1e-5)


def test_a_turned_photo_has_less_room_towards_its_hidden_cheek():
    """Turning further away costs nothing; turning back is held shorter, never reversed."""
    back, on = from_euler_deg(-28, 0, 0), from_euler_deg(28, 0, 0)
    yaws = [-euler_deg(limited_rotation(back, LIMITS, photo))[0] for photo in (0, 15, 25, 45)]
    assert yaws == sorted(yaws, reverse=True)
    assert 0 < yaws[-1] < yaws[0]
    further = limited_rotation(on, LIMITS, 25.0)
    assert np.allclose(further, limited_rotation(on, LIMITS, 0.0))


@pytest.mark.parametrize("gain", [0, 0.5, 1, 1.5])
def test_a_gain_scales_the_angle(gain):
    """Half the gain, half the turn, about the same axis."""
    found = euler_deg(scaled_rotation(from_euler_deg(18, 0, 0), gain))
    assert found == pytest.approx((18 * gain, 0, 0), abs=1e-3)


def test_turning_the_head_does_not_shift_the_neck():
    """A driver who only turns about the neck moves it nowhere."""
    neutral = fit_pose(driver())
    turn = from_euler_deg(20, 10, 5)
    neck = NECK - turn @ NECK
    at = np.array([320.0, 240.0, 0.0]) + 150 * neck
    moved = fit_pose(driver(turn=(20, 10, 5), at=at))
    assert np.abs(head_shift(neutral, moved)).max() < 0.03


def test_a_step_aside_is_measured_in_face_widths():
    """The driver's face is 150 px wide and goes 75 px to the right: half a face width."""
    neutral, moved = fit_pose(driver()), fit_pose(driver(at=(395, 240, 0)))
    face_px = neutral.scale
    assert head_shift(neutral, moved) == pytest.approx((75 / face_px, 0), abs=1e-3)
