"""A picture of any shape on a canvas of fixed size."""

import numpy as np
import pytest

from streamer.generator.fit import (
    Surround,
    continued,
    covering,
    darken,
    dithered,
    embodied,
    fit,
    soft,
)


@pytest.mark.parametrize(
    ("canvas", "picture", "place"),
    [
        ((1280, 720), (512, 512), (280, 0, 720, 720)),
        ((1280, 720), (600, 800), (370, 0, 540, 720)),
        ((640, 480), (1080, 608), (0, 60, 640, 360)),
        ((512, 512), (512, 512), (0, 0, 512, 512)),
        ((1280, 720), (1078, 606), (0, 0, 1280, 720)),
        ((65, 99), (1080, 64), (0, 47, 65, 4)),
    ],
)
def test_the_picture_is_whole_as_large_as_fits_and_in_the_middle(canvas, picture, place):
    """It keeps its proportions, but for a hundredth that would be a thin bar."""
    found = fit(canvas, picture)
    assert (found.x, found.y, found.width, found.height) == place


def surround(canvas, picture, value=0):
    """Of a plain canvas."""
    return Surround(np.full((canvas[1], canvas[0], 3), value, np.uint8), fit(canvas, picture))


@pytest.mark.parametrize("size", [(720, 720), (512, 512), (360, 360)])
def test_the_picture_lies_in_its_place_whatever_its_size(size):
    """Beside it is the canvas; the seam between them is soft."""
    out = surround((1280, 720), (720, 720)).placed(np.full((*size, 3), 200, np.uint8))
    assert (out.shape, out.dtype, out.flags.c_contiguous) == ((720, 1280, 3), np.uint8, True)
    assert (out[:, :280] == 0).all()
    assert (out[:, 1000:] == 0).all()
    assert (out[:, 320:960] == 200).all()
    across = out[300, 280:320, 0].astype(int)
    assert (np.diff(across) >= 0).all()
    assert np.diff(across).max() < 15


def test_bars_above_and_below_have_a_soft_seam_too():
    """A wide picture on a tall canvas."""
    out = surround((400, 600), (400, 200)).placed(np.full((200, 400, 3), 90, np.uint8))
    assert (out[:200] == 0).all()
    assert (out[230:370] == 90).all()
    assert 0 < out[203, 50, 0] < 90


def test_a_picture_of_the_canvas_shape_fills_it():
    """At its own size it is handed on as it is, else resized."""
    whole = surround((640, 360), (320, 180))
    picture = np.full((360, 640, 3), 7, np.uint8)
    assert whole.placed(picture) is picture
    assert whole.placed(picture[:180, :320].copy()).shape == (360, 640, 3)


def test_each_picture_is_the_callers():
    """Painting over one does not reach the next."""
    around = surround((640, 360), (360, 360), value=30)
    picture = np.full((360, 360, 3), 90, np.uint8)
    first = around.placed(picture)
    kept = first.copy()
    first[:] = 255
    assert np.array_equal(around.placed(picture), kept)


def test_at_rest_there_is_no_seam():
    """Where canvas and picture are the same, nothing is seen of it."""
    random = np.random.default_rng(3)
    canvas = random.integers(0, 256, (360, 640, 3), np.uint8)
    place = fit((640, 360), (360, 360))
    rest = canvas[place.rows, place.columns].copy()
    assert np.array_equal(Surround(canvas, place).placed(rest), canvas)


def test_the_background_goes_on_without_a_step():
    """Across the seam neighbours differ as little as inside the picture."""
    place = fit((640, 360), (270, 360))
    y, x = np.mgrid[:360, :270]
    plate = np.dstack([60 + x // 3, 90 + y // 4, 200 - x // 3]).astype(np.uint8)
    wide = continued(plate, place).astype(int)
    for seam in (place.x, place.x + place.width):
        assert np.abs(wide[:, seam] - wide[:, seam - 1]).mean() < 3
    assert np.abs(wide[place.rows, place.columns] - plate).mean() < 2


def person(height=200, width=100, shoulder=120):
    """(h, w, 4) a body whose shoulders meet the sides of the picture at this row."""
    out = np.zeros((height, width, 4), np.uint8)
    y, x = np.mgrid[:height, :width]
    out[y > shoulder - 30 * (1 - np.abs(x - width / 2) / (width / 2))] = (90, 60, 50, 255)
    return out


def test_a_shoulder_goes_on_and_falls():
    """Full beside the picture, less and less farther out, nothing where it has fallen."""
    place = fit((400, 200), (100, 200))
    cover = embodied(person(), place)[..., 3]
    tall = (cover > 127).sum(0)
    assert tall[149] > 60
    assert tall[251] > 60
    assert (np.diff(tall[60:150]) >= -1).all()
    assert (np.diff(tall[250:340]) <= 1).all()
    assert tall[0] == tall[-1] == 0


def test_hair_at_the_side_of_the_picture_fades():
    """What does not stand on the lower border ends there, without a line."""
    hairy = person()
    hairy[20:60, :10] = 255
    cover = embodied(hairy, fit((400, 200), (100, 200)))[..., 3].astype(int)
    assert (cover[:80, :130] < 20).all()
    across = cover[40, 130:160]
    assert np.abs(np.diff(across)).max() < 60


def test_a_body_goes_on_below():
    """On a tall canvas it stands on the border of that, and nothing is above the picture."""
    cover = embodied(person(), fit((100, 400), (100, 200)))[..., 3]
    assert (cover[-1, 20:80] > 200).all()
    assert (cover[:95] == 0).all()


def test_light_falls_off_outside_only():
    """The picture's own part stays as it is."""
    place = fit((640, 360), (360, 360))
    canvas = np.full((360, 640, 3), 200, np.uint8)
    darken(canvas, place)
    assert (canvas[place.rows, place.columns] == 200).all()
    assert (np.diff(canvas[100, :141, 0].astype(int)) >= 0).all()
    assert 150 < canvas[100, 0, 0] < 185


@pytest.mark.parametrize("size", [(320, 180), (100, 300), (64, 64)])
def test_covering_fills_and_keeps_proportions(size):
    """A circle stays one; what does not fit is cut off evenly."""
    y, x = np.mgrid[:400, :600]
    image = np.where(np.hypot(x - 300, y - 200) < 60, 255, 0).astype(np.uint8)
    out = covering(np.dstack([image] * 3), size)[..., 0] > 127
    assert out.shape == (size[1], size[0])
    rows, columns = np.flatnonzero(out.any(1)), np.flatnonzero(out.any(0))
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=3)
    assert rows.mean() == pytest.approx(size[1] / 2, abs=2)


def test_a_gradient_has_no_bands():
    """Grain hides the steps, and its mean is the gradient."""
    values = np.repeat(np.linspace(40, 44, 600, dtype=np.float32)[None, :, None], 300, 0)
    values = np.repeat(values, 3, 2)
    out = dithered(values)
    assert len(np.unique(out[:, 300])) > 1
    assert np.abs(out.mean(0) - values[0]).max() < 0.4


def test_soft_is_blurred_by_that_much():
    """An edge becomes as wide as the Gaussian's."""
    edge = np.zeros((200, 400, 3), np.uint8)
    edge[:, 200:] = 200
    line = soft(edge, 20.0)[100, :, 0]
    assert line[180] == pytest.approx(200 * 0.159, abs=8)
    assert line[220] == pytest.approx(200 * 0.841, abs=8)
