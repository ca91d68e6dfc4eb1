"""How two sides find each other: STUN, and TURN with credentials that soon expire.

The credentials are those of the "REST API for access to TURN services", as coturn has it with
`use-auth-secret`: a name that holds the instant of expiry, and its HMAC as password.
"""

import base64
import hashlib
import hmac
import secrets
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, ConfigDict

from streamer.webconfig import WebConfig


class IceServer(BaseModel):
    """As `RTCPeerConnection` takes it."""

    model_config = ConfigDict(frozen=True)

    urls: str
    username: str | None = None
    credential: str | None = None


def ice_servers(config: WebConfig, now: datetime | None = None) -> list[IceServer]:
    """For one visitor, from now on. Empty where both sides are on one network."""
    servers: list[IceServer] = []
    if config.stun is not None:
        servers.append(IceServer(urls=config.stun))
    if config.turn is not None:
        user, password = _credentials(config, now or datetime.now(UTC))
        servers.append(IceServer(urls=config.turn, username=user, credential=password))
    return servers


def _credentials(config: WebConfig, now: datetime) -> tuple[str | None, str | None]:
    if config.turn_secret is None:
        return config.turn_user, config.turn_password
    expires = int((now + timedelta(minutes=config.turn_minutes)).timestamp())
    user = f"{expires}:{secrets.token_hex(4)}"
    # SHA-1 is what the TURN servers take; as an HMAC it is sound.
    digest = hmac.new(config.turn_secret.encode(), user.encode(), hashlib.sha1).digest()
    return user, base64.b64encode(digest).decode()
