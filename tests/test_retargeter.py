"""Landmarks of the driver in, motion of the portrait out."""

from dataclasses import fields, replace

import numpy as np
import pytest

from engines.geometry import LIP_LOWER, LIP_UPPER, canonical, euler_deg, eyes
from streamer.config import GainsConfig, LimitsConfig, RetargetConfig
from streamer.retarget import open_retargeter, retarget_recording
from streamer.retarget.calibration import Calibration, calibrate
from streamer.retarget.presence import Presence
from tests.faces import FRAME_NS, demo, driver, generator, mirrored, portrait, times

CONFIG = RetargetConfig()
NEUTRAL = {"lips": 0.0}


def live(faces, config=CONFIG, calibration=None, name="ada", at_ns=None):
    """The motions of some frames as they come; the driver's first face is neutral."""
    calibration = calibration or Calibration.of(faces[0])
    with open_retargeter(config, portrait(name), calibration) as retargeter:
        frames = zip(faces, at_ns or times(len(faces)), strict=True)
        return [retargeter.retarget(face, at) for face, at in frames]


def recorded(faces, config=CONFIG, calibration=None, name="ada", at_ns=None):
    """The same, the whole recording at once."""
    calibration = calibration or Calibration.of(faces[0])
    at_ns = at_ns or times(len(faces))
    return retarget_recording(config, portrait(name), calibration, faces, at_ns)


both = pytest.mark.parametrize("run", [live, recorded])


def difference(a, b):
    """The largest difference of any number in two motions."""
    return max(float(np.abs(getattr(a, f.name) - getattr(b, f.name)).max()) for f in fields(a))


def vertices(motions):
    """(B, V, 2) where the portrait's points are, in pixels of a picture of 512."""
    return generator()._deformed(motions)[0][..., :2] * 512 / max(portrait().picture.shape)


@both
@pytest.mark.parametrize("name", ["ada", "bruno", "mei"])
def test_the_portrait_drives_itself(run, name):
    """Its own face as driver: no turn, no shift, eyes open, every point where the photo has it."""
    p = portrait(name)
    motion = run([p.landmarks] * 3, name=name)[-1]
    assert np.abs(euler_deg(motion.rotation)).max() < 0.01
    assert np.abs(motion.translation).max() < 1e-4
    assert motion.scale == pytest.approx(1, abs=1e-4)
    assert np.allclose(motion.openness, 1, atol=1e-3)
    assert motion.aperture == 0
    assert np.abs(p.shut + motion.deltas - p.points[:468]).max() < 0.012


@both
@pytest.mark.parametrize("name", ["ada", "bruno", "mei"])
def test_neutral_maps_to_neutral(run, name):
    """Any driver's neutral face gives no displacement in any portrait."""
    motion = run([driver(**NEUTRAL)] * 3, name=name)[-1]
    assert np.abs(motion.deltas).max() < 1e-3
    assert motion.aperture == 0
    assert np.allclose(motion.openness, 1, atol=1e-3)
    assert np.allclose(motion.gaze, 0, atol=1e-4)
    assert np.abs(euler_deg(motion.rotation)).max() < 0.01


@both
@pytest.mark.parametrize("phase_ms", [0, 7, 14, 21, 28])
def test_a_blink_of_120_ms_shuts_the_lids(run, phase_ms):
    """40 ms down, 40 shut, 40 up, at 30 frames a second, wherever the frames fall."""
    at = np.array(times(40)) / 1e6 - 100_000 - 500 - phase_ms
    lids = np.interp(at, [0, 40, 80, 120], [1, 0, 0, 1])
    motions = run([driver(lids=(o, o), **NEUTRAL) for o in lids])
    assert min(float(m.openness.max()) for m in motions) < 0.05
    assert motions[-1].openness.min() > 0.9


@both
def test_the_bundled_drivers_blinks_arrive(run):
    """Where the clip's driver shuts the eyes, the portrait does, and nowhere for long."""
    track = demo()
    motions = run(track.landmarks, calibration=calibrate(track.landmarks), at_ns=track.times_ns)
    openness = np.array([m.openness.mean() for m in motions])
    assert openness.min() < 0.05
    assert np.median(openness) == pytest.approx(1, abs=0.15)
    assert (openness < 0.3).mean() < 0.15


@both
def test_lips_that_touch_in_the_driver_touch_in_the_picture(run):
    """In the middle of speech: aperture exactly 0, and every pair of inner lips at one place."""
    gaps = [0.2, 0.3, 0.0, 0.3, 0.2, 0.0, 0.0, 0.25]
    motions = run([driver(lips=0.0), *[driver(lips=gap) for gap in gaps]])[1:]
    for gap, motion in zip(gaps, motions, strict=True):
        assert (motion.aperture == 0) == (gap == 0)
    places = vertices([m for m in motions if m.aperture == 0])
    upper, lower = places[:, list(LIP_UPPER)], places[:, list(LIP_LOWER)]
    assert np.abs((upper - lower)[..., 1]).max() < 0.3


