"""The guided calibration and the countdown, as machines fed with looks and instants."""

import numpy as np
import pytest

from streamer.clock import SECOND
from streamer.retarget.calibration import at_rest, most_neutral, unlikeness
from streamer.retarget.coach import STRANGER
from streamer.retarget.guide import Guide
from streamer.retarget.look import look
from streamer.retarget.measure import eye_ratio
from streamer.retarget.still import Countdown, clarity, settled, shake_px
from tests.faces import demo, driver, portrait, times

CALM = {"lips": 0.01}


def actor(at_s, left_out=""):
    """Who does what the words ask, `at_s` after the start."""
    blink, speak, turn = (part != left_out for part in ("blink", "speak", "turn"))
    at = at_s - 2.5
    lids = 1.0
    if blink and 0 <= at < 2:
        lids = float(min(np.interp(at, [c - 0.1, c, c + 0.1], [1, 0.2, 1]) for c in (0.6, 1.4)))
    at -= 2
    lips = float(np.interp(at, [0.6, 0.9, 1.4, 1.5], [0.02, 0.35, 0.3, 0.02])) if speak else 0.01
    at -= 1.5
    yaw = 16 * np.sin(2 * np.pi * at / 2) if turn and at >= 0 else 0
    return driver(turn=(yaw, 0, 0), lids=(lids, lids), lips=lips)


