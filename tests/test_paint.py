"""Sampling and blending in one pass: the same as OpenCV's remap and a blend after it."""

import cv2
import numpy as np
import pytest

from engines.raster import blend_over
from streamer.generator.paint import emptiness, paint


def texture(random):
    """A premultiplied blob in the middle of nothing, in noise."""
    y, x = np.mgrid[:90, :70]
    cover = np.clip((30 - np.hypot(x - 35, y - 45)) / 6, 0, 1)[..., None]
    colours = random.uniform(0, 255, (90, 70, 3)) * cover
    return np.round(np.dstack([colours, cover * 255])).astype(np.uint8)


def both(places, seed=0):
    """Painted in one pass, and by OpenCV."""
    random = np.random.default_rng(seed)
    source = texture(random)
    plate = random.integers(0, 256, (*places.shape[:2], 3), np.uint8)
    ours, theirs = np.empty_like(plate), np.empty_like(plate)
    paint(source, emptiness(source), places, plate, ours)
    sampled = cv2.remap(source, places, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    blend_over(sampled, plate, theirs)
    return ours.astype(int), theirs.astype(int)


@pytest.mark.parametrize("seed", range(4))
def test_it_is_what_opencv_does_to_one_level(seed):
    """Anywhere, at any fraction of a pixel, half transparent or not."""
    places = np.random.default_rng(100 + seed).uniform(3, 66, (64, 80, 2)).astype(np.float32)
    ours, theirs = both(places, seed)
    assert np.abs(ours - theirs).max() <= 1
    assert (ours == theirs).mean() > 0.99


def test_what_does_not_move_is_copied():
    """At whole pixels nothing is lost."""
    y, x = np.mgrid[5:85, 5:65].astype(np.float32)
    ours, theirs = both(np.ascontiguousarray(np.dstack([x, y])))
    assert np.array_equal(ours, theirs)


def test_where_nobody_is_the_plate_is_as_it_was():
    """A transparent texture leaves no trace."""
    plate = np.random.default_rng(1).integers(0, 256, (20, 20, 3), np.uint8)
    nothing, out = np.zeros((30, 30, 4), np.uint8), np.empty_like(plate)
    places = np.random.default_rng(2).uniform(0, 30, (20, 20, 2)).astype(np.float32)
    paint(nothing, emptiness(nothing), places, plate, out)
    assert np.array_equal(out, plate)


def test_places_far_outside_are_the_texture_s_border():
    """A mesh that is stretched beyond it reads nothing that is not there."""
    plate = np.zeros((4, 4, 3), np.uint8)
    white, out = np.full((16, 16, 4), 255, np.uint8), np.empty_like(plate)
    for far in (-1e5, -3.0, 40.0, 1e5):
        paint(white, emptiness(white), np.full((4, 4, 2), far, np.float32), plate, out)
        assert (out == 255).all()


def test_empty_is_what_is_empty_in_every_texture():
    """And only where all 16 pixels that count are."""
    one, other = np.zeros((2, 20, 20, 4), np.uint8)
    other[10, 12, 3] = 1
    found = emptiness(one, other)
    assert found.sum() == 400 - 16
    assert not found[7:11, 9:13].any()


def test_a_shape_is_the_same_person_in_white():
    """Over black each colour is the share of the person."""
    source = texture(np.random.default_rng(3))
    places = np.random.default_rng(4).uniform(3, 66, (64, 80, 2)).astype(np.float32)
    places[:20] = np.round(places[:20])
    black, out = np.zeros((64, 80, 3), np.uint8), np.empty((64, 80, 3), np.uint8)
    paint(source, emptiness(source), places, black, out, white=True)
    cover = cv2.remap(source, places, None, cv2.INTER_CUBIC)[..., 3:].astype(int)
    assert np.abs(out - cover).max() <= 1
