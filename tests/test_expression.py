"""The driver's expression in the portrait's own proportions."""

import numpy as np
import pytest

from engines.geometry import LIP_LOWER, LIP_UPPER, canonical, eyes, fit_pose
from streamer.config import GainsConfig
from streamer.retarget.calibration import Calibration
from streamer.retarget.expression import Expressions, region_masks
from streamer.retarget.measure import eye_ratio, gaze_of, lip_gap, proportions
from tests.faces import driver, portrait

NEUTRAL = {"lips": 0.0}


def read(*faces, gains=None, yaw=0.0, name="ada", neutral=None):
    """The expression of the last of some faces, read one after the other."""
    reader = Expressions(portrait(name).points, gains or GainsConfig())
    calibration = Calibration.of(driver(**NEUTRAL) if neutral is None else neutral)
    found = [reader.read(fit_pose(f).to_head(f), yaw, calibration) for f in faces]
    return found[-1]


def looking(x, y):
    """A driver whose irises are shifted by this many half eye widths."""
    face = driver(**NEUTRAL)
    for eye in eyes():
        half = np.linalg.norm(face[eye.corners[0]] - face[eye.corners[1]]) / 2
        face[eye.iris : eye.iris + 5, :2] += np.float32([x, y]) * half
    return face


def raised(points, by):
    """A driver with some points lifted, in face widths."""
    face = driver(**NEUTRAL)
    face[points, 1] -= by * fit_pose(face).scale
    return face


def test_regions_share_every_point():
    """Their masks add up to 1, and each rules where its name says."""
    masks = region_masks()
    assert np.allclose(sum(masks.values()), 1, atol=1e-5)
    middles = {"mouth": (13, 14), "brows": (105, 334), "jaw": (152,), "cheeks": (50, 280)}
    for name, points in {**middles, "eyes": (159, 145, 33, 133, 386, 374, 263, 362)}.items():
        for point in points:
            assert masks[name][point] == max(mask[point] for mask in masks.values()), (name, point)


def test_regions_are_symmetric():
    """Both halves of the face follow alike."""
    for mask in region_masks().values():
        assert np.allclose(mask, mask[canonical().mirror], atol=0.02)


@pytest.mark.parametrize("name", ["ada", "bruno", "mei"])
def test_the_neutral_face_is_no_expression(name):
    """No displacement, eyes open, straight gaze, lips together."""
    found = read(driver(**NEUTRAL), name=name)
    assert np.abs(found.deltas).max() < 1e-3
    assert np.allclose(found.openness, 1, atol=1e-3)
    assert np.allclose(found.gaze, 0, atol=1e-5)
    assert found.aperture == 0
    assert found.jaw == pytest.approx(0, abs=1e-3)


def test_lips_that_touch_have_an_aperture_of_exactly_zero():
    """Also with the small gap that landmarks keep between touching lips."""
    for gap in (0.0, 0.01, 0.02):
        assert read(driver(lips=gap)).aperture == 0.0


def test_open_lips_stay_open_until_they_nearly_touch():
    """Hysteresis: a gap near the threshold neither opens a shut mouth nor shuts an open one."""
    touch = Calibration.of(driver(**NEUTRAL)).lips_touch
    between = driver(lips=1.2 * touch)
    assert read(driver(lips=0.0), between).aperture == 0
    assert read(driver(lips=0.3), between).aperture > 0


def test_the_aperture_grows_with_the_gap_up_to_its_limit():
    """Monotone, and never more than a picture bears."""
    apertures = [read(driver(lips=gap)).aperture for gap in np.linspace(0, 1.5, 31)]
    assert (np.diff(apertures) >= -1e-9).all()
    assert 0.3 < apertures[-1] <= 0.55


def test_the_aperture_begins_without_a_jump():
    """Just parted lips are just parted in the picture."""
    touch = Calibration.of(driver(**NEUTRAL)).lips_touch
    assert 0 < read(driver(lips=1.45 * touch)).aperture < 1.5 * touch


def test_the_aperture_is_true_in_the_portraits_own_proportions():
    """A driver who is the portrait opens the portrait's mouth as far as their own."""
    p = portrait("mei")
    face = driver(lips=0.25, face=p.points)
    found = read(face, name="mei", neutral=driver(lips=0.0, face=p.points))
    points = fit_pose(face).to_head(face)
    mouth = proportions(points).mouth / proportions(p.points).mouth
    assert found.aperture == pytest.approx(lip_gap(points) * mouth, rel=0.05)


def test_shut_lids_are_exactly_shut():
    """A closed eye reads 0, a half-open one something between, a wide one more than 1."""
    assert (read(driver(lids=(0, 0), lips=0.0)).openness == 0).all()
    assert 0.2 < read(driver(lids=(0.6, 0.6), lips=0.0)).openness.mean() < 0.8
    wide = read(driver(lids=(1.3, 1.3), lips=0.0)).openness
    assert wide == pytest.approx([1.3, 1.3], abs=0.05)
    assert read(driver(lids=(3, 3), lips=0.0)).openness.max() < 1.6001


def test_a_shut_eye_opens_only_when_it_really_opens():
    """Hysteresis: lids that tremble near shut stay shut."""
    opening = [driver(lids=(o, o), lips=0.0) for o in (0.0, 0.4, 1.0)]
    trembling = next(
        face
        for o in np.linspace(0.2, 0.6, 81)
        if 0.13 < read(face := driver(lids=(o, o), lips=0.0)).openness.mean() < 0.19
    )
    assert read(opening[0], trembling).openness.max() == 0
    assert read(opening[2], trembling).openness.min() > 0
    assert read(opening[0], opening[2]).openness.min() > 0.9


