"""What is behind the person, and how cleanly the person stands before it."""

import threading
from functools import cache

import numpy as np
import pytest

from streamer.config import GeneratorConfig
from streamer.errors import ConfigError, MediaError
from streamer.generator import open_generator
from streamer.generator.background import GREEN, Backdrops, read_image
from streamer.generator.fit import fit
from streamer.picture import write_png
from streamer.retarget.presence import neutral_motion
from tests.faces import generator, portrait
from tests.test_composite import motion

NAMES = ("ada", "bruno", "mei")
KINDS = ("original", "blur", "green", "matte", "image")
SIZE = 256
IMAGE = np.random.default_rng(5).integers(0, 256, (90, 200, 3), np.uint8)


@cache
def backdrops(name="ada", canvas=(SIZE, SIZE)):
    """Of a bundled portrait."""
    return Backdrops(generator(name), fit(canvas, (SIZE, SIZE)), lambda: IMAGE)


def drawn(name, kind, shown=None, canvas=(SIZE, SIZE)):
    """One picture on the canvas."""
    view = backdrops(name, canvas).view(kind)
    return view.surround.placed(generator(name).generate(shown or neutral_motion(), view.scene))


def covers(name):
    """(H, W) 0-1 the person at rest."""
    return generator(name).at_rest[..., 3] / 255


@pytest.mark.parametrize("name", NAMES)
def test_before_the_photos_own_background_nothing_changes(name):
    """The picture is the one without any background asked for."""
    turned = motion((12, 5, 3), aperture=0.2)
    assert np.array_equal(drawn(name, "original", turned), generator(name).generate(turned))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("turn", [(0, 0, 0), (20, 8, 10), (-20, -8, -10)])
def test_green_is_green_wherever_the_person_is_not(name, turn):
    """Still parts and moving ones alike: nothing of the old background stays."""
    picture = drawn(name, "green", motion(turn))
    matte = drawn(name, "matte", motion(turn))[..., 0]
    assert (matte == 0).mean() > 0.2
    assert np.abs(picture[matte == 0] - np.array(GREEN)).max() <= 2
    assert (picture[matte == 0] == GREEN).mean() > 0.999


@pytest.mark.parametrize("name", NAMES)
def test_the_person_is_the_photos_before_any_background(name):
    """Inside the matte no colour changes."""
    firm = covers(name) > 0.999
    rest = generator(name).generate(neutral_motion()).astype(int)
    assert firm.mean() > 0.2
    for kind in ("blur", "green", "image"):
        away = np.abs(drawn(name, kind) - rest)[firm]
        assert away.mean() < 0.5
        assert (away <= 3).mean() > 0.98


@pytest.mark.parametrize("name", NAMES)
def test_the_edge_mixes_the_person_with_the_new_background_alone(name):
    """On black and on white it is the same person: what differs is the share of the background."""
    g, turned = generator(name), motion((15, 5, 5))
    flat = [np.full((g.height, g.width, 3), value, np.uint8) for value in (0, 255)]
    black, white = (g.generate(turned, g.on(one)).astype(float) for one in flat)
    matte = g.generate(turned, g.on(flat[0], silhouette=True))[..., 0].astype(float)
    away = np.abs((white - black) - (255 - matte)[..., None])
    assert np.percentile(away, 99) <= 3


@pytest.mark.parametrize("kind", ["green", "image", "matte"])
def test_nothing_jumps_where_the_moving_part_ends(kind):
    """At rest the part that is drawn anew is the one that lies under it."""
    view = backdrops("mei").view(kind)
    away = np.abs(drawn("mei", kind).astype(int) - view.scene.still).max(2)
    rows, columns = generator("mei").moving
    frame = np.zeros(away.shape, bool)
    frame[rows, columns] = True
    frame[rows.start + 4 : rows.stop - 4, columns.start + 4 : columns.stop - 4] = False
    assert (away[frame] <= 3).mean() > 0.99


