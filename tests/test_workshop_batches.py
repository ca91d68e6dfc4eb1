"""Larger batches of an engine: wanted by several runs on a GPU, and opened meanwhile."""

import pytest

from streamer.errors import EngineError
from streamer.generator.workshop import Workshop
from tests.refiners import Shop
from tests.shops import ON_GPU, XS, Cards, Run, S, drawn
from tests.test_library import until


def test_with_several_runs_on_a_gpu_larger_batches_come_in_the_background():
    """Of the same library on the same device; after all that is waited for."""
    shop = Cards()
    workshop = Workshop(shop)
    runs = [Run(workshop)]
    choices = [runs[0].get(ON_GPU)]
    for most in (2, 4, 4, 8):
        runs.append(Run(workshop))
        choices.append(runs[-1].get(ON_GPU))
        wanted = 1 + (2, 4, 8).index(most) + 1
        until(lambda n=wanted: workshop.figures().engines == n)
    assert shop.orders == [("auto", None, 1), *(("tensorrt", "cuda:0", b) for b in (2, 4, 8))]
    assert all(drawn(choice, seed) for seed, choice in enumerate(choices))
    for run in runs:
        run.bench.close()
    assert not any(engine.open for engines in shop.engines.values() for engine in engines)


def test_a_batch_that_cannot_be_had_is_tried_once():
    """What is there goes on."""
    shop = Cards(most=2)
    workshop = Workshop(shop)
    runs = [Run(workshop) for _ in range(4)]
    choices = [run.get(ON_GPU) for run in runs]
    until(lambda: "large" in shop.asked)
    runs.append(Run(workshop))
    choices.append(runs[-1].get(ON_GPU))
    assert drawn(choices[-1])
    assert runs[-1].get(S)
    assert (shop.asked.count("large"), workshop.figures().engines) == (1, 3)
    for run in runs:
        run.bench.close()


def test_a_batch_without_room_for_a_portrait_is_not_opened_again():
    """However many come."""
    shop = Cards()
    workshop = Workshop(shop)
    runs = [Run(workshop) for _ in range(2)]
    for run in runs:
        run.get(ON_GPU)
    until(lambda: workshop.figures().engines == 2)
    (made,) = workshop._made.values()
    larger = shop.engines["xs"][1]
    made.engine._shed(larger, EngineError("no memory left"))
    runs.append(Run(workshop))
    assert drawn(runs[-1].get(ON_GPU))
    runs[-1].get(S)
    assert not larger.open
    assert [batch for _, _, batch in shop.orders] == [1, 2, 1]
    for run in runs:
        run.bench.close()


def test_on_a_processor_one_engine_serves_however_many():
    """Nothing larger is ever tried."""
    shop = Shop()
    workshop = Workshop(shop)
    runs = [Run(workshop) for _ in range(4)]
    for run in runs:
        run.get(XS)
    runs[0].get(S)
    assert shop.asked == ["xs", "s"]
    for run in runs:
        run.bench.close()


def test_a_single_picture_waits_for_its_engine():
    """Opened on the caller's own thread; errors are raised."""
    shop = Shop(refused={"s": "no AVX2"})
    run = Run(Workshop(shop))
    assert isinstance(run.bench.opened(XS).engine.facts.ms, float)
    assert run.bench.opened(XS) is run.bench.find(XS)
    with pytest.raises(EngineError, match="no AVX2"):
        run.bench.opened(S)
    assert run.told == 0
    run.bench.close()
    run.bench.close()
    assert not shop.engines["xs"][0].open
