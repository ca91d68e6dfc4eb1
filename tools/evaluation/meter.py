"""One progress bar for whatever is being done."""

from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Meter:
    """Counts steps of one thing after the other."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("")

    def start(self, label: str, total: int | None) -> None:
        """Begin a new count."""
        self._progress.reset(self._task, description=label, total=total)

    def step(self) -> None:
        """One step more."""
        self._progress.advance(self._task)


@contextmanager
def metering(console: Console) -> Generator[Meter]:
    """A bar on a terminal until the block is left."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True) as progress:
        yield Meter(progress)
