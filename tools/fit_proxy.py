"""Fits the shape assumed where there are no landmarks: python tools/fit_proxy.py --help.

Hair, ears, neck and shoulders are moved by a few numbers (`engines.mesh.Proxy`). This finds those
that make moved source frames of clips look most like the clips themselves, by coordinate search.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

if __package__ in {None, ""}:  # started as a file: the repository is not on the path yet
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rich.console import Console

from engines.mesh import Proxy
from engines.scores import compare
from streamer.enroll import enroll
from streamer.errors import MediaError
from streamer.frame import Image, Landmarks, Motion
from streamer.generator.composite import WarpGenerator
from streamer.portrait import Portrait
from streamer.retarget import retarget_recording
from streamer.retarget.calibration import Calibration
from streamer.tracker import open_tracker
from tools.evaluation.clips import Footage, find_clips, load_footage
from tools.evaluation.same import SAME_PERSON, match_size

_STEPS = (1.35, 1 / 1.35)


class Take:
    """One clip, ready to be drawn: its portrait, and the frames that are compared."""

    def __init__(self, footage: Footage, frames: int) -> None:
        self.portrait: Portrait = enroll([footage.pictures[footage.source]], footage.name)
        motions = retarget_recording(
            SAME_PERSON.retarget,
            self.portrait,
            Calibration.of(footage.neutral),
            footage.landmarks,
            footage.times_ns,
        )
        seen = [i for i, landmarks in enumerate(footage.landmarks) if landmarks is not None]
        self.shots: list[tuple[Motion, Image, Landmarks]] = []
        for i in seen[:: max(1, len(seen) // frames)]:
            landmarks = footage.landmarks[i]
            if landmarks is not None:
                self.shots.append((motions[i], footage.pictures[i], landmarks))

    def score(self, proxy: Proxy) -> float:
        """Mean SSIM of the 1.6 x face crop."""
        generator = WarpGenerator(SAME_PERSON.generator, self.portrait, proxy)
        total = 0.0
        for motion, truth, landmarks in self.shots:
            picture = match_size(generator.generate(motion), truth)
            total += compare(picture, truth, landmarks).ssim_crop
        return total / len(self.shots)


def fit(takes: Sequence[Take], rounds: int, console: Console) -> Proxy:
    """The best proxy found by changing one number at a time."""

    def score(proxy: Proxy) -> float:
        return sum(take.score(proxy) for take in takes) / len(takes)

    best = Proxy()
    reached = score(best)
    console.print(f"{reached:.4f}  {best}")
    for _ in range(rounds):
        for name, value in asdict(best).items():
            for step in _STEPS:
                tried = replace(best, **{name: round(value * step, 3)})
                found = score(tried)
                if found > reached:
                    best, reached = tried, found
                    console.print(f"{reached:.4f}  {name} = {getattr(best, name)}")
                    break
    return best


def _files(named: Sequence[Path]) -> list[Path]:
    return [file for path in named for file in (find_clips(path) if path.is_dir() else [path])]


def main(arguments: list[str] | None = None) -> int:
    """Fit; the exit code."""
    parser = argparse.ArgumentParser(prog="tools/fit_proxy.py", description=__doc__)
    parser.add_argument("clips", nargs="+", type=Path, help="folders or files")
    parser.add_argument("--frames", type=int, default=6, help="compared per clip")
    parser.add_argument("--seconds", type=float, default=4, help="read of each clip")
    parser.add_argument("--rounds", type=int, default=2)
    parsed = parser.parse_args(arguments)
    console = Console()
    takes: list[Take] = []
    for path in _files(parsed.clips):
        try:
            with open_tracker(SAME_PERSON.tracker) as tracker:
                footage = load_footage(path, tracker, parsed.seconds, lambda: None)
            takes.append(Take(footage, parsed.frames))
        except MediaError as error:
            console.print(f"left out: {error}")
    if not takes:
        return MediaError.exit_code
    console.print(fit(takes, parsed.rounds, console))
    return 0


if __name__ == "__main__":
    sys.exit(main())
