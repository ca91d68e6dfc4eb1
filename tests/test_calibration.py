"""The driver's neutral face: found, given, or learnt."""

from itertools import pairwise

import numpy as np
import pytest

from engines.geometry import euler_deg, fit_pose
from streamer.clock import SECOND
from streamer.errors import MediaError
from streamer.retarget.calibration import Calibration, RunningCalibration, calibrate
from streamer.retarget.look import look
from streamer.retarget.measure import eye_ratio, gaze_of, lip_gap
from tests.faces import demo, driver, times

CALM = {"turn": (0, 0, 0), "lids": (1, 1), "lips": 0.0}


def clip():
    """Talking and turned at first, calm later, with one blink and a gap."""
    lively = [driver(turn=(20, 5, 5), lips=0.3 + 0.01 * i) for i in range(20)]
    blink = [driver(lids=(o, o), lips=0.0) for o in (0.5, 0, 0, 0.5)]
    return [*lively, None, None, *[driver(**CALM)] * 12, *blink, *lively]


def test_the_neutral_face_is_the_calm_one_and_not_the_first():
    """Straight, lips together, eyes open, though the clip begins in the middle of a word."""
    found = calibrate(clip())
    assert euler_deg(found.pose.rotation) == pytest.approx(
        euler_deg(fit_pose(driver(**CALM)).rotation), abs=1
    )
    assert lip_gap(found.points) < 0.03
    assert found.eye_open == pytest.approx(eye_ratio(calm_points()), rel=0.05)


def calm_points():
    calm = driver(**CALM)
    return fit_pose(calm).to_head(calm)


def test_the_bundled_clip_has_a_neutral_face():
    """Of a lively clip: near straight, mouth shut, eyes open."""
    found = calibrate(demo().landmarks)
    assert np.abs(euler_deg(found.pose.rotation)[0]) < 8
    assert lip_gap(found.points) < 0.05
    assert found.eye_open.min() > 0.2
    assert (found.eye_shut < 0.5 * found.eye_open).all()


def test_a_clip_without_a_face_is_refused():
    """One line that says what is needed."""
    with pytest.raises(MediaError, match="no face") as caught:
        calibrate([None, None])
    assert "\n" not in str(caught.value)
    with pytest.raises(MediaError):
        calibrate([])


def test_one_frame_is_enough():
    """A photo as driving clip: its face is the neutral one."""
    found = calibrate([driver()])
    assert np.allclose(found.points, Calibration.of(driver()).points, atol=1e-5)


def test_this_very_face_is_neutral():
    """Everything is measured on the one face given."""
    found = Calibration.of(driver(turn=(10, 0, 0)))
    points = found.pose.to_head(driver(turn=(10, 0, 0)))
    assert np.allclose(found.points, points, atol=1e-5)
    assert np.allclose(found.eye_open, eye_ratio(points))
    assert (found.eye_shut < found.eye_open).all()
    assert np.allclose(found.gaze, gaze_of(points))


def test_a_blink_in_the_clip_tells_how_shut_eyes_look():
    """The level of shut lids is at least that of the blink, and far from open."""
    half_shut = [driver(lids=(0.35, 0.35), lips=0.0)] * 4
    found = calibrate([*[driver(**CALM)] * 60, *half_shut])
    ratio = eye_ratio(calm_points())
    assert (found.eye_shut >= 0.3 * ratio).all()
    assert (found.eye_shut <= 0.5 * ratio).all()


def test_a_clip_with_shut_eyes_throughout_is_no_accident():
    """Levels stay apart, so that nothing is divided by zero."""
    found = calibrate([driver(lids=(0, 0))] * 10)
    assert np.isfinite(found.eye_open).all()
    assert (found.eye_shut <= found.eye_open).all()


def test_the_running_calibration_begins_with_the_first_face():
    """A portrait moves from the first frame on, around the face as it came."""
    found = RunningCalibration().see(look(driver(turn=(8, 0, 0))), SECOND)
    assert np.allclose(found.points, Calibration.of(driver(turn=(8, 0, 0))).points, atol=1e-4)


def test_the_running_calibration_finds_the_calm_face():
    """Seconds after a lively start the neutral face is the calm one."""
    running = RunningCalibration()
    for i, at in enumerate(times(240)):
        face = driver(turn=(20, 5, 5), lips=0.35) if i < 60 else driver(**CALM)
        found = running.see(look(face), at)
    straight = euler_deg(fit_pose(driver(**CALM)).rotation)
    assert euler_deg(found.pose.rotation) == pytest.approx(straight, abs=3)
    assert lip_gap(found.points) < 0.05


def test_the_running_calibration_never_jumps():
    """From one frame to the next the neutral face moves by a trace, whatever the driver does."""
    running = RunningCalibration()
    faces = [driver(turn=(25 * np.sin(i / 9), 0, 0), lips=0.3 * (i % 11 > 5)) for i in range(200)]
    found = [running.see(look(face), at) for face, at in zip(faces, times(200), strict=True)]
    steps = [np.abs(b.points - a.points).max() for a, b in pairwise(found)]
    assert max(steps) < 0.01
    turns = [euler_deg(one.pose.rotation)[0] for one in found]
    assert np.abs(np.diff(turns)).max() < 2


def test_a_still_driver_keeps_their_calibration():
    """The same face for twenty seconds: the neutral does not wander."""
    running = RunningCalibration()
    found = [running.see(look(driver()), at) for at in times(600)]
    assert np.abs(found[-1].points - found[0].points).max() < 1e-5
    assert np.abs(found[-1].pose.rotation - found[0].pose.rotation).max() < 1e-5
