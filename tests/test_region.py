"""What the refiner sees of a picture: squares, and the boxes they lie in."""

import numpy as np
import pytest

from engines.region import (
    EYES,
    FACE,
    MOUTH,
    Box,
    Square,
    face_box,
    face_square,
    part_box,
    part_square,
)
from tests.faces import generator, portrait


def test_the_square_of_a_face_is_around_it():
    """2.4 face widths, the face in the middle."""
    g = generator("ada", 512)
    square = face_square(portrait().pose, g.canvas.place)
    points = g.canvas.place(portrait().landmarks)
    width = portrait().pose.scale * g.canvas.scale
    assert square.side == pytest.approx(FACE * width, rel=1e-4)
    assert np.abs(points[:, :2].mean(0) - [square.x, square.y]).max() < 0.2 * width


@pytest.mark.parametrize(("width", "height"), [(512, 512), (1280, 720), (200, 300)])
@pytest.mark.parametrize("at", [(100, 100), (256.3, 255.7), (0, 500)])
def test_the_box_is_the_square_cut_to_the_picture_and_some_more(width, height, at):
    """It never reaches beyond the picture, and its sides are multiples of 32 where they can be."""
    square = Square(*at, 333.0)
    box = face_box(square, width, height)
    assert box.x >= 0
    assert box.y >= 0
    assert box.x + box.width <= width
    assert box.y + box.height <= height
    assert box.width % 32 == 0 or box.width == width
    low, high = max(0, at[0] - 166), min(width, at[0] + 166)
    assert box.x <= low
    assert box.x + box.width >= high


def test_faces_of_about_one_size_have_boxes_of_one_shape():
    """So that their portraits share an engine."""
    boxes = [
        face_box(face_square(portrait(n).pose, generator(n, 512).canvas.place), 512, 512)
        for n in ("bruno", "mei")
    ]
    assert len({(box.width, box.height) for box in boxes}) == 1


AT = ([200.5, 200.5], [203.7, 190.3], [1, 1])


def test_a_part_goes_along_by_whole_pixels_and_stays_the_same_in_its_box():
    """What is bound once holds wherever it is; at the border it stops."""
    boxes = [part_box(np.float32(at), 180.0, 512, 512) for at in AT]
    assert (boxes[1].x - boxes[0].x, boxes[1].y - boxes[0].y) == (3, -10)
    assert (boxes[2].x, boxes[2].y) == (0, 0)
    inside = [part_square(box, side * 180).inside(box) for box in boxes for side in (MOUTH, EYES)]
    assert np.array_equal(inside[0], inside[2])
    assert np.array_equal(inside[1], inside[5])
    assert (inside[0][:2] == 0).all()


def test_coordinates_agree_with_each_other():
    """A point seen in the net's view lies where the view's grid says; -1..1 are outer edges."""
    square, box = Square(101.0, 99.0, 64.0), Box(50, 40, 100, 120)
    grid = square.grid(32)
    seen = square.seen(grid.reshape(-1, 2), 32).reshape(32, 32, 2)
    assert np.allclose(seen, np.stack(np.meshgrid(np.arange(32), np.arange(32)), -1), atol=1e-3)
    assert grid[0, 0] == pytest.approx([69 + 1, 67 + 1])
    x, y, half_x, half_y = square.inside(box)
    assert (x + 1) / 2 * 100 == pytest.approx(101 - 50 + 0.5)
    assert (y + 1) / 2 * 120 == pytest.approx(99 - 40 + 0.5)
    assert (half_x, half_y) == pytest.approx((0.64, 64 / 120))
