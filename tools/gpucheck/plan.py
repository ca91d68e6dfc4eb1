"""Which shapes are measured, and for how long."""

from dataclasses import dataclass, replace

from engines.contract import Contract, Size
from streamer.engine.benchmark import Effort


@dataclass(frozen=True, slots=True)
class Plan:
    """One run of the check."""

    contracts: tuple[Contract, ...]
    """of batch 1; each is run with every batch"""
    batches: tuple[int, ...]
    effort: Effort
    paper: tuple[int, ...]
    """sides of the pictures that the paper's generator makes, px"""
    carried: tuple[Contract, ...]
    """those of which streams are counted, by the largest batch"""
    stream_seconds: float
    workers: tuple[int, ...]
    """how many threads share the GPU, each with an engine of its own"""


def _shape(size: Size, side: int, picture: int) -> Contract:
    return Contract(size, side, picture, picture, 1, "source", (picture, picture))


FULL = Plan(
    contracts=(
        _shape("m", 256, 512),
        _shape("s", 256, 512),
        _shape("xs", 256, 512),
        _shape("xs", 128, 512),
        _shape("m", 256, 256),
    ),
    batches=(1, 2, 4, 8),
    effort=Effort(runs=500, seconds=1.5),
    paper=(256, 512),
    carried=(_shape("m", 256, 512), _shape("xs", 128, 512)),
    stream_seconds=2,
    workers=(2, 4, 8),
)
QUICK = replace(
    FULL,
    contracts=FULL.contracts[:1],
    batches=(1, 8),
    effort=Effort(runs=200, seconds=1),
    paper=(256,),
    carried=FULL.carried[:1],
    stream_seconds=1,
    workers=(2,),
)
ON_CPU = Plan(
    contracts=(_shape("m", 256, 256), _shape("xs", 128, 256)),
    batches=(1,),
    effort=Effort(runs=10, seconds=3),
    paper=(256,),
    carried=(),
    stream_seconds=0,
    workers=(),
)
