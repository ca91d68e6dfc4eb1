"""The training itself: steps until the time is over, and what is kept of them."""

import math
import signal
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, cast

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engines.contract import Bytes
from engines.graph import Changes, FromPicture, interleaved, laid_on
from engines.model import Refiner, initial, into, weights_of
from engines.weights import read_weights, write_weights
from streamer.clock import SECOND, monotonic_ns
from streamer.errors import EngineError
from tools.training.adversary import Adversary
from tools.training.augment import Batch, batch_of
from tools.training.cache import Samples
from tools.training.feed import Feed
from tools.training.losses import Drawn, PatchFilters, terms
from tools.training.recipe import Recipe
from tools.training.record import Record

_torch = cast("Any", torch)

_CLIP = 1.0
_CALM = 0.41
"""From weights that keep the strength of what passes to those that torch itself begins with."""
_TOO_LARGE = 10.0
"""No term may exceed the sum of the others so many times."""


class Trainer:
    """One refiner in training."""

    def __init__(self, recipe: Recipe) -> None:
        _torch.manual_seed(recipe.seed)
        if recipe.threads:
            torch.set_num_threads(recipe.threads)
        self.recipe, self.device = recipe, torch.device(recipe.device)
        self.half = _half(self.device)
        refiner = _laid_out(_begun(recipe), self.device)
        self.graph = FromPicture(refiner, recipe.side).to(self.device)
        self.part = FromPicture(refiner, recipe.window or recipe.side).to(self.device)
        self.kept = initial(recipe.size).to(self.device)
        self.kept.load_state_dict(refiner.state_dict())
        self.optimiser = torch.optim.AdamW(refiner.parameters(), recipe.rate, weight_decay=1e-4)
        self.patches = PatchFilters().to(self.device)
        self.adversary = Adversary(recipe, self.device)
        self.steps = 0

    def draw(self, batch: Batch, refiner: nn.Module | None = None) -> Drawn:
        """What the refiner makes of a batch, with all that leads back to its weights."""
        seen = batch.given["marks"].shape[1]
        graph = self.graph if seen == self.recipe.side else self.part
        planes = graph.planes(batch.picture, batch.given)
        whole = planes.to(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, self.half, enabled=self.half is not None):
            fine, coarse = (refiner or self.graph.refiner)(whole, batch.given["film"])
        changes = graph.changes(fine.float(), coarse.float())
        # a window's flow is told in halves of the whole view
        changes = changes._replace(flow=changes.flow * (self.recipe.side / seen))
        return Drawn(laid_on(batch.picture, changes, batch.given), changes, planes)

    def step(self, batch: Batch, part: float) -> dict[str, float]:
        """One step, when `part` of the time has gone; each term's size. EngineError at a NaN."""
        rate = self.recipe.rate * min(1.0, (self.steps + 1) / self.recipe.warm_up)
        rate *= 0.5 * (1 + math.cos(math.pi * min(part, 1.0))) + 0.01
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        drawn = self.draw(batch)
        found = terms(drawn, batch, self.recipe.weights, self.patches, self.recipe.focus)
        if part >= self.recipe.adversarial_from:
            found |= self.adversary.judged(drawn, batch)
        total = torch.stack(list(found.values())).sum()
        self.optimiser.zero_grad(set_to_none=True)
        _torch.autograd.backward(total)
        norm = nn.utils.clip_grad_norm_(self.graph.refiner.parameters(), _CLIP)
        if not bool(torch.isfinite(total + norm)):
            raise EngineError(
                f"step {self.steps}: the loss is no number any more; what was kept stays"
            )
        cast("Any", self.optimiser).step()
        self._keep()
        self.steps += 1
        return {name: float(term.detach()) for name, term in found.items()}

    @torch.no_grad()
    def _keep(self) -> None:
        share = max(1 - self.recipe.average, 9 / (self.steps + 10))  # quicker at first
        for kept, now in zip(self.kept.parameters(), self.graph.refiner.parameters(), strict=True):
            kept.lerp_(now, share)

    @torch.no_grad()
    def refine(self, arrays: Mapping[str, NDArray[Any]]) -> tuple[Bytes, Bytes]:
        """What the kept weights make of `Samples.batch`, as the graph would round it."""
        batch = batch_of(arrays, self.recipe.size, self.device)
        drawn = self.draw(batch, self.kept)
        pictures = interleaved(drawn.picture), interleaved(_gates(drawn.changes))
        made, shown = (cast("Any", one).cpu().numpy() for one in pictures)
        return made, shown

    @torch.no_grad()
    def alive(self, arrays: Mapping[str, NDArray[Any]]) -> float:
        """The share of features that are not silent, at the level where it is least."""
        shares: list[float] = []

        def see(_level: nn.Module, _given: Any, features: Tensor) -> None:  # noqa: ANN401
            shares.append(float((features > 0).float().mean()))

        levels = (*self.kept.encoder, *self.kept.decoder)
        hooks = [level.register_forward_hook(see) for level in levels]
        self.draw(batch_of(arrays, self.recipe.size, self.device), self.kept)
        for hook in hooks:
            hook.remove()
        return min(shares)

    def save(self, note: str) -> None:
        """Write the kept weights."""
        write_weights(self.recipe.out / f"{self.recipe.size}.safetensors",
                      weights_of(self.kept, note=note))  # fmt: skip


