"""`vivant enroll`: make the portrait of a face once, and hear how good it is."""

import argparse
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engines.weights import Weights
    from streamer.commands import Subparsers
    from streamer.portrait import FaceReport, Portrait

_EPILOG = """Of several photos of one person the best is taken. The .portrait file stands wherever a
picture does: in animate, run and bench.

--tune fits the smallest refiner to the person, in a minute or a few: it learns to undo disguises
of the photos, and what is held out (the second photo, if there is one) says whether that is better.
Only then it is kept; NAME.tuning.png shows disguise, warp, before, after and photo. It goes with
the weights it was tuned to: with others, tune again. It needs torch (the extra [train]).

examples:
  vivant enroll me.jpg
  vivant enroll me1.jpg me2.jpg me3.jpg -o me.portrait
  vivant enroll me1.jpg me2.jpg --tune
"""


def add_parser(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "enroll",
        help="make a portrait file from photos of a face",
        description="Make a portrait file from photos of a face, and say how good it will look.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("photos", nargs="+", type=Path, metavar="PHOTO", help="JPEG, PNG, WebP ... of one person")
    add(
        "-o",
        "--output",
        type=Path,
        metavar="NAME.portrait",
        help="where to write it (default: the first photo's name, here)",
    )
    add("--tune", action="store_true", help="fit the refiner to the person")
    add("--weights", type=Path, metavar="DIR", help="folder of its weights (those that came along)")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Read, judge and save; then tune, if asked to."""
    from streamer.errors import ConfigError
    from streamer.output import check_place

    output: Path = args.output or Path(f"{args.photos[0].stem}.portrait")
    if output.suffix.lower() != ".portrait":
        raise ConfigError(f"-o {output}: a portrait's name ends in .portrait")
    check_place(output)
    weights = _weights(args.weights) if args.tune else None

    from streamer.enroll import portraits_of
    from streamer.picture import read_picture
    from streamer.portrait import save_portrait

    pictures = [read_picture(path) for path in args.photos]
    photos = [replace(one, name=output.stem) for one in portraits_of(pictures, args.photos[0].stem)]
    save_portrait(photos[0], output)
    print("\n".join(_lines(photos[0], output)))
    if weights is not None:
        _tune(photos, weights, output)
    return 0


def _weights(folder: Path | None) -> "Weights":
    """Those that can be tuned to. ConfigError when they or torch are not there."""
    from engines.weights import WeightsError, find, read_weights
    from streamer.errors import ConfigError

    if find_spec("torch") is None:
        raise ConfigError("--tune: torch is not installed; run: python -m pip install '.[train]'")
    path = find(folder, "xs")
    if path is None:
        where = "came with the program" if folder is None else f"are in {folder}"
        raise ConfigError(
            f"--tune: no weights of refiner XS {where}; name a folder that has xs.safetensors "
            "with --weights"
        )
    try:
        return read_weights(path)
    except WeightsError as error:
        raise ConfigError(f"--tune: {error}") from error


def _tune(photos: "list[Portrait]", weights: "Weights", output: Path) -> None:
    """The file is there already, untuned; it changes when the tuned form is better."""
    from streamer.commands.progress import progress_bar
    from streamer.picture import write_png
    from streamer.portrait import save_portrait
    from streamer.tuning.fitting import fit

    sheet = output.with_suffix(".tuning.png")
    try:
        with progress_bar(visible=True) as phases:
            fitted = fit(photos, weights, phases)
    except KeyboardInterrupt:
        print(f"{output}: stays untuned")
        raise
    write_png(sheet, fitted.sheet)
    found = fitted.tuned
    if found.better:
        save_portrait(fitted.portrait, output)
    change = 100 * (found.after / found.before - 1)
    kept = "the tuned form is kept" if found.better else "no better, so the untuned form is kept"
    held = "the held-out photo" if len(photos) > 1 else "held-out disguises"
    print(f"  tuned     {change:+.1f} % error on {held} after {found.steps} steps: {kept}")
    print(f"  compare   {sheet}: disguise, warp, before, after, photo")


def _lines(portrait: "Portrait", output: Path) -> list[str]:
    found: FaceReport = portrait.report
    return [
        f"{output}: {portrait.width} x {portrait.height}, quality {found.quality} of 100",
        f"  face      {found.face_width_px:.0f} px wide",
        f"  pose      {_pose(found)}",
        f"  sharpness {found.sharpness:.2f}",
        f"  mouth     {found.mouth}",
        f"  glasses   {'yes' if found.glasses else 'none seen'}",
        *(f"  advice: {line}" for line in found.advice),
    ]


def _pose(found: "FaceReport") -> str:
    turns = (("turned", found.yaw_deg), ("nodding", found.pitch_deg), ("tilted", found.roll_deg))
    return ", ".join(f"{name} {abs(angle):.0f} degrees" for name, angle in turns)
