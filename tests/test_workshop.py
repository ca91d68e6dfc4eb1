"""The engines of all runs: opened once each, timed once, shared, closed with the last."""

import logging
import threading

import pytest

from streamer.engine.choose import Choice
from streamer.errors import EngineError
from streamer.generator.workshop import Figures, Workshop
from tests.refiners import Shop, weights_folder
from tests.shops import CONFIG, XS, M, Run, S, drawn, job
from tests.test_library import until


def test_an_engine_is_opened_once_for_all_runs():
    """The second one gets it at once, without a thread in between; each has a share of its own."""
    shop = Shop()
    workshop = Workshop(shop)
    first, second = Run(workshop), Run(workshop)
    one = first.get(XS)
    assert second.bench.want([XS])
    other = second.bench.find(XS)
    assert second.told == 1
    assert one.engine is not other.engine
    assert (one.facts, one.line) == (other.facts, other.line)
    assert len(drawn(one)) == len(drawn(other)) == 1
    assert (shop.asked, len(shop.engines["xs"])) == (["xs"], 1)
    assert workshop.figures() == Figures(1, {1: 2}, 2)
    first.bench.close()
    assert shop.engines["xs"][0].open
    assert drawn(other)
    second.bench.close()
    assert not shop.engines["xs"][0].open
    assert not shop.engines["xs"][0].bound[0].open
    assert workshop.figures() == Figures(0, {1: 3}, 3)
    assert Run(workshop).bench.find(XS) is None


def test_those_who_ask_while_it_is_opened_wait_for_the_same():
    """And are all told."""
    shop = Shop()
    shop.gate.clear()
    workshop = Workshop(shop)
    runs = [Run(workshop) for _ in range(3)]
    for run in runs:
        assert not run.bench.want([XS])
    shop.gate.set()
    for run in runs:
        run.get(XS)
    assert shop.asked == ["xs"]
    assert [run.told for run in runs] == [1, 1, 1]
    for run in runs:
        run.bench.close()


def test_what_is_too_slow_for_one_run_is_there_for_another():
    """The one time that was measured serves both; nothing stays open that nobody uses."""
    shop = Shop(ms={"xs": 40.0})
    workshop = Workshop(shop)
    hurried, patient = Run(workshop, 20.0), Run(workshop, 60.0)
    assert "takes 40.0 ms, and 20.0 ms are left" in hurried.get(XS)
    assert not shop.engines["xs"][0].open
    assert isinstance(patient.get(XS), Choice)
    assert shop.asked == ["xs", "xs"]
    third = Run(workshop, 30.0)
    assert third.bench.want([XS])
    assert "takes 40.0 ms" in third.bench.find(XS)
    hurried.bench.close()
    third.bench.close()
    assert shop.engines["xs"][1].open
    patient.bench.close()
    assert not shop.engines["xs"][1].open


def test_the_time_of_an_engine_nobody_could_use_is_not_measured_again():
    """As long as somebody is there who knows it."""
    shop = Shop(ms={"xs": 40.0})
    workshop = Workshop(shop)
    first, second = Run(workshop, 20.0), Run(workshop, 20.0)
    first.get(XS)
    second.get(XS)
    assert shop.asked == ["xs"]
    for run in (first, second):
        run.bench.close()
    again = Run(workshop, 20.0)
    again.get(XS)
    assert shop.asked == ["xs", "xs"]
    again.bench.close()


def test_each_run_gets_its_most_urgent_engine_first():
    """Nobody's whole list comes before the first wish of another."""
    shop = Shop()
    shop.gate.clear()
    workshop = Workshop(shop)
    first, second = Run(workshop), Run(workshop)
    first.bench.want([XS, S])
    until(lambda: shop.asked)
    second.bench.want([M])
    shop.gate.set()
    first.get(XS, S)
    second.get(M)
    assert shop.asked == ["xs", "m", "s"]
    for run in (first, second):
        run.bench.close()


