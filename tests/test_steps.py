"""Engines of a run: opened in the background, shared, refused when slow, left when they fail."""

import logging
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from streamer.config import Config, GeneratorConfig, LatencyConfig, SinkConfig
from streamer.control import Controls, Desk
from streamer.errors import EngineError
from streamer.generator.library import Library
from streamer.generator.live import LiveGenerator
from streamer.generator.refined import RefinedGenerator
from streamer.generator.shelf import Common, Shelf
from streamer.generator.steps import Steps
from streamer.generator.workshop import Workshop
from tests.faces import portrait
from tests.refiners import Shop, weights_folder
from tests.test_library import idle, until
from tests.test_live_generator import shot

NAMES = ("ada", "bruno", "mei")
ROOMY = LatencyConfig(budget_ms=9000, generate_ms=5000)


def settings(size=128, latency=ROOMY, **generator):
    generator.setdefault("weights", weights_folder())
    return Config(
        generator=GeneratorConfig(size=size, **generator),
        sink=SinkConfig(kind="none"),
        latency=latency,
    )


@contextmanager
def live(shop, config=None, load=portrait, common=None):
    """A live generator with made-up engines, and its desk."""
    config = config or settings()
    desk = Desk(Controls(NAMES, "ada", config.retarget.gains))
    library = Library(config, load, None, common or Common(workshop=Workshop(shop)))
    with library:
        generator = LiveGenerator(config, desk, library)
        yield generator, desk


def settled(generator, desk):
    """All that is wanted is there."""
    library = generator.library
    library.look(desk.controls)
    names = NAMES if library._wish.names != ("ada",) else ("ada",)
    until(lambda: idle(library) and not any(library.steps.pending(n, 0) for n in names))
    until(lambda: idle(library))


def test_the_warp_draws_until_an_engine_is_there(caplog):
    """Nobody waits; the table says what is being made, and then what draws, with its time."""
    shop = Shop(change=np.copy)
    shop.gate.clear()
    with live(shop) as (g, desk):
        plain = g.generate(shot())
        assert g.level == "full"
        assert g.label.startswith("mesh warp on the CPU; refiner M is not ready yet")
        shop.gate.set()
        settled(g, desk)
        assert np.array_equal(g.generate(shot()), plain)
        assert g.level == "refiner M"
        assert "refiner M @256 by OpenVINO f32 on CPU, 1.0 ms" in g.label


def test_with_the_size_left_open_small_ones_come_first_and_stop_at_what_is_too_slow():
    """What does not fit is refused with its time; larger ones are not even tried."""
    shop = Shop(ms={"xs": 1000, "s": 9000})
    with live(shop) as (g, desk):
        settled(g, desk)
        g.generate(shot())
        assert g.level == "refiner XS"
        assert set(shop.asked) == {"xs", "s", "parts"}
        assert shop.asked[0] == "xs"
        assert "refiner S takes 9000.0 ms" in g.label
        assert not any(engine.open for engine in shop.engines["s"])
        assert [g.usable(level) for level in range(7)] == [
            False,
            False,
            True,
            True,
            True,
            True,
            True,
        ]


def test_where_no_size_fits_mouth_and_eyes_may():
    """The time of both of them counts."""
    shop = Shop(ms={"xs": 9000, "parts": 4000})
    with live(shop) as (g, desk):
        settled(g, desk)
        g.generate(shot())
        assert g.level == "refiner XS, mouth and eyes"
    shop = Shop(ms={"xs": 9000, "parts": 6000})
    with live(shop) as (g, desk):
        settled(g, desk)
        g.generate(shot())
        assert g.level == "full"
        assert "takes 6000.0 ms, and" in g.label


def test_a_size_that_is_asked_for_is_used_however_slow():
    """It is opened first, and then what it falls back on."""
    shop = Shop(ms={"s": 9000, "xs": 8000})
    with live(shop, settings(refiner="s")) as (g, desk):
        settled(g, desk)
        g.generate(shot())
        assert g.level == "refiner S"
        assert shop.asked == ["s", "xs"]
        desk.edit(lambda c: replace(c, level=1))
        settled(g, desk)
        g.generate(shot())
        assert g.level == "refiner XS"
        assert shop.asked == ["s", "xs", "parts"]


def test_portraits_share_engines_and_switching_swaps_what_is_bound():
    """No engine is opened for another portrait of the same shape; the device has each one's own."""
    shop = Shop(change=np.copy)
    with live(shop, settings(refiner="xs")) as (g, desk):
        settled(g, desk)
        g.generate(shot())
        before = list(shop.asked)
        (engine,) = shop.engines["xs"]
        rests = [bound.still["rest"].copy() for bound in engine.bound]
        assert len(rests) == 3
        for name in ("mei", "ada", "bruno"):
            desk.edit(lambda c, n=name: replace(c, portrait=n))
            settled(g, desk)
            g.generate(shot(name))
            assert (g._now.name, g.level) == (name, "refiner XS")
        assert shop.asked == before
        assert not np.array_equal(rests[0], rests[1])


