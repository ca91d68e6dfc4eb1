"""Where engines come from: opened with the weights of the settings, one by one."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from engines.contract import Size
from engines.weights import Weights, WeightsError, read_weights
from streamer.config import GeneratorConfig
from streamer.engine.build import Watch
from streamer.engine.choose import Choice, Shapes
from streamer.engine.protocol import EngineFacts
from streamer.errors import EngineError
from streamer.generator.ladder import weights_of

Choose = Callable[[GeneratorConfig, Weights, Shapes, Watch], Choice]
"""as `choose_engine`"""


@dataclass(frozen=True, slots=True)
class Order:
    """Which engine is meant. Runs with equal orders can draw with one engine."""

    shapes: Shapes
    engine: str
    device: str | None
    weights: str | None

    @classmethod
    def of(cls, config: GeneratorConfig, shapes: Shapes) -> "Order":
        """By what counts of the settings."""
        return cls(shapes, config.engine, config.device, config.weights)

    @property
    def title(self) -> str:
        """For a person."""
        contract = self.shapes.picture
        return f"refiner {contract.size.upper()} @{contract.side}"


def opened(choose: Choose, config: GeneratorConfig, shapes: Shapes, watch: Watch) -> Choice:
    """The engine that the settings ask for. Blocks, perhaps for minutes; EngineError as `choose`.

    Or when its weights cannot be read.
    """
    return choose(config, _weights(config, shapes.picture.size), shapes, watch)


def opened_larger(
    choose: Choose,
    config: GeneratorConfig,
    shapes: Shapes,
    batch: int,
    facts: EngineFacts,
    watch: Watch,
) -> Choice:
    """The same as the engine of these facts, with another batch: by its library, on its device."""
    same = {"engine": facts.backend, "device": facts.device.partition(" ")[0]}
    source = None if shapes.source is None else replace(shapes.source, batch=batch)
    larger = Shapes(replace(shapes.picture, batch=batch), source)
    return opened(choose, config.model_copy(update=same), larger, watch)


def _weights(config: GeneratorConfig, size: Size) -> Weights:
    path = weights_of(config, size)
    if path is None:
        raise EngineError(f"the weights of refiner {size.upper()} are gone")
    try:
        return read_weights(path)
    except WeightsError as error:
        raise EngineError(str(error)) from error
