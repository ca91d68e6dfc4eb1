"""The training-free generator: what it draws, and what it leaves alone."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from engines.geometry import eyes, from_euler_deg, lip_contour
from engines.layers import polygon_mask
from streamer.config import GeneratorConfig, RetargetConfig
from streamer.generator import open_generator
from streamer.retarget.calibration import calibrate
from streamer.retarget.pose import NECK
from streamer.retarget.presence import neutral_motion
from streamer.retarget.retargeter import retarget_recording
from tests.faces import demo, generator, portrait

NAMES = ("ada", "bruno", "mei")


def motion(turn=(0, 0, 0), **changes):
    """At rest but for a turn and these changes."""
    changes = {k: np.float32(v) if np.ndim(v) else v for k, v in changes.items()}
    return replace(neutral_motion(), rotation=from_euler_deg(*turn), **changes)


def random_motion(random):
    """Anything within the limits."""
    return motion(
        random.uniform([-30, -18, -35], [30, 18, 35]),
        translation=random.uniform(-0.2, 0.2, 2),
        scale=float(random.uniform(0.9, 1.1)),
        deltas=random.normal(0, 0.03, (468, 3)),
        openness=random.uniform(0, 1.6, 2),
        gaze=random.uniform([-0.55, -0.35], [0.55, 0.35]),
        aperture=float(random.choice([0.0, random.uniform(0, 0.55)])),
        jaw=float(random.uniform(-0.02, 0.25)),
    )


def inside(name, contour, size=None):
    """The mask of a closed line of face points in the portrait's picture."""
    p = portrait(name)
    return polygon_mask(p.landmarks[contour, :2], p.picture.shape[:2]) > 0.9


