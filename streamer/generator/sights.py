"""Which way to use a graph: on a drawn picture, or to draw it, as the engine at hand does."""

from engines.contract import Contract
from streamer.engine.choose import Shapes
from streamer.generator.composite import WarpGenerator
from streamer.generator.sight import OnFace, OnParts, Refinement, Sight
from streamer.generator.source import OnSource, source_contract


def shapes_of(warp: WarpGenerator, kind: Refinement, canvas: tuple[int, int]) -> Shapes:
    """Of the graphs that can do it; `canvas` is (width, height) of the run's largest picture."""
    return Shapes(_on_picture(warp, kind).contract, source_contract(warp, kind, canvas))


def sight_of(warp: WarpGenerator, kind: Refinement, contract: Contract) -> Sight:
    """For the graph of this contract, one of `shapes_of`."""
    return OnSource(warp, contract) if contract.form == "source" else _on_picture(warp, kind)


def _on_picture(warp: WarpGenerator, kind: Refinement) -> OnFace | OnParts:
    return OnParts(warp, kind) if kind.parts else OnFace(warp, kind)
