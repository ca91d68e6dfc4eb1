"""The eyeball under the lids."""

from functools import cache

import numpy as np
import pytest

from engines.eyes import draw_eye, draw_lashes, eye_layer
from engines.geometry import eyes
from engines.layers import polygon_mask
from tests.faces import portrait

NAMES = ("ada", "bruno", "mei")


@cache
def layer(name="ada", side=0):
    p = portrait(name)
    return eye_layer(p.picture, p.landmarks, eyes()[side])


def lay(stroke, target):
    """On the picture, unless there is nothing in it."""
    if stroke is not None:
        stroke.lay_over(target)


def drawn(name="ada", side=0, gaze=(0.0, 0.0), darken=0.0, onto=None):
    """The photo with one eye drawn anew where it is, and the mask of that eye."""
    p, eye = portrait(name), eyes()[side]
    target = p.picture.copy() if onto is None else onto
    contour = p.landmarks[eye.contour, :2]
    corners = p.landmarks[eye.corners, :2]
    corners = corners[np.argsort(corners[:, 0])]
    lay(
        draw_eye(layer(name, side), target.shape, contour, corners, np.float32(gaze), darken, 0.8),
        target,
    )
    return target, polygon_mask(contour, p.picture.shape[:2]) > 0.5


def dark_middle(image, mask):
    """The mean place of the eye's darkest quarter: its iris."""
    grey = image.mean(2)
    y, x = np.nonzero(mask & (grey <= np.percentile(grey[mask], 25)))
    return np.array([x.mean(), y.mean()])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("side", [0, 1])
def test_an_eye_drawn_where_it_was_looks_as_it_did(name, side):
    """Looking straight ahead at rest gives the photo's eye again."""
    image, mask = drawn(name, side)
    away = np.abs(image.astype(int) - portrait(name).picture)
    assert away[mask].mean() < 14
    assert dark_middle(image, mask) == pytest.approx(
        dark_middle(portrait(name).picture, mask), abs=0.06 * mask.any(0).sum()
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("side", [0, 1])
def test_the_iris_follows_the_gaze(name, side):
    """Looking left and right moves the dark of the eye that way, about as far as it is asked to."""
    left, mask = drawn(name, side, gaze=(-0.3, 0))
    right, _ = drawn(name, side, gaze=(0.3, 0))
    moved = dark_middle(right, mask)[0] - dark_middle(left, mask)[0]
    half = mask.any(0).sum() / 2
    assert 0.25 * half < moved < 0.8 * half


@pytest.mark.parametrize("name", NAMES)
def test_the_white_holds_no_iris(name):
    """Where the photo has the iris, the bare eyeball is far brighter."""
    one, p = layer(name), portrait(name)
    centre = p.landmarks[468, :2] - one.origin
    y, x = np.mgrid[: one.white.shape[0], : one.white.shape[1]]
    iris = np.hypot(x - centre[0], y - centre[1]) < 0.7 * one.radius
    left, top = one.origin.astype(int)
    seen = p.picture[top : top + len(y), left : left + x.shape[1]].mean(2)
    assert one.white.mean(2)[iris].mean() > 1.5 * np.median(seen[iris])


def test_the_iris_is_a_whole_disc():
    """Also where the photo's lid hides it: a circle, opaque inside, nothing outside."""
    one = layer()
    centre = portrait().landmarks[468, :2] - one.origin
    y, x = np.mgrid[: one.iris.shape[0], : one.iris.shape[1]]
    away = np.hypot(x - centre[0], y - centre[1])
    cover = one.iris[..., 3]
    assert (cover[away < 0.8 * one.radius] == 255).all()
    assert (cover[away > 1.3 * one.radius] == 0).all()
    assert (one.iris[..., :3] <= cover[..., None]).all()


def test_nothing_is_drawn_outside_the_lids():
    """Skin, lashes and brows are the photo's own."""
    image, mask = drawn(gaze=(0.5, 0.3))
    changed = (image != portrait().picture).any(2)
    grown = np.zeros_like(mask)
    y, x = np.nonzero(mask)
    grown[y.min() - 3 : y.max() + 4, x.min() - 3 : x.max() + 4] = True
    assert changed.any()
    assert not changed[~grown].any()


def test_the_lids_shadow_darkens():
    """An eye that closes lies in shadow."""
    bright, mask = drawn()
    dark, _ = drawn(darken=0.25)
    assert dark[mask].mean() < 0.85 * bright[mask].mean()


def test_an_eye_that_leaves_the_picture_is_cut():
    """Outside the target nothing is drawn; half inside or shut to a line nothing fails."""
    p, eye = portrait(), eyes()[0]
    contour = p.landmarks[eye.contour, :2]
    middle = contour.mean(0)
    for at in ([-500, 50], [0, 0], [99, 99], [50, 1000]):
        target = np.zeros((100, 100, 3), np.uint8)
        moved = contour - middle + np.float32(at)
        corners = np.float32([moved.min(0), moved.max(0)])
        lay(
            draw_eye(layer(), target.shape, moved, corners, np.zeros(2, np.float32), 0, 0.8), target
        )
        inside = min(at) >= 0 and max(at) < 100
        assert target.any() == inside
    flat = np.column_stack([contour[:, 0], np.full(len(contour), 40)]).astype(np.float32)
    draw_eye(layer(), p.picture.shape, flat, flat[[0, 8]], np.zeros(2, np.float32), 0, 0.8)


def test_a_shut_or_tiny_eye_still_makes_a_layer():
    """Shut eyes, a face a few pixels wide, an eye at the border: a layer, never an error."""
    p, eye = portrait(), eyes()[0]
    shut = p.landmarks.copy()
    shut[eye.upper] = shut[eye.lower]
    aside = p.landmarks - shut[eye.iris] * [1, 1, 0]
    tiny = p.landmarks * 0.05
    for landmarks in (shut, tiny, aside.astype(np.float32), (tiny - 100).astype(np.float32)):
        one = eye_layer(p.picture, np.float32(landmarks), eye)
        assert one.white.shape == (*one.iris.shape[:2], 3)
        assert one.radius >= 1


def test_lashes_darken_only_the_line_of_the_lids():
    """They are drawn from corner to corner, never lighten, and leave the rest alone."""
    skin = np.full((60, 100, 3), 180, np.uint8)
    line = np.column_stack([np.linspace(20, 80, 9), np.full(9, 30)]).astype(np.float32)
    drawn = skin.copy()
    lay(draw_lashes(skin.shape, line, np.array([60, 40, 30], np.float32), 1.0, 0.6), drawn)
    assert (drawn <= skin).all()
    assert drawn[30, 50].max() < 120
    assert (drawn[:20] == 180).all()
    assert (drawn[:, :15] == 180).all()


@pytest.mark.parametrize("gaze", [(0, 0), (0.3, 0)])
def test_the_irises_place_is_where_it_is_drawn(gaze):
    """What the refiner is told of it; its radius too, at any size of the eye."""
    p, eye = portrait(), eyes()[0]
    corners = p.landmarks[eye.corners, :2]
    corners = corners[np.argsort(corners[:, 0])]
    image, mask = drawn(gaze=gaze)
    x, y, radius = layer().iris_at(corners, np.float32(gaze))
    assert (x, y) == pytest.approx(dark_middle(image, mask), abs=0.1 * mask.any(0).sum())
    assert radius == pytest.approx(layer().radius)
    assert layer().iris_at(2 * corners, np.float32(gaze))[2] == pytest.approx(2 * radius, rel=1e-3)
