"""The generator of a run: it draws what the desk asks for, on one canvas."""

import logging
import threading
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from streamer.config import Config, GeneratorConfig, SinkConfig, with_values
from streamer.control import Controls, Desk, by_name
from streamer.errors import MediaError
from streamer.frame import Shot
from streamer.generator import open_live_generator
from streamer.generator.background import GREEN
from streamer.picture import write_png
from streamer.retarget.presence import neutral_motion
from tests.faces import portrait
from tests.test_composite import motion
from tests.test_library import Loader, idle, until

NAMES = ("ada", "bruno", "mei")
CONFIG = Config(generator=GeneratorConfig(size=96), sink=SinkConfig(kind="none", size=(192, 108)))


def load(name):
    """Bundled portraits only."""
    if name not in NAMES:
        raise MediaError(f"{name}: there is no such file")
    return portrait(name)


@contextmanager
def live(config=CONFIG, loader=load, **changes):
    """A live generator and its desk."""
    changes = {"portraits": NAMES, "portrait": config.portrait, **changes}
    changes.setdefault("background", config.generator.background)
    desk = Desk(Controls(gains=config.retarget.gains, **changes))
    with open_live_generator(config, desk, loader) as generator:
        yield generator, desk


def shot(name="ada", card=None, shown=None):
    """A portrait at rest, or a card."""
    return Shot(name, shown or neutral_motion(), card)


def settled(generator, desk):
    """Everything that is wanted is open."""
    generator.library.look(desk.controls)
    until(lambda: idle(generator.library))


@pytest.mark.parametrize("size", [(192, 108), (96, 96), (91, 160)])
def test_every_picture_has_the_size_of_the_canvas(size):
    """Portraits of any shape, cards, each level, each background."""
    with live(with_values(CONFIG, {"sink.size": list(size)})) as (g, desk):
        assert (g.width, g.height) == size
        for level, kind in enumerate(("original", "green", "blur")):
            desk.edit(lambda c, n=level, b=kind: replace(c, level=n, background=b))
            settled(g, desk)
            for picture in (g.generate(shot()), g.generate(shot(card="Hi")), g.card("Starting")):
                assert (picture.shape, picture.dtype) == ((size[1], size[0], 3), np.uint8)
                assert picture.flags.c_contiguous


def test_without_a_size_the_canvas_is_the_portraits():
    """What calls expect of a virtual camera is decided where the sink is chosen."""
    plain = Config(generator=GeneratorConfig(size=96), sink=SinkConfig(kind="none"))
    with live(plain) as (g, _):
        assert (g.width, g.height) == (96, 96)


def test_pictures_are_the_callers():
    """Cards too."""
    with live() as (g, _):
        for one in (shot(), shot(card="Back soon")):
            first = g.generate(one)
            kept = first.copy()
            first[:] = 99
            assert np.array_equal(g.generate(one), kept)


def test_a_prepared_portrait_is_there_with_its_first_picture():
    """From the key to the new portrait: one call, that opens nothing."""
    loader = Loader()
    config = with_values(CONFIG, {"portrait": "a"})
    with live(config, loader, portraits=("a", "b", "c")) as (g, desk):
        settled(g, desk)
        g.generate(shot("a"))
        opened = set(g.library._opened)
        desk.edit(by_name()["next-portrait"].edit)
        assert g.library.ready(desk.controls.portrait) is not None
        assert set(g.library._opened) == opened
        g.generate(shot("b"))
        assert g._now.name == "b"
        assert loader.asked == ["a", "b", "c"]


def test_another_portrait_is_another_picture():
    """Drawn as if it had been there from the start."""
    with live() as (g, desk):
        settled(g, desk)
        first = g.generate(shot("ada"))
        second = g.generate(shot("mei"))
        assert np.abs(first.astype(int) - second).mean() > 5
        assert np.array_equal(g.generate(shot("ada")), first)
    with live(with_values(CONFIG, {"portrait": "mei"})) as (g, _):
        away = np.abs(g.generate(shot("mei")).astype(int) - second)
    assert away.max() <= 1


def test_what_is_not_open_yet_leaves_the_old_portrait():
    """Nobody waits for it."""
    gate = threading.Event()

    def slow(name):
        assert name != "mei" or gate.wait(30)
        return load(name)

    with live(loader=slow) as (g, desk):
        first = g.generate(shot("ada"))
        desk.edit(lambda c: replace(c, portrait="mei"))
        assert np.array_equal(g.generate(shot("mei")), first)
        until(lambda: g.preparing == "mei")
        gate.set()
        until(lambda: g.library.ready("mei"))
        assert np.abs(g.generate(shot("mei")).astype(int) - first).mean() > 5