def test_a_matte_is_white_on_black_and_grey_between():
    """Eyes and an open mouth are white too."""
    shown = motion((10, 0, 0), aperture=0.4, jaw=0.1, openness=(0.3, 1.2))
    picture = drawn("ada", "matte", shown)
    assert (picture == picture[..., :1]).all()
    assert {0, 255} <= set(np.unique(picture))
    face = generator("ada").canvas.place(portrait("ada").landmarks[:468])[:, :2]
    low, high = face.min(0).astype(int) + 25, face.max(0).astype(int) - 25
    assert (picture[low[1] : high[1], low[0] : high[0]] == 255).all()


def test_a_blurred_background_has_no_detail_and_keeps_its_light():
    """The person before it is as sharp as ever."""
    outside = covers("mei") == 0
    own, blurred = (drawn("mei", kind).astype(int) for kind in ("original", "blur"))
    detail = [np.abs(np.diff(one, axis=1))[outside[:, 1:]].mean() for one in (own, blurred)]
    assert detail[1] < 1.5
    assert abs(own[outside].mean() - blurred[outside].mean()) < 4


def test_the_image_covers_the_whole_canvas():
    """It goes on behind the picture without a seam; at its sides it is the image alone."""
    canvas = (512, SIZE)
    view = backdrops("ada", canvas).view("image")
    picture = drawn("ada", "image", canvas=canvas)
    place = fit(canvas, (SIZE, SIZE))
    behind = backdrops("ada", canvas)._behind("image")
    assert picture.shape == (SIZE, 512, 3)
    assert np.array_equal(picture[:60, : place.x], behind[:60, : place.x])
    inside = behind[place.rows, place.columns]
    clear = generator("ada").at_rest[..., 3] == 0
    assert np.array_equal(view.scene.still[clear], inside[clear])


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_before_any_background_are_the_callers(kind):
    """And depend on the motion alone."""
    first = drawn("ada", kind, motion((9, 4, 2)), canvas=(512, SIZE))
    kept = first.copy()
    first[:] = 77
    drawn("ada", kind, motion((-20, 4, 2), aperture=0.3), canvas=(512, SIZE))
    assert np.array_equal(drawn("ada", kind, motion((9, 4, 2)), canvas=(512, SIZE)), kept)


def test_the_last_backgrounds_are_kept():
    """Going back to one costs nothing, and few are in memory."""
    made = Backdrops(generator(), fit((SIZE, SIZE), (SIZE, SIZE)), lambda: IMAGE)
    green, matte = made.view("green"), made.view("matte")
    assert made.view("green") is green
    assert made.view("matte") is matte
    for kind in KINDS:
        made.view(kind)
    assert len(made._views) == 2


def test_the_generator_of_a_film_has_the_background_of_the_settings(tmp_path):
    """As `animate` opens it."""
    write_png(tmp_path / "beach.png", IMAGE)
    for config in (
        GeneratorConfig(size=128, background="green"),
        GeneratorConfig(size=128, background="image", image=str(tmp_path / "beach.png")),
    ):
        with open_generator(config, portrait()) as g:
            picture = g.generate(motion((5, 0, 0)))
            assert np.array_equal(g.generate_batch([motion((5, 0, 0))])[0], picture)
            plain = g.generate(motion((5, 0, 0)), g.original)
        assert np.abs(picture.astype(int) - plain)[:20, :20].mean() > 20


def test_an_image_that_is_not_there_is_told(tmp_path):
    """Also when none is named."""
    missing = GeneratorConfig(background="image", image=str(tmp_path / "gone.jpg"))
    with pytest.raises(MediaError, match=r"gone\.jpg"), open_generator(missing, portrait()):
        pass
    with pytest.raises(ConfigError, match=r"generator\.image"):
        read_image(GeneratorConfig(background="image"))


def test_two_users_of_one_generator_do_not_disturb_each_other():
    """Each has its own background; the pictures are those drawn one after the other."""
    g = generator("bruno")
    views = [backdrops("bruno").view(kind) for kind in ("green", "original")]
    turns = [motion((turn, 0, 0)) for turn in (10, -10)]
    alone = [g.generate(m, v.scene) for m, v in zip(turns, views, strict=True)]
    same = [[], []]

    def draw(user):
        for _ in range(15):
            picture = g.generate(turns[user], views[user].scene)
            same[user].append(np.array_equal(picture, alone[user]))

    threads = [threading.Thread(target=draw, args=(user,)) for user in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(map(all, same))
