"""Makes a pack of training pictures: python tools/pack.py --help.

Finds the face in clips and stills, leaves out what is of no use, crops what is left and writes it
in pieces of less than 60 MB that are read with NumPy and Pillow alone.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if __package__ in {None, ""}:  # started as a file: the repository is not on the path yet
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if TYPE_CHECKING:
    from tools.packing.item import Item, Origin

_EPILOG = """examples:
  python tools/pack.py out/pack clips --source tools/packing/sources.csv clips/*.mp4
  python tools/pack.py out/pack stills portraits/*.jpg
  python tools/pack.py out/pack renders out/heads/person-*.npz
  python tools/pack.py out/pack check
  python tools/pack.py out/pack split >>tools/packing/split.txt

The table of sources (CSV; by default index.csv beside the files) has the columns file and licence,
and any of source, repository, path and identity. A file it does not name is left out. An
interrupted run goes on where it was; so does one with more files.
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    result = argparse.ArgumentParser(
        prog="tools/pack.py",
        description=(__doc__ or "").split("\n\n")[1],
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument("pack", type=Path, help="folder of the pack")
    result.add_argument("what", choices=["clips", "stills", "renders", "check", "split"])
    result.add_argument("files", nargs="*", type=Path)
    result.add_argument("--source", type=Path, metavar="FILE.csv", help="table of sources")
    return result


def pack(folder: Path, what: str, files: Sequence[Path], table: Path | None) -> None:
    """Add files to the pack and print its card."""
    from rich.progress import Progress

    from streamer.errors import MediaError
    from tools.packing.card import write_card
    from tools.packing.store import Store, entries

    made, whose_is = _maker(what, files, table)
    store = Store(folder)
    with Progress(transient=True, disable=not sys.stdout.isatty()) as bar:
        for path in bar.track(files, description=what):
            if store.known(path) is not None:
                continue
            whose = None
            try:
                whose = whose_is(path)
                store.add(path, made(path, whose))
            except MediaError as error:
                print(f"left out: {store.skip(path, whose, str(error)).reason}", flush=True)
    store.seal()
    print(write_card(folder, entries(folder)))


def _maker(
    what: str, files: Sequence[Path], table: Path | None
) -> tuple[Callable[[Path, "Origin"], "Item"], Callable[[Path], "Origin"]]:
    """What makes an item of a file, and what tells where a file comes from."""
    from streamer.errors import MediaError
    from tools.packing.sources import origin, read_table, table_beside

    if what == "renders":
        from tools.heads.packed import render_item, render_origin

        return render_item, render_origin
    if what == "clips":
        from tools.packing.clips import clip_item as made
    else:
        from tools.packing.stills import still_item as made
    found = table or table_beside(list(files))
    if found is None:
        raise MediaError("no table of sources: name one with --source")
    known = read_table(found)
    return made, lambda path: origin(path, "clip" if what == "clips" else "still", known)


def show_check(folder: Path) -> int:
    """Read everything in the pack; the exit code."""
    from tools.packing.store import check

    count, frames, damaged = check(folder)
    print(f"{count} items, {frames} frames, {len(damaged)} damaged", *damaged, sep="\n")
    return 1 if damaged else 0


def show_split(folder: Path) -> None:
    """Print the hashes that chance holds out and that are not in the list yet."""
    from tools.packing.split import chosen, held_out
    from tools.packing.store import entries

    stills = [e.origin.identity for e in entries(folder)
              if e.origin and not e.reason and e.origin.kind == "still"]  # fmt: skip
    for identity in sorted(set(chosen(stills)) - held_out()):
        print(identity)


def main(arguments: list[str] | None = None) -> int:
    """Pack; the exit code."""
    parsed = parser().parse_intermixed_args(arguments)
    from streamer.errors import StreamerError

    try:
        if parsed.what == "check":
            return show_check(parsed.pack)
        if parsed.what == "split":
            show_split(parsed.pack)
        elif not parsed.files:
            print(f"pack: {parsed.what}: no files named", file=sys.stderr)
            return 2
        else:
            pack(parsed.pack, parsed.what, parsed.files, parsed.source)
    except StreamerError as error:
        print(f"pack: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
