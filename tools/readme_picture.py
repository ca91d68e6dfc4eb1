"""The moving picture of the README: python tools/readme_picture.py.

The bundled driver at the left, and the three bundled portraits that follow him.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if __package__ in {None, ""}:  # started as a file: the repository is not on the path yet
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamer.frame import Image

_OUTPUT = Path(__file__).with_name("readme.webp")
_EVERY = 2
"""Of the driver's 25 frames a second, every second one is shown."""
_QUALITY = 50


def parser() -> argparse.ArgumentParser:
    """The command line."""
    result = argparse.ArgumentParser(
        prog="tools/readme_picture.py",
        description=(__doc__ or "").split("\n\n")[1],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = result.add_argument
    add("-o", "--output", type=Path, default=_OUTPUT, metavar="OUT.webp", help="what to write")
    add("--side", type=int, default=200, metavar="PX", help="side of each of the four squares")
    return result


def rows(side: int) -> "Iterator[Image]":
    """Driver and portraits side by side, frame by frame."""
    import numpy as np

    from streamer.animate import animate, track_clip
    from streamer.app import open_portrait
    from streamer.bundled import CLIPS, PORTRAITS, clip_path
    from streamer.colour import resize
    from streamer.config import Config
    from streamer.tracker import open_tracker
    from streamer.video import Clip

    config = Config.model_validate({"generator": {"crop": "head", "size": 2 * side}})
    with Clip(clip_path(CLIPS[0])) as clip:
        with open_tracker(config.tracker) as tracker:
            track = track_clip(clip, tracker)
        drivers = (image for _, image in clip.frames())
        moved = [animate(open_portrait(name), track, config) for name in PORTRAITS]
        for pictures in zip(drivers, *moved, strict=True):
            yield np.hstack([resize(picture, side, side) for picture in pictures])


def main(arguments: list[str] | None = None) -> int:
    """Draw and write it; the exit code."""
    parsed = parser().parse_args(arguments)
    from PIL import Image as Pillow

    shown = list(rows(parsed.side))[::_EVERY]
    first, *others = [Pillow.fromarray(picture) for picture in shown]
    first.save(
        parsed.output,
        save_all=True,
        append_images=others,
        duration=40 * _EVERY,
        loop=0,
        quality=_QUALITY,
        method=6,
    )
    size_kb = parsed.output.stat().st_size / 1000
    print(
        f"{parsed.output}: {len(shown)} pictures, {first.width} x {first.height}, {size_kb:.0f} kB"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
