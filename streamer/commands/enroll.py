"""`vivant enroll`: make the portrait of a face once, and hear how good it is."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamer.commands import Subparsers
    from streamer.portrait import FaceReport, Portrait

_EPILOG = """Of several photos of one person the best is taken. The .portrait file stands wherever a
picture does: in animate, run and bench.

examples:
  vivant enroll me.jpg
  vivant enroll me1.jpg me2.jpg me3.jpg -o me.portrait
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
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Read, judge and save."""
    from streamer.errors import ConfigError
    from streamer.output import check_place

    output: Path = args.output or Path(f"{args.photos[0].stem}.portrait")
    if output.suffix.lower() != ".portrait":
        raise ConfigError(f"-o {output}: a portrait's name ends in .portrait")
    check_place(output)

    from streamer.enroll import enroll
    from streamer.picture import read_picture
    from streamer.portrait import save_portrait

    photos = [read_picture(path) for path in args.photos]
    portrait = replace(enroll(photos, args.photos[0].stem), name=output.stem)
    save_portrait(portrait, output)
    print("\n".join(_lines(portrait, output)))
    return 0


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
