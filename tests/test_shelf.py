"""Portraits that several runs share."""

import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from streamer.app import open_portrait
from streamer.bundled import PORTRAITS
from streamer.config import GeneratorConfig
from streamer.generator.composite import WarpGenerator
from streamer.generator.shelf import Shelf
from tests.fakes import motion

pytestmark = pytest.mark.skipif(not PORTRAITS, reason="no bundled portrait")
CONFIG = GeneratorConfig(size=128)


@pytest.fixture(scope="module")
def ada():
    return open_portrait("ada")


class Opener:
    """Opens, and counts."""

    def __init__(self):
        self.count = 0
        self._lock = threading.Lock()

    def __call__(self, config, portrait):
        with self._lock:
            self.count += 1
        return WarpGenerator(config, portrait)


def test_a_portrait_is_opened_once_however_many_draw_it(ada):
    """Also when they ask at the same time; another size is another one."""
    opener = Opener()
    shelf = Shelf(opener)
    with ThreadPoolExecutor(4) as pool:
        four = list(pool.map(lambda _: shelf.generator(CONFIG, ada), range(4)))
    assert len({id(one) for one in four}) == 4
    assert opener.count == 1
    other = shelf.generator(GeneratorConfig(size=96), ada)
    assert (other.height, opener.count) == (96, 2)


def test_what_one_draws_does_not_show_in_the_others_pictures(ada):
    """One has its eyes shut, the other has them open."""
    shelf = Shelf()
    one, other = shelf.generator(CONFIG, ada), shelf.generator(CONFIG, ada)
    awake = motion()
    asleep = replace(awake, openness=np.zeros(2, np.float32))
    before = one.generate(awake)
    assert np.abs(other.generate(asleep).astype(int) - before).max() > 20
    assert np.array_equal(one.generate(awake), before)
    assert np.array_equal(other.generate(awake), before)


def test_nothing_stays_when_nobody_draws_it_any_more(ada):
    """The first may go before its twins."""
    opener = Opener()
    shelf = Shelf(opener)
    first = shelf.generator(CONFIG, ada)
    twin = shelf.generator(CONFIG, ada)
    del first
    gc.collect()
    shelf.generator(CONFIG, ada)
    assert opener.count == 1
    del twin
    gc.collect()
    assert not shelf._open


def test_one_that_cannot_be_opened_is_tried_again(ada):
    """The others who wait for it try for themselves."""

    def fail(config, portrait):
        raise MemoryError

    shelf = Shelf(fail)
    for _ in range(2):
        with pytest.raises(MemoryError):
            shelf.generator(CONFIG, ada)