@pytest.mark.parametrize("name", NAMES)
def test_at_rest_the_picture_is_the_photo(name):
    """Within what resampling costs; most pixels are exactly the same."""
    picture = generator(name, None).generate(neutral_motion())
    away = np.abs(picture.astype(int) - portrait(name).picture).max(2)
    assert picture.shape == portrait(name).picture.shape
    assert away.mean() < 1.0
    assert (away <= 2).mean() > 0.9
    assert np.percentile(away, 99.5) < 40


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("turn", [(20, 0, 0), (-20, 10, 5), (0, -12, 0)])
def test_the_background_stands_still(name, turn):
    """Far from the person every pixel is the photo's, however the head turns."""
    p = portrait(name)
    picture = generator(name, None).generate(motion(turn, aperture=0.3, jaw=0.1))
    reach = int(0.35 * p.pose.scale) | 1
    near = cv2.dilate((p.matte > 3).astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
    away = np.abs(picture.astype(int) - p.picture).max(2)
    assert (~near).mean() > 0.05
    assert (away[~near] <= 6).mean() > 0.999


@pytest.mark.parametrize("name", NAMES)
def test_the_border_and_the_shoulders_do_not_move(name):
    """The picture's edges and lower corners are the photo's own pixels under a turn."""
    p, still = portrait(name), generator(name, None).generate(neutral_motion())
    picture = generator(name, None).generate(motion((20, 8, 0)))
    edge = np.ones(picture.shape[:2], bool)
    edge[1:-1, 1:-1] = False
    assert np.array_equal(picture[edge], still[edge])
    low = int(0.97 * p.height)
    assert np.array_equal(picture[low:], still[low:])


def test_the_head_does_turn():
    """What stands still is not everything: the face moves by many pixels."""
    still = generator("ada", None).generate(neutral_motion()).astype(int)
    turned = generator("ada", None).generate(motion((18, 0, 0)))
    face = inside("ada", np.array([10, 338, 454, 152, 234, 109]))
    assert np.abs(turned - still)[face].mean() > 8


def test_the_neck_stays_under_a_turn():
    """The head turns about its neck and not about the ears."""
    g, p = generator(), portrait()
    _, ((rotation, translation, scale),) = g._deformed([motion((20, 10, 15))])
    neck = scale * rotation @ NECK + translation
    rest = p.pose.scale * p.pose.rotation @ NECK + p.pose.translation
    assert np.allclose(neck, rest, atol=0.05)


def pale(picture, skin):
    """(H, W) where a picture is bright and has less than half the colour of the skin."""
    high, low = picture.max(2).astype(float), picture.min(2).astype(float)
    return (high > 0.6 * skin.max()) & (
        1 - low / np.maximum(high, 1) < 0.6 * (1 - skin.min() / skin.max())
    )


@pytest.mark.parametrize("name", NAMES)
def test_shut_eyes_show_no_white(name):
    """Where the open eye is white and dark, the shut one is skin and lashes."""
    opened = generator(name, None).generate(neutral_motion())
    shut = generator(name, None).generate(motion(openness=(0, 0)))
    for eye in eyes():
        mask = inside(name, eye.contour)
        ring = portrait(name).landmarks[[*eye.upper_ring, *eye.lower_ring], :2].astype(int)
        skin = np.median(opened[ring[:, 1], ring[:, 0]], 0)
        assert pale(opened, skin)[mask].mean() > 0.03
        assert pale(shut, skin)[mask].mean() < 0.01
        assert np.abs(shut[mask] - skin).mean() < np.abs(opened[mask] - skin).mean()


@pytest.mark.parametrize("name", NAMES)
def test_shut_lids_meet(name):
    """In the mesh that is drawn the upper lid's line is on or past the lower one's."""
    points, _ = generator(name)._deformed([motion((10, 5, 0), openness=(0, 0))])
    for eye in eyes():
        assert (points[0, eye.lower, 1] - points[0, eye.upper, 1]).max() < 0.3


def test_one_eye_can_shut_alone():
    """A wink changes one side of the face only."""
    still = generator("ada", None).generate(neutral_motion())
    wink = generator("ada", None).generate(motion(openness=(0, 1)))
    left, right = eyes()
    assert np.abs(wink.astype(int) - still)[inside("ada", left.contour)].mean() > 10
    assert np.array_equal(wink[inside("ada", right.contour)], still[inside("ada", right.contour)])


def test_the_gaze_moves_only_the_eyes():
    """Lids, brows and all the rest stay as they are."""
    one, other = (generator("ada", None).generate(motion(gaze=(x, 0))) for x in (-0.4, 0.4))
    changed = (one != other).any(2)
    near = np.zeros_like(changed)
    for eye in eyes():
        low = portrait().landmarks[eye.contour, :2].min(0).astype(int) - 6
        high = portrait().landmarks[eye.contour, :2].max(0).astype(int) + 7
        near[low[1] : high[1], low[0] : high[0]] = True
    assert changed.sum() > 50
    assert not changed[~near].any()


@pytest.mark.parametrize("name", NAMES)
def test_an_open_mouth_has_an_inside_and_a_shut_one_none(name):
    """With lips apart something new is seen between them; together they are the photo's."""
    g = generator(name, None)
    shut, opened = g.generate(neutral_motion()), g.generate(motion(aperture=0.3, jaw=0.08))
    points, _ = g._deformed([motion(aperture=0.3, jaw=0.08)])
    mask = polygon_mask(points[0, lip_contour(), :2], shut.shape[:2]) > 0.9
    assert mask.sum() > 100
    assert np.abs(opened.astype(int) - shut)[mask].mean() > 15
    away = np.abs(shut.astype(int) - portrait(name).picture).max(2)
    assert away[mask].mean() < 10


def test_a_picture_depends_on_its_motion_alone():
    """What was drawn before, however wild, leaves no trace."""
    g = generator()
    quiet, wild = motion((4, 2, 1)), motion((30, 18, 35), aperture=0.55, jaw=0.2, scale=1.1)
    before = g.generate(quiet)
    other = g.generate(wild)
    assert np.array_equal(g.generate(quiet), before)
    assert np.array_equal(g.generate(wild), other)


def test_batches_equal_single_frames():
    """Eight pictures at once are the eight pictures one by one."""
    random = np.random.default_rng(11)
    motions = [random_motion(random) for _ in range(6)]
    many = generator().generate_batch(motions)
    assert all(
        np.array_equal(generator().generate(m), p) for m, p in zip(motions, many, strict=True)
    )


def test_the_picture_is_the_callers():
    """Painting over one changes neither the next nor the others of its batch."""
    g = generator()
    first, second = g.generate_batch([motion((5, 0, 0)), motion((5, 0, 0))])
    kept = second.copy()
    first[:] = 255
    assert np.array_equal(second, kept)
    assert np.array_equal(g.generate(motion((5, 0, 0))), kept)


def test_the_portrait_is_not_changed_by_drawing():
    """Nor is the motion."""
    p, m = portrait(), motion((12, 5, 3), aperture=0.2, openness=(0.4, 0.4))
    before = p.digest, p.plate.sum(), p.foreground.sum(), m.deltas.copy()
    generator().generate(m)
    p.__dict__.pop("digest")
    assert (p.digest, p.plate.sum(), p.foreground.sum()) == before[:3]
    assert np.array_equal(m.deltas, before[3])


@pytest.mark.parametrize("seed", range(3))
def test_any_motion_within_limits_gives_a_picture(seed):
    """Random turns, faces, lids and lips: bytes of the right shape, nothing torn to black."""
    random, g = np.random.default_rng(seed), generator(NAMES[seed])
    for m in (random_motion(random) for _ in range(12)):
        points, _ = g._deformed([m])
        picture = g.generate(m)
        assert np.isfinite(points).all()
        assert (picture.shape, picture.dtype) == ((g.height, g.width, 3), np.uint8)
        assert picture.flags.c_contiguous
        assert (picture.max(2) < 3).mean() < 0.05


@pytest.mark.parametrize("yaw", [-30, 30])
def test_the_extremes_together_give_a_picture(yaw):
    """Mouth as wide as it goes, eyes wide, head turned to its limit, at every size."""
    far = {"aperture": 0.55, "jaw": 0.25, "openness": (1.6, 1.6), "gaze": (0.55, -0.35)}
    for size in (64, 256):
        picture = generator("mei", size).generate(motion((yaw, 18, 35), scale=1.1, **far))
        assert picture.shape == (size, size, 3)
        assert picture.std() > 10


def test_a_driven_second_of_the_clip_is_alive():
    """Pictures differ from frame to frame, and stay pictures of the portrait."""
    track = demo()
    motions = retarget_recording(
        RetargetConfig(),
        portrait("mei"),
        calibrate(track.landmarks),
        track.landmarks,
        track.times_ns,
    )
    pictures = np.stack(generator("mei").generate_batch(motions[25:75:5])).astype(int)
    still = generator("mei").generate(neutral_motion()).astype(int)
    assert (np.abs(np.diff(pictures, axis=0)).mean((1, 2, 3)) > 0.2).all()
    assert np.abs(pictures - still).mean() < 25


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (GeneratorConfig(), (768, 768)),
        (GeneratorConfig(size=301), (300, 300)),
        (GeneratorConfig(size=1024), (1024, 1024)),
        (GeneratorConfig(crop="head"), (512, 512)),
        (GeneratorConfig(crop="head", size=128), (128, 128)),
    ],
)
def test_framing_and_size_are_those_asked_for(config, expected):
    """Sides are even, as video wants them."""
    with open_generator(config, portrait()) as g:
        picture = g.generate(motion((5, 0, 0), aperture=0.2))
    assert picture.shape == (expected[1], expected[0], 3)
    assert (g.width, g.height) == expected


