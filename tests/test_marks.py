"""The maps of lips, lids and irises."""

import cv2
import numpy as np
import pytest

from engines.geometry import eyes, lip_contour
from engines.marks import draw_marks
from tests.faces import portrait

NONE = np.full((2, 3), -99, np.float32)


def blob(side, at=(0.5, 0.5), size=0.12):
    """A closed line that is no circle."""
    turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    wide = size * (1 + 0.3 * np.sin(3 * turn))
    return (
        side * np.stack([at[0] + wide * np.cos(turn), at[1] + 0.5 * wide * np.sin(turn)], 1)
    ).astype(np.float32)


def exact(line, side):
    """The levels by OpenCV, pixel by pixel."""
    outline = np.ascontiguousarray(line).reshape(-1, 1, 2)
    away = [
        [cv2.pointPolygonTest(outline, (float(x), float(y)), True) for x in range(side)]  # noqa: FBT003
        for y in range(side)
    ]
    return np.clip(np.floor(128.5 + 2 * np.array(away)), 0, 255).astype(int)


@pytest.mark.parametrize("side", [64, 128])
@pytest.mark.parametrize("at", [(0.5, 0.5), (0.05, 0.9), (1.2, 0.4)])
def test_distances_are_those_of_the_line(side, at):
    """Two levels a pixel, 128 on the line, more inside; also where it leaves the view."""
    line = blob(side, at)
    marks = draw_marks(line, (line, line), NONE, side)
    for channel in (0, 1):
        assert np.abs(marks[..., channel].astype(int) - exact(line, side)).max() <= 1
    assert not marks[..., 2].any()


def test_lids_are_those_of_the_nearer_eye():
    """Both are in one map."""
    left, right = blob(128, (0.3, 0.5), 0.08), blob(128, (0.7, 0.5), 0.08)
    lids = draw_marks(left, (left, right), NONE, 128)[..., 1].astype(int)
    assert np.abs(lids - np.maximum(exact(left, 128), exact(right, 128))).max() <= 1


def test_irises_are_soft_discs():
    """As large as they are."""
    line = blob(128)
    discs = draw_marks(line, (line, line), np.float32([[40, 60, 7.5], [90.5, 60, 5]]), 128)[..., 2]
    assert discs.sum() / 255 == pytest.approx(np.pi * (7.5**2 + 5**2), rel=0.02)
    assert discs[60, 40] == 255
    assert discs[60, 90] == 255
    assert discs[60, 65] == 0


@pytest.mark.parametrize("offset", [0, 1e4, -1e4])
def test_real_faces_and_what_is_far_outside_give_maps(offset):
    """Shut lips are a line without an inside; nothing is seen of a face out of view."""
    p = portrait()
    points = p.landmarks[:, :2] / p.width * 128 + offset
    lips = points[lip_contour()].copy()
    lips[11:] = lips[1:10][::-1]
    marks = draw_marks(lips, tuple(points[eye.contour] for eye in eyes()), NONE, 128)
    assert marks.shape == (128, 128, 3)
    assert (marks[..., 0] <= 130).all()
    assert marks.any() == (offset == 0)
