"""Portraits opened ahead of time: in which order, how many, and what becomes of those that fail."""

import logging
import os
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest

from streamer.config import Config, GainsConfig, GeneratorConfig
from streamer.control import Controls
from streamer.errors import ConfigError, MediaError
from streamer.generator import library as module
from streamer.generator.ladder import PLAIN
from streamer.generator.library import Library
from tests.faces import portrait

SIZE = 64
CONFIG = Config(portrait="a", generator=GeneratorConfig(size=SIZE))
NAMES = ("a", "b", "c", "d", "e")


class Loader:
    """Gives ada under any name; tells what it was asked for; fails or waits as told."""

    def __init__(self):
        self.asked = []
        self.broken = {}
        self.gate = threading.Event()
        self.gate.set()
        self.nice = set()

    def __call__(self, name):
        self.asked.append(name)
        if threading.current_thread().name == "prepare":
            assert self.gate.wait(30)
            if sys.platform == "linux":
                self.nice.add(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        if name in self.broken:
            raise self.broken[name]
        return replace(portrait("ada"), name=name)


def controls(**changes):
    """At the portrait of the settings."""
    return Controls(**{"portraits": NAMES, "portrait": "a", "gains": GainsConfig(), **changes})


def until(condition):
    """Wait for the preparing thread."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "the preparing thread did not get there"
        time.sleep(0.002)


@contextmanager
def opened(loader=None, config=CONFIG, size=None):
    """A library, and what loads its portraits."""
    loader = loader or Loader()
    with Library(config, loader, size) as library:
        yield library, loader


def idle(library):
    """Nothing is left to do."""
    with library._changed:
        return library._next() is None and not library.preparing


def test_the_first_portrait_is_ready_at_once():
    """It is opened where the library is made; the canvas is as large as it."""
    library = Library(CONFIG, Loader(), None)
    assert library.ready("a").name == "a"
    assert library.ready("b") is None
    assert library.size == (SIZE, SIZE)
    assert library.preparing == ""


def test_what_is_wrong_with_the_first_is_raised():
    """The run does not begin."""
    loader = Loader()
    loader.broken["a"] = MediaError("a: no face found")
    with pytest.raises(MediaError, match="no face"):
        Library(CONFIG, loader, None)


def test_a_background_without_a_picture_is_told_at_the_start():
    """Only where it is the one that is shown first."""
    generator = GeneratorConfig(size=SIZE, background="image")
    with pytest.raises(ConfigError, match=r"generator\.image"):
        Library(Config(portrait="a", generator=generator), Loader(), None)


def test_the_neighbours_are_prepared_then_the_next_level():
    """Wanted, next, previous, one step down the ladder: and nothing else."""
    with opened() as (library, loader):
        library.look(controls())
        until(lambda: idle(library))
        assert loader.asked == ["a", "b", "e"]
        assert set(library._opened) == {("a", 0), ("b", 0), ("e", 0), ("a", 1)}
        assert library.ready("b").name == "b"
        assert library.ready("c") is None


def test_what_is_wanted_comes_before_what_may_be():
    """Somebody waits for it; meanwhile its name is told."""
    with opened() as (library, loader):
        loader.gate.clear()
        library.look(controls())
        until(lambda: len(loader.asked) == 2)
        library.look(controls(portrait="c"))
        loader.gate.set()
        until(lambda: idle(library))
        assert loader.asked == ["a", "b", "c", "d"]


def test_the_portrait_being_opened_is_told():
    """Until it is there."""
    with opened() as (library, loader):
        loader.gate.clear()
        library.look(controls(portrait="c"))
        until(lambda: library.preparing == "c")
        assert library.ready("c") is None
        loader.gate.set()
        until(lambda: library.ready("c"))
        until(lambda: idle(library))
        assert library.preparing == ""


def test_little_is_kept_however_many_are_shown():
    """The last used: four generators and eight portraits; what is kept is not loaded again."""
    names = tuple(f"p{number}" for number in range(10))
    config = Config(portrait="p0", generator=CONFIG.generator)
    with opened(config=config) as (library, loader):
        for name in (*names[1:], names[-2]):
            library.look(controls(portraits=names, portrait=name))
            until(lambda: idle(library))
            assert library.ready(name).name == name
            assert len(library._opened) <= 4
            assert len(library._portraits) <= 8
        assert len(loader.asked) <= len(names) + 1


def test_a_level_has_its_own_size_and_the_canvas_stays():
    """The whole ladder, from either end."""
    with opened() as (library, _):
        for level in (2, 1, 0, 2):
            library.look(controls(level=level))
            until(lambda: idle(library))
            generator = library.opened("a", level).generator
            assert generator.width == round(SIZE * PLAIN[level].scale / 2) * 2
        assert library.size == (SIZE, SIZE)


def test_a_level_beyond_the_ladder_is_its_last():
    """Whatever the budget says."""
    with opened() as (library, _):
        library.look(controls(level=9))
        until(lambda: library.opened("a", 2))


@pytest.mark.parametrize("error", [MediaError("b: no face found"), OSError("disk"), KeyError("x")])
def test_a_portrait_that_fails_is_told_once_and_the_rest_goes_on(caplog, error):
    """Not at every frame, and not again as a neighbour."""
    loader = Loader()
    loader.broken["b"] = error
    with opened(loader) as (library, _), caplog.at_level(logging.WARNING):
        for _ in range(3):
            library.look(controls())
            library.look(controls(mirror=True))
        until(lambda: idle(library))
        assert library.ready("b") is None
        assert library.ready("e") is not None
        assert loader.asked.count("b") == 1
    assert len(caplog.records) == 1
    assert "portrait b cannot be shown" in caplog.text


def test_a_failed_portrait_is_tried_again_when_it_is_asked_for_again(caplog):
    """Somebody presses the key once more."""
    loader = Loader()
    loader.broken["b"] = MediaError("b: no face found")
    with opened(loader) as (library, _):
        library.look(controls())
        until(lambda: idle(library))
        library.look(controls(portrait="b"))
        until(lambda: loader.asked.count("b") == 2 and idle(library))
        del loader.broken["b"]
        library.look(controls(portrait="a"))
        until(lambda: idle(library))
        assert library.ready("b") is None
        library.look(controls(portrait="b"))
        until(lambda: library.ready("b"))
    assert "no face" in caplog.text


def test_a_failed_portrait_is_tried_again_when_its_file_changes(tmp_path, monkeypatch, caplog):
    """A deleted file that comes back needs no key."""
    monkeypatch.setattr(module, "_LOOK_S", 0.01)
    path = tmp_path / "me.jpg"
    loader, names = Loader(), ("a", str(path))
    loader.broken[str(path)] = MediaError("there is no such file")
    with opened(loader) as (library, _):
        library.look(controls(portraits=names, portrait=str(path)))
        until(lambda: idle(library) and len(loader.asked) == 2)
        del loader.broken[str(path)]
        path.write_bytes(b"picture")
        until(lambda: library.ready(str(path)))
    assert "no such file" in caplog.text


def test_a_deleted_file_does_not_matter_while_its_portrait_is_kept(tmp_path):
    """What is loaded is not read again."""
    path = tmp_path / "me.jpg"
    path.write_bytes(b"picture")
    with opened() as (library, loader):
        for step, name in enumerate((str(path), "a", str(path))):
            library.look(controls(portraits=("a", str(path)), portrait=name, level=step))
            until(lambda: idle(library))
            path.unlink(missing_ok=True)
        assert library.ready(str(path)) is not None
        assert loader.asked.count(str(path)) == 1


def test_closing_does_not_wait_for_a_slow_portrait():
    """Less than a second, and the thread ends by itself afterwards."""
    loader = Loader()
    library = Library(CONFIG, loader, None)
    with library:
        loader.gate.clear()
        library.look(controls())
        until(lambda: len(loader.asked) == 2)
    assert library._thread.is_alive()
    loader.gate.set()
    library._thread.join(30)
    assert not library._thread.is_alive()
    assert library.ready("b") is None


def test_closing_an_idle_library_ends_its_thread():
    """Nothing is left behind."""
    with opened() as (library, _):
        library.look(controls())
    assert not library._thread.is_alive()


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
def test_preparing_gives_way_to_the_video():
    """Its thread is nicer than the others."""
    with opened() as (library, loader):
        library.look(controls())
        until(lambda: idle(library))
        assert min(loader.nice) > os.getpriority(os.PRIO_PROCESS, 0)


def test_asking_from_many_threads_is_safe():
    """Everybody gets a portrait or nothing, whatever is being opened and closed."""
    wrong = []

    def ask(library, done):
        while not done.is_set():
            time.sleep(0.0005)
            wrong.extend(
                name for name in NAMES if (p := library.ready(name)) is not None and p.name != name
            )

    with opened() as (library, _):
        done = threading.Event()
        askers = [threading.Thread(target=ask, args=(library, done)) for _ in range(2)]
        for asker in askers:
            asker.start()
        for name in NAMES:
            library.look(controls(portrait=name))
            until(lambda: idle(library))
        done.set()
        for asker in askers:
            asker.join()
    assert wrong == []