@both
@pytest.mark.parametrize("yaw", [-60, 60])
def test_a_turn_of_sixty_degrees_stays_inside_the_limits(run, yaw):
    """The picture turns the same way, no further than it holds."""
    motion = run([driver(**NEUTRAL), *[driver(turn=(yaw, 0, 0), **NEUTRAL)] * 60])[-1]
    found = euler_deg(motion.rotation)[0]
    assert CONFIG.limits.yaw_deg[0] < abs(found) <= CONFIG.limits.yaw_deg[1]
    assert np.sign(found) == np.sign(yaw)


@both
def test_a_mirrored_clip_gives_mirrored_motion(run):
    """Yaw, roll, shift and gaze change sign, eyes and points change sides; pitch and lips stay."""
    faces = [
        driver(turn=(i, i / 3, -i / 2), lids=(1, 1 - i / 30), lips=i / 40, at=(320 + 2 * i, 240, 0))
        for i in range(12)
    ]
    motion = run(faces)[-1]
    other = run([mirrored(face, 640) for face in faces])[-1]
    yaw, pitch, roll = euler_deg(motion.rotation)
    assert euler_deg(other.rotation) == pytest.approx((-yaw, pitch, -roll), abs=0.1)
    assert other.translation == pytest.approx(motion.translation * [-1, 1], abs=1e-3)
    assert other.openness == pytest.approx(motion.openness[::-1], abs=1e-3)
    assert other.gaze == pytest.approx(motion.gaze * [-1, 1], abs=1e-3)
    assert other.aperture == pytest.approx(motion.aperture, abs=1e-3)
    assert np.allclose(other.deltas, motion.deltas[canonical().mirror] * [-1, 1, 1], atol=5e-3)
    assert abs(yaw) > 5


def test_a_swapped_flip_is_caught():
    """A nose that turns left in the driver's image turns left in the picture."""
    faces = [driver(**NEUTRAL), *[driver(turn=(15, 0, 0), **NEUTRAL)] * 30]
    assert faces[-1][4, 0] < faces[0][4, 0]
    still, turned = vertices([recorded(faces)[0], recorded(faces)[-1]])
    assert turned[4, 0] < still[4, 0] - 5


@both
def test_the_wink_of_one_side_is_a_wink_of_that_side(run):
    """Left in the driver's image is left in the picture."""
    faces = [driver(**NEUTRAL)] * 5 + [driver(lids=(0, 1), **NEUTRAL)] * 10
    openness = run(faces)[-1].openness
    assert openness[0] == 0
    assert openness[1] > 0.9


@both
def test_constant_landmarks_give_constant_motion(run):
    """No drift and no life of its own while the driver is still."""
    face = driver(turn=(7, -3, 2), lips=0.2, lids=(0.8, 0.8))
    motions = run([face] * 90, calibration=Calibration.of(driver(**NEUTRAL)))
    assert max(difference(motions[0], m) for m in motions[1:]) < 1e-4


def test_constant_landmarks_give_constant_motion_while_learning():
    """Also when the neutral face is learnt on the way."""
    with open_retargeter(CONFIG, portrait(), None) as retargeter:
        motions = [retargeter.retarget(driver(lips=0.1), at) for at in times(400)]
    assert max(difference(motions[0], m) for m in motions[1:]) < 1e-4


def test_a_live_driver_without_calibration_finds_the_neutral_by_itself():
    """Who starts turned and talking is shown straight and silent when calm."""
    faces = [driver(turn=(15, 0, 0), lips=0.3)] * 60 + [driver(**NEUTRAL)] * 200
    with open_retargeter(CONFIG, portrait(), None) as retargeter:
        motion = [retargeter.retarget(f, at) for f, at in zip(faces, times(260), strict=True)][-1]
    assert np.abs(euler_deg(motion.rotation)).max() < 2
    assert motion.aperture == 0
    assert np.abs(motion.deltas).max() < 0.02


def gap_of(seconds, face):
    """A driver, nobody for some seconds, the driver again; with the state of each frame."""
    count = int(seconds * 1e9 / FRAME_NS)
    faces = [face] * 30 + [None] * count + [face] * 30
    with open_retargeter(CONFIG, portrait(), Calibration.of(driver(**NEUTRAL))) as retargeter:
        shown = [
            (retargeter.retarget(f, at), retargeter.presence)
            for f, at in zip(faces, times(len(faces)), strict=True)
        ]
    return [motion for motion, _ in shown], [state for _, state in shown]


def test_a_gap_of_five_seconds_goes_through_all_states():
    """Tracked, hold, ease, idle, return, tracked, in this order."""
    _, states = gap_of(5, driver(turn=(6, 3, 0), lips=0.1))
    order = [state for i, state in enumerate(states) if i == 0 or state is not states[i - 1]]
    named = (Presence.HOLD, Presence.EASE, Presence.IDLE, Presence.RETURN, Presence.TRACKED)
    assert order == [Presence.TRACKED, *named]


