"""The inside of the mouth."""

from functools import cache

import numpy as np
import pytest

from engines.features import closed_lips, place_lips
from engines.geometry import from_euler_deg, lip_contour
from engines.layers import polygon_mask, smooth_closed
from engines.mouth import draw_mouth, mouth_layer
from streamer.enroll import enroll
from tests.faces import demo_frame, portrait

SKIN = np.uint8([180, 120, 100])
TALKING_S = 7.2
"""Where the bundled clip shows teeth."""


@cache
def layer(name="ada"):
    p = portrait(name)
    return mouth_layer(p.picture, p.landmarks, p.pose, (p.points[:468], p.shut), 120.0)


def drawn(gap=0.3, jaw=0.05, turn=(0, 0, 0), one=None, name="ada"):
    """An open mouth on plain skin, and its mask."""
    p = portrait(name)
    one = one or layer(name)
    rotation = p.pose.rotation @ from_euler_deg(*turn)
    face = place_lips(p.shut, np.float32(gap * one.width))
    places = face @ rotation.T * p.pose.scale + p.pose.translation
    target = np.empty_like(p.picture)
    target[:] = SKIN
    contour = places[lip_contour(), :2].astype(np.float32)
    head = (rotation.astype(np.float32), p.pose.translation, p.pose.scale)
    draw_mouth(one, target.shape, contour, head, jaw, 0.8).lay_over(target)
    return target, polygon_mask(smooth_closed(contour, 3), target.shape[:2])


@pytest.mark.parametrize("name", ["ada", "bruno", "mei"])
def test_the_mouth_is_filled_and_nothing_else(name):
    """Inside the lips no skin is left; outside them no pixel is touched."""
    target, mask = drawn(name=name)
    changed = (target != SKIN).any(2)
    assert changed[mask > 0.99].mean() > 0.9
    assert not changed[mask == 0].any()


def test_teeth_above_are_brighter_than_the_dark_below():
    """An open mouth shows its upper teeth under the upper lip."""
    target, mask = drawn(gap=0.45, jaw=0.12)
    y, _ = np.nonzero(mask > 0.9)
    top, bottom = y.min(), y.max()
    inside = np.where(mask > 0.9, target.astype(float).mean(2), np.nan)
    rows = np.nanmean(inside[top : bottom + 1, :], axis=1)
    upper = rows[len(rows) // 10 : len(rows) * 4 // 10].max()
    assert upper > 1.5 * rows[len(rows) // 2 : len(rows) * 3 // 4].min()


def test_upper_teeth_do_not_move_with_the_jaw():
    """The jaw drops; what is fixed to the skull stays where it is."""
    shut, mask = drawn(gap=0.45, jaw=0.0)
    dropped, _ = drawn(gap=0.45, jaw=0.15)
    y, x = np.nonzero(mask > 0.9)
    strip = slice(y.min() + 2, y.min() + (y.max() - y.min()) // 5)
    middle = slice(int(np.median(x)) - 8, int(np.median(x)) + 8)
    assert np.abs(shut[strip, middle].astype(int) - dropped[strip, middle]).mean() < 4
    assert np.abs(shut.astype(int) - dropped)[mask > 0.9].mean() > 4


def test_the_teeth_turn_with_the_head():
    """At a yaw their middle moves the way the nose does."""
    left, mask = drawn(gap=0.3, turn=(15, 0, 0))
    right, other = drawn(gap=0.3, turn=(-15, 0, 0))
    x = [
        np.average(np.nonzero(m > 0.9)[1], weights=t.mean(2)[m > 0.9])
        for t, m in ((left, mask), (right, other))
    ]
    assert x[0] < x[1] - 5


def test_teeth_take_the_pictures_light():
    """A picture half as bright has darker teeth; a grey one has grey ones."""
    p = portrait()
    parts = (p.landmarks, p.pose, (p.points[:468], p.shut), 120.0)
    dark = mouth_layer(p.picture // 2, *parts)
    grey = mouth_layer(np.repeat(p.picture.mean(2, keepdims=True), 3, 2).astype(np.uint8), *parts)
    assert brightness(dark) < 0.75 * brightness(layer())
    teeth = grey.upper[grey.upper[..., 3] > 250][:, :3]
    assert np.ptp(teeth.astype(int), axis=1).mean() < 25


def brightness(one):
    return float(one.upper[one.upper[..., 3] > 250][:, :3].mean())


def test_textures_are_premultiplied_and_of_one_size():
    """No colour exceeds its cover, or resampling would glow at the edges."""
    one = layer()
    assert one.upper.shape == one.lower.shape == one.tongue.shape
    for texture in (one.upper, one.lower, one.tongue):
        assert (texture[..., :3].max(2).astype(int) <= texture[..., 3].astype(int) + 1).all()
        assert texture[..., 3].max() == 255


@pytest.mark.parametrize("px", [16.0, 60.0, 300.0])
def test_textures_have_the_size_asked_for(px):
    """Pixels per mouth width, for small and large pictures."""
    p = portrait()
    one = mouth_layer(p.picture, p.landmarks, p.pose, (p.points[:468], p.shut), px)
    assert one.upper.shape[1] == pytest.approx(px * 268 / 192, abs=1)


def test_a_photo_that_shows_teeth_gives_its_own():
    """What the open mouth of the photo shows is in the textures, where it is drawn again."""
    p = enroll([demo_frame(TALKING_S)], "talking")
    assert p.report.mouth == "open"
    face = p.points[:468]
    parts = (p.picture, p.landmarks, p.pose)
    own = mouth_layer(*parts, (face, p.shut), 120.0)
    plain = mouth_layer(*parts, (closed_lips(face), p.shut), 120.0)
    assert (own.upper != plain.upper).mean() > 0.02


def test_a_mouth_outside_the_picture_is_cut():
    """Beyond the border nothing is drawn and nothing fails; nor for lips on one line."""
    p = portrait()
    contour = p.landmarks[lip_contour(), :2]
    head = (p.pose.rotation, p.pose.translation, p.pose.scale)
    for away in (-2000, 2000):
        assert draw_mouth(layer(), (80, 80), contour + np.float32(away), head, 0.1, 0.8) is None
    flat = np.column_stack([contour[:, 0] - contour[:, 0].min(), np.full(20, 30)])
    draw_mouth(layer(), (80, 80), flat.astype(np.float32), head, 0.1, 0.8)
