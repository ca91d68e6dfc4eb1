"""Generators that several runs share: each portrait is opened once, however many draw it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from streamer.config import GeneratorConfig
from streamer.generator.composite import WarpGenerator
from streamer.generator.workshop import Workshop
from streamer.portrait import Portrait

Make = Callable[[GeneratorConfig, Portrait], WarpGenerator]
"""Opens a portrait."""
_Key = tuple[int, str]
"""Which portrait, which lives as long as its generator, and the settings."""


@dataclass(frozen=True, slots=True)
class Common:
    """What runs have in common; a run that is alone has one of its own."""

    make: Make = WarpGenerator
    """opens portraits: a shelf's, where there are several runs"""
    workshop: Workshop = field(default_factory=Workshop)
    """opens engines"""


class Shelf:
    """Opens generators, and gives twins of those that are open. Any thread may ask.

    What is only read of a generator, nearly all of it, is there once. It goes with the last twin:
    nothing stays of a portrait that was deleted.
    """

    def __init__(self, make: Make = WarpGenerator) -> None:
        self._make = make
        self._changed = threading.Condition()
        self._open: WeakValueDictionary[_Key, WarpGenerator] = WeakValueDictionary()
        self._opening: set[_Key] = set()

    def generator(self, config: GeneratorConfig, portrait: Portrait) -> WarpGenerator:
        """One for one run. Blocks while it is opened, be it for another run."""
        key = (id(portrait), config.model_dump_json())
        with self._changed:
            self._changed.wait_for(lambda: key not in self._opening)
            if (there := self._open.get(key)) is not None:
                return there.twin()
            self._opening.add(key)
        try:
            made = self._make(config, portrait)
            with self._changed:
                self._open[key] = made
            return made
        finally:
            with self._changed:
                self._opening.discard(key)
                self._changed.notify_all()
