"""How one training is done: all of its settings, in one place."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from engines.contract import Size

_WEIGHTS = MappingProxyType(
    {
        "charbonnier": 10.0,
        "laplacian": 5.0,
        "patches": 0.0,
        "perceptual": 0.4,
        "teacher": 0.1,
        "gate": 1.0,
        "gain_variation": 0.1,
        "flow": 0.01,
        "flow_variation": 0.05,
        "adversarial": 0.0,
        "features": 0.0,
    }
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What, from what, how long and how."""

    cache: Path
    """folder of samples"""
    out: Path
    """folder of the weights, the sheets and the record"""
    size: Size = "xs"
    side: int = 256
    """of the net's view, px"""
    window: int = 0
    """side of the part of the view that a step sees, px; 0: all of it"""
    whole_from: float = 0.7
    """part of the time after which steps see all of the view"""
    minutes: float = 10.0
    steps: int = 0
    """after which a training ends even if time is left; 0: as many as there is time for"""
    device: str = "cpu"
    batch: int = 16
    """windows of a step, or whole views of as many pixels"""
    rate: float = 3e-4
    """learning rate at its greatest"""
    critic_rate: float = 2e-4
    warm_up: int = 100
    """steps until the rate is reached"""
    average: float = 0.998
    """how slowly the kept weights follow those trained"""
    focus: float = 4.0
    """how much more mouth and eyes count"""
    clips: float = 0.2
    """share of photos from clips, where there are stills, too"""
    renders: float = 0.25
    """share of all samples from renders, where there are some"""
    gapes: float = 0.1
    """share of all samples with a wide mouth that is to be left as it is"""
    adversarial_from: float = 0.25
    """part of the time after which critics judge"""
    weights: Mapping[str, float] = field(default_factory=lambda: _WEIGHTS)
    """of the terms of the loss"""
    every_minutes: float = 5.0
    """between checkpoints with their sheet"""
    checked: int = 160
    """validation samples of the table"""
    perceptual: Path | None = None
    """weights of SqueezeNet 1.1, without which the term of that name is left out"""
    threads: int = 0
    """of torch; 0: its own choice"""
    seed: int = 0
    resume: bool = False
