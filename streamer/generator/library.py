"""The portraits of a run: opened ahead of time, so that going over to another takes no time.

One thread prepares, at low priority: first the portrait that is wanted, then its neighbours, then
the next step of the quality ladder. Few are kept open: those used last.
"""

import contextlib
import logging
import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from streamer.bundled import portrait_path
from streamer.config import Background, Config
from streamer.control import Controls
from streamer.errors import StreamerError
from streamer.frame import Image
from streamer.generator.background import Backdrops, read_image
from streamer.generator.canvas import canvas_of
from streamer.generator.composite import WarpGenerator
from streamer.generator.opened import Opened, open_warp
from streamer.generator.refined import RefinedGenerator
from streamer.generator.shelf import Common
from streamer.generator.steps import Steps
from streamer.portrait import Portrait

_OPEN, _LOADED = 4, 8
"""How many generators and portraits are kept."""
_CLOSE_S = 0.9
_LOOK_S = 1.0
"""Between two looks whether the file of a portrait that failed has changed."""
_NICENESS = 5
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is asked for."""

    names: tuple[str, ...]
    """the portrait, the next and the previous one"""
    level: int
    background: Background


class Library:
    """Opens and keeps the portraits of one canvas. Any thread may ask; several runs may share it.

    A `WarpGenerator` draws for one of them at a time. Used with `with`: leaving it waits for the
    preparing thread, less than a second.
    """

    def __init__(
        self,
        config: Config,
        load: Callable[[str], Portrait],
        size: tuple[int, int] | None,
        common: Common | None = None,
    ) -> None:
        """Open the first portrait; what `load` raises for it, and for its background, goes on.

        `size` is the canvas' (width, height); None: as large as the first portrait. EngineError
        when the settings name a refiner that is not installed. `common` is what it shares
        with other libraries; None = nothing.
        """
        common = common or Common()
        self._config, self._load, self._make = config.generator, load, common.make
        self.steps = Steps(config, self._wake, common.workshop)
        """the quality ladder"""
        self._changed = threading.Condition()
        self._portraits: OrderedDict[str, Portrait] = OrderedDict()
        self._opened: OrderedDict[tuple[str, int], Opened] = OrderedDict()
        self._backgrounds: dict[tuple[str, int], Background] = {}
        self._failed: dict[str, object] = {}
        self._seen: Controls | None = None
        self._preparing = ""
        self._closed = False
        self._image: Image | None = None
        self._reading = threading.Lock()
        first = load(config.portrait)
        own = canvas_of(self._config, first)
        self.size = size or (own.width, own.height)
        self._wish = _Wish((config.portrait,), 0, self._config.background)
        self.first = self._open(first, (config.portrait, self.steps.plain))
        """the portrait of the settings; never closed"""
        self.first.backdrops.view(self._config.background)
        self._keep(first, self.first, self._config.background)
        self.steps.begin(self.first.warp, self.size)
        self.steps.meet(config.portrait, self.first.warp)
        self._thread = threading.Thread(target=self._prepare, name="prepare")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(_CLOSE_S)
        self.steps.close()

    def _wake(self) -> None:
        """Something has come or gone."""
        with self._changed:
            self._changed.notify_all()

    def settle(self, seconds: float) -> None:
        """Wait for the engines of the first portrait, but not longer than that."""
        with self._changed:
            self._changed.wait_for(self._is_settled, seconds)

    def _is_settled(self) -> bool:
        """Nothing is left to do for it."""
        wish = self._wish
        return not self.steps.pending(wish.names[0], wish.level) and (
            self.steps.plain == 0 or self._next() is None
        )

    @property
    def preparing(self) -> str:
        """The portrait that is being opened; empty when none is."""
        return self._preparing

    def ready(self, name: str) -> Portrait | None:
        """The portrait, once it can be drawn without delay; till then None. Never blocks.

        Open at another step of the ladder counts: it is shown so until it is open at this one.
        """
        opened = self.opened(name)
        return None if opened is None else opened.generator.portrait

    def opened(self, name: str, level: int | None = None) -> Opened | None:
        """The portrait at this step of the ladder, or at any; None where it is not open."""
        with self._changed:
            levels = range(len(self.steps.levels)) if level is None else (level,)
            for key in ((name, one) for one in levels):
                if key in self._opened:
                    self._opened.move_to_end(key)
                    return self._opened[key]
        return None

    def look(self, controls: Controls) -> None:
        """See what is wanted now. To be called often; never blocks."""
        if controls is self._seen:
            return
        with self._changed:
            before, self._seen = self._seen, controls
            if before is None or before.portrait != controls.portrait:
                self._failed.pop(controls.portrait, None)
            self._wish = _wish(controls)
            self._changed.notify_all()

    def image(self) -> Image:
        """The picture behind the person; MediaError or ConfigError where there is none."""
        with self._reading:
            if self._image is None:
                self._image = read_image(self._config)
            return self._image

    def _prepare(self) -> None:
        """The thread's loop."""
        _step_back()
        if self._config.image is not None:
            with contextlib.suppress(StreamerError):  # told when it is asked for
                self.image()
        while (job := self._job()) is not None:
            self._try(*job)
            self._preparing = ""
            self._wake()

    def _job(self) -> tuple[tuple[str, int], Background] | None:
        """Wait for something to do; None when the library is closed."""
        with self._changed:
            while not self._closed:
                self.steps.ask(self._wish.names, self._wish.level)
                if key := self._next():
                    self._preparing = key[0] if self.opened(key[0]) is None else ""
                    return key, self._wish.background
                self._changed.wait(_LOOK_S if self._failed else None)
        return None

    def _next(self) -> tuple[str, int] | None:
        """What is to be done next, if anything."""
        for key in self._keys():
            stale = self._backgrounds.get(key) != self._wish.background
            if (key not in self._opened or stale) and not self._is_hopeless(key[0]):
                return key
        return None

    def _keys(self) -> dict[tuple[str, int], None]:
        """What shall be open, most urgent first.

        The portrait, its neighbours, and the portrait's next step of the ladder.
        """
        wish, served = self._wish, self.steps.served
        keys = [(name, served(name, wish.level)) for name in wish.names]
        name, level = keys[0]
        return dict.fromkeys([*keys, (name, self.steps.beside(name, level))])

    def _is_hopeless(self, name: str) -> bool:
        """Whether it failed, and its file is as it was then."""
        return name in self._failed and self._failed[name] == _stamp(name)

    def _try(self, key: tuple[str, int], background: Background) -> None:
        """Open one, or tell why that is impossible: the one that is shown goes on."""
        name, stamp = key[0], _stamp(key[0])
        try:
            portrait = self._portraits.get(name) or self._load(name)
            if self._closed:
                return
            opened = self.opened(*key) or self._open(portrait, key)
            with contextlib.suppress(StreamerError):  # told when it is to be shown
                view = opened.backdrops.view(background)
                if isinstance(opened.generator, RefinedGenerator):
                    opened.generator.prepare(view.scene)
            self._keep(portrait, opened, background)
        except Exception as error:  # noqa: BLE001 - whatever it is, the run goes on without it
            _log.warning("portrait %s cannot be shown: %s", name, _reason(error))
            with self._changed:
                self._failed[name] = stamp

    def _open(self, portrait: Portrait, key: tuple[str, int]) -> Opened:
        name, level = key
        scale = self.steps.levels[level].scale
        drawn = self._drawn(name, scale)
        warp, backdrops = drawn or open_warp(
            self._config, portrait, self.size, scale, self.image, self._make
        )
        if scale == 1:
            self.steps.meet(name, warp)
        return Opened(name, level, warp, self.steps.painter(name, level, warp), backdrops)

    def _drawn(self, name: str, scale: float) -> tuple[WarpGenerator, Backdrops] | None:
        """What another step with pictures of this size draws with; None where none is open."""
        with self._changed:
            for opened in self._opened.values():
                if opened.name == name and self.steps.levels[opened.level].scale == scale:
                    return opened.warp, opened.backdrops
        return None

    def _keep(self, portrait: Portrait, opened: Opened, background: Background) -> None:
        key, closed = (opened.name, opened.level), list[Opened]()
        with self._changed:
            self._failed.pop(opened.name, None)
            self._portraits[opened.name] = portrait
            self._portraits.move_to_end(opened.name)
            self._opened[key] = opened
            self._backgrounds[key] = background
            while len(self._portraits) > _LOADED:
                self._portraits.popitem(last=False)
            for other in [one for one in self._opened if self._spare(one, key)]:
                if len(self._opened) > _OPEN:
                    closed.append(self._opened.pop(other))
                    self._backgrounds.pop(other, None)
        for one in closed:
            if isinstance(one.generator, RefinedGenerator):
                one.generator.close()

    def _spare(self, key: tuple[str, int], newest: tuple[str, int]) -> bool:
        """Whether one that is open may be closed."""
        return key != newest and key not in self._keys()


def _wish(controls: Controls) -> _Wish:
    names, name = controls.portraits, controls.portrait
    at = names.index(name) if name in names else 0
    beside = (names[(at + step) % len(names)] for step in (1, -1))
    return _Wish(tuple(dict.fromkeys((name, *beside))), controls.level, controls.background)


def _stamp(name: str) -> object:
    """What changes when the portrait's file does."""
    try:
        state = portrait_path(name).stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, StreamerError) else repr(error)


def _step_back() -> None:
    """Leave the processor to the threads of the video, where one thread can."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
