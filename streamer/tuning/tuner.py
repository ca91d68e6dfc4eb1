"""The refiner's FiLM numbers, led by gradients to where a person's own photos come out best.

The weights stay as they are: one engine draws all portraits, tuned ones among them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from engines.contract import Bytes, Contract, Floats, centres, inputs
from engines.graph import FromPicture, interleaved, laid_on
from engines.model import into
from engines.weights import Weights
from streamer.engine.openvino import best_precision
from streamer.errors import EngineError
from streamer.tuning.losses import charbonnier, focus, laplacian
from streamer.tuning.pairs import Lessons, Pair

STEPS = 120
_BATCH = 4
_RATE = 1e-2
_AVERAGE = 0.9
"""How slowly the kept numbers follow those that learn."""
_LOOK_EVERY, _PATIENCE = 10, 4
"""Steps between looks at what is held out, and how many looks in a row may bring nothing."""
_FOCUS = 4.0
"""How much more mouth and eyes count."""
_BETTER = 0.99
"""What is left of the error before it is worth keeping."""

_torch = cast("Any", torch)


@dataclass(frozen=True, slots=True)
class Tuned:
    """What came of it."""

    film: Floats
    """(F,) the best numbers, by what was held out"""
    before: float
    after: float
    """errors of what was held out"""
    steps: int

    @property
    def better(self) -> bool:
        """Whether they are worth keeping."""
        return self.after < _BETTER * self.before


class Tuner:
    """The refiner of some weights, and the numbers that are fitted to a person."""

    def __init__(self, weights: Weights, film: Floats, side: int, device: str = "cpu") -> None:
        """`film` (F,) is where it begins: what the embedder says, or zeros."""
        self._device = torch.device(device)
        self._graph = FromPicture(into(weights), side).to(self._device)
        self._contract = Contract(weights.size, side, side, side)
        self._begun = film
        self._half = device != "cpu" or best_precision("CPU") == "bf16"

    def tune(self, lessons: Lessons, on_step: Callable[[], None], steps: int = STEPS) -> Tuned:
        """Learn until what is held out gets no better. EngineError when a number is none."""
        _torch.manual_seed(0)
        taught, held = ([self._batch([pair]) for pair in some] for some in
                        (lessons.taught, lessons.held))  # fmt: skip
        film = _torch.tensor(self._begun, device=self._device, requires_grad=True)
        kept = film.detach().clone()
        best, before = kept.clone(), self._error(held, kept)
        after, idle, step = before, 0, 0
        optimiser = torch.optim.Adam([film], _RATE)
        while step < steps and idle < _PATIENCE:
            some: list[int] = _torch.randperm(len(taught))[:_BATCH].tolist()
            self._step(optimiser, film, [taught[i] for i in some])
            kept = kept.lerp(film.detach(), 1 - _AVERAGE)
            step += 1
            on_step()
            if step % _LOOK_EVERY == 0:
                error = self._error(held, kept)
                idle = 0 if error < after else idle + 1
                best, after = (kept.clone(), error) if error < after else (best, after)
        return Tuned(best.cpu().numpy(), before, after, step)

    @torch.no_grad()
    def drawn(self, pair: Pair, film: Floats) -> Bytes:
        """(N, N, 3) what the refiner makes of a pair with these numbers."""
        batch = self._batch([pair])
        numbers = _torch.tensor(film, device=self._device)
        return cast("Any", interleaved(self._made(batch, numbers))).cpu().numpy()[0]

    def _step(
        self, optimiser: torch.optim.Optimizer, film: Tensor, batches: Sequence[dict[str, Tensor]]
    ) -> None:
        optimiser.zero_grad(set_to_none=True)
        for batch in batches:  # one after the other: memory for one suffices
            loss = self._loss(batch, film) / len(batches)
            _torch.autograd.backward(loss)
        if film.grad is None or not bool(torch.isfinite(film.grad).all()):
            raise EngineError(
                "the tuning went astray: a number is none; the portrait stays as it was"
            )
        cast("Any", optimiser).step()

    @torch.no_grad()
    def _error(self, batches: Sequence[dict[str, Tensor]], film: Tensor) -> float:
        return float(torch.stack([self._loss(batch, film) for batch in batches]).mean())

    def _loss(self, batch: dict[str, Tensor], film: Tensor) -> Tensor:
        made, truth = self._made(batch, film) / 255, batch["truth"]
        return charbonnier(made, truth, batch["weight"]) + 0.5 * laplacian(
            made, truth, batch["weight"]
        )

    def _made(self, batch: dict[str, Tensor], film: Tensor) -> Tensor:
        """(1, 3, N, N) 0..255, before rounding."""
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._half):
            fine, coarse = self._graph.refiner(batch["planes"], film[None])
        return laid_on(batch["drawn"], self._graph.changes(fine.float(), coarse.float()), batch)

    @torch.no_grad()
    def _batch(self, pairs: Sequence[Pair]) -> dict[str, Tensor]:
        """The graph's inputs, and what does not depend on the numbers that learn."""
        side = self._contract.side
        rows = centres(side)
        arrays: dict[str, Any] = {"across": rows, "down": rows}
        for entry in inputs(self._contract):
            if entry.lives != "shape":
                whose = [pair.frame if entry.lives == "frame" else pair.still for pair in pairs]
                arrays[entry.name] = np.stack([getattr(one, entry.name) for one in whose])
        given = {name: _torch.from_numpy(a).to(self._device) for name, a in arrays.items()}
        truth = _torch.from_numpy(np.stack([pair.truth for pair in pairs])).to(self._device)
        known = _torch.zeros(len(pairs), 1, side, side, device=self._device)
        for i, (x0, y0, x1, y1) in enumerate(pair.known for pair in pairs):
            known[i, 0, y0:y1, x0:x1] = 1
        drawn = given["picture"].permute(0, 3, 1, 2).float()
        return given | {
            "drawn": drawn,
            "planes": self._graph.planes(drawn, given),
            "truth": truth.permute(0, 3, 1, 2).float() / 255,
            "weight": focus(given["marks"], _FOCUS) * known,
        }
