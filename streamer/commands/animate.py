"""`vivant animate`: a picture of a face moves like the person in a video."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from streamer.commands import add_config_options, config_of

if TYPE_CHECKING:
    from rich.table import Table

    from streamer.batch import Done, Failed
    from streamer.commands import Subparsers
    from streamer.config import Config

_EPILOG = """INPUT is a portrait (ada, bruno, mei, a picture, a .portrait file) or a driving video
(demo, or a video file); which is which is seen from the name. Without any: ada and demo.

examples:
  vivant animate ada demo -o ada.mp4
  vivant animate me.jpg talk.mp4 -o me.mp4 --compare
  vivant animate me.portrait talk.mov -o me.mp4 --crop head --gif
  vivant animate me.jpg talk.mp4 -o me.mp4 --start 2 --duration 5 --gain mouth=1.2
  vivant animate *.jpg talk.mp4 demo -o out/          every portrait with every video
"""


def add_parser(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "animate",
        help="make a picture of a face move like the person in a video",
        description="Make a picture of a face move like the person in a video.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("inputs", nargs="*", metavar="INPUT", help="portraits and driving videos, in any order")
    add(
        "-o",
        "--output",
        type=Path,
        metavar="PATH",
        help="file (.mp4 .mov .mkv .m4v .gif .webp) or folder (default: PORTRAIT_VIDEO.mp4 here)",
    )
    add("--size", type=int, metavar="PX", help="long side (default: the picture's, at most 1080)")
    add("--crop", choices=("none", "head"), help="head: head and shoulders, 512 x 512")
    add("--compare", action="store_true", help="show the driver beside the result")
    add(
        "--show",
        choices=("picture", "gate"),
        help="gate: what the refiner changes; red is painted, green lit, blue moved",
    )
    add("--gif", action="store_true", help="also a short .gif loop beside the video")
    add("--webp", action="store_true", help="also a short .webp loop beside the video")
    add("--start", type=float, default=0.0, metavar="S", help="begin at this second of the video")
    add("--duration", type=float, metavar="S", help="take this many seconds")
    add("--neutral", type=float, metavar="S", help="where, after --start, the face is at rest")
    add(
        "--mode", choices=("relative", "absolute"), help="motion from the neutral face, or as it is"
    )
    add(
        "--gain",
        action="append",
        default=[],
        metavar="PART=X",
        help="strength of head, mouth, brows, eyes, gaze ...: 1 is as the driver; may be repeated",
    )
    add_config_options(parser)
    add("--quiet", action="store_true", help="say nothing but errors")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Make all that was asked for; a job that fails does not stop the others."""
    from streamer.jobs import plan
    from streamer.output import make_folder

    config = _settings(args)
    loops = [ending for ending, wanted in ((".gif", args.gif), (".webp", args.webp)) if wanted]
    jobs = plan(args.inputs, args.output, loops, config.portrait, config.camera.clip)
    for folder in {job.outputs[0].parent for job in jobs} & {args.output}:
        make_folder(folder)

    from streamer.app import open_portrait
    from streamer.batch import Batch, Failed, Wish
    from streamer.commands.progress import progress_bar

    wish = Wish(config, args.start, args.duration, args.neutral, args.compare)
    with progress_bar(visible=not args.quiet) as phases:
        results = list(Batch(wish, open_portrait, phases).results(jobs))
    failed = [result for result in results if isinstance(result, Failed)]
    if failed and len(jobs) == 1:
        raise failed[0].error
    if not args.quiet:
        _show(results)
    for complaint in dict.fromkeys(str(failure.error) for failure in failed):
        print(f"vivant: {complaint}", file=sys.stderr)
    return failed[0].error.exit_code if failed else 0


def _settings(args: argparse.Namespace) -> "Config":
    from streamer.errors import ConfigError

    own: dict[str, object | None] = {
        "generator.size": args.size,
        "generator.crop": args.crop,
        "retarget.mode": args.mode,
        "generator.show": args.show,
    }
    for text in args.gain:
        part, _, strength = text.partition("=")
        try:
            own[f"retarget.gains.{part}"] = float(strength)
        except ValueError:
            raise ConfigError(f"--gain {text}: write it as PART=NUMBER, as mouth=1.2") from None
    return config_of(args, own)


def _show(results: Sequence["Done | Failed"]) -> None:
    """One line for one result, a table for several."""
    from rich.console import Console

    from streamer.batch import Done

    first = results[0]
    if len(results) == 1 and isinstance(first, Done):
        print(_line(first))
    else:
        Console().print(_table(results))


def _line(done: "Done") -> str:
    made = done.outcome
    also = "".join(f", {path.name}" for path in done.job.outputs[1:])
    return (
        f"{made.path}{also}: {made.width} x {made.height}, {made.frames} frames,"
        f" {made.seconds:.1f} s, drawn at {done.fps:.0f} fps,"
        f" face found in {made.faces} of {made.frames} frames"
    )


def _table(results: Sequence["Done | Failed"]) -> "Table":
    from rich.table import Column, Table

    from streamer.batch import Done

    folder = results[0].job.outputs[0].parent
    name = Column("file", overflow="fold")
    columns = ("size", "frames", "seconds", "fps", "face found in")
    table = Table(name, *columns, title=f"in {folder}", title_justify="left")
    for result in results:
        file = result.job.outputs[0].name
        if isinstance(result, Done):
            made = result.outcome
            size, seconds = f"{made.width} x {made.height}", f"{made.seconds:.1f}"
            found = f"{made.faces} of {made.frames}"
            table.add_row(file, size, str(made.frames), seconds, f"{result.fps:.0f}", found)
        else:
            table.add_row(file, "", "", "", "", "not made")
    return table
