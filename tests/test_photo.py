"""What the embedder sees of a photo."""

import cv2
import numpy as np
import pytest

from engines.geometry import OVAL, eyes, fit_pose, lip_contour
from engines.photo import SIDE, photo
from engines.region import face_square
from tests.faces import portrait

FRAME, EYES, MOUTH = 3, 4, 5
"""Channels of the lines."""


def seen(name="ada"):
    one = portrait(name)
    return photo(one.picture, one.landmarks)


def places(name="ada"):
    """(478, 2) where the points are in it."""
    one = portrait(name)
    return face_square(fit_pose(one.landmarks), lambda points: points).seen(one.landmarks, SIDE)


@pytest.mark.parametrize("name", ["ada", "bruno", "mei"])
def test_colours_are_those_around_the_face(name):
    """The square of the refiner, each pixel the mean of what it covers."""
    one = portrait(name)
    square = face_square(fit_pose(one.landmarks), lambda points: points)
    half = square.side / 2
    low = np.array([square.x - half, square.y - half]) + 0.5
    matrix = np.float32([[1, 0, -low[0]], [0, 1, -low[1]]])
    side = round(square.side)
    crop = cv2.warpAffine(one.picture, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
    expected = cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    found = seen(name)
    assert found.shape == (SIDE, SIDE, 6)
    assert found.dtype == np.uint8
    assert np.abs(found[..., :3].astype(int) - expected).mean() < 2.5


def test_lines_lie_on_the_face():
    """Each part in its own channel, and in no other."""
    found, at = seen(), np.round(places()).astype(int)
    parts = {
        FRAME: [*OVAL, 4, 168, *eyes()[0].brow[:5]],
        EYES: [*eyes()[0].contour, *eyes()[1].contour, eyes()[0].iris, eyes()[1].iris],
        MOUTH: [*lip_contour(), 61, 291, 0, 17],
    }
    for channel, points in parts.items():
        levels = found[at[points, 1], at[points, 0]]
        assert levels[:, channel].min() > 60, channel
        others = [other for other in parts if other != channel]
        assert np.median(levels[:, others]) == 0, channel
    lined = (found[..., 3:] > 0).mean((0, 1))
    assert (lined > 0.002).all()
    assert (lined < 0.1).all()


def test_where_the_eyes_look_is_drawn():
    """The irises stand out from the lids around them, and go along with the gaze."""
    one = portrait("bruno")
    aside = one.landmarks.copy()
    aside[468:, 0] += 0.04 * fit_pose(one.landmarks).scale
    ahead, right = (photo(one.picture, points)[..., EYES] for points in (one.landmarks, aside))
    columns = np.arange(SIDE)
    middle = [((drawn > 200) @ columns).sum() / (drawn > 200).sum() for drawn in (ahead, right)]
    assert middle[1] - middle[0] > 1


def test_a_shut_mouth_is_drawn_shut():
    """The inner rim meets; an open one encloses something that is empty."""
    one = portrait()
    gap = one.landmarks.copy()
    gap[lip_contour()[11:]] += [0, 0.12 * fit_pose(one.landmarks).scale, 0]
    open_mouth = photo(one.picture, gap)[..., MOUTH]
    x, y = np.round(places()[14]).astype(int)
    assert open_mouth[y + 3, x] < 40
    assert (open_mouth > 128).sum() > (seen()[..., MOUTH] > 128).sum()


def test_the_size_of_the_photo_hardly_matters():
    """Nor where in it the face is."""
    one, before = portrait(), seen().astype(int)
    half = cv2.resize(one.picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    smaller = photo(half, (one.landmarks + 0.5) * 0.5 - 0.5)
    assert np.abs(smaller[..., :3] - before[..., :3]).mean() < 3
    assert np.abs(smaller[..., 3:] - before[..., 3:]).mean() < 1
    shifted = np.pad(one.picture, ((40, 0), (70, 0), (0, 0)), "edge")
    moved = photo(shifted, one.landmarks + np.float32([70, 40, 0]))
    assert np.abs(moved - before).mean() < 0.5


def test_a_face_at_the_border_goes_on_as_its_outermost_pixels():
    """Half of the square is beyond the picture."""
    one = portrait()
    left = int(one.landmarks[:, 0].mean())
    cut = np.ascontiguousarray(one.picture[:, left:])
    found = photo(cut, one.landmarks - np.float32([left, 0, 0]))
    assert (found[60, :40, :3] == found[60, 0, :3]).all()
    assert found[..., FRAME].any()
