"""The quality ladder, with and without weights."""

import pytest

from streamer.config import GeneratorConfig
from streamer.errors import EngineError
from streamer.generator.ladder import PLAIN, levels_of
from tests.refiners import weights_folder


def names(**settings):
    return [level.name for level in levels_of(GeneratorConfig(**settings))]


def test_without_weights_there_are_the_three_plain_steps(monkeypatch):
    """As there were before there was any refiner."""
    monkeypatch.setattr("engines.weights.FOLDER", None)
    monkeypatch.setattr("streamer.generator.ladder.find", lambda *_: None)
    assert levels_of(GeneratorConfig()) == PLAIN
    assert names() == ["full", "3/4 size", "half size"]


def test_switched_off_it_is_plain_whatever_is_installed():
    """The weights are not even looked for."""
    assert levels_of(GeneratorConfig(refiner="off", weights=weights_folder())) == PLAIN
    assert levels_of(GeneratorConfig(refiner="off", weights="/nowhere")) == PLAIN


def test_every_size_that_is_installed_is_a_step():
    """Best first, mouth and eyes alone as the cheapest, then smaller pictures."""
    assert names(weights=weights_folder()) == [
        "refiner M",
        "refiner S",
        "refiner XS",
        "refiner XS, mouth and eyes",
        "full",
        "3/4 size",
        "half size",
    ]
    assert names(weights=weights_folder("m"))[:2] == ["refiner M", "full"]


def test_a_size_that_is_asked_for_is_the_best():
    """Smaller ones serve when it is too slow."""
    assert names(weights=weights_folder(), refiner="s")[:2] == ["refiner S", "refiner XS"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"weights": "/nowhere"}, r"generator\.weights /nowhere: no weights are in this folder"),
        ({"refiner": "m", "weights": weights_folder("xs")}, r"generator\.refiner m.*but xs"),
        ({"refiner": "off", "show": "gate"}, r"generator\.show gate: generator\.refiner is off"),
    ],
)
def test_what_is_asked_for_and_not_there_is_an_error(settings, words):
    """One line that says what to do."""
    with pytest.raises(EngineError, match=words) as caught:
        names(**settings)
    assert "\n" not in str(caught.value)
