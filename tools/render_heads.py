"""Renders synthetic talking heads: python tools/render_heads.py --help.

Each person is one file: pictures, mattes, landmarks and exact geometry of some frames. What a file
holds, and where the assets come from, is told in tools/heads/README.md.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

if __package__ in {None, ""}:  # started as a file: the repository is not on the path yet
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

_EPILOG = """examples:
  python tools/render_heads.py out/heads --assets ../shared/synth
  python tools/render_heads.py out/heads --assets DIR --people 4000 --device cuda --at-once 16
  python tools/render_heads.py out/heads --assets DIR --seed 500 --pictures-only --sheet

The same seed gives the same bytes on the same machine and device. People who are there already are
left as they are: an interrupted run goes on where it was.
"""


@dataclass(frozen=True, slots=True)
class Job:
    """What to render."""

    out: Path
    assets: Path
    people: int
    frames: int
    seed: int
    side: int
    device: str
    at_once: int
    geometry: bool
    sheet: bool


def parser() -> argparse.ArgumentParser:
    """The command line."""
    result = argparse.ArgumentParser(
        prog="tools/render_heads.py",
        description=(__doc__ or "").split("\n\n")[1],
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument("out", type=Path, help="folder of the data set")
    result.add_argument("--assets", type=Path, required=True, metavar="DIR")
    result.add_argument("--people", type=_count, default=100)
    result.add_argument("--frames", type=_count, default=16, help="of each person")
    result.add_argument("--seed", type=int, default=0, help="of the first person")
    result.add_argument("--side", type=_side, default=256, help="px")
    result.add_argument(
        "--device", default="numba", help="numba (default), or torch's name: cpu, cuda"
    )
    result.add_argument("--at-once", type=_count, default=1, help="frames computed together")
    result.add_argument("--pictures-only", action="store_true", help="leave out the geometry")
    result.add_argument("--sheet", action="store_true", help="write sheet.png with some of them")
    return result


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value}: at least 1 is needed")
    return value


def _side(text: str) -> int:
    value = int(text)
    if not 64 <= value <= 1024:
        raise argparse.ArgumentTypeError(f"{value}: a side of 64 to 1024 px is possible")
    return value


def job_of(parsed: argparse.Namespace) -> Job:
    """The arguments as values."""
    return Job(
        parsed.out,
        parsed.assets,
        parsed.people,
        parsed.frames,
        parsed.seed,
        parsed.side,
        parsed.device,
        parsed.at_once,
        not parsed.pictures_only,
        parsed.sheet,
    )


def render(job: Job) -> Iterator[int]:
    """Render who is not there yet; yields each person's seed. MediaError, EngineError."""
    from streamer.output import make_folder
    from tools.heads.assets import load
    from tools.heads.dataset import file_of, write
    from tools.heads.landmarks import load_places
    from tools.heads.moves import draw_moves
    from tools.heads.paths import path_of
    from tools.heads.person import make_person
    from tools.heads.render import frames, studio

    library, seen = path_of(job.device)
    assets, places = load(job.assets), load_places()
    make_folder(job.out)
    for seed in range(job.seed, job.seed + job.people):
        path = file_of(job.out, seed)
        if not path.exists():
            place = studio(assets, make_person(assets, seed), library, seen, job.side)
            shot = list(frames(place, draw_moves(seed, job.frames), job.at_once))
            write(path, place, shot, places, geometry=job.geometry)
        yield seed


def write_sheet(job: Job) -> Path:
    """A contact sheet of the first people: a row for each."""
    from tools.heads.dataset import file_of, read
    from tools.sheet import grid, save_sheet

    people = range(job.seed, job.seed + min(job.people, 12))
    read_back = [read(file_of(job.out, seed)) for seed in people]
    rows = [[one.picture(i) for i in range(min(len(one.pictures), 8))] for one in read_back]
    path = job.out / "sheet.png"
    save_sheet(grid(rows), path)
    return path


def main(arguments: list[str] | None = None) -> int:
    """Render; the exit code."""
    job = job_of(parser().parse_args(arguments))
    from rich.progress import Progress

    from streamer.errors import StreamerError

    try:
        with Progress(transient=True, disable=not sys.stdout.isatty()) as bar:
            task = bar.add_task("people", total=job.people)
            for _ in render(job):
                bar.advance(task)
        print(f"{job.people} people, {job.frames} frames each, in {job.out}")
        if job.sheet:
            print(write_sheet(job))
    except StreamerError as error:
        print(f"render_heads: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("render_heads: interrupted; the same command goes on", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
