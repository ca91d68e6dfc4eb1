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
from engines.model import FilmBlock, Refiner, initial, into, weights_of
from engines.weights import WeightsError, read_weights, write_weights
from streamer.clock import SECOND, monotonic_ns
from streamer.errors import EngineError
from tools.training.adversary import Adversary
from tools.training.augment import Batch, batch_of
from tools.training.cache import Samples
from tools.training.feed import Feed
from tools.training.losses import Drawn, Losses
from tools.training.recipe import Recipe
from tools.training.record import Record

_torch = cast("Any", torch)

_CLIP = 1.0
_HEADS = 0.3
"""Share of the learning rate that the heads have."""
_TOO_LARGE = 10.0
"""No term may exceed the sum of the others so many times."""


class Trainer:
    """One refiner in training."""

    def __init__(self, recipe: Recipe) -> None:
        _torch.manual_seed(recipe.seed)
        if recipe.threads:
            torch.set_num_threads(recipe.threads)
        self.recipe, self.device = recipe, _device(recipe.device)
        self.half = _half(self.device)
        refiner = _laid_out(_begun(recipe), self.device)
        self.graph = FromPicture(refiner, recipe.side).to(self.device)
        self.part = FromPicture(refiner, recipe.window or recipe.side).to(self.device)
        self.kept = initial(recipe.size).to(self.device)
        self.kept.load_state_dict(refiner.state_dict())
        self.optimiser = torch.optim.AdamW(_groups(refiner), recipe.rate, weight_decay=1e-4)
        self.losses = Losses(recipe, self.device)
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
        return Drawn(laid_on(batch.picture, changes, batch.given), changes, planes)

    def step(self, batch: Batch, part: float) -> dict[str, float]:
        """One step, when `part` of the time has gone; each term's size. EngineError at a NaN."""
        rate = self.recipe.rate * min(1.0, (self.steps + 1) / self.recipe.warm_up)
        rate *= 0.5 * (1 + math.cos(math.pi * min(part, 1.0))) + 0.01
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["share"]
        drawn = self.draw(batch)
        found = self.losses.terms(drawn, batch)
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

        def see(_layer: nn.Module, given: tuple[Tensor, ...]) -> None:
            shares.append(float((given[0] > 0).float().mean()))

        hooks = [
            b.second.register_forward_pre_hook(see)
            for b in self.kept.modules()
            if isinstance(b, FilmBlock)
        ]
        self.draw(batch_of(arrays, self.recipe.size, self.device), self.kept)
        for hook in hooks:
            hook.remove()
        return min(shares)

    def save(self, note: str) -> None:
        """Write the kept weights."""
        write_weights(self.recipe.out / f"{self.recipe.size}.safetensors",
                      weights_of(self.kept, note=note))  # fmt: skip


def _groups(refiner: Refiner) -> list[dict[str, Any]]:
    """All weights, with the share of the learning rate they have.

    A step changes each weight by about the rate. In the heads that is at once seen in the picture,
    and hundreds of them add up.
    """
    heads = [*refiner.fine.parameters(), *refiner.coarse.parameters()]
    rest = [p for n, p in refiner.named_parameters() if not n.startswith(("fine.", "coarse."))]
    return [{"params": rest, "share": 1.0}, {"params": heads, "share": _HEADS}]


def _laid_out(refiner: Refiner, device: torch.device) -> Refiner:
    """On the device, channels last, which its convolutions are fastest with."""
    return cast("Any", refiner.to(device)).to(memory_format=torch.channels_last)


def _gates(changes: Changes) -> Tensor:
    """(B, 3, N, N) 0..255: share painted anew, gain, and 4 levels a px of flow."""
    px = changes.flow.square().sum(1, keepdim=True).sqrt() * (changes.flow.shape[3] / 2)
    paint = changes.paint.abs().amax(1, keepdim=True)
    return torch.cat(
        [(4 * paint).clamp(max=255), 127.5 + 4 * 127.5 * changes.gain, (16 * px).clamp(max=255)], 1
    ).clamp(0, 255)


def _begun(recipe: Recipe) -> Refiner:
    path = recipe.out / f"{recipe.size}.safetensors"
    if not (recipe.resume and path.exists()):
        return initial(recipe.size, recipe.seed)
    try:
        refiner = into(read_weights(path)).train()
    except WeightsError as error:
        raise EngineError(f"--resume: {error}") from error
    refiner.requires_grad_(requires_grad=True)
    return refiner


def _device(name: str) -> torch.device:
    """EngineError when torch knows no such device, or it is not there."""
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise EngineError(f"--device {name}: {reason}; cpu always works") from error
    return device


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
