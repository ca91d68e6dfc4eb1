"""Pictures in every pose, on one sheet: python tools/gallery.py --help.

One row per picture; the columns are the turns and expressions that break a warp first.
With --weights there are two: the warp, and what a refiner makes of it.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if __package__ in {None, ""}:  # started as a file: the repository is not on the path yet
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if TYPE_CHECKING:
    from streamer.config import GeneratorConfig
    from streamer.frame import Image

_EPILOG = """examples:
  python tools/gallery.py -o out/gallery.png              the bundled portraits
  python tools/gallery.py me.jpg cat.png -o out/mine.png
  python tools/gallery.py --shared -o out/all.png         and photographs and paintings of ../shared
  python tools/gallery.py --weights out -o out/refined.png         a refiner's row below the warp's
"""

_PORTRAITS = (
    "presidential-innovation-fellows_0138.jpg",
    "presidential-innovation-fellows_0157.jpg",
    "presidential-innovation-fellows_0013.jpg",
    "presidential-innovation-fellows_0079.jpg",
    "presidential-innovation-fellows_0000.jpg",
    "presidential-innovation-fellows_0155.jpg",
    "GSA_0032.jpg",
    "GSA_0029.jpg",
    "18F_0160.jpg",
    "18F_0113.jpg",
    "vharnathka_0701.jpg",
    "vharnathka_0657.jpg",
)
"""Young and old, light and dark, beards, glasses, fringes, a grey picture: chosen by looking."""
_PAINTINGS = (
    "leonardo_mona_lisa.jpg",
    "vermeer_pearl_earring.jpg",
    "bouguereau_girl.jpg",
    "sargent_lady_agnew.jpg",
)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    result = argparse.ArgumentParser(
        prog="tools/gallery.py",
        description=(__doc__ or "").split("\n\n")[1],
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    add("pictures", nargs="*", default=["ada", "bruno", "mei"], help="files or bundled names")
    add("-o", "--output", type=Path, required=True, metavar="OUT.png", help="the sheet")
    add("--shared", action="store_true", help="add a fixed list from ../shared/data")
    add("--cell", type=int, default=384, metavar="PX", help="side of a cell (384)")
    add("--weights", metavar="DIR", help="add a row by the refiner in this folder")
    add("--refiner", choices=("xs", "s", "m"), default="xs", help="its size (xs)")
    add("--columns", nargs="+", metavar="NAME", help="only these columns (and the source)")
    return result


def shared_pictures(folder: Path | None) -> list[Path]:
    """The fixed list, as far as it is there."""
    if folder is None:
        return []
    paths = [folder / "data" / "portraits" / name for name in _PORTRAITS]
    paths += [folder / "data" / "paintings" / name for name in _PAINTINGS]
    return [path for path in paths if path.is_file()]


def make_sheet(
    pictures: Sequence[Path],
    output: Path,
    cell: int,
    columns: Sequence[str] | None = None,
    refined: "GeneratorConfig | None" = None,
) -> int:
    """Draw and write the sheet; how many pictures could be used. `refined` adds a row of each."""
    from rich.progress import track

    from streamer.bundled import clip_path
    from streamer.errors import MediaError
    from tools.sheet import grid, labelled, save_sheet
    from tools.stance import load_actor, pose_row

    actor = load_actor(clip_path("demo"))
    rows: list[list[Image]] = []
    done = 0
    configs = [None] if refined is None else [None, refined]
    for path in track(pictures, "gallery", transient=True):
        try:
            found = [pose_row(path, actor, cell, columns, config) for config in configs]
        except MediaError as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        done += 1
        rows += [
            [labelled(cells[name], path.stem[-30:] if name == "source" else name) for name in cells]
            for cells in found
        ]
    if rows:
        save_sheet(grid(rows), output)
    return done


def main(arguments: list[str] | None = None) -> int:
    """Make the gallery; the exit code."""
    parsed = parser().parse_args(arguments)
    from streamer.bundled import portrait_path
    from streamer.config import GeneratorConfig
    from streamer.errors import MediaError, StreamerError
    from tools.evaluate import shared_folder

    pictures = [portrait_path(name) for name in parsed.pictures]
    if parsed.shared:
        pictures += shared_pictures(shared_folder())
    refined = None
    if parsed.weights:
        refined = GeneratorConfig(refiner=parsed.refiner, weights=parsed.weights)
    try:
        done = make_sheet(pictures, parsed.output, parsed.cell, parsed.columns, refined)
    except StreamerError as error:
        print(f"gallery: {error}", file=sys.stderr)
        return error.exit_code
    print(f"{done} of {len(pictures)} pictures: {parsed.output}")
    return 0 if done else MediaError.exit_code


if __name__ == "__main__":
    sys.exit(main())
