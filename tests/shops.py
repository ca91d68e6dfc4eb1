"""Runs in a workshop of engines, for tests."""

from dataclasses import replace

from engines.contract import Contract
from streamer.config import GeneratorConfig
from streamer.engine.choose import Choice, Shapes
from streamer.engine.protocol import Job
from streamer.errors import EngineError
from tests.neural import frame, still
from tests.refiners import Shop, weights_folder
from tests.test_library import until

CONFIG = GeneratorConfig(weights=weights_folder())
SIZES = {size: Shapes(Contract(size, 256, 32, 32)) for size in ("xs", "s", "m")}
XS, S, M = SIZES.values()
ON_GPU = Shapes(XS.picture, replace(XS.picture, form="source", texture=(32, 32)))


class Run:
    """What a run does of it."""

    def __init__(self, workshop, room_ms=None, config=CONFIG):
        self.told = 0
        self.bench = workshop.bench(config, room_ms, self._tell)

    def _tell(self):
        self.told += 1

    def get(self, *queue):
        """The answers, once all are there."""
        self.bench.want(queue)
        until(lambda: all(self.bench.find(shapes) is not None for shapes in queue))
        answers = [self.bench.find(shapes) for shapes in queue]
        return answers[0] if len(answers) == 1 else answers


class Cards(Shop):
    """As on a computer with an NVIDIA GPU; `most` is the largest batch it has memory for."""

    def __init__(self, most=8, **more):
        super().__init__(form="source", **more)
        self.most, self.orders = most, []

    def __call__(self, config, weights, wanted, watch):
        contract = wanted.source or wanted.picture
        self.orders.append((config.engine, config.device, contract.batch))
        if contract.batch > self.most:
            self.asked.append("large")
            raise EngineError("no memory left")
        choice = super().__call__(config, weights, wanted, watch)
        engine = choice.engine
        engine.facts = replace(engine.facts, backend="tensorrt", device="cuda:0 (a card)")
        return Choice(engine, engine.facts, ())


def job(choice, seed=0):
    """What a run has to draw."""
    contract = choice.facts.contract
    return Job(choice.engine.bind(still(contract, seed)), frame(contract, seed))


def drawn(choice, seed=0):
    """A picture by a run's engine."""
    return choice.engine.run([job(choice, seed)])
