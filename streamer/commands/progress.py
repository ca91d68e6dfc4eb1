"""The progress bar of the commands that take a while."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamer.jobs import Phases


@contextmanager
def progress_bar(*, visible: bool) -> Generator["Phases"]:
    """One line per phase on a terminal: frames, frames per second, time left; elsewhere nothing."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:.0f} fps", style="progress.data.speed")

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not (visible and sys.stderr.isatty()),
        transient=True,
    )

    def begin(name: str, frames: int | None) -> Callable[[], None]:
        for task in bar.tasks:
            bar.remove_task(task.id)
        task_id = bar.add_task(name, total=frames)
        return lambda: bar.advance(task_id)

    with bar:
        yield begin