def test_a_wink_is_believed_after_three_frames():
    """One eye alone is noise at first; then it is a wink of that eye."""
    wink = driver(lids=(0.0, 1.0), lips=0.0)
    first, third = read(wink).openness, read(wink, wink, wink).openness
    assert first[0] == first[1]
    assert third[0] == 0
    assert third[1] == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(("yaw", "near"), [(30, 1), (-30, 0)])
def test_a_turned_head_is_read_by_its_near_eye(yaw, near):
    """Yaw > 0 turns the nose left, so that the right eye is the near one."""
    lids = [0.0, 0.0]
    lids[near] = 1.0
    found = read(*[driver(lids=lids, lips=0.0)] * 4, yaw=yaw)
    assert found.openness == pytest.approx([1, 1], abs=0.05)


@pytest.mark.parametrize(("x", "y"), [(0.2, 0), (-0.2, 0), (0, 0.15), (0.1, -0.1)])
def test_the_gaze_is_followed(x, y):
    """In half eye widths from straight ahead, a little short of the driver's own."""
    found = read(looking(x, y)).gaze
    assert found == pytest.approx([0.9 * x, 0.9 * y], abs=0.03)
    assert gaze_of(fit_pose(looking(x, y)).to_head(looking(x, y))).shape == (2,)


def test_the_gaze_never_leaves_the_eye():
    """However far the irises are reported."""
    for x, y in ((3, 3), (-3, 1), (0, -9)):
        assert (np.abs(read(looking(x, y)).gaze) <= [0.5501, 0.3501]).all()


def test_the_gaze_is_held_while_the_lids_are_shut():
    """Behind shut lids the irises are guesses."""
    shut = looking(-0.4, 0)
    for eye in eyes():
        shut[eye.upper] = shut[eye.lower]
    assert np.allclose(read(looking(0.2, 0), shut).gaze, read(looking(0.2, 0)).gaze)


def test_raised_brows_raise_brows_in_proportion():
    """Up by the brow's own distance ratio; the mouth stays."""
    brows = np.concatenate([eye.brow for eye in eyes()])
    found = read(raised(brows, 0.02)).deltas
    assert (found[brows, 1] < -0.008).all()
    assert np.abs(found[[13, 14, 61, 291, 152]]).max() < 1e-3


def test_brows_are_held_back_at_their_limit():
    """Lifted by their whole distance from the eyes, they rise by far less."""
    brows = np.concatenate([eye.brow for eye in eyes()])
    found = read(raised(brows, 0.15)).deltas
    assert np.abs(found[brows, 1]).max() < 0.7 * proportions(portrait().points).brow


def test_rising_brows_do_not_pop():
    """Raised little by little they rise little by little, past the limit too."""
    brows = np.concatenate([eye.brow for eye in eyes()])
    heights = np.linspace(0, 0.1, 201)
    rise = np.array([read(raised(brows, by)).deltas[brows, 1] for by in heights])
    assert np.abs(np.diff(rise, axis=0)).max() < 3 * np.diff(heights).max()


def test_no_displacement_is_larger_than_a_picture_bears():
    """Whatever the landmarks say, within a bound that is met smoothly."""
    random = np.random.default_rng(0)
    wild = driver() + random.normal(0, 60, (478, 3)).astype(np.float32)
    found = read(wild)
    assert np.isfinite(found.deltas).all()
    assert np.linalg.norm(found.deltas[:, :2], axis=1).max() < 0.6


def test_a_smile_widens_the_mouth_in_the_portraits_proportions():
    """Corners go out by as much of the portrait's mouth as of the driver's."""
    face = driver(**NEUTRAL)
    width = face[291, 0] - face[61, 0]
    face[[61, 78], 0] -= 0.08 * width
    face[[291, 308], 0] += 0.08 * width
    deltas = read(face).deltas
    grown = (deltas[291, 0] - deltas[61, 0]) / proportions(portrait().points).mouth
    assert grown == pytest.approx(0.16, rel=0.2)


def test_the_jaw_drops_with_the_chin():
    """In face widths, and never rises above its rest."""
    face = driver(lips=0.3)
    low = canonical().points[:, 1] > 0.45
    face[:468][low, 1] += 0.1 * 150
    face[list(LIP_LOWER), 1] += 5
    assert 0.03 < read(face).jaw < 0.25
    assert read(driver(**NEUTRAL)).jaw >= 0


@pytest.mark.parametrize("part", ["mouth", "brows", "cheeks", "jaw", "eyes", "gaze"])
def test_a_gain_of_zero_stills_its_region(part):
    """And leaves others moving."""
    face = looking(0.2, 0.1)
    random = np.random.default_rng(1)
    face[:468] += random.normal(0, 2, (468, 3)).astype(np.float32)
    face[list(LIP_UPPER), 1] -= 6
    face[list(LIP_LOWER), 1] += 6
    still, lively = read(face, gains=GainsConfig(**{part: 0.0})), read(face)
    if part == "gaze":
        assert not still.gaze.any()
    else:
        mask = region_masks()[part]
        core = mask > 0.9 * mask.max()
        share = np.abs(still.deltas[core]).mean() / np.abs(lively.deltas[core]).mean()
        assert share < 0.6
    if part == "eyes":
        assert (still.openness == 1).all()


def test_ratios_are_those_of_the_face():
    """Eye ratio and lip gap do not depend on size, place or turn in the plane."""
    one, other = driver(lips=0.2), driver(turn=(0, 0, 25), size=60, at=(9, 9, 0), lips=0.2)
    a, b = (fit_pose(face).to_head(face) for face in (one, other))
    assert np.allclose(eye_ratio(a), eye_ratio(b), atol=1e-3)
    assert lip_gap(a) == pytest.approx(lip_gap(b), abs=1e-3)
