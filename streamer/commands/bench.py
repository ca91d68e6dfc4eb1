"""`vivant bench`: how fast the program is on this computer."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from streamer.bench import BenchReport
    from streamer.commands import Subparsers

_EPILOG = """examples:
  vivant bench
  vivant bench --portrait me.jpg --clip talk.mp4 --size 720 --frames 500
  vivant bench --json bench.json
  vivant bench --engines all                the refiner's engines, too
  vivant bench --engines openvino,torch/cuda:0
"""


def add_parser(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "bench",
        help="measure speed and memory on this computer",
        description="Time every stage on a clip: median and 95th percentile, after a warm-up.\n"
        "--engines: what `vivant engines bench` measures, in a further table.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--portrait", default="ada", help="picture or bundled name (ada)")
    add("--clip", default="demo", help="video or bundled name (demo)")
    add("--size", type=int, default=512, metavar="PX", help="long side of the picture (512)")
    add("--frames", type=int, default=250, metavar="N", help="frames after the warm-up (250)")
    add("--engines", metavar="LIST", help="all, or names that `vivant engines` lists")
    add("--json", type=Path, metavar="FILE", help="write the figures")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Measure, print one table and write the JSON."""
    from dataclasses import asdict

    from rich.console import Console
    from rich.progress import Progress

    from streamer.bench import WARM_UP, measure
    from streamer.bundled import clip_path, portrait_path
    from streamer.commands.enginebench import save
    from streamer.config import Config
    from streamer.errors import ConfigError

    if args.frames < 1:
        raise ConfigError(f"--frames {args.frames}: at least one frame must be timed")
    config = Config.model_validate({"generator": {"size": args.size}})
    console = Console()
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("bench", total=WARM_UP + args.frames)
        portrait, clip = portrait_path(args.portrait), clip_path(args.clip)
        report = measure(portrait, clip, config, args.frames, lambda: progress.advance(task))
    console.print(_table(report))
    figures: dict[str, object] = asdict(report)
    if args.engines is not None:
        figures["engines"] = _engines(console, args.engines)
    if args.json is not None:
        save(args.json, figures)
    return 0


def _engines(console: "Console", names: str) -> dict[str, object]:
    """Measure and print them; for JSON."""
    from streamer.commands.enginebench import Order, measure, show
    from streamer.commands.enginetables import measured
    from streamer.engine.benchmark import Effort

    console.print()
    results = measure(Order(tuple(names.split(","))), Effort())
    show(console, results)
    return measured(results.rows, results.weights)


def _table(report: "BenchReport") -> "Table":
    from rich.table import Table

    title = f"{report.portrait} moved by {report.clip}, {report.width} x {report.height}"
    table = Table("stage", title=f"{title}, {report.frames} frames, {report.cores} cores")
    table.add_column("median, ms", justify="right")
    table.add_column("p95, ms", justify="right")
    for name, spread in report.stages.items():
        table.add_row(name, f"{spread.median_ms:.2f}", f"{spread.p95_ms:.2f}")
    table.add_section()
    together = "track + retarget + generate"
    table.add_row(together, f"{report.path.median_ms:.2f}", f"{report.path.p95_ms:.2f}")
    table.add_section()
    table.add_row("frames per second, all stages in turn", f"{report.fps:.1f}", "")
    table.add_row("first picture after start, s", _known(report.first_frame_s, ".2f"), "")
    table.add_row("peak memory, MB", _known(report.peak_mb, ".0f"), "")
    return table


def _known(value: float | None, form: str) -> str:
    return "unknown here" if value is None else format(value, form)
