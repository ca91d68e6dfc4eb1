"""Taking a picture apart: person, colours, background."""

import cv2
import numpy as np
import pytest

from engines.layers import (
    Stroke,
    background_plate,
    blur_of,
    foreground,
    inset_mask,
    polygon_mask,
    premultiplied,
    pushed,
    refined_matte,
    smooth_closed,
)
from tests.faces import photo

SHAPE = (120, 160)
FACE_PX = 60.0
PERSON, WALL = np.uint8([200, 120, 90]), np.uint8([40, 90, 160])


def disc(radius=40, soft=1.5):
    """(H, W) coverage of a round person in the middle."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float32)
    return np.clip((radius - np.hypot(x - 80, y - 60)) / soft + 0.5, 0, 1)


def scene(matte):
    """The person in front of the wall."""
    mixed = matte[..., None] * PERSON + (1 - matte[..., None]) * WALL
    return np.round(mixed).astype(np.uint8)


def test_known_pixels_are_kept_and_the_rest_filled():
    """What is known stays; what is filled lies between the colours around it."""
    picture = np.zeros((*SHAPE, 3), np.float32)
    picture[:, :80], picture[:, 80:] = 50, 150
    known = np.ones(SHAPE, np.float32)
    known[40:80, 60:100] = 0
    filled = pushed(np.where(known[..., None] > 0, picture, 255), known)
    assert np.abs(filled - picture)[known > 0].max() < 0.01
    hole = filled[40:80, 60:100]
    assert 49.9 < hole.min() < hole.max() < 150.1
    assert hole[:, 0].mean() < hole[:, 20].mean() < hole[:, -1].mean()


def test_a_fill_has_no_step():
    """Neighbouring filled pixels differ little, so that nothing shows where the hole was."""
    ramp = np.zeros((*SHAPE, 3), np.float32)
    ramp += np.linspace(0, 200, SHAPE[1], dtype=np.float32)[:, None]
    known = 1 - (disc() > 0.5).astype(np.float32)
    filled = pushed(ramp, known)[..., 0]
    assert np.abs(np.diff(filled, axis=1)).max() < 8
    assert np.abs(np.diff(filled, axis=0)).max() < 8


def test_filling_from_nothing_is_finite():
    """No known pixel at all gives black, not NaN; so does a picture of one pixel."""
    assert (pushed(np.ones((9, 7, 3), np.float32), np.zeros((9, 7), np.float32)) == 0).all()
    assert pushed(np.ones((1, 1, 3), np.float32), np.ones((1, 1), np.float32)).tolist() == [
        [[1, 1, 1]]
    ]


def test_a_rough_matte_becomes_exact():
    """A segmentation that is blurred and two pixels off finds the true outline by the colours."""
    true = disc()
    rough = cv2.GaussianBlur(np.roll(true, 2, 1), (0, 0), 3)
    refined = refined_matte(scene(true), rough, FACE_PX)
    assert np.abs(refined - true).mean() < 0.5 * np.abs(rough - true).mean()
    assert refined[60, 80] == 1
    assert refined[5, 5] == 0


def test_a_matte_without_an_outline_stays():
    """All person or no person: there is nothing to refine."""
    for rough in (np.ones(SHAPE, np.float32), np.zeros(SHAPE, np.float32)):
        assert np.array_equal(refined_matte(scene(disc()), rough, FACE_PX), rough)


def test_the_plate_shows_the_wall_where_the_person_was():
    """No colour of the person is left; far from them the picture is unchanged."""
    picture = scene(disc())
    plate = background_plate(picture, disc(), FACE_PX)
    assert np.abs(plate.astype(int) - WALL).max() < 6
    far = disc(70) == 0
    assert np.array_equal(plate[far], picture[far])


def test_a_picture_full_of_person_has_itself_as_plate():
    """Where nothing of the background is seen, nothing is invented."""
    picture = scene(disc())
    assert np.array_equal(background_plate(picture, np.ones(SHAPE, np.float32), FACE_PX), picture)


def test_the_plate_is_the_same_every_time():
    """Its grain is seeded."""
    noisy = scene(disc()) + np.random.default_rng(0).integers(0, 12, (*SHAPE, 3), np.uint8)
    one, other = (background_plate(noisy, disc(), FACE_PX) for _ in range(2))
    assert np.array_equal(one, other)


def test_the_persons_colours_are_free_of_background():
    """Along the soft edge and beyond it the person's own colour is found."""
    soft = disc(soft=8)
    colours = foreground(scene(soft), soft, np.broadcast_to(WALL, (*SHAPE, 3)).copy())
    rim = (soft > 0.3) & (soft < 0.95)
    assert np.abs(colours[rim].astype(int) - PERSON).max() < 12
    assert np.abs(colours[60, 20].astype(int) - PERSON).max() < 30


