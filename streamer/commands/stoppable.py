"""Long work beside the terminal: its progress is shown, and Ctrl-C ends it in good order."""

import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Generic, TypeVar

from streamer.engine.build import BuildStoppedError, Watch

T = TypeVar("T")
_LOOK_S = 0.1


class _Work(threading.Thread, Generic[T]):
    """Python answers Ctrl-C on the main thread only, and not inside a library: so work is here."""

    def __init__(self, work: Callable[[Watch], T], watch: Watch) -> None:
        super().__init__(name="engines", daemon=True)
        self._work, self._watch = work, watch
        self._result: list[T] = []
        self._error: BaseException | None = None
        self._done = threading.Event()
        self.start()

    def run(self) -> None:
        try:
            self._result.append(self._work(self._watch))
        except BaseException as error:  # noqa: BLE001  (raised again by whoever waits)
            self._error = error
        finally:
            self._done.set()

    def result(self) -> T:
        # not by join: interrupted, it takes the thread for ended (Python 3.11)
        while not self._done.wait(_LOOK_S):
            pass
        if self._error is not None:
            raise self._error
        return self._result[0]


def stoppable(work: Callable[[Watch], T]) -> T:
    """What `work` gives. At Ctrl-C it is asked to stop and waited for; at a second one, left."""
    stop = threading.Event()
    with _shown() as progress:
        running = _Work(work, Watch(progress, stop.is_set))
        try:
            return running.result()
        except KeyboardInterrupt:
            stop.set()
            progress("stopping", 0)
            with suppress(BuildStoppedError):
                running.result()
            raise


@contextmanager
def _shown() -> Generator[Callable[[str, float], None]]:
    """One line on a terminal: what is being done, and how much of it; elsewhere nothing."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
        refresh_per_second=2,  # what draws it takes time from what is measured
    )
    with bar:
        task = bar.add_task("", total=1.0)
        yield lambda what, part: bar.update(task, description=what, completed=part)
