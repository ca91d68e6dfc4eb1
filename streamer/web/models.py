"""What goes over the wire as JSON; names are as JavaScript has them."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from streamer.control import COMMANDS
from streamer.web.ice import IceServer
from streamer.web.portraits import State
from streamer.web.refusal import Refusal
from streamer.webconfig import Codec

OWN_COMMANDS = tuple(c for c in COMMANDS if c.name not in ("record", "quit"))
"""Those a visitor may ask for: the page records by itself, and the run is not theirs to end."""

LONGEST_SDP = 64 * 1024


class _Answer(BaseModel):
    model_config = ConfigDict(
        frozen=True, alias_generator=to_camel, validate_by_name=True, serialize_by_alias=True
    )


class Problem(_Answer):
    """The answer to whatever cannot be done."""

    error: str
    """a code for programs"""
    message: str
    """one sentence: what is wrong, and what would do"""


class Shown(_Answer):
    """A portrait in the gallery."""

    name: str
    title: str
    thumbnail: str
    own: bool
    """brought by this visitor"""
    state: State
    step: str
    message: str
    quality: int | None
    advice: tuple[str, ...]


class CommandHelp(_Answer):
    """One thing that can be asked for."""

    name: str
    help: str


class Setup(_Answer):
    """What a page needs before it starts."""

    version: str
    portraits: list[Shown]
    backgrounds: tuple[str, ...]
    ice_servers: list[IceServer]
    max_upload_bytes: int
    """0 when nothing can be uploaded"""
    consent_text: str
    backdrop_note: str
    commands: list[CommandHelp]
    gains: Mapping[str, tuple[float, float, float]]
    """lowest, highest and usual"""
    controls: Mapping[str, Any]
    """with which the next session begins"""
    may_keep: bool
    """portraits can be saved for good"""
    size: tuple[int, int]


class Offer(BaseModel):
    """What a page offers to begin a session."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    sdp: Annotated[str, Field(min_length=1, max_length=LONGEST_SDP)]
    type: Literal["offer"]
    codec: Codec | None = None
    controls: dict[str, Any] = Field(default_factory=dict[str, Any])


class Viewing(BaseModel):
    """What a page offers that only watches."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    sdp: Annotated[str, Field(min_length=1, max_length=LONGEST_SDP)]
    type: Literal["offer"]


class Opened(_Answer):
    """A session that has begun."""

    id: str
    key: str
    """needed for all that concerns it"""
    sdp: str
    type: Literal["answer"] = "answer"


class Views(_Answer):
    """What a view needs before it begins."""

    ice_servers: list[IceServer]


class Watched(_Answer):
    """A view that has begun."""

    sdp: str
    type: Literal["answer"] = "answer"


class Ages(_Answer):
    """Of the pictures when they leave the server, in milliseconds."""

    p50: float
    p95: float


class SessionStatus(_Answer):
    """How a session does."""

    state: Literal["opening", "running", "ending"]
    age_ms: Ages | None = None
    fps_in: float = 0
    fps_out: float = 0
    dropped: int = 0
    presence: str = ""
    portrait: str = ""
    preparing: str = ""
    prompt: str = ""
    calibration: str = ""
    level: str = ""
    camera: str = ""
    latency_ms: float = 0
    codec: str = ""
    codec_ms: float = 0
    """Spent in the server's decoder and encoder, which ages do not hold."""
    bitrate_kbps: float = 0
    sessions_open: int = 0


class Named(_Answer):
    """A portrait that is being made."""

    name: str


class Health(_Answer):
    """Whether the server works."""

    status: Literal["ok", "draining"]
    sessions: int
    max_sessions: int


def parsed(model: type[BaseModel], body: bytes) -> Any:  # noqa: ANN401  (what the model makes)
    """A request's body; Refusal with the place and the reason when it is not as it must be."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "json_invalid":
        raise Refusal(400, "json", "the request is not JSON")
    reason = first["msg"].replace("Input should be", "must be")
    raise Refusal(422, "value", f"{place or 'the request'}: {reason}"[:300])


def as_json(value: BaseModel | list[Any] | Mapping[str, Any]) -> bytes:
    """A body."""
    if isinstance(value, BaseModel):
        return value.model_dump_json(exclude_none=isinstance(value, Setup)).encode()
    return json.dumps(value).encode()