def test_laying_the_person_over_the_plate_gives_the_picture():
    """Premultiplied colours over the background make the photo again."""
    soft, wall = disc(soft=6), np.broadcast_to(WALL, (*SHAPE, 3))
    rgba = premultiplied(foreground(scene(soft), soft, wall.copy()), soft).astype(np.float32)
    over = rgba[..., :3] + wall * (1 - rgba[..., 3:] / 255)
    assert np.abs(over - scene(soft)).max() < 6


def test_a_polygons_mask_has_its_area():
    """Within the soft pixel that lies along its line; nothing beyond."""
    corners = np.float32([[10.25, 10.25], [50.25, 10.25], [50.25, 40.25], [10.25, 40.25]])
    mask = polygon_mask(corners, SHAPE)
    assert 40 * 30 <= mask.sum() <= 42 * 32
    assert mask[13:38, 13:48].min() == 1
    assert mask[:8].max() == mask[:, 54:].max() == 0


def test_an_inset_mask_never_leaves_its_line():
    """However soft, it is nowhere more than the polygon's own coverage."""
    points = smooth_closed(np.float32([[40, 30], [90, 20], [120, 70], [60, 90]]), 6)
    whole = polygon_mask(points, SHAPE)
    for blur in (0.3, 1.0, 3.0):
        inset = inset_mask(points, SHAPE, blur)
        assert (inset <= whole + 1e-6).all()
        assert inset.max() > 0.95


def test_a_smooth_curve_passes_through_its_points():
    """Closed, in order, without a spike."""
    points = np.float32([[0, 0], [10, 0], [12, 8], [3, 9]])
    curve = smooth_closed(points, 5)
    assert np.allclose(curve[::5], points, atol=1e-5)
    steps = np.linalg.norm(np.diff(np.vstack([curve, curve[:1]]), axis=0), axis=1)
    assert steps.max() < 4


def test_a_blurred_picture_is_called_blurred():
    """The more it is blurred, the higher the figure, near the blur that was put in."""
    picture = photo("ada")[200:450, 200:550]
    found = [blur_of(cv2.GaussianBlur(picture, (0, 0), s)) for s in (0.7, 1.2, 2.0, 3.0)]
    assert (np.diff([blur_of(picture), *found]) > 0).all()
    assert found[2] == pytest.approx(2.0, rel=0.4)
    assert np.isfinite(blur_of(np.full((40, 40, 3), 90, np.uint8)))


def stroke(x=5, y=3, **changes):
    """A soft spot of 6 x 4 px."""
    cover = np.float32([0, 0.3, 1, 1, 0.5, 0])[None, :, None] * np.ones((4, 1, 1), np.float32)
    colour = np.full((4, 6, 3), (200, 40, 90), np.float32)
    return Stroke(x, y, colour, cover, **changes)


def test_a_stroke_as_a_layer_gives_what_it_gives_on_the_picture():
    """Premultiplied over the same picture, to one level; two strokes one over the other, too."""
    picture = np.random.default_rng(1).integers(0, 256, (12, 20, 3), np.uint8)
    layer, drawn = np.zeros((12, 20, 4), np.uint8), picture.copy()
    for one in (stroke(), stroke(7, 4)):
        one.lay_over(drawn)
        one.lay_into(layer, 0, 0)
    over = layer[..., :3] + (picture * (255.0 - layer[..., 3:]) / 255)
    assert np.abs(over - drawn).max() <= 1.6


@pytest.mark.parametrize(("x", "y"), [(0, 0), (7, 4), (-30, 2), (8, -9), (40, 40)])
def test_a_layer_takes_the_part_of_a_stroke_that_lies_in_it(x, y):
    """Wherever it begins; what may have changed is told."""
    whole, part = np.zeros((40, 40, 4), np.uint8), np.zeros((10, 9, 4), np.uint8)
    stroke(15, 15).lay_into(whole, 0, 0)
    rows, columns = stroke(15 - 10, 15 - 10).lay_into(part, x - 10, y - 10)
    inside = np.zeros((80, 80, 4), np.uint8)
    inside[20:60, 20:60] = whole
    assert np.array_equal(part, inside[y + 20 : y + 30, x + 20 : x + 29])
    part[rows, columns] = 0
    assert not part.any()


def test_a_stroke_that_darkens_makes_nothing_lighter():
    """Lashes on a dark skin."""
    picture = np.full((12, 20, 3), 70, np.uint8)
    stroke(darkens=True).lay_over(picture)
    assert picture[4, 7].tolist() == [70, 40, 70]
