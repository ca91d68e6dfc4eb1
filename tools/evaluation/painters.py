"""What draws a portrait here: the warp alone, or a refiner over it, as the program does it."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from engines.contract import SIZES, Size
from engines.weights import Weights, WeightsError, find, read_weights
from streamer.animate import Track
from streamer.config import Config, GeneratorConfig
from streamer.engine.choose import Choice, Shapes, choose_engine
from streamer.engine.protocol import Engine
from streamer.errors import ConfigError, EngineError
from streamer.frame import Image
from streamer.generator.composite import WarpGenerator
from streamer.generator.refined import Painter, RefinedGenerator
from streamer.generator.sight import Refinement
from streamer.generator.sights import shapes_of, sight_of
from streamer.portrait import Portrait
from streamer.retarget import retarget_recording
from streamer.retarget.calibration import Calibration

PLAIN = GeneratorConfig(refiner="off")


@dataclass(slots=True)
class Refiner:
    """Trained weights, and the settings that choose what runs them."""

    weights: Weights
    config: GeneratorConfig
    ran: dict[str, None] = field(default_factory=dict[str, None])
    """what ran them so far, for a person"""

    @property
    def size(self) -> Size:
        """Of the network."""
        return self.weights.size

    @contextmanager
    def opened(self, shapes: Shapes) -> Generator[Choice]:
        """Its engine, open until the block is left. EngineError when nothing can run it."""
        choice = choose_engine(self.config, self.weights, shapes)
        facts = choice.engine.facts
        self.ran[f"{facts.backend}/{facts.device}/{facts.precision}"] = None
        try:
            yield choice
        finally:
            choice.engine.close()


def refiners(folder: Path | None, config: GeneratorConfig) -> dict[str, Refiner]:
    """By size, those whose weights are in the folder, or came along with the program.

    ConfigError when a folder is named in which there are none, or damaged ones.
    """
    found: dict[str, Refiner] = {}
    for size in SIZES:
        path = find(folder, size)
        if path is not None:
            try:
                found[size] = Refiner(read_weights(path), config)
            except WeightsError as error:
                raise ConfigError(str(error)) from error
    if folder is not None and not found:
        names = ", ".join(f"{size}.safetensors" for size in SIZES)
        raise ConfigError(f"--weights {folder}: no weights are there; they are called {names}")
    return found


@contextmanager
def open_painter(portrait: Portrait, refiner: Refiner | None) -> Generator[Painter]:
    """What draws the portrait until the block is left. EngineError when the refiner fails."""
    warp = WarpGenerator(PLAIN, portrait)
    if refiner is None:
        yield warp
        return
    kind = Refinement(refiner.size)
    with refiner.opened(shapes_of(warp, kind, (warp.width, warp.height))) as choice:
        facts = choice.engine.facts
        sight = sight_of(warp, kind, facts.contract, choice.embed, facts.digest)
        painter = RefinedGenerator(warp, choice.engine, sight, _fail)
        yield painter
        painter.close()


def _fail(_engine: Engine, error: EngineError) -> None:
    """A run goes on with the warp alone; here that would be told as the refiner's."""
    raise error


def drawn(
    portrait: Portrait,
    track: Track,
    config: Config,
    calibration: Calibration,
    refiner: Refiner | None,
) -> Iterator[Image]:
    """The portrait in every frame of the track, in order."""
    motions = retarget_recording(
        config.retarget, portrait, calibration, track.landmarks, track.times_ns
    )
    with open_painter(portrait, refiner) as painter:
        for motion in motions:
            yield painter.generate(motion)
