"""The retargeter of a run: what is asked for while it runs, and what is shown meanwhile."""

from dataclasses import fields, replace

import numpy as np
import pytest

from engines.geometry import euler_deg
from streamer.clock import SECOND
from streamer.config import Config, GainsConfig, PresenceConfig, RetargetConfig
from streamer.retarget import driver_name
from tests.faces import FRAME_NS, driver, portrait
from tests.rehearsal import CALM, Cast, Stage, steps, yaw


def test_a_driver_moves_the_portrait():
    """Tracked, named, and turned as the driver turns."""
    with Stage() as stage:
        stage.settle()
        shot = stage.see(driver(turn=(15, 0, 0), **CALM), 1)[-1]
        assert (shot.portrait, shot.card) == ("ada", None)
        assert yaw(shot) == pytest.approx(0.9 * 15, abs=1)
        assert (stage.live.presence, stage.live.portrait) == ("tracked", "ada")
        assert (stage.live.prompt, stage.live.calibration) == ("", "learning")


def test_another_portrait_is_shown_at_the_next_frame():
    """The shot after the wish bears its name; the head goes on where it was."""
    with Stage() as stage:
        stage.settle()
        before = stage.see(driver(turn=(12, 4, 0), **CALM), 1)
        stage.set(portrait="mei")
        after = stage.see(driver(turn=(12, 4, 0), **CALM), 1)
        assert {shot.portrait for shot in after} == {"mei"}
        assert max(steps([before[-1], *after])) < 0.02
        assert stage.live.portrait == "mei"
        assert stage.live.presence == "tracked"


def test_a_portrait_that_is_not_ready_leaves_the_old_one_on():
    """Until it is ready, for ever if need be; then at the next frame."""
    with Stage() as stage:
        stage.set(portrait="bruno")
        assert {shot.portrait for shot in stage.settle(2)} == {"ada"}
        stage.cast.there["bruno"] = portrait("bruno")
        assert stage.settle(0.1)[0].portrait == "bruno"


def test_a_switch_while_nobody_is_there_keeps_idling():
    """Presence carries over: no return, no hold, no jump."""
    with Stage() as stage:
        stage.settle()
        before = stage.see(None, 2)
        stage.set(portrait="mei")
        after = stage.see(None, 1)
        assert stage.live.presence == "idle"
        assert max(lidless_steps([before[-1], *after])) < 0.02


def lidless_steps(shots):
    """Without the lids: idle life blinks."""
    lids = np.ones(2, np.float32)
    return steps([replace(s, motion=replace(s.motion, openness=lids)) for s in shots])


def test_in_absolute_mode_the_head_stays_where_it_looks():
    """Another photo is turned otherwise: the sum of photo and turn is what stays."""
    config = Config(retarget=RetargetConfig(mode="absolute"))
    with Stage(config) as stage:
        face = driver(turn=(10, 0, 0), **CALM)
        before = stage.see(face, 1)[-1]
        stage.set(portrait="mei")
        after = stage.see(face)[0]
        looks = [yaw(s) + euler_deg(portrait(s.portrait).pose.rotation)[0] for s in (before, after)]
        assert looks[0] == pytest.approx(looks[1], abs=2)


def test_gains_glide_to_where_they_are_set():
    """Half the head at once is no jump; a second later it is half."""
    with Stage() as stage:
        stage.settle()
        face = driver(turn=(16, 0, 0), **CALM)
        before = stage.see(face, 2)
        stage.set(gains=GainsConfig(head=0.45))
        after = stage.see(face, 2)
        assert yaw(after[-1]) == pytest.approx(yaw(before[-1]) / 2, abs=0.5)
        assert max(steps([before[-1], *after])) < np.radians(4)


def test_the_mirror_turns_within_a_moment():
    """From one side to the other in 200 ms, without a jump."""
    with Stage() as stage:
        stage.settle()
        face = driver(turn=(14, 0, 0), **CALM)
        before = stage.see(face, 2)
        stage.set(mirror=True)
        after = stage.see(face, 0.5)
        assert yaw(after[-1]) == pytest.approx(-yaw(before[-1]), abs=0.5)
        assert max(steps([before[-1], *after])) < np.radians(8)


def test_panic_is_a_card_from_the_very_next_frame():
    """And nothing of the driver's motion below it; the return is blended, without a card."""
    with Stage() as stage:
        stage.settle()
        face = driver(turn=(14, 3, 0), lips=0.3)
        stage.see(face, 1)
        stage.set(panic=True)
        shots = stage.see(face, 1)
        assert {shot.card for shot in shots} == {"Back soon"}
        assert max(abs(yaw(shot)) for shot in shots) < 3
        assert stage.live.presence == "card"
        stage.set(panic=False)
        after = stage.see(face, 1)
        assert {shot.card for shot in after} == {None}
        assert max(steps([shots[-1], *after])) < 0.12
        assert stage.live.presence == "tracked"


