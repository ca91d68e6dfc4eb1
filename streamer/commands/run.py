"""`vivant run`: the pipeline in real time."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from streamer.commands import add_config_options, config_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console
    from rich.table import Table

    from streamer.commands import Subparsers
    from streamer.metrics import Spread, Summary
    from streamer.pipeline import Pipeline

_EPILOG = """examples:
  vivant run
  vivant run me.jpg --clip talk.mp4 -o me.mp4
  vivant run ada --set latency.budget_ms=100 --json ada.json

Ctrl-C ends it; the file is whole then, too.
"""


def add_parser(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "run",
        help="move a portrait in real time",
        description="Replay a clip at its own pace in a camera's place, and move the portrait"
        " with it: frames that would be late are dropped, never queued.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("portrait", nargs="?", help="picture, .portrait file or bundled name (ada)")
    add("--clip", metavar="VIDEO", help="the driver: video file or bundled name (demo)")
    add("-o", "--output", metavar="FILE", help="the video to write (vivant.mp4)")
    add("--json", type=Path, metavar="FILE", help="write the figures")
    add_config_options(parser)
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Run until the clip ends or Ctrl-C, then tell how it went."""
    from rich.console import Console

    from streamer.app import open_pipeline, open_portrait
    from streamer.output import check_place, replacing

    if args.json is not None:
        check_place(args.json)
    own = {"portrait": args.portrait, "camera.clip": args.clip, "sink.path": args.output}
    config = config_of(args, own)
    console = Console()
    portrait = open_portrait(config.portrait)
    with open_pipeline(config, portrait) as pipeline:
        console.print(_chosen_table(pipeline.metrics.chosen))
        _drive(pipeline, Console(stderr=True))
    summary = pipeline.metrics.summary()
    console.print(_stage_table(summary))
    console.print(_result(summary, config.latency.budget_ms), highlight=False)
    if args.json is not None:
        with replacing(args.json) as part:
            part.write_text(summary.as_json() + "\n", encoding="utf-8")
    return 0


def _drive(pipeline: "Pipeline", console: "Console") -> None:
    """Run, with a line of status if someone watches. Ctrl-C is a way to end it, not a failure."""
    import asyncio
    import contextlib

    from rich.live import Live

    metrics = pipeline.metrics
    with contextlib.ExitStack() as stack:
        if console.is_terminal:
            live = Live(
                console=console,
                get_renderable=lambda: metrics.summary().line(),
                refresh_per_second=2,
                transient=True,
            )
            stack.enter_context(live)
        stack.enter_context(contextlib.suppress(KeyboardInterrupt))
        asyncio.run(pipeline.run())


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