def test_an_engine_that_fails_is_stepped_past(caplog):
    """The picture comes, the reason is told once, and the next step serves from then on."""
    shop = Shop(change=np.copy)
    with live(shop) as (g, desk), caplog.at_level(logging.WARNING):
        settled(g, desk)
        plain = g.generate(shot())
        assert g.level == "refiner M"
        shop.engines["m"][0].broken = "GPU lost"
        for _ in range(3):
            assert np.array_equal(g.generate(shot()), plain)
        settled(g, desk)
        assert np.array_equal(g.generate(shot()), plain)
        assert g.level == "refiner S"
        assert not g.usable(0)
        assert not shop.engines["m"][0].open
        assert "failed while it ran: GPU lost" in g.label
    assert [r.message.count("GPU lost") for r in caplog.records if "GPU lost" in r.message] == [1]


def test_runs_that_share_engines_fall_back_each_by_itself_when_one_fails(caplog):
    """Nothing is opened for the second; both go over at once, and the log tells it once."""
    shop, config = Shop(change=np.copy), settings(refiner="xs")
    common = Common(Shelf().generator, Workshop(shop))
    with live(shop, config, common=common) as (one, first):
        settled(one, first)
        plain = one.generate(shot())
        before = list(shop.asked)
        with live(shop, config, common=common) as (other, second):
            settled(other, second)
            assert np.array_equal(other.generate(shot()), plain)
            assert one.level == other.level == "refiner XS"
            assert shop.asked == before
            shop.engines["xs"][0].broken = "GPU lost"
            for run, desk in ((one, first), (other, second)):
                assert np.array_equal(run.generate(shot()), plain)
                settled(run, desk)
                assert np.array_equal(run.generate(shot()), plain)
                assert run.level == "refiner XS, mouth and eyes"
                assert "failed while it ran: GPU lost" in run.label
            assert shop.asked == before
        assert shop.engines["parts"][0].open
        one.generate(shot())
        assert one.level == "refiner XS, mouth and eyes"
    assert not shop.engines["parts"][0].open
    assert [r.message.count("GPU lost") for r in caplog.records if "GPU lost" in r.message] == [1]


def test_engines_that_cannot_be_opened_leave_the_warp(caplog):
    """With a warning for each, and the reasons in the table."""
    shop = Shop(refused=dict.fromkeys(("xs", "parts"), "no AVX2"))
    with live(shop) as (g, desk), caplog.at_level(logging.WARNING):
        settled(g, desk)
        assert g.generate(shot()).std() > 5
        assert g.level == "full"
        assert "refiner XS no AVX2" in g.label
    assert "cannot be used: no AVX2" in caplog.text


def test_a_damaged_file_of_weights_leaves_the_warp(tmp_path, caplog):
    """Its name is told."""
    (tmp_path / "xs.safetensors").write_bytes(b"nothing")
    with live(Shop(), settings(weights=str(tmp_path))) as (g, desk):
        settled(g, desk)
        assert g.generate(shot()).std() > 5
        assert g.level == "full"
    assert "xs.safetensors" in caplog.text


def test_closing_stops_what_is_being_built_and_closes_engines():
    """In less than a second."""
    shop = Shop()
    with live(shop, settings(refiner="xs")) as (g, desk):
        settled(g, desk)
    assert not any(engine.open for engines in shop.engines.values() for engine in engines)
    shop.gate.clear()
    with live(shop) as (g, desk):
        until(lambda: shop.asked)
        thread = g.library.steps._workshop._thread
    thread.join(5)
    assert not thread.is_alive()


def test_a_graph_that_draws_gets_the_background_that_is_shown():
    """On a graphics card: whatever is asked for while it runs."""
    shop = Shop(form="source")
    with live(shop, settings(refiner="xs")) as (g, desk):
        settled(g, desk)
        g.generate(shot())
        assert g.level == "refiner XS"
        (engine,) = shop.engines["xs"]
        desk.edit(lambda c: replace(c, background="green"))
        settled(g, desk)
        g.generate(shot())
        plates = {bound.still["plate"][2, 2].tolist()[1] for bound in engine.bound if bound.open}
        assert 177 in plates


def test_nothing_is_opened_without_a_refiner():
    """No thread, no engine, the same words as ever."""
    steps = Steps(settings(refiner="off"), lambda: None, Workshop(Shop()))
    assert steps.plain == 0
    assert steps.label("ada") == "mesh warp on the CPU: the refiner is off"
    assert not steps.pending("ada", 0)


def test_a_run_does_not_begin_with_a_refiner_that_is_not_there():
    """It is an error of the settings."""
    with pytest.raises(EngineError, match=r"generator\.refiner m"):
        Library(settings(refiner="m", weights=weights_folder("xs")), portrait, None)


def test_the_preparing_thread_binds_ahead_of_time():
    """The first refined picture binds nothing."""
    shop = Shop()
    with live(shop, settings(refiner="xs")) as (g, desk):
        settled(g, desk)
        (engine,) = shop.engines["xs"]
        count = len(engine.bound)
        g.generate(shot())
        assert isinstance(g._now.generator, RefinedGenerator)
        assert len(engine.bound) == count