def test_after_a_panic_with_nobody_there_the_card_does_not_come_at_once():
    """The time without a face counts from its end."""
    with Stage(Config(presence=PresenceConfig(card_after_s=2.0))) as stage:
        stage.settle(1)
        stage.set(panic=True)
        stage.see(None, 4)
        stage.set(panic=False)
        shots = stage.see(None, 3)
        assert [shot.card for shot in shots[:58]] == [None] * 58
        assert shots[-1].card == "Back soon"


def test_idle_is_eased_into_and_left():
    """While it is on the driver moves nothing; afterwards the return is blended."""
    with Stage() as stage:
        stage.settle()
        face = driver(turn=(14, 3, 0), **CALM)
        before = stage.see(face, 1)
        stage.set(idle=True)
        during = stage.see(lambda i: driver(turn=(14 - i, 0, 0), lips=0.3), 2)
        assert stage.live.presence == "idle"
        assert max(abs(yaw(shot)) for shot in during[15:]) < 3
        assert max(m.motion.aperture for m in during[15:]) == 0
        stage.set(idle=False)
        after = stage.see(face, 1)
        assert max(lidless_steps([before[-1], *during, *after])) < 0.1
        assert yaw(after[-1]) == pytest.approx(yaw(before[-1]), abs=1)


def test_a_wish_to_idle_never_ends_in_a_card():
    """Whoever chose it may leave the desk; the time counts from its end."""
    with Stage(Config(presence=PresenceConfig(card_after_s=1.0))) as stage:
        stage.settle(1)
        stage.set(idle=True)
        assert {shot.card for shot in stage.see(None, 3)} == {None}
        stage.set(idle=False)
        cards = [shot.card for shot in stage.see(None, 2)]
        assert cards[0] is None
        assert cards[-1] == "Back soon"


def test_a_driver_who_leaves_is_followed_by_idle_life_and_then_the_card():
    """Hold, ease, idle, card; and the portrait again, blended, when they are back."""
    with Stage(Config(presence=PresenceConfig(card_after_s=3.0, text="Tea"))) as stage:
        stage.settle()
        seen = []
        for _ in range(120):
            shot = stage.see(None)[0]
            seen.append((stage.live.presence, shot.card))
        order = [one for i, one in enumerate(seen) if i == 0 or one != seen[i - 1]]
        assert order == [("hold", None), ("ease", None), ("idle", None), ("card", "Tea")]
        assert seen.index(("card", "Tea")) * FRAME_NS == pytest.approx(3 * SECOND, abs=2 * FRAME_NS)
        back = stage.see(driver(**CALM), 0.1)
        assert back[0].card is None
        assert stage.live.presence == "return"


@pytest.mark.parametrize(("after_s", "card"), [(2.0, "Back soon"), (None, None)])
def test_a_driver_who_never_comes(after_s, card):
    """Idle life, then the card; never, where it is set so."""
    with Stage(Config(presence=PresenceConfig(card_after_s=after_s))) as stage:
        shots = stage.see(None, 4)
        assert shots[0].card is None
        assert shots[-1].card == card


RUBBISH = {
    "nan": driver() * np.float32(np.nan),
    "one nan": np.where(np.arange(1434).reshape(478, 3) == 700, np.nan, driver()),
    "infinite": driver() + np.float32(np.inf),
    "far away": driver() + np.float32(1e9),
    "one point": np.full((478, 3), 7, np.float32),
    "noise": np.random.default_rng(0).normal(300, 80, (478, 3)),
    "few points": driver()[:468],
    "a line": driver() * np.float32([1, 0, 0]),
    "huge": driver() * np.float32(1e30),
}


@pytest.mark.parametrize("name", RUBBISH)
def test_what_cannot_be_a_face_is_none(name):
    """Held like a lost face, and every number stays finite."""
    with Stage() as stage:
        before = stage.settle()[-1]
        shots = stage.see(RUBBISH[name].astype(np.float32), 0.2)
        assert stage.live.presence == "hold"
        assert max(steps([before, *shots])) == 0
        after = stage.settle(1)
        assert max(steps([*shots, *after])) < 0.02


def test_the_first_portrait_must_be_ready():
    """Otherwise there would be nothing to show."""
    with pytest.raises(LookupError, match="ada"):
        Stage(cast=Cast("mei")).__enter__()


@pytest.mark.parametrize("step_ns", [0, -SECOND, 3600 * SECOND])
def test_strange_clocks_do_no_harm(step_ns):
    """Equal instants, a step back, an hour: a finite shot each time."""
    with Stage() as stage:
        stage.settle(1)
        stage.set(neutral=1)
        stage.at_ns += step_ns
        for shot in stage.settle(2):
            assert all(np.isfinite(getattr(shot.motion, f.name)).all() for f in fields(shot.motion))


def test_the_driver_is_who_is_set_or_the_account(monkeypatch):
    """And somebody where the account has no name."""
    assert driver_name(Config(driver="Åsa")) == "Åsa"
    monkeypatch.setenv("LOGNAME", "lin")
    assert driver_name(Config()) == "lin"

    def nobody():
        raise KeyError("getpwuid(): uid not found: 1000")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert driver_name(Config()) == "driver"
