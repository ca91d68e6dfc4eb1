"""The local HTTP interface: other programs on this computer steer a run and read its figures."""

from streamer.api.server import Api, open_api
from streamer.api.token import load_token

__all__ = ["Api", "load_token", "open_api"]
