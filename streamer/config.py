"""Every setting, its default and its bounds, once. Parsed once into frozen values."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, cast

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from streamer.clock import MS, Budget
from streamer.errors import ConfigError


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CameraConfig(_Section):
    """Where the driver's images come from."""

    kind: Literal["replay"] = "replay"
    clip: str = Field(default="demo")
    loop: bool = False


class TrackerConfig(_Section):
    """How the driver's face is found."""

    face: Literal["largest", "central"] = "largest"
    confidence: float = Field(default=0.5, ge=0.1, le=0.95)


class GainsConfig(_Section):
    """How strongly each part follows the driver; 1 is as the driver does."""

    head: float = Field(default=0.9, ge=0, le=2)
    shift: float = Field(default=0.4, ge=0, le=1)
    mouth: float = Field(default=1.0, ge=0, le=2)
    brows: float = Field(default=1.0, ge=0, le=2)
    cheeks: float = Field(default=0.7, ge=0, le=2)
    jaw: float = Field(default=1.0, ge=0, le=2)
    eyes: float = Field(default=1.0, ge=0, le=2)
    gaze: float = Field(default=0.9, ge=0, le=2)


class LimitsConfig(_Section):
    """Where a flat picture would break: motion is followed up to the first figure and never passes the second."""

    yaw_deg: tuple[float, float] = (20.0, 30.0)
    pitch_deg: tuple[float, float] = (12.0, 18.0)
    roll_deg: tuple[float, float] = (25.0, 35.0)
    scale: float = Field(default=0.1, ge=0, le=0.5)


class RetargetConfig(_Section):
    """How the driver's motion becomes the portrait's."""

    mode: Literal["relative", "absolute"] = "relative"
    mirror: bool = False
    gains: GainsConfig = GainsConfig()
    limits: LimitsConfig = LimitsConfig()


class GeneratorConfig(_Section):
    """What the picture looks like."""

    size: int | None = Field(default=None, ge=64, le=4096)
    crop: Literal["none", "head"] = "none"


class SinkConfig(_Section):
    """Where pictures go."""

    kind: Literal["file", "null"] = "file"
    path: str = "vivant.mp4"


class LatencyConfig(_Section):
    """The age a frame may reach, and each stage's share of it, in milliseconds."""

    budget_ms: float = Field(default=66, gt=0, le=10_000)
    track_ms: float = Field(default=8, ge=0, le=10_000)
    retarget_ms: float = Field(default=1, ge=0, le=10_000)
    generate_ms: float = Field(default=20, ge=0, le=10_000)
    sink_ms: float = Field(default=4, ge=0, le=10_000)

    def budget(self) -> Budget:
        """The same in nanoseconds, in path order."""
        stages = {
            "track": self.track_ms,
            "retarget": self.retarget_ms,
            "generate": self.generate_ms,
            "sink": self.sink_ms,
        }
        return Budget(int(self.budget_ms * MS), {k: int(v * MS) for k, v in stages.items()})


class Config(_Section):
    """All settings."""

    portrait: str = "ada"
    camera: CameraConfig = CameraConfig()
    tracker: TrackerConfig = TrackerConfig()
    retarget: RetargetConfig = RetargetConfig()
    generator: GeneratorConfig = GeneratorConfig()
    sink: SinkConfig = SinkConfig()
    latency: LatencyConfig = LatencyConfig()
