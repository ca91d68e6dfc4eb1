"""Engines to test the generator with: made-up ones that do as told, and files of weights."""

import tempfile
import threading
from functools import cache
from pathlib import Path

import numpy as np

from engines.contract import SIZES, Refined
from engines.weights import Weights, shapes, write_weights
from streamer.engine.choose import Choice
from streamer.engine.protocol import EngineFacts, frame_arrays, still_arrays
from streamer.errors import EngineError


def inverted(picture):
    """What a made-up engine does to a picture, so that one sees it."""
    return 255 - picture


class FakeBound:
    """A portrait that notes what becomes of it."""

    def __init__(self, contract, still):
        self.still = dict(still_arrays(contract, still))
        self.patches = []
        self.open = True

    def patch(self, rows, columns, pixels):
        self.patches.append((rows, columns))
        self.still["texture"][rows, columns] = pixels

    def close(self):
        self.open = False


class FakeEngine:
    """Changes pictures as told, or draws grey; counts, and fails when told to."""

    def __init__(self, contract, ms=1.0, change=inverted):
        self.facts = EngineFacts("openvino", "CPU", "f32", "fake 1", contract, "none", ms=ms)
        self.bound, self.frames, self.open = [], [], True
        self.broken = None
        self._change = change

    def bind(self, still):
        if self.broken:
            raise EngineError(self.broken)
        self.bound.append(FakeBound(self.facts.contract, still))
        return self.bound[-1]

    def run(self, jobs):
        if self.broken:
            raise EngineError(self.broken)
        return [self._one(job) for job in jobs]

    def _one(self, job):
        assert job.bound.open
        assert job.bound in self.bound
        contract = self.facts.contract
        given = frame_arrays(contract, job.frame)
        self.frames.append({name: array.copy() for name, array in given.items()})
        grey = np.full((contract.height, contract.width, 3), 90, np.uint8)
        gates = np.zeros((contract.side, contract.side, 3), np.uint8)
        gates[...] = 200, 127, 0
        return Refined(self._change(given.get("picture", grey)), gates)

    def close(self):
        self.open = False


class Shop:
    """In the place of `choose_engine`: made-up engines with the times and refusals it is told.

    Sizes are xs, s, m, and `parts` for mouth and eyes. `gate` holds it back while it is clear.
    """

    def __init__(self, ms=(), refused=(), form="picture", change=inverted):
        self._ms, self._refused, self._form, self._change = dict(ms), dict(refused), form, change
        self.engines = {}
        self.asked = []
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, config, weights, wanted, watch):
        source = self._form == "source" and wanted.source is not None
        contract = wanted.source if source else wanted.picture
        name = contract.size if contract.side == 256 else "parts"
        assert weights.size == contract.size
        self.asked.append(name)
        while not self.gate.wait(0.005):
            watch.demand_going_on()
        if name in self._refused:
            raise EngineError(self._refused[name])
        ms = self._ms.get(name, 1.0) / contract.batch
        engine = FakeEngine(contract, ms, self._change)
        self.engines.setdefault(name, []).append(engine)
        return Choice(engine, engine.facts, ())


@cache
def weights_folder(*sizes):
    """A folder with weights of these sizes, all of them zero."""
    folder = Path(tempfile.mkdtemp())
    for size in sizes or SIZES:
        arrays = {name: np.zeros(shape, np.float32) for name, shape in shapes(size).items()}
        write_weights(folder / f"{size}.safetensors", Weights.of(size, arrays))
    return str(folder)