def guided(face, fps=30):
    """The outcome of eight seconds, and the prompts on the way."""
    guide, prompts = Guide(100 * SECOND), []
    for at_ns in times(9 * fps, step_ns=SECOND // fps):
        seen = face((at_ns - 100 * SECOND) / SECOND)
        outcome = guide.see(None if seen is None else look(seen), at_ns)
        if outcome is not None:
            return outcome, prompts, (at_ns - 100 * SECOND) / SECOND
        prompts.append(guide.prompt)
    raise AssertionError("it does not end")


@pytest.mark.parametrize("fps", [10, 30, 60])
def test_who_does_as_asked_is_calibrated(fps):
    """In eight seconds: neutral, lids, lips; the quality is high and each part is told."""
    outcome, _, seconds = guided(actor, fps)
    assert seconds == pytest.approx(8, abs=1.1 / fps)
    assert outcome.quality >= 95
    assert "2 blinks seen" in outcome.words
    assert '"mm-ah" seen' in outcome.words
    assert "turned 3" in outcome.words
    assert outcome.words.startswith("shake 0.")
    found, neutral = outcome.calibration, look(driver(**CALM))
    assert np.abs(found.points - neutral.points).max() < 5e-3
    assert found.eye_open == pytest.approx(eye_ratio(neutral.points), rel=0.05)
    assert 0.2 <= (found.eye_shut / found.eye_open).max() <= 0.3
    assert 0.02 < found.lips_touch < 0.04


def test_the_words_come_in_order_with_the_seconds_left():
    """Each of the four, counting down."""
    _, prompts, _ = guided(actor)
    starts = [p for i, p in enumerate(prompts) if i == 0 or p[:6] != prompts[i - 1][:6]]
    assert starts == [
        "step 1 of 4: look straight at the camera, lips closed (3 s)",
        "step 2 of 4: blink twice (2 s)",
        'step 3 of 4: say "mm-ah" (2 s)',
        "step 4 of 4: look left, right, up and down (2 s)",
    ]
    assert any("(1 s)" in p for p in prompts if p.startswith("step 4"))


@pytest.mark.parametrize(
    ("left_out", "words"),
    [("blink", "no blink seen, usual lids"), ("speak", 'no "mm-ah" seen, usual lips'),
     ("turn", "no looking around seen")],
)  # fmt: skip
def test_what_was_not_done_is_told_and_the_usual_is_used(left_out, words):
    """The rest counts all the same, for less quality."""
    outcome, _, _ = guided(lambda at_s: actor(at_s, left_out))
    usual = at_rest([look(driver(**CALM))] * 3)
    assert words in outcome.words
    assert 60 <= outcome.quality <= 90
    if left_out == "blink":
        assert np.allclose(outcome.calibration.eye_shut, usual.eye_shut, rtol=0.1)
    if left_out == "speak":
        assert outcome.calibration.lips_touch == usual.lips_touch


@pytest.mark.parametrize(
    ("face", "words"),
    [
        (lambda _: None, "no face was seen"),
        (lambda at_s: driver(turn=(20 * np.sin(4 * at_s), 0, 0), **CALM), "the head moved"),
        (lambda _: driver(lips=0.4), "the mouth was open"),
    ],
)
def test_without_a_calm_face_nothing_is_changed(face, words):
    """It is said why, and how to begin again."""
    outcome, _, _ = guided(face)
    assert outcome.calibration is None
    assert outcome.words.startswith(words)
    assert "press g" in outcome.words


def test_a_face_that_is_lost_after_the_first_step_leaves_the_usual():
    """Whoever walks away has at least a neutral face."""
    outcome, _, _ = guided(lambda at_s: actor(at_s) if at_s < 2.5 else None)
    assert outcome.calibration is not None
    assert "no blink" in outcome.words


def test_a_noisy_face_is_of_less_quality():
    """The shake is told in pixels of a face 200 px wide."""
    random = np.random.default_rng(1)

    def shaky(at_s):
        return actor(at_s) + random.normal(0, 0.6, (478, 3)).astype(np.float32)

    outcome, _, _ = guided(shaky)
    calm, _, _ = guided(actor)
    assert outcome.quality < calm.quality - 15
    assert float(outcome.words.split()[1]) > 0.8


def test_the_guide_takes_any_course_of_time():
    """Frames that come late or not at all: it ends at the first frame after the eight seconds."""
    guide = Guide(0)
    assert guide.see(look(driver(**CALM)), SECOND) is None
    assert guide.see(look(driver(**CALM)), SECOND // 2) is None
    outcome = guide.see(look(driver(**CALM)), 60 * SECOND)
    assert outcome is not None
    assert outcome.calibration is None


def counted(faces, learnt=None):
    countdown, outcome = Countdown(100 * SECOND, learnt), None
    for face, at_ns in zip(faces, times(len(faces)), strict=True):
        outcome = outcome or countdown.see(None if face is None else look(face), at_ns)
    return outcome


def test_a_blink_during_the_countdown_does_no_harm():
    """Its frames are left out of the mean."""
    faces = [driver(**CALM)] * 150
    faces[97:101] = [driver(lids=(o, o), **CALM) for o in (0.5, 0.1, 0.1, 0.5)]
    found = counted(faces).calibration
    assert found.eye_open == pytest.approx(eye_ratio(look(driver(**CALM)).points), rel=0.03)


def test_the_countdown_knows_the_blinks_of_the_seconds_before():
    """How far this driver's lids come down is not forgotten."""
    learnt = most_neutral([look(driver(lids=(o, o), **CALM)) for o in [1] * 30 + [0.25] * 4])
    found = counted([driver(**CALM)] * 150, learnt).calibration
    assert found.eye_shut / found.eye_open == pytest.approx(learnt.eye_shut / learnt.eye_open)
    usual = counted([driver(**CALM)] * 150).calibration
    assert not np.allclose(found.eye_shut, usual.eye_shut)


def test_a_countdown_at_a_slow_camera_waits_for_three_frames():
    """At two frames a second it takes a little longer, and works."""
    countdown = Countdown(0)
    outcomes = [countdown.see(look(driver(**CALM)), i * SECOND // 2) for i in range(12)]
    assert [i for i, one in enumerate(outcomes) if one][:1] == [9]
    assert outcomes[9].quality == 80


def test_talking_people_are_not_at_rest():
    """The bundled driver looks around and talks: hardly any part of it counts as still."""
    looks = [look(face) for face in demo().landmarks if face is not None]
    parts = [looks[i : i + 18] for i in range(0, len(looks) - 18, 9)]
    assert np.mean([settled(part, 18) == "" for part in parts]) < 0.3


def test_clarity_is_bounded():
    """1 without shake, 0 from some shake on."""
    still = [look(driver(**CALM))] * 4
    assert shake_px(still) == 0
    assert (clarity(0), clarity(100)) == (1, 0)


def test_two_faces_are_told_apart_and_one_is_not():
    """The same face from near is the same; those of the bundled portraits are not each other's."""
    faces = {name: at_rest([look(portrait(name).landmarks)] * 3) for name in ("ada", "bruno")}
    near = at_rest([look(driver(face=portrait("ada").points, size=300, turn=(5, 0, 0)))] * 3)
    assert unlikeness(faces["ada"], near) < 0.2 * STRANGER
    unlike = unlikeness(faces["ada"], faces["bruno"])
    assert unlike is None or unlike > STRANGER


def test_from_another_side_nothing_is_said_about_likeness():
    """The detector finds another shape there."""
    turned = at_rest([look(driver(turn=(25, 0, 0)))] * 3)
    assert unlikeness(at_rest([look(driver())] * 3), turned) is None
