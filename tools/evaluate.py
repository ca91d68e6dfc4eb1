"""How good the moving pictures are: python tools/evaluate.py --help.

Same identity: one neutral frame of a clip, driven by the rest of it, judged against the clip
itself, beside two baselines: the source as it is, and the plain Delaunay warp of the landmarks.
Stills and paintings: disguises of them, led back to the still and judged against it. Cross
identity: portraits driven by the clips, judged by what their faces do.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if __package__ in {None, ""}:  # started as a file: the repository is not on the path yet
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if TYPE_CHECKING:
    from rich.console import Console

    from tools.evaluation.work import Settings

_EPILOG = """examples:
  python tools/evaluate.py                            clips and stills of ../shared, or the bundled
  python tools/evaluate.py --clips demo --sheet out/sheet.png --json out/scores.json
  python tools/evaluate.py --methods copy delaunay --no-cross
  python tools/evaluate.py --portraits ada me.jpg --frozen
  python tools/evaluate.py --weights out --json out/scores.json --sheet out/sheet.png \\
      --video out/beside.mp4 --portraits ada bruno mei ../shared/data/paintings/*.jpg

methods: copy (the source as it is), delaunay (the plain warp of any tutorial), warp (this program
without a refiner), and xs, s, m (the refiners in the folder of --weights, or those that ship).
Only people who are in no training are judged: what a table of sources names must be in the split
(tools/packing/split.txt), everything else of it is left out.

numbers:
  SSIM, PSNR, L1   against the driver's own frame, regions resampled to 256 px; crop: 1.6 x the face
  perc.            distance to a network's eye (SqueezeNet of ../shared/models), 1.35 x the face;
                   trainings that were given that network strove for it, too
  GMSD             how unevenly edges differ (x 100), 1.35 x the face
  AKD              mean landmark distance over the distance of the outer eye corners
  pose             degrees between the turns of driver and output, inside the limits of the config
  lip, eye         correlation and slope of the output's apertures on the driver's
  lip gap          inner lips in mouth widths while the driver's lips touch
  lid gap          eye aperture, as a part of the open eye's, while the driver's eyes are shut
  sharp            energy of the Laplacian in the face over the source's; (truth): of the clip
  jitter           second difference of the landmarks in time over the driver's
  flicker          what changes in the face beside the clip's own motion, over the clip's
  backgr.          mean difference from the source, in 1/255, where nobody is
  identity         likeness to the source under the network of --identity
"""

_WIDTH = 160
"""Columns of the tables when they go into a file or a pipe."""
_METHODS = ("copy", "delaunay", "warp", "xs", "s", "m")


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
    add("--stills", nargs="+", metavar="FILE", help="photos, or folders of them")
    add("--paintings", nargs="+", metavar="FILE", help="the same")
    add("--faces", type=int, default=32, metavar="N", help="at most so many photos (32)")
    add("--weights", metavar="DIR", help="folder of xs.safetensors ... (those that ship)")
    add("--engine", default="auto", choices=["auto", "openvino", "torch", "tensorrt"],
        help="what runs the refiners (auto)")  # fmt: skip
    add("--device", help="as the setting generator.device: cpu, cuda ...")
    add("--methods", nargs="+", choices=_METHODS, help="(all that are there)")
    add("--frames", type=int, default=24, metavar="N", help="pictures compared per clip (24)")
    add("--seconds", type=float, default=8.0, metavar="S", help="at most so much of a clip (8)")
    add("--portraits", nargs="+", default=["ada", "bruno", "mei"], help="of the cross identity")
    add("--drivers", type=int, default=3, metavar="N", help="clips that drive them (3)")
    add("--no-same", action="store_true", help="leave out the same identity")
    add("--no-cross", action="store_true", help="leave out the cross identity")
    add("--frozen", action="store_true", help="add a driver who holds still before a noisy camera")
    add("--perceptual", type=Path, metavar="FILE.npz", help="SqueezeNet's layers")
    add("--identity", type=Path, metavar="MODEL.onnx", help="recognition network for the likeness")
    add("--json", type=Path, metavar="FILE", help="write all numbers")
    add("--sheet", type=Path, metavar="FILE.png", help="write a contact sheet")
    add("--video", type=Path, metavar="FILE.mp4", help="write all methods side by side")
    return result


def settings(arguments: argparse.Namespace, console: "Console") -> "Settings":
    """The parsed command line as a value. ConfigError or MediaError for what is wrong with it."""
    from streamer.config import GeneratorConfig
    from streamer.output import check_place, make_folder
    from tools.evaluation.opinions import Opinions
    from tools.evaluation.work import Settings

    shared = shared_folder()
    for path in (arguments.json, arguments.sheet, arguments.video):
        if path is not None:
            make_folder(path.parent)
            check_place(path)
    return Settings(
        clips=_clips(arguments, shared, console),
        stills=_stills(arguments, shared, console),
        methods=None if arguments.methods is None else tuple(arguments.methods),
        generator=GeneratorConfig(
            weights=arguments.weights, engine=arguments.engine, device=arguments.device
        ),
        opinions=Opinions.at_hand(arguments.perceptual, arguments.identity, shared),
        frames=arguments.frames,
        seconds=arguments.seconds,
        portraits=tuple(arguments.portraits),
        drivers=arguments.drivers,
        same=not arguments.no_same,
        cross=not arguments.no_cross,
        frozen=arguments.frozen,
        json=arguments.json,
        sheet=arguments.sheet,
        video=arguments.video,
    )


def _named(arguments: argparse.Namespace) -> bool:
    """Whether it was said what to judge; else all of the shared folder is."""
    return any((arguments.clips, arguments.stills, arguments.paintings))


def _clips(
    arguments: argparse.Namespace, shared: Path | None, console: "Console"
) -> tuple[Path, ...]:
    from streamer.bundled import clip_path
    from tools.evaluation.clips import SUFFIXES
    from tools.evaluation.held import listed, only_unseen

    names: list[str] = arguments.clips or []
    if not _named(arguments):
        folder = None if shared is None else shared / "data" / "clips"
        names = ["demo"] if folder is None else [str(folder / part) for part in ("check", "train")]
    return only_unseen(listed([str(clip_path(name)) for name in names], SUFFIXES), console)


def _stills(
    arguments: argparse.Namespace, shared: Path | None, console: "Console"
) -> dict[str, tuple[Path, ...]]:
    """By kind: those that are named, else of the shared folder; not all, but evenly chosen."""
    from tools.evaluation.held import listed, only_unseen
    from tools.evaluation.stills import SUFFIXES

    found: dict[str, tuple[Path, ...]] = {}
    for kind, folder in (("still", "portraits"), ("painting", "paintings")):
        names: list[str] | None = getattr(arguments, f"{kind}s")
        if names is None and shared is not None and not _named(arguments):
            names = [str(shared / "data" / folder)]
        files = only_unseen(listed(names or [], SUFFIXES), console)
        step = max(1.0, len(files) / max(1, arguments.faces))
        found[kind] = tuple(files[int(i * step)] for i in range(int(len(files) / step)))
    return {kind: files for kind, files in found.items() if files}


def main(arguments: list[str] | None = None) -> int:
    """Evaluate; the exit code."""
    parsed = parser().parse_args(arguments)
    from rich.console import Console

    from streamer.errors import StreamerError
    from tools.evaluation.session import evaluate

    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    try:
        evaluate(settings(parsed, console), console)
    except KeyboardInterrupt:
        print("evaluate: interrupted; nothing was written", file=sys.stderr)
        return 130
    except StreamerError as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