def test_a_failure_is_told_to_every_user_once(caplog):
    """All go over to the warp; whoever comes later may try again."""
    shop = Shop()
    workshop = Workshop(shop)
    runs = [Run(workshop) for _ in range(3)]
    choices = [run.get(XS) for run in runs]
    jobs = [job(choice) for choice in choices]
    other = Run(workshop)
    other.get(S)
    told = [run.told for run in (*runs, other)]
    shop.engines["xs"][0].broken = "GPU lost"
    with caplog.at_level(logging.WARNING):
        for run, choice, one in zip(runs, choices, jobs, strict=True):
            with pytest.raises(EngineError) as error:
                choice.engine.run([one])
            run.bench.failed(choice.engine, error.value)
            run.bench.failed(choice.engine, error.value)
    assert [run.told for run in (*runs, other)] == [told[0] + 1, told[1] + 1, told[2] + 1, told[3]]
    assert all(run.bench.find(XS) == "failed while it ran: GPU lost" for run in runs)
    assert [r.message.count("GPU lost") for r in caplog.records] == [1]
    assert not shop.engines["xs"][0].open
    assert shop.engines["s"][0].open
    assert isinstance(other.get(XS), Choice)
    for run in (*runs, other):
        run.bench.close()
    assert not shop.engines["xs"][1].open


def test_what_fails_for_one_run_alone_stays_with_the_others():
    """As where there is no memory for one more portrait."""
    shop = Shop()
    workshop = Workshop(shop)
    first, second = Run(workshop), Run(workshop)
    one, other = first.get(XS), second.get(XS)
    first.bench.failed(one.engine, EngineError("no memory for a portrait"))
    assert "no memory for a portrait" in first.bench.find(XS)
    assert second.bench.find(XS) is other
    assert drawn(other)
    with pytest.raises(EngineError, match="closed"):
        drawn(one)
    for run in (first, second):
        run.bench.close()


def test_what_cannot_be_opened_is_told_to_all_with_its_reason():
    """It is tried once, while somebody is there who knows."""
    shop = Shop(refused={"xs": "no AVX2"})
    workshop = Workshop(shop)
    first, second = Run(workshop), Run(workshop)
    assert first.get(XS) == "no AVX2"
    assert second.get(XS) == "no AVX2"
    assert shop.asked == ["xs"]
    first.bench.close()
    second.bench.close()


def test_a_build_goes_on_as_long_as_anybody_wants_it():
    """The one who asked first may leave; with the last one it stops, and the thread with it."""
    shop = Shop()
    shop.gate.clear()
    workshop = Workshop(shop)
    first, second = Run(workshop), Run(workshop)
    first.bench.want([XS])
    until(lambda: shop.asked)
    second.bench.want([XS])
    thread = workshop._thread
    first.bench.close()
    assert thread.is_alive()
    shop.gate.set()
    second.get(XS)
    assert shop.asked == ["xs"]
    shop.gate.clear()
    second.bench.want([S])
    until(lambda: shop.asked == ["xs", "s"])
    second.bench.close()
    thread.join(30)
    assert not thread.is_alive()
    assert workshop._thread is None
    assert not any(engine.open for engines in shop.engines.values() for engine in engines)


def test_a_workshop_can_be_used_again_after_its_thread_has_ended():
    """A server has none while nobody is there."""
    shop = Shop()
    workshop = Workshop(shop)
    before = threading.active_count()
    for count in (1, 2):
        run = Run(workshop)
        run.get(XS)
        run.bench.close()
        until(lambda: threading.active_count() == before)
        assert len(shop.engines["xs"]) == count


def test_other_settings_mean_another_engine():
    """Another device or folder of weights; what does not matter for it is shared."""
    shop = Shop()
    workshop = Workshop(shop)
    configs = CONFIG, CONFIG.model_copy(update={"show": "gate"})
    others = (
        CONFIG.model_copy(update={"engine": "openvino"}),
        CONFIG.model_copy(update={"weights": weights_folder("xs")}),
    )
    runs = [Run(workshop, config=config) for config in (*configs, *others)]
    for run in runs:
        run.get(XS)
    assert len(shop.engines["xs"]) == 3
    for run in runs:
        run.bench.close()
