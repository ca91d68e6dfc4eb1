"""Looking at one thing within bounds: what breaks or hangs becomes a check that says so."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from streamer.clock import SECOND, Clock, monotonic_ns
from streamer.doctor.check import Check
from streamer.missing import advice

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Probe:
    """A look at one thing."""

    topic: str
    name: str
    look: Callable[[], Sequence[Check]]
    limit_s: float = 10


def look(probes: Sequence[Probe], clock: Clock = monotonic_ns) -> list[Check]:
    """The checks of all probes, which run at once, each for as long as it may.

    One that hangs is left behind on a thread that does not keep the process alive.
    """
    started = [(probe, _Look(probe)) for probe in probes]
    begun_ns = clock()
    checks: list[Check] = []
    for probe, running in started:
        running.join(max(0.0, probe.limit_s - (clock() - begun_ns) / SECOND))
        checks.extend(running.checks())
    return checks


class _Look(threading.Thread):
    def __init__(self, probe: Probe) -> None:
        super().__init__(name=f"doctor {probe.name}", daemon=True)
        self._probe = probe
        self._found: Sequence[Check] | None = None
        self.start()

    def run(self) -> None:
        try:
            self._found = self._probe.look()
        except Exception as error:  # noqa: BLE001  (whatever it is, the other checks go on)
            _log.debug("%s: %s", self._probe.name, error, exc_info=error)
            self._found = [_broken(self._probe, error)]

    def checks(self) -> Sequence[Check]:
        """What was found so far."""
        if self._found is not None:
            return self._found
        limit_s = self._probe.limit_s
        return [unknown(self._probe.topic, self._probe.name, f"no answer within {limit_s:g} s")]


def unknown(topic: str, name: str, why: str) -> Check:
    """The check of something that could not be looked at."""
    return Check(topic, name, "warn", f"could not be checked: {why}")


def _broken(probe: Probe, error: Exception) -> Check:
    if isinstance(error, ImportError | OSError) and (line := advice(error)):
        what, _, fix = line.partition("; ")
        return Check(probe.topic, probe.name, "warn", f"could not be checked: {what}", fix)
    what = f"{type(error).__name__}: {error}".partition("\n")[0]
    return unknown(probe.topic, probe.name, what)
