"""What is told and kept while a training goes on: lines, weights, sheets and a table."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from tools.training import check
from tools.training.cache import Arrays, Samples
from tools.training.recipe import Recipe


class Trained(Protocol):
    """What is recorded."""

    steps: int
    refine: check.Refine

    def alive(self, arrays: Arrays) -> float:
        """The share of features that are not silent, where it is least."""
        ...

    def save(self, note: str) -> None:
        """Write the kept weights."""
        ...


class Record:
    """What is told and kept as the training goes on."""

    def __init__(
        self, recipe: Recipe, trainer: Trained, held: Samples, say: Callable[[str], None]
    ) -> None:
        self._recipe, self._trainer, self._held, self._say = recipe, trainer, held, say
        self._faces = check.faces(held)
        self._saved = self._told = 0.0
        self._sums: dict[str, float] = {}
        self._count = self._before = 0
        self.losses: list[tuple[float, float]] = []

    def see(self, sizes: Mapping[str, float], gone: float) -> None:
        """One step more, `gone` minutes after the start."""
        for name, size in sizes.items():
            self._sums[name] = self._sums.get(name, 0.0) + size
        self._count += 1
        if gone - self._told >= min(0.5, self._recipe.minutes / 20):
            self._tell(gone)
        if gone - self._saved >= self._recipe.every_minutes:
            self._checkpoint(gone)

    def _tell(self, gone: float) -> None:
        mean = {name: size / self._count for name, size in self._sums.items()}
        done = self._count * self._recipe.batch
        speed = done / (60 * (gone - self._told))
        total = sum(mean.values())
        self.losses.append((gone, total))
        each = "  ".join(f"{name} {size:.4f}" for name, size in mean.items())
        self._say(f"{gone:6.1f} min  {self._trainer.steps} steps  {speed:.0f} samples/s  "
                  f"loss {total:.4f}  {each}")  # fmt: skip
        self._told, self._sums, self._count = gone, {}, 0

    def _checkpoint(self, gone: float) -> None:
        trainer, recipe = self._trainer, self._recipe
        self._look()
        trainer.save(f"{gone:.0f} min, {trainer.steps} steps of {recipe.batch}")
        check.sheet(self._held, trainer.refine, self._faces, recipe.out / "sheet.png")
        quick = check.table(self._held, trainer.refine, min(48, recipe.checked))
        self._say("\n".join(check.lines({"all": quick["all"]})))
        self._say(f"features at work: {self._alive():.2f} where they are fewest")
        self._saved = gone

    def _alive(self) -> float:
        return self._trainer.alive(self._held.batch(self._faces[:4]))

    def _look(self) -> None:
        """Check on more samples where there are more by now."""
        if self._held.grown():
            self._held = Samples(self._recipe.cache / "validation", self._recipe.side)
            self._faces = check.faces(self._held)

    def end(self) -> dict[str, Any]:
        """Keep everything, and say what was reached."""
        trainer, recipe = self._trainer, self._recipe
        note = (
            f"{recipe.minutes:g} min, {trainer.steps} steps of {recipe.batch} at {recipe.side} px"
        )
        trainer.save(note)
        check.sheet(self._held, trainer.refine, self._faces, recipe.out / "sheet.png")
        reached = check.table(self._held, trainer.refine, recipe.checked)
        self._say("\n".join(check.lines(reached)))
        content = {
            "note": note,
            "features_at_work": self._alive(),
            "loss": self.losses,
            "validation": reached,
        }
        (recipe.out / "record.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
        return content
