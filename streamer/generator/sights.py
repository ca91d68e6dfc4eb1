"""Which way to use a graph: on a drawn picture, or to draw it, as the engine at hand does."""

import logging

from engines.contract import FILM, Contract, Floats, Size
from engines.photo import photo
from streamer.engine.choose import Shapes
from streamer.engine.embedder import Embed
from streamer.generator.composite import WarpGenerator
from streamer.generator.sight import OnFace, OnParts, Refinement, Sight
from streamer.generator.source import OnSource, source_contract
from streamer.portrait import Portrait

_log = logging.getLogger(__name__)


def shapes_of(warp: WarpGenerator, kind: Refinement, canvas: tuple[int, int]) -> Shapes:
    """Of the graphs that can do it; `canvas` is (width, height) of the run's largest picture."""
    return Shapes(_on_picture(warp, kind).contract, source_contract(warp, kind, canvas))


def sight_of(
    warp: WarpGenerator,
    kind: Refinement,
    contract: Contract,
    embed: Embed | None = None,
    digest: str = "",
) -> Sight:
    """For the graph of this contract, one of `shapes_of`, with the weights of this digest.

    `embed` is the embedder of the engine's weights, which looks at the portrait's photo now, for
    some ten milliseconds, unless it was tuned to these weights; EngineError when it fails.
    """
    film = _tuned(warp.portrait, contract.size, digest)
    if film is None and embed is not None:
        film = film_of(warp.portrait, embed)
    if contract.form == "source":
        return OnSource(warp, contract, film)
    return _on_picture(warp, kind, film)


def _tuned(portrait: Portrait, size: Size, digest: str) -> Floats | None:
    """The numbers it was tuned to; None, and a line in the log, where that was for others."""
    if digest in portrait.tuned:
        return portrait.tuned[digest]
    if any(len(film) == FILM[size] for film in portrait.tuned.values()):
        _log.warning(
            "portrait %s was tuned to other weights of refiner %s and is drawn untuned;"
            " tune it again with `vivant enroll PHOTO --tune`",
            portrait.name,
            size.upper(),
        )
    return None


def film_of(portrait: Portrait, embed: Embed) -> Floats:
    """(F,) the numbers that fit the refiner to the portrait, from the one photo that it keeps."""
    return embed([photo(portrait.picture, portrait.landmarks)])


def _on_picture(
    warp: WarpGenerator, kind: Refinement, film: Floats | None = None
) -> OnFace | OnParts:
    return OnParts(warp, kind, film) if kind.parts else OnFace(warp, kind, film)
