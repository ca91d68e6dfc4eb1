"""`vivant run`: the pipeline in real time, and what a person sees and steers meanwhile."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from streamer.commands import add_config_options, config_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import ExitStack

    from rich.console import Console, RenderableType
    from rich.live import Live as Screen
    from rich.table import Table

    from streamer.app import Live
    from streamer.commands import Subparsers
    from streamer.commands.notices import Notices
    from streamer.config import Config
    from streamer.control import Desk
    from streamer.metrics import Spread, Summary

_EPILOG = """examples:
  vivant run                                   the first webcam, the virtual camera, portrait ada
  vivant run me.jpg --record                   record as well, with the microphone
  vivant run me.jpg --record talk.mp4          into this file
  vivant run me.jpg --camera C920              the webcam of that name
  vivant run ada --clip talk.mp4 -o ada.mp4    a video in the webcam's place, a file as the result
  vivant run ada --set latency.budget_ms=100 --json ada.json

While it runs, the screen tells the keys; q or Ctrl-C ends it, and files are whole then, too.
`vivant doctor` tells what is missing for a webcam or a virtual camera.
"""
_REFRESH_HZ = 4
_KEYS_S = 0.03


def add_parser(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "run",
        help="move a portrait in real time: webcam in, virtual camera out",
        description="Move a portrait with the person at the webcam, and show it in the virtual"
        " camera. Without a webcam a clip is replayed in its place, without a virtual camera a"
        " page of this computer shows it. Frames that would be late are dropped, never queued.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("portrait", nargs="?", help="picture, .portrait file or bundled name (ada)")
    add("--camera", metavar="NAME", help="the webcam: part of its name, its number or its path")
    add("--clip", metavar="VIDEO", help="a clip in the webcam's place: file or bundled name (demo)")
    add("--virtualcam", metavar="NAME", help="the virtual camera: part of its name, number or path")
    add("-o", "--output", metavar="FILE", help="write a video, and use no virtual camera")
    add("--record", nargs="?", const=True, metavar="FILE", help="record from the start")
    add(
        "--show",
        choices=("picture", "gate"),
        help="gate: what the refiner changes; red is painted, green lit, blue moved",
    )
    add("--json", type=Path, metavar="FILE", help="write the figures")
    add("--plain", action="store_true", help="no screen and no keys: only messages, on stderr")
    add_config_options(parser)
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Run until the clip ends, q or Ctrl-C, then tell how it went."""
    import contextlib

    from rich.console import Console

    from streamer.commands.notices import Notices
    from streamer.output import check_place, replacing

    if args.json is not None:
        check_place(args.json)
    config = _config(args)
    console, watched = Console(), Console(stderr=True)
    notices = Notices()
    screen = watched.is_terminal and not watched.is_dumb_terminal and not args.plain
    with contextlib.ExitStack() as stack:
        if screen:
            stack.callback(_tell_warnings, notices, watched)
            stack.enter_context(notices.listening())
        live = _opened(config, stack, recording=args.record is not None)
        console.print(_chosen_table(live.metrics.chosen))
        _drive(live, notices, watched if screen else None)
    summary = live.metrics.summary()
    console.print(_stage_table(summary))
    console.print(_result(summary, config.latency.budget_ms), highlight=False)
    if args.json is not None:
        with replacing(args.json) as part:
            part.write_text(summary.as_json() + "\n", encoding="utf-8")
    return 0


def _opened(config: "Config", stack: "ExitStack", *, recording: bool) -> "Live":
    """The run; on a page of this computer where there is no virtual camera and no file to write."""
    from streamer.app import open_live
    from streamer.config import with_values
    from streamer.sink import choose_sink

    sink, why = choose_sink(config.sink)
    if config.sink.kind != "auto" or sink.kind != "none":
        return stack.enter_context(open_live(config, recording=recording))
    from streamer.web.desktop import open_browser
    from streamer.web.preview import open_preview

    loop = True if config.camera.loop is None else config.camera.loop
    config = with_values(config, {"sink.kind": "none", "camera.loop": loop})
    preview = stack.enter_context(open_preview(config.web, config.sink.fps))
    live = stack.enter_context(open_live(config, recording=recording, change=preview.change))
    live.metrics.chosen = {**live.metrics.chosen, "sink": f"{preview.url}{why}"}
    if config.web.open:
        open_browser(preview.url)
    return live


def _tell_warnings(notices: "Notices", console: "Console") -> None:
    """What was only on the screen, which is gone now."""
    import logging

    for notice in notices.newest():
        if notice.level >= logging.WARNING:
            console.print(f"vivant: {notice.text}", markup=False, highlight=False)