def _laid_out(refiner: Refiner, device: torch.device) -> Refiner:
    """On the device, channels last, which its convolutions are fastest with."""
    return cast("Any", refiner.to(device)).to(memory_format=torch.channels_last)


def _gates(changes: Changes) -> Tensor:
    """(B, 3, N, N) 0..255: share painted anew, gain, and 4 levels a px of flow."""
    px = changes.flow.square().sum(1, keepdim=True).sqrt() * (changes.flow.shape[3] / 2)
    return torch.cat([changes.gate * 255, 127.5 + 127.5 * changes.gain, 4 * px], 1)


def _begun(recipe: Recipe) -> Refiner:
    path = recipe.out / f"{recipe.size}.safetensors"
    if not (recipe.resume and path.exists()):
        return _calmed(initial(recipe.size, recipe.seed))
    refiner = into(read_weights(path)).train()
    refiner.requires_grad_(requires_grad=True)
    return refiner


@torch.no_grad()
def _calmed(refiner: Refiner) -> Refiner:
    """With weak features, and blocks that begin as what they are given.

    Heads that start at zero make noise of strong features in their first steps; what then lowers
    the loss fastest is to silence them, and units that have once fallen silent stay so.
    """
    for name, weight in refiner.named_parameters():
        if name.endswith("second.weight"):
            weight.zero_()
        elif name.endswith("weight"):
            weight.mul_(_CALM)
    return refiner


def _half(device: torch.device) -> torch.dtype | None:
    """bf16 where the device has it, else None: whole precision."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else None
    return torch.bfloat16


def train(recipe: Recipe, say: Callable[[str], None]) -> dict[str, Any]:
    """Train until the time is over or somebody interrupts; what was reached, as JSON keeps it."""
    recipe.out.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(recipe)
    training = Samples(recipe.cache / "train", recipe.side)
    held = Samples(recipe.cache / "validation", recipe.side)
    say(f"{len(training)} samples of {len(set(training.identities))} people,"
        f" {len(held)} of {len(set(held.identities))} to check")  # fmt: skip
    record = Record(recipe, trainer, held, say)
    with _interruptible() as interrupted, ThreadPoolExecutor(1) as reader:
        feed = Feed(recipe, training, reader)
        began = monotonic_ns()
        try:
            while not interrupted() and (part := _part(recipe, trainer.steps, began)) < 1:
                sizes = trainer.step(feed.next(trainer.device, part), part)
                if trainer.steps == 1:
                    weigh(sizes, say)
                record.see(sizes, (monotonic_ns() - began) / SECOND / 60)
        except EngineError:
            trainer.save(f"stopped at step {trainer.steps}")
            raise
    return record.end()


def _part(recipe: Recipe, steps: int, began_ns: int) -> float:
    """How much of the training is over, by time or by steps."""
    part = (monotonic_ns() - began_ns) / SECOND / 60 / recipe.minutes
    return max(part, steps / recipe.steps) if recipe.steps else part


def weigh(sizes: Mapping[str, float], say: Callable[[str], None]) -> None:
    """Say how large each term is at the first step; EngineError when one drowns the others."""
    say("at the first step: " + "  ".join(f"{name} {size:.4f}" for name, size in sizes.items()))
    total = sum(abs(size) for size in sizes.values())
    for name, size in sizes.items():
        rest = total - abs(size)
        if len(sizes) > 2 and abs(size) > _TOO_LARGE * rest:
            raise EngineError(f"the term {name} ({size:.3g}) drowns all others ({rest:.3g})")


@contextmanager
def _interruptible() -> Generator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed or an end was asked for inside the block."""
    asked: list[int] = []
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(one, lambda number, _frame: asked.append(number)) for one in signals]
    try:
        yield lambda: bool(asked)
    finally:
        for one, handler in zip(signals, before, strict=True):
            signal.signal(one, handler)
