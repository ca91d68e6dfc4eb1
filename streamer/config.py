"""Every setting, its default and its bounds, once. Parsed once into frozen values."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from streamer.clock import MS, Budget
from streamer.errors import ConfigError
from streamer.misfit import first_problem
from streamer.webconfig import WebConfig
from streamer.yamltext import as_text, parse

_LARGEST = 64 * 1024
"""Bytes a settings file may have."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _none_is_empty(cls, data: object) -> object:
        return {} if data is None else data


def _rising(band: tuple[float, float]) -> tuple[float, float]:
    if band[0] > band[1]:
        raise ValueError(
            f"the first figure ({band[0]:g}) must not be above the second ({band[1]:g})"
        )
    return band


def _as_tuple(value: object) -> object:
    return tuple(cast("list[object]", value)) if isinstance(value, list) else value


Degrees = Annotated[float, Field(ge=0, le=90)]
Band = Annotated[tuple[Degrees, Degrees], BeforeValidator(_as_tuple), AfterValidator(_rising)]


Side = Annotated[int, Field(ge=64, le=4096)]
Size = Annotated[tuple[Side, Side], BeforeValidator(_as_tuple)]


class CameraConfig(_Section):
    """Where the driver's images come from."""

    kind: Literal["auto", "webcam", "replay"] = "auto"
    device: str | int | None = None
    size: Size = (640, 480)
    fps: int = Field(default=30, ge=1, le=240)
    clip: str = "demo"
    loop: bool | None = None


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
    """Where a flat picture would break.

    Motion is followed up to the first figure and never passes the second.
    """

    yaw_deg: Band = (20.0, 30.0)
    pitch_deg: Band = (12.0, 18.0)
    roll_deg: Band = (25.0, 35.0)
    scale: float = Field(default=0.1, ge=0, le=0.5)


class RetargetConfig(_Section):
    """How the driver's motion becomes the portrait's."""

    mode: Literal["relative", "absolute"] = "relative"
    mirror: bool = False
    gains: GainsConfig = GainsConfig()
    limits: LimitsConfig = LimitsConfig()


class PresenceConfig(_Section):
    """What is shown while no driver is there."""

    card_after_s: float | None = Field(default=60, ge=1, le=86_400)
    card: str | None = None
    text: str = Field(default="Back soon", max_length=80)


Background = Literal["original", "blur", "green", "matte", "image"]


def _as_word(value: object) -> object:
    """YAML reads a bare `off` as false."""
    return "off" if value is False else value


RefinerSize = Annotated[Literal["auto", "off", "xs", "s", "m"], BeforeValidator(_as_word)]


class GeneratorConfig(_Section):
    """What the picture looks like."""

    size: int | None = Field(default=None, ge=64, le=4096)
    crop: Literal["none", "head"] = "none"
    background: Background = "original"
    image: str | None = None
    refiner: RefinerSize = "auto"
    weights: str | None = None
    engine: Literal["auto", "openvino", "tensorrt", "torch"] = "auto"
    device: str | None = None
    show: Literal["picture", "gate"] = "picture"


class SinkConfig(_Section):
    """Where pictures go."""

    kind: Literal["auto", "virtualcam", "file", "none"] = "auto"
    device: str | int | None = None
    size: Size | None = None
    fps: int = Field(default=30, ge=1, le=240)
    path: str | None = None


class RecordConfig(_Section):
    """Recordings made while it runs, with the microphone."""

    path: str | None = None
    folder: str = "."
    microphone: str | int | bool = True
    speaker: str | int | None = None
    offset_ms: float = Field(default=0, ge=-1000, le=1000)


class ControlConfig(_Section):
    """The local HTTP interface by which other programs steer a run."""

    enabled: bool = True
    port: int = Field(default=8787, ge=0, le=65_535)


class LatencyConfig(_Section):
    """The age a frame may reach, and each stage's share of it, in milliseconds."""

    budget_ms: float = Field(default=66, gt=0, le=10_000)
    adapt: bool = True
    track_ms: float = Field(default=8, ge=0, le=10_000)
    retarget_ms: float = Field(default=1, ge=0, le=10_000)
    generate_ms: float = Field(default=20, ge=0, le=10_000)
    sink_ms: float = Field(default=4, ge=0, le=10_000)

    @model_validator(mode="after")
    def _stages_fit(self) -> Self:
        stages = self.track_ms + self.retarget_ms + self.generate_ms + self.sink_ms
        if stages > self.budget_ms:
            raise ValueError(
                f"the stages together ({stages:g} ms) exceed budget_ms ({self.budget_ms:g})"
            )
        return self

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
    portraits: Annotated[tuple[str, ...] | None, BeforeValidator(_as_tuple)] = None
    driver: str | None = None
    camera: CameraConfig = CameraConfig()
    tracker: TrackerConfig = TrackerConfig()
    retarget: RetargetConfig = RetargetConfig()
    presence: PresenceConfig = PresenceConfig()
    generator: GeneratorConfig = GeneratorConfig()
    sink: SinkConfig = SinkConfig()
    record: RecordConfig = RecordConfig()
    control: ControlConfig = ControlConfig()
    web: WebConfig = WebConfig()
    latency: LatencyConfig = LatencyConfig()


def load(path: Path | None = None, overrides: Sequence[str] = ()) -> Config:
    """The settings of a YAML file, `section.key=value` overrides on top, defaults for the rest."""
    data = {} if path is None else _read(path)
    overridden = [_override(data, text) for text in overrides]
    return _checked(data, "--set" if path is None else path.name, overridden)


def with_values(config: Config, values: Mapping[str, object]) -> Config:
    """The settings with other values, by dotted key: what a command's own options change."""
    data = config.model_dump()
    for key, value in values.items():
        _assign(data, key, value)
    return _checked(data, "settings", [])


def as_yaml(config: Config) -> str:
    """The settings as a YAML file."""
    return as_text(config.model_dump(mode="json"))


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    if len(text) > _LARGEST:
        raise ConfigError(
            f"{path.name}: larger than {_LARGEST // 1024} KiB; is it a settings file?"
        )
    data = parse(text, path.name)
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(f"{path.name}: must be sections with keys, as in config.yaml")
    return cast("dict[str, Any]", data)


def _override(data: dict[str, Any], text: str) -> str:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise ConfigError(f"--set {text}: write it as section.key=value")
    _assign(data, key, parse(value, f"--set {key}"))
    return key


def _assign(data: dict[str, Any], key: str, value: object) -> None:
    *sections, name = key.split(".")
    for section in sections:
        inner = data.get(section)
        if not isinstance(inner, dict):
            inner = data[section] = {}
        data = cast("dict[str, Any]", inner)
    data[name] = value


def _checked(data: dict[str, Any], source: str, overridden: Sequence[str]) -> Config:
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        key, problem = first_problem(error, Config)
        where = "--set" if any(_overlap(key, other) for other in overridden) else source
        raise ConfigError(": ".join(filter(None, (where, key, problem)))) from None


def _overlap(key: str, other: str) -> bool:
    """Whether one is the other or a section of it."""
    return f"{key}.".startswith(f"{other}.") or f"{other}.".startswith(f"{key}.")