def test_a_level_serves_when_it_is_open_and_the_old_one_till_then():
    """The canvas stays, and the picture is the same, softer."""
    with live() as (g, desk):
        assert [level.name for level in g.levels] == ["full", "3/4 size", "half size"]
        sharp = g.generate(shot()).astype(int)
        desk.edit(lambda c: replace(c, level=2))
        g.generate(shot())
        settled(g, desk)
        soft = g.generate(shot()).astype(int)
        assert g.level == "half size"
        assert 0 < np.abs(soft - sharp).mean() < 6
        desk.edit(lambda c: replace(c, level=0))
        settled(g, desk)
        assert np.array_equal(g.generate(shot()), sharp)
        assert g.level == "full"


def test_a_card_is_shown_whatever_else_is_asked_for():
    """It is made before it is needed, and shows no portrait."""
    with live() as (g, _):
        assert CONFIG.presence.text in g._cards._made
        card = g.generate(shot(card=CONFIG.presence.text, shown=motion((20, 0, 0))))
        assert np.array_equal(card, g.card(CONFIG.presence.text))
        assert np.array_equal(g.generate(shot("mei", card=CONFIG.presence.text)), card)


def test_a_background_changes_with_the_next_picture():
    """And with the portrait it stays."""
    with live() as (g, desk):
        settled(g, desk)
        own = g.generate(shot())
        desk.edit(lambda c: replace(c, background="green"))
        assert (g.generate(shot())[:10, :30] == GREEN).all()
        settled(g, desk)
        assert (g.generate(shot("mei"))[:10, :30] == GREEN).all()
        desk.edit(lambda c: replace(c, background="original"))
        g.generate(shot("mei"))
        assert np.array_equal(g.generate(shot()), own)


def test_a_background_without_a_picture_leaves_the_old_one(caplog):
    """Told once; the next one works."""
    with live(background="matte") as (g, desk), caplog.at_level(logging.WARNING):
        before = g.generate(shot())
        desk.edit(by_name()["background"].edit)
        assert desk.controls.background == "image"
        for _ in range(5):
            assert np.array_equal(g.generate(shot()), before)
        assert len(caplog.records) == 1
        assert "background stays matte" in caplog.text
        assert "generator.image" in caplog.text
        settled(g, desk)
        assert g.generate(shot("mei"))[0, 0].max() == 0
        desk.edit(by_name()["background"].edit)
        assert g.generate(shot()).std() > 5
        assert len(caplog.records) == 1


def test_an_unreadable_background_is_an_error_at_the_start_only(tmp_path, caplog):
    """While running it is a warning."""
    broken = tmp_path / "beach.jpg"
    broken.write_bytes(b"no picture")
    config = with_values(CONFIG, {"generator.image": str(broken)})
    with live(config) as (g, desk), caplog.at_level(logging.WARNING):
        before = g.generate(shot())
        desk.edit(lambda c: replace(c, background="image"))
        assert np.array_equal(g.generate(shot()), before)
        assert "beach.jpg" in caplog.text
    with (
        pytest.raises(MediaError, match=r"beach\.jpg"),
        live(with_values(config, {"generator.background": "image"})),
    ):
        pass


def test_the_picture_behind_the_person_is_read_once(tmp_path):
    """A file that is deleted while it is shown does not matter."""
    path = tmp_path / "beach.png"
    write_png(path, np.full((50, 90, 3), (1, 2, 203), np.uint8))
    values = {"generator.image": str(path), "generator.background": "image"}
    with live(with_values(CONFIG, values)) as (g, desk):
        path.unlink()
        settled(g, desk)
        assert (g.generate(shot("mei"))[:10, :30] == (1, 2, 203)).all()


def test_an_unreadable_card_is_an_error_at_the_start(tmp_path):
    """Not when somebody panics."""
    config = with_values(CONFIG, {"presence.card": str(tmp_path / "none.png")})
    with pytest.raises(MediaError, match=r"none\.png"), live(config):
        pass


def test_a_portrait_that_fails_leaves_the_one_that_is_shown(caplog):
    """With a warning that says why."""
    names = ("ada", "gone.jpg")
    with live(portraits=names) as (g, desk), caplog.at_level(logging.WARNING):
        before = g.generate(shot())
        desk.edit(lambda c: replace(c, portrait="gone.jpg"))
        settled(g, desk)
        assert g.library.ready("gone.jpg") is None
        assert np.array_equal(g.generate(shot()), before)
        assert "gone.jpg: there is no such file" in caplog.text


def test_several_runs_share_nothing():
    """Each has its own portrait and background."""
    with live() as (one, _), live(portrait="mei", background="green") as (other, _):
        first = one.generate(shot())
        assert (other.generate(shot("ada"))[:10, :30] == GREEN).all()
        assert np.array_equal(one.generate(shot()), first)