def _config(args: argparse.Namespace) -> "Config":
    """The settings, with what the options of this command mean for them."""
    own: dict[str, object | None] = {
        "portrait": args.portrait,
        "camera.device": _device(args.camera),
        "camera.kind": "webcam" if args.camera else None,
        "sink.device": _device(args.virtualcam),
        "sink.kind": "virtualcam" if args.virtualcam else None,
        "generator.show": args.show,
        "record.path": args.record if isinstance(args.record, str) else None,
    }
    if args.clip:
        own |= {"camera.clip": args.clip, "camera.kind": "replay"}
    if args.output:
        own |= {"sink.path": args.output, "sink.kind": "file"}
    return config_of(args, own)


def _device(name: str | None) -> str | int | None:
    return int(name) if name is not None and name.isdecimal() else name


def _drive(live: "Live", notices: "Notices", console: "Console | None") -> None:
    """Run, with a screen if someone watches. Ctrl-C is a way to end it, not a failure."""
    import asyncio
    import contextlib

    from streamer.commands import keys

    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.suppress(asyncio.CancelledError, KeyboardInterrupt))
        pressed = None
        if console is not None:
            shown = _screen(live, notices, console)
            pressed = stack.enter_context(keys.listening(shown.stop, shown.start))
            stack.enter_context(shown)
        asyncio.run(_steered(live, pressed))


def _screen(live: "Live", notices: "Notices", console: "Console") -> "Screen":
    """The figures, drawn anew four times a second on a thread of rich's own."""
    from rich.live import Live as Screen

    from streamer.commands.hud import screen

    def draw() -> "RenderableType":
        return screen(live.status(), notices.newest(), console.width, console.height)

    return Screen(console=console, get_renderable=draw, refresh_per_second=_REFRESH_HZ, screen=True)


async def _steered(live: "Live", pressed: "Callable[[], list[str]] | None") -> None:
    """The run, with the keys and the HTTP interface beside it."""
    import contextlib

    from streamer import places
    from streamer.api import load_token, open_api
    from streamer.tasks import beside, ending_on_ctrl_c

    control = live.config.control
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(ending_on_ctrl_c())
        if control.enabled:
            folder = places.config_folder()
            api = await stack.enter_async_context(
                open_api(control, live.desk, live.status, live.metrics, load_token(folder))
            )
            if api is not None:
                where = f"{api.url}, token in {folder / 'token'}"
                live.metrics.chosen = {**live.metrics.chosen, "control": where}
        helpers = [] if pressed is None else [_obey_keys(live.desk, pressed)]
        await beside(live.run(), *helpers)


async def _obey_keys(desk: "Desk", pressed: "Callable[[], list[str]]") -> None:
    import asyncio

    from streamer.control import by_key

    commands = by_key()
    while True:
        for key in pressed():
            if key in commands:
                desk.edit(commands[key].edit)
        await asyncio.sleep(_KEYS_S)


def _chosen_table(chosen: "Mapping[str, str]") -> "Table":
    from rich.table import Table

    table = Table(show_header=False, box=None)
    for what, which in chosen.items():
        table.add_row(what, which)
    return table


def _stage_table(summary: "Summary") -> "Table":
    from rich.table import Table

    title = "Milliseconds of work per stage, and age of the frame after it"
    table = Table("stage", title=title)
    for title in ("frames", "dropped", "work p50", "p95", "age p50", "p95", "p99"):
        table.add_column(title, justify="right")
    for name, stage in summary.stages.items():
        dropped = sum(n for why, n in summary.dropped.items() if why.startswith(f"{name}:"))
        cells = [_ms(stage.work_ms, "p50"), _ms(stage.work_ms, "p95")]
        cells += [_ms(stage.age_ms, rank) for rank in ("p50", "p95", "p99")]
        if name == "camera":  # it waits for the next image, which is neither work nor age
            cells = []
        table.add_row(name, str(stage.frames), str(dropped), *cells)
    return table


def _ms(spread: "Spread | None", rank: str) -> str:
    return "" if spread is None else f"{getattr(spread, rank):.1f}"


def _result(summary: "Summary", budget_ms: float) -> str:
    lines = [summary.line()]
    lines += [f"dropped {count}: {why}" for why, count in sorted(summary.dropped.items())]
    if summary.sent_late > summary.sent / 20:
        lines.append(
            f"{summary.sent_late} pictures were older than {budget_ms:g} ms: this computer is too"
            " slow for the budget. A smaller picture (--set generator.size=512) is faster."
        )
    return "\n".join(lines)
