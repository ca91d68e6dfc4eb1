"""`vivant serve`: a page on which others let their camera move a portrait."""

import argparse
from contextlib import contextmanager
from typing import TYPE_CHECKING

from streamer.commands import add_config_options, config_of

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Generator

    from rich.console import Console
    from rich.table import Table

    from streamer.commands import Subparsers
    from streamer.config import Config
    from streamer.web.portraits import Catalogue
    from streamer.web.server import Server
    from streamer.web.tls import Tls
    from streamer.webconfig import WebConfig

_EPILOG = """examples:
  vivant serve                                     for this computer alone: http://127.0.0.1:8080
  vivant serve me.portrait ada                     these portraits to choose from
  vivant serve --host 0.0.0.0 --self-signed        for the whole network, with a token and HTTPS
  vivant serve --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem
  vivant serve --port 0 --no-open                  any free port, no browser
  VIVANT_TURN_SECRET=... vivant serve --host 0.0.0.0 --self-signed --turn turn:turn.example.org:3478

On any host but this computer's own, visitors need the link that is printed: it holds a token.
Browsers give a camera only to pages that come by HTTPS, or from the same computer.
Ctrl-C, or SIGTERM, lets nobody in any more and ends running sessions after a few seconds.
"""
_TURN_SECRET = "VIVANT_TURN_SECRET"


def add_parser(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "serve",
        help="a page in the browser: camera up, living portrait down",
        description="Serve a page that asks for the visitor's camera and shows a portrait that"
        " moves with it, over WebRTC.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("portraits", nargs="*", metavar="PORTRAIT", help="picture, .portrait file or bundled name")
    add("--host", metavar="ADDRESS", help="where to listen (127.0.0.1); 0.0.0.0: everywhere")
    add("--port", type=int, help="the port (8080); 0: any free one")
    add("--token", metavar="TOKEN", help="the secret of the link; else a new one at each start")
    add("--tls-cert", metavar="FILE", help="HTTPS with this certificate (PEM)")
    add("--tls-key", metavar="FILE", help="and this key (PEM)")
    add("--self-signed", action="store_true", default=None, help="HTTPS with a certificate of ours")
    add("--max-sessions", type=int, metavar="N", help="sessions at once (4)")
    add("--stun", metavar="URL", help="a STUN server, as stun:stun.example.org:3478")
    add(
        "--turn",
        metavar="URL",
        help=f"a TURN server, as turn:turn.example.org:3478; secret: {_TURN_SECRET}",
    )
    add("--open", action=argparse.BooleanOptionalAction, help="open the page in a browser here")
    add_config_options(parser)
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM."""
    import asyncio
    import contextlib
    import logging

    from rich.console import Console

    from streamer import places
    from streamer.app import open_portrait
    from streamer.web.compose import catalogue_of, session_config, warm_up
    from streamer.web.tls import open_tls

    logging.getLogger("streamer.web").setLevel(logging.INFO)
    config = _settings(args)
    web = config.web
    tls = open_tls(web, places.data_folder() / "tls")
    console = Console(highlight=False)
    with console.status("preparing ...", spinner="line"):
        catalogue = catalogue_of(config, web, args.portraits, open_portrait)
        config = session_config(config, web, catalogue)
        warm_up(config, catalogue)
    with contextlib.suppress(asyncio.CancelledError):  # asked twice
        asyncio.run(_serve(config, web, catalogue, tls, console))
    return 0


def _settings(args: argparse.Namespace) -> "Config":
    """The settings, with what the options of this command mean for them."""
    import os

    names = ("host", "port", "token", "tls_cert", "tls_key", "self_signed", "max_sessions")
    own = {f"web.{name}": getattr(args, name) for name in (*names, "stun", "turn", "open")}
    own["web.turn_secret"] = os.environ.get(_TURN_SECRET) or None
    return config_of(args, own)


async def _serve(
    config: "Config",
    web: "WebConfig",
    catalogue: "Catalogue",
    tls: "Tls | None",
    console: "Console",
) -> None:
    import asyncio

    from streamer.generator.workshop import Workshop
    from streamer.web.compose import network_of, opening_of
    from streamer.web.desktop import open_browser
    from streamer.web.server import open_server

    workshop = Workshop()
    parts = (config, web), catalogue, network_of(config, web), opening_of(catalogue, workshop)
    async with open_server(*parts, engines=workshop.figures, tls=tls) as server:
        _tell(server, catalogue, console)
        if web.open and server.access.loopback and console.is_terminal:
            open_browser(server.links[0])
        task = asyncio.current_task()
        assert task is not None
        try:
            with _ending_on_sigterm(task):
                await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            task.uncancel()  # the end is orderly: sessions are told, and get some seconds
            if server.sessions.open:
                console.print(f"ending in {web.drain_s:g} s; Ctrl-C again ends at once")
            await server.sessions.drain()


@contextmanager
def _ending_on_sigterm(task: "asyncio.Task[object]") -> "Generator[None]":
    """SIGTERM cancels the task, also in a shell's background job, which ignores Ctrl-C's signal."""
    import asyncio
    import contextlib
    import signal

    loop = asyncio.get_running_loop()
    before = signal.getsignal(signal.SIGTERM)
    with contextlib.suppress(NotImplementedError):  # as under Windows
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        yield
    finally:
        with contextlib.suppress(NotImplementedError):
            loop.remove_signal_handler(signal.SIGTERM)
        signal.signal(signal.SIGTERM, before)


def _tell(server: "Server", catalogue: "Catalogue", console: "Console") -> None:
    """Where it is, for whom, and with what."""
    web = server.sessions.web
    console.print(_table(server, catalogue), soft_wrap=True)
    if server.access.token:
        console.print("\nVisitors need this link; whoever has it gets in:")
        for link in server.links:
            console.print(link, style="bold", soft_wrap=True, markup=False, emoji=False)
        if console.is_terminal:
            _draw_code(server.links[0])
    if not server.access.loopback and server.tls is None:
        console.print(
            "\nWithout HTTPS browsers refuse the camera to everybody but this computer: add"
            " --self-signed, or --tls-cert and --tls-key.",
            style="yellow",
        )
    if server.tls is not None and server.tls.self_signed:
        console.print(
            "\nBrowsers warn of this certificate once. It is the right one if its SHA-256 is"
        )
        # as it is: rich would make a picture of ":AB:"
        console.print(server.tls.fingerprint, soft_wrap=True, markup=False, emoji=False)
    if web.turn is None and not server.access.loopback:
        console.print("\nVisitors behind other routers need a TURN server: --turn", style="dim")


def _table(server: "Server", catalogue: "Catalogue") -> "Table":
    from rich.table import Table
    from rich.text import Text

    web = server.sessions.web
    table = Table(show_header=False, box=None)
    for url in server.urls:
        table.add_row("address", Text(url, f"bold link {url}"))
    table.add_row("portraits", ", ".join(catalogue.ready(None)))
    table.add_row("sessions", f"at most {web.max_sessions}, {web.size[0]} x {web.size[1]}")
    uploads = f"up to {web.upload_mb} MB, deleted with the session" if web.uploads else "none"
    table.add_row("own portraits", uploads)
    return table


def _draw_code(link: str) -> None:
    """The link for telephones."""
    import segno

    segno.make(link, error="l", micro=False).terminal(compact=True)
