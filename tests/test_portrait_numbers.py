"""In a run: portraits are bound with their own FiLM numbers, and engines get a second chance."""

from dataclasses import replace

import numpy as np

from engines.contract import FILM
from streamer.errors import EngineError
from tests.refiners import Shop
from tests.test_library import until
from tests.test_live_generator import shot
from tests.test_steps import live, settled


def with_embedder(shop, embed):
    """The same engines, of weights that have an embedder."""

    def choose(*asked):
        choice = shop(*asked)
        size = choice.facts.contract.size
        return replace(choice, embed=lambda photos: embed(size, photos))

    return choose


def test_each_portrait_is_bound_with_its_own_numbers():
    """Those that the embedder of its engine's size gives for its photo."""
    shop, looks = Shop(change=np.copy), []

    def embed(size, photos):
        looks.append(size)
        return np.full(FILM[size], photos[0][..., :3].mean(), np.float32)

    with live(with_embedder(shop, embed)) as (g, desk):
        desk.edit(lambda controls: replace(controls, portrait="bruno"))
        settled(g, desk)
        g.generate(shot("bruno"))
        (engine,) = shop.engines["m"]
        films = {tuple(np.unique(bound.still["film"])) for bound in engine.bound}
    assert len(films) == 3
    assert all(len(film) == 1 and film[0] > 0 for film in films)
    assert looks.count("m") == 3


def test_an_embedder_that_fails_leaves_the_warp():
    """Neutral numbers would be another portrait's refiner."""

    def embed(size, photos):
        raise EngineError("OpenVINO failed to embed a portrait: no memory")

    with live(with_embedder(Shop(), embed)) as (g, desk):
        until(lambda: "failed to embed" in g.label)
        settled(g, desk)
        g.generate(shot())
        assert g.level == "full"


class Busy(Shop):
    """Everything takes long the first time, as when a run starts."""

    def __call__(self, *asked):
        choice = super().__call__(*asked)
        self._ms[self.asked[-1]] = 1.0
        return choice


def test_what_a_busy_start_made_too_slow_is_timed_again(monkeypatch):
    """Narrowly: and then larger ones are tried, too."""
    monkeypatch.setattr("streamer.engine.patience._PAUSES_S", (0.05,))
    shop = Busy(ms={"xs": 1.0, "s": 6000})
    with live(shop) as (g, desk):
        g.generate(shot())
        until(lambda: g.usable(0))
        settled(g, desk)
        g.generate(shot())
        assert g.level == "refiner M"
    assert shop.asked.count("s") == 2
    assert shop.asked.count("xs") == 1
