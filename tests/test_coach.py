"""Whose neutral face is used: learnt, saved, or taken when asked for."""

import logging

import numpy as np
import pytest

from streamer.retarget.calibration import Calibration
from streamer.retarget.store import CalibrationStore
from tests.faces import driver, portrait
from tests.rehearsal import CALM, Stage, steps, yaw

SLUMPED = {"turn": (6, 5, 0), "lips": 0.02}


def test_a_countdown_takes_the_face_that_is_there():
    """3, 2, 1, hold still; then this face is neutral, at once and without a jump."""
    with Stage() as stage:
        stage.settle()
        before = stage.see(driver(**SLUMPED), 1)
        stage.set(neutral=1)
        prompts, shots = [], []
        for _ in range(150):
            shots += stage.see(driver(**SLUMPED))
            prompts.append(stage.live.prompt)
        counts = [p.rpartition(": ")[2] for i, p in enumerate(prompts) if p not in prompts[:i]]
        assert counts[:4] == ["3", "2", "1", "hold still"]
        assert "taken" in counts[4]
        assert abs(yaw(shots[-1])) < 0.3
        assert max(steps([before[-1], *shots])) < 0.05
        assert stage.live.calibration.startswith("taken 1 s ago, quality 80")
        stage.see(driver(**SLUMPED), 4)
        assert stage.live.prompt == ""
        stage.see(driver(**SLUMPED), 130)
        assert "2 min" in stage.live.calibration


def restless(i):
    return driver(turn=(10 * np.sin(i / 3), 0, 0), **CALM)


@pytest.mark.parametrize(
    ("face", "words"),
    [(None, "no face"), (restless, "the head moved"), (driver(lips=0.5), "the mouth was open"),
     (lambda i: driver(lips=0.06 * (i % 3)), "the mouth moved")],
)  # fmt: skip
def test_a_countdown_that_fails_keeps_the_old_neutral(face, words, caplog):
    """It is said why, and what to press."""
    with Stage() as stage:
        stage.settle()
        stage.set(neutral=1)
        stage.see(face, 4)
        assert words in stage.live.prompt
        assert "press c" in stage.live.prompt
        assert stage.live.calibration == "learning"
        assert words in caplog.text


def test_the_most_neutral_face_of_the_last_seconds():
    """At once; the mouth of now does not matter."""
    with Stage() as stage:
        stage.settle()
        stage.set(best_neutral=1)
        stage.see(driver(turn=(20, 0, 0), lips=0.4), 0.1)
        assert stage.live.calibration.startswith("taken")
        assert abs(yaw(stage.settle(1)[-1])) < 1


def test_the_most_neutral_face_of_nobody():
    """Said, and nothing is changed."""
    with Stage() as stage:
        stage.see(None, 1)
        stage.set(best_neutral=1)
        stage.see(None, 0.1)
        assert "nobody" in stage.live.prompt
        assert stage.live.calibration == "learning"


def test_the_guide_runs_eight_seconds(caplog):
    """Asked for on the desk, told in the prompt; here nothing but the neutral is shown to it."""
    with Stage() as stage, caplog.at_level(logging.INFO):
        stage.settle()
        stage.set(guide=1)
        stage.see(driver(**CALM), 7.9)
        assert stage.live.prompt.startswith("step 4 of 4")
        stage.see(driver(**CALM), 0.3)
        assert "no blink seen" in stage.live.prompt
        assert stage.live.calibration.startswith("taken 0 s ago, quality 40")
        assert "calibrated, quality 40" in caplog.text


def test_a_calibration_is_saved_and_used_in_the_next_run(tmp_path):
    """For the same driver and camera, from the first frame on; not for another camera."""
    store = CalibrationStore(tmp_path / "calibrations")
    with Stage(store=store) as stage:
        stage.settle(1)
        stage.set(neutral=1)
        stage.see(driver(**SLUMPED), 4)
    with Stage(store=store) as stage:
        first = stage.see(driver(**SLUMPED), 6)
        assert stage.live.calibration == "saved for ada at HD Webcam, quality 80"
        assert abs(yaw(first[0])) < 0.3
        stage.camera = "Another"
        stage.settle(0.1)
        assert stage.live.calibration == "learning"
        stage.camera = ""
        stage.settle(0.1)
        stage.camera = "HD Webcam"
        stage.settle(0.1)
        assert stage.live.calibration.startswith("saved for ada")


def test_a_saved_calibration_of_another_face_is_told_and_left(tmp_path, caplog):
    """After a few seconds of looking: a warning with the key to press, and learning instead."""
    store = CalibrationStore(tmp_path)
    stranger = driver(**CALM, face=portrait("bruno").points * np.float32([0.9, 1.1, 1]))
    store.save("ada", "HD Webcam", Calibration.of(stranger), 87)
    with Stage(store=store) as stage:
        shots = stage.settle(8)
        assert stage.live.calibration == "learning"
        assert "press c" in caplog.text
        assert max(steps(shots)) < 0.1


def test_a_store_that_cannot_be_written_is_told_and_nothing_ends(tmp_path, caplog):
    """The calibration is used all the same."""
    (tmp_path / "file").touch()
    with Stage(store=CalibrationStore(tmp_path / "file")) as stage:
        stage.settle(1)
        stage.set(best_neutral=1)
        stage.settle(0.5)
        assert stage.live.calibration.startswith("taken")
    assert "not saved" in caplog.text


def test_a_failure_of_saving_that_nobody_foresaw_is_not_lost(tmp_path):
    """It ends the stage, as any failure does."""

    class Broken(CalibrationStore):
        def save(self, *_):
            raise ZeroDivisionError

    def until_it_fails():
        for _ in range(10_000):
            stage.settle(0.04)

    with Stage(store=Broken(tmp_path)) as stage:
        stage.settle(1)
        stage.set(best_neutral=1)
        with pytest.raises(ZeroDivisionError):
            until_it_fails()


def test_counts_from_before_the_start_ask_for_nothing():
    """A desk that has seen a run before does not begin with a countdown."""
    stage = Stage()
    stage.set(neutral=3, guide=2, best_neutral=5)
    with stage:
        stage.settle(0.2)
        assert stage.live.prompt == ""


def test_calibrating_behind_the_card():
    """Panic hides the portrait, and not the countdown."""
    with Stage() as stage:
        stage.settle(1)
        stage.set(panic=True, neutral=1)
        stage.settle(5)
        assert stage.live.calibration.startswith("taken")
