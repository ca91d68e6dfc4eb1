"""How a run is doing, in plain values: what the terminal and the HTTP interface show."""

from collections.abc import Mapping
from dataclasses import dataclass

from streamer.control import Controls
from streamer.metrics import Recent


@dataclass(frozen=True, slots=True)
class Status:
    """One look at a run. It holds no pixel of anybody."""

    chosen: Mapping[str, str]
    """What runs and why: portrait, camera, tracker, generator, sink, budget."""
    controls: Controls
    budget_ms: float
    """The age a frame may reach at the sink."""
    recent: Recent
    """Ages, rates and drops of the last seconds."""
    seconds: float
    """Since the start."""
    sent: int
    held: int
    dropped: Mapping[str, int]
    """Frames since the start, by reason."""
    presence: str
    """tracked, hold, ease, idle or return; card while a card is shown"""
    portrait: str
    """The one that is shown."""
    preparing: str
    """The one that is being made ready; empty when none is."""
    level: str
    """Step of the quality ladder, for a person."""
    prompt: str
    """What the driver is to do now: the countdown and the guide; empty when nothing."""
    calibration: str
    """Whose neutral face is used, for a person."""
    camera: str
    """What is wrong with the camera; empty when nothing is."""
    recording: str
    """The file and its length, or why it stopped; empty when nothing is recorded."""
    latency_ms: float
    """Median age at the sink: the audio offset to set in other programs. 0 before there is one."""
