"""The settings of `vivant serve`."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Codec = Literal["H264", "VP8"]


def _as_tuple(value: object) -> object:
    return tuple(cast("Sequence[object]", value)) if isinstance(value, list) else value


Side = Annotated[int, Field(ge=64, le=4096)]
Size = Annotated[tuple[Side, Side], BeforeValidator(_as_tuple)]
Kbps = Annotated[int, Field(ge=100, le=20_000)]
Bounds = Annotated[tuple[Kbps, Kbps], BeforeValidator(_as_tuple)]
HostName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,253}$")]
StunUrl = Annotated[str, Field(pattern=r"^stuns?:\S{1,253}$")]
TurnUrl = Annotated[str, Field(pattern=r"^turns?:\S{1,253}$")]
Names = Annotated[tuple[HostName, ...], Field(max_length=16), BeforeValidator(_as_tuple)]
Token = Annotated[str, Field(pattern=r"^[!-~]{16,256}$")]


class WebConfig(BaseModel):
    """The server for browsers: `vivant serve`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    host: str = Field(default="127.0.0.1", min_length=1, max_length=253)
    port: int = Field(default=8080, ge=0, le=65_535)
    token: Token | None = None
    names: Names = ()
    tls_cert: str | None = None
    tls_key: str | None = None
    self_signed: bool = False
    open: bool = True
    size: Size = (512, 512)
    codec: Codec | None = None
    bitrate_kbps: Kbps = 2500
    bitrate_bounds_kbps: Bounds = (300, 5000)
    max_sessions: int = Field(default=4, ge=1, le=64)
    sessions_per_address: int = Field(default=4, ge=1, le=64)
    requests_per_s: float = Field(default=20, ge=1, le=10_000)
    drain_s: float = Field(default=5, ge=0, le=300)
    uploads: bool = True
    upload_mb: int = Field(default=15, ge=1, le=100)
    stun: StunUrl | None = None
    turn: TurnUrl | None = None
    turn_user: str | None = Field(default=None, min_length=1, max_length=256)
    turn_password: str | None = Field(default=None, min_length=1, max_length=256)
    turn_secret: str | None = Field(default=None, min_length=8, max_length=256)
    turn_minutes: int = Field(default=60, ge=5, le=1440)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        least, most = self.bitrate_bounds_kbps
        if not least <= self.bitrate_kbps <= most:
            raise ValueError("bitrate_kbps must lie within bitrate_bounds_kbps, the lower first")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key are given together or not at all")
        if self.tls_cert is not None and self.self_signed:
            raise ValueError("either the certificate of tls_cert, or self_signed, not both")
        if self.turn_secret is not None and self.turn_password is not None:
            raise ValueError("either turn_secret, or turn_user and turn_password, not both")
        if (self.turn_user is None) != (self.turn_password is None):
            raise ValueError("turn_user and turn_password are given together or not at all")
        return self