def test_a_gap_moves_no_point_by_a_jump():
    """From frame to frame at most 2 px of 512, blinks left aside."""
    motions, _ = gap_of(5, driver(turn=(3, 2, 1), lips=0.0, at=(326, 243, 0)))
    places = vertices([replace(m, openness=np.ones(2, np.float32)) for m in motions])
    assert np.linalg.norm(np.diff(places, axis=0), axis=-1).max() < 2.0


def test_a_recording_with_a_gap_does_the_same():
    """Offline too the portrait holds, eases and comes back, one motion per frame."""
    face = driver(turn=(3, 2, 1), lips=0.0)
    faces = [face] * 30 + [None] * 150 + [face] * 30
    motions = recorded(faces, calibration=Calibration.of(driver(**NEUTRAL)))
    assert len(motions) == 210
    assert difference(motions[29], motions[31]) < 1e-6
    assert difference(motions[29], motions[-1]) < 1e-4
    places = vertices([replace(m, openness=np.ones(2, np.float32)) for m in motions])
    assert np.linalg.norm(np.diff(places, axis=0), axis=-1).max() < 2.0


@both
def test_nobody_at_all_is_idle_life(run):
    """A recording or a camera without a face gives quiet motion, never an error."""
    motions = run([None] * 40, calibration=Calibration.of(driver()))
    assert len(motions) == 40
    assert all(m.aperture == 0 and np.abs(euler_deg(m.rotation)).max() < 3 for m in motions)


def test_size_and_place_of_the_driver_do_not_matter():
    """Near or far, left or right in the image, at any resolution: the same motion."""
    near = [driver(**NEUTRAL), driver(turn=(10, 5, 0), lips=0.2)]
    far = [face * 0.3 + np.float32([700, 20, 0]) for face in near]
    assert difference(recorded(near)[-1], recorded(far)[-1]) < 1e-3


def test_coming_nearer_grows_the_head_within_limits():
    """Half as large again is a little larger; the picture never swells beyond its limit."""
    motion = recorded([driver(**NEUTRAL), *[driver(size=225, **NEUTRAL)] * 20])[-1]
    assert 1.02 < motion.scale < 1.0001 + CONFIG.limits.scale


def test_absolute_mode_looks_where_the_driver_looks():
    """In relative mode a driver who sits turned is straight; in absolute mode turned."""
    faces = [driver(turn=(12, 0, 0), **NEUTRAL)] * 5
    config = RetargetConfig(mode="absolute")
    relative, absolute = (euler_deg(live(faces, c)[-1].rotation)[0] for c in (CONFIG, config))
    assert relative == pytest.approx(0, abs=0.1)
    own = euler_deg(portrait().pose.rotation)[0]
    assert absolute + own == pytest.approx(0.9 * 12, abs=2.5)


SETTINGS = [
    *({"gains": GainsConfig(**{name: 0.2})} for name in GainsConfig.model_fields),
    {"limits": LimitsConfig(yaw_deg=(1.0, 2.0))},
    {"limits": LimitsConfig(pitch_deg=(1.0, 2.0))},
    {"limits": LimitsConfig(roll_deg=(1.0, 2.0))},
    {"limits": LimitsConfig(scale=0.01)},
    {"mirror": True},
    {"mode": "absolute"},
]


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_every_setting_has_an_effect(setting):
    """A lively face moves the portrait differently under each of them."""
    lively = driver(turn=(14, 8, 10), lids=(0.5, 0.5), lips=0.3, at=(350, 250, 0), size=170)
    random = np.random.default_rng(0)
    lively[:468] += random.normal(0, 3, (468, 3)).astype(np.float32)
    for eye in eyes():
        lively[eye.iris : eye.iris + 5, 0] += 4
    faces = [driver(turn=(-3, 0, 0), **NEUTRAL), *[lively] * 5]
    plain, other = recorded(faces)[-1], recorded(faces, RetargetConfig(**setting))[-1]
    assert difference(plain, other) > 1e-3


@both
@pytest.mark.parametrize("seed", range(4))
def test_any_landmarks_give_finite_motion_within_limits(run, seed):
    """Random faces, poses and noise: no NaN, and nothing beyond what the picture bears."""
    random = np.random.default_rng(seed)
    faces = [driver(**NEUTRAL)]
    for _ in range(30):
        face = driver(
            turn=random.uniform(-80, 80, 3),
            lids=random.uniform(0, 2.5, 2),
            lips=random.uniform(0, 1.5),
            at=random.uniform(-500, 1500, 3),
            size=random.uniform(5, 900),
        )
        faces.append(face + random.normal(0, 8, face.shape).astype(np.float32))
    motions = run([None if random.random() < 0.1 else face for face in faces])
    limits = CONFIG.limits
    bounds = (limits.yaw_deg[1], limits.pitch_deg[1], limits.roll_deg[1])
    for m in motions:
        assert all(np.isfinite(getattr(m, f.name)).all() for f in fields(m))
        assert (np.abs(euler_deg(m.rotation)) <= np.array(bounds) + 4).all()
        assert 0 <= m.aperture <= 0.55
        assert 0 <= m.openness.min() <= m.openness.max() <= 1.6001
        assert abs(m.scale - 1) <= limits.scale + 1e-6
