"""How good the moving pictures are: python tools/evaluate.py --help.

Same identity: one neutral frame of a clip, driven by the rest of it, judged against the clip
itself, beside two baselines: the source as it is, and the plain Delaunay warp of the landmarks.
Cross identity: portraits driven by the clips, judged by what their faces do.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if __package__ in {None, ""}:  # started as a file: the repository is not on the path yet
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if TYPE_CHECKING:
    from tools.evaluation.session import Settings

_EPILOG = """examples:
  python tools/evaluate.py                            check clips of ../shared, or the bundled clip
  python tools/evaluate.py --clips demo --sheet out/sheet.png --json out/scores.json
  python tools/evaluate.py --methods copy delaunay --no-cross
  python tools/evaluate.py --portraits ada me.jpg --frozen

numbers:
  SSIM, PSNR, L1   against the driver's own frame, regions resampled to 256 px; crop: 1.6 x the face
  AKD              mean landmark distance over the distance of the outer eye corners
  pose             degrees between the turns of driver and output, inside the limits of the config
  lip, eye         correlation and slope of the output's apertures on the driver's
  lip gap          inner lips in mouth widths while the driver's lips touch
  lid gap          eye aperture, as a part of the open eye's, while the driver's eyes are shut
  sharp            energy of the Laplacian in the face over the source's; (truth): of the clip
  jitter           second difference of the landmarks in time over the driver's
  backgr.          mean difference from the source, in 1/255, where nobody is
"""

_WIDTH = 160
"""Columns of the tables when they go into a file or a pipe."""


def shared_folder() -> Path | None:
    """The folder with the test clips: $VIVANT_SHARED, or ../shared beside the repository."""
    named = os.environ.get("VIVANT_SHARED")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared"
    return folder if folder.is_dir() else None


def parser() -> argparse.ArgumentParser:
    """The command line."""
    result = argparse.ArgumentParser(
        prog="tools/evaluate.py",
        description=(__doc__ or "").split("\n\n")[1],
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    add("--clips", nargs="+", metavar="CLIP", help="folders, files or 'demo'")
    add("--methods", nargs="+", default=["copy", "delaunay", "warp"], help="of the same identity",
        choices=["copy", "delaunay", "warp"])  # fmt: skip
    add("--frames", type=int, default=24, metavar="N", help="pictures compared per clip (24)")
    add("--seconds", type=float, default=8.0, metavar="S", help="at most so much of a clip (8)")
    add("--portraits", nargs="+", default=["ada", "bruno", "mei"], help="of the cross identity")
    add("--no-same", action="store_true", help="leave out the same identity")
    add("--no-cross", action="store_true", help="leave out the cross identity")
    add("--frozen", action="store_true", help="add a driver who holds still before a noisy camera")
    add("--identity", type=Path, metavar="MODEL.onnx", help="recognition network for the likeness")
    add("--json", type=Path, metavar="FILE", help="write all numbers")
    add("--sheet", type=Path, metavar="FILE.png", help="write a contact sheet")
    return result


def settings(arguments: argparse.Namespace) -> "Settings":
    """The parsed command line as a value."""
    from tools.evaluation.session import Settings

    return Settings(
        clips=tuple(_clips(arguments.clips)),
        methods=tuple(arguments.methods),
        frames=arguments.frames,
        seconds=arguments.seconds,
        portraits=tuple(arguments.portraits),
        same=not arguments.no_same,
        cross=not arguments.no_cross,
        frozen=arguments.frozen,
        identity=arguments.identity,
        json=arguments.json,
        sheet=arguments.sheet,
    )


def _clips(names: list[str] | None) -> list[Path]:
    from streamer.bundled import clip_path
    from tools.evaluation.clips import find_clips

    shared = shared_folder()
    if names is None:
        names = ["demo"] if shared is None else [str(shared / "data" / "clips" / "check")]
    found: list[Path] = []
    for name in names:
        path = clip_path(name)
        found += find_clips(path) if path.is_dir() else [path]
    return found


def main(arguments: list[str] | None = None) -> int:
    """Evaluate; the exit code."""
    parsed = parser().parse_args(arguments)
    from rich.console import Console

    from streamer.errors import StreamerError
    from tools.evaluation.session import evaluate

    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    try:
        evaluate(settings(parsed), console)
    except StreamerError as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