def test_a_wide_picture_keeps_its_proportions():
    """The long side is the size asked for, the other follows."""
    p = portrait()
    cut = (slice(60, 561), slice(None))
    wide = replace(
        p,
        landmarks=p.landmarks - np.float32([0, 60, 0]),
        **{
            k: np.ascontiguousarray(getattr(p, k)[cut])
            for k in ("picture", "matte", "foreground", "plate")
        },
    )
    with open_generator(GeneratorConfig(size=384), wide) as g:
        picture = g.generate(neutral_motion())
    assert picture.shape == (250, 384, 3)
    small = cv2.resize(wide.picture, (384, 250), interpolation=cv2.INTER_AREA)
    assert np.abs(picture.astype(int) - small).mean() < 3


@pytest.mark.parametrize("size", [128, 384])
def test_a_smaller_picture_is_the_photo_made_smaller(size):
    """In place to a fraction of a pixel."""
    picture = generator("bruno", size).generate(neutral_motion())
    small = cv2.resize(portrait("bruno").picture, (size, size), interpolation=cv2.INTER_AREA)
    assert np.abs(picture.astype(int) - small).mean() < 1.5


def test_the_head_crop_holds_the_head():
    """Face in the middle, about a third of the width."""
    with open_generator(GeneratorConfig(crop="head"), portrait()) as g:
        points, _ = g._deformed([neutral_motion()])
        face = g.canvas.place(points[0, :468])
    assert np.ptp(face[:, 0]) == pytest.approx(512 / 3, rel=0.25)
    assert 200 < face[:, 0].mean() < 312
    assert face.min() > -200
    assert 60 < face[:, 1].min() < face[:, 1].max() < 480
