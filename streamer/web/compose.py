"""The parts of `vivant serve`, put together from the settings."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from streamer.app import Live, controls_of, open_session
from streamer.bundled import PORTRAITS
from streamer.config import Config, with_values
from streamer.control import Desk
from streamer.generator import open_live_generator
from streamer.generator.shelf import Common, Shelf
from streamer.generator.workshop import Workshop
from streamer.portrait import Portrait
from streamer.stages import Camera, Sink
from streamer.web.access import is_loopback
from streamer.web.budget import Bitrates
from streamer.web.ice import ice_servers
from streamer.web.peer import MediaSettings, Peer, PeerSink
from streamer.web.portraits import Catalogue, Entry
from streamer.web.server import kept_folder
from streamer.web.session import Network, Opening
from streamer.webconfig import WebConfig


def catalogue_of(
    config: Config, web: WebConfig, names: Sequence[str], load: Callable[[str], Portrait]
) -> Catalogue:
    """The portraits of the command line, else of the settings; the first one is loaded.

    On loopback those that were saved before are there, too. MediaError when one is missing.
    """
    others = PORTRAITS if config.portraits is None else config.portraits
    catalogue = Catalogue(names or (config.portrait, *others), load)
    if is_loopback(web.host):
        for path in sorted(kept_folder().glob("*.portrait")):
            catalogue.add(Entry(path.stem, "My portrait", str(path)))
    catalogue.load(catalogue.ready(None)[0])
    return catalogue


def session_config(config: Config, web: WebConfig, catalogue: Catalogue) -> Config:
    """The settings of each session: by the names of the catalogue, in the size of the server."""
    names = catalogue.ready(None)
    return with_values(
        config, {"portrait": names[0], "portraits": list(names), "sink.size": list(web.size)}
    )


def network_of(config: Config, web: WebConfig) -> Network:
    """Peers as the settings have them."""
    width, height = web.size
    fps = config.sink.fps

    def peer(sink: PeerSink, latency_ns: Callable[[], int]) -> Peer:
        settings = MediaSettings(
            bitrates=Bitrates(web.bitrate_kbps, *web.bitrate_bounds_kbps),
            ice_servers=tuple(ice_servers(web)),
            loopback=is_loopback(web.host),
        )
        return Peer(sink, settings=settings, latency_ns=latency_ns)

    return Network(lambda: PeerSink(width, height, fps), peer)


def opening_of(catalogue: Catalogue, workshop: Workshop) -> Opening:
    """Opens sessions with portraits of the catalogue, which are opened once for all, as engines.

    Those are the workshop's.
    """
    common = Common(Shelf().generator, workshop)

    def opening(
        config: Config, desk: Desk, camera: Camera, sink: Sink
    ) -> AbstractContextManager[Live]:
        return open_session(config, desk, camera, sink, catalogue.load, common=common)

    return opening


def warm_up(config: Config, catalogue: Catalogue) -> None:
    """Load and compile what the first session would wait for; blocks for two seconds."""
    from streamer.tracker import open_tracker  # noqa: PLC0415  (brings mediapipe)

    desk = Desk(controls_of(config))
    with open_tracker(config.tracker), open_live_generator(config, desk, catalogue.load):
        pass
