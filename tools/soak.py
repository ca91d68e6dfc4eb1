"""Runs the live pipeline for a long time, and tells whether ages and memory stay as they were.

Every minute it prints one line: ages at the sink, pictures a second, drops by reason, memory. It
fails when a frame is unaccounted for: every image the camera gave was sent, dropped with a reason,
or is one of the four that can be on their way.
"""

import argparse
import asyncio
import gc
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil

from streamer.app import Live, open_live
from streamer.bundled import clip_path
from streamer.camera.replay import Replay
from streamer.clock import SECOND
from streamer.config import load, with_values
from streamer.frame import Image, Shot
from streamer.metrics import Spread
from streamer.output import replacing
from streamer.pipeline import Stages
from streamer.stages import Generator
from streamer.video import Clip

_ON_THEIR_WAY = 8
"""Frames that can be in the four slots and the four stages after the camera."""
_EPILOG = """examples:
  python tools/soak.py                                   five minutes, as a laptop runs it
  python tools/soak.py --minutes 30 --overload 2         twice the work there is time for
  python tools/soak.py --minutes 30 --record /tmp/soak   recording all the time
"""


@dataclass(frozen=True, slots=True)
class Minute:
    """One line of the table."""

    minute: float
    age_ms: Spread | None
    fps_in: float
    fps_out: float
    held_fps: float
    dropped: dict[str, int]
    level: str
    rss_mb: float


class AtRate:
    """A clip's images at another rate."""

    def __init__(self, clip: Clip, fps: int) -> None:
        self._clip = clip
        self._fps = fps
        self.info = replace(clip.info, fps=float(fps))

    def frames(self) -> Iterator[tuple[int, Image]]:
        """Instants and images, from the start at each call."""
        for number, (_, image) in enumerate(self._clip.frames()):
            yield number * SECOND // self._fps, image


class Overloaded:
    """A generator that keeps a processor busy for at least `least_ns` a picture."""

    def __init__(self, generator: Generator, least_ns: int) -> None:
        self._generator = generator
        self._least_ns = least_ns

    def generate(self, shot: Shot) -> Image:
        """One picture, not too soon."""
        begun_ns = time.monotonic_ns()
        image = self._generator.generate(shot)
        while time.monotonic_ns() - begun_ns < self._least_ns:
            sum(range(200))
        return image


def main() -> int:
    """Run, print, judge."""
    args = _arguments()
    values: dict[str, object] = {
        "camera.kind": "replay",
        "camera.loop": True,
        "generator.size": args.size,
        "sink.kind": "none",
        "sink.fps": args.fps,
        "record.microphone": False,
    }
    if args.record:
        values["record.folder"] = str(args.record)
    config = with_values(load(None, args.set), values)

    def change(stages: Stages) -> Stages:
        name, label = str(args.clip), f"{args.clip} at {args.fps} fps, looped"
        camera = Replay(AtRate(clip, args.fps), _nothing, name=name, label=label, loop=True)
        generator: Generator = stages.generator
        if args.overload:
            generator = Overloaded(generator, int(args.overload * SECOND // args.fps))
        return replace(stages, camera=camera, generator=generator)

    with (
        Clip(clip_path(args.clip)) as clip,
        open_live(config, recording=bool(args.record), change=change) as live,
    ):
        for what, which in live.metrics.chosen.items():
            print(f"{what:10} {which}")
        minutes = asyncio.run(_watched(live, args.minutes, args.every))
    problems = _problems(live)
    _print_verdict(minutes, problems)
    if args.json:
        with replacing(args.json) as part:
            record = {"minutes": [asdict(minute) for minute in minutes], "problems": problems}
            part.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return 1 if problems else 0


def _nothing(_: str) -> None:
    """What the clip let go was never in the pipeline: it is not counted there."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--minutes", type=float, default=5.0, help="how long (5)")
    add("--every", type=float, default=60.0, metavar="SECONDS", help="between two lines (60)")
    add(
        "--overload",
        type=float,
        default=0.0,
        metavar="N",
        help="N times the work there is time for",
    )
    add("--clip", default="demo", help="the driver, over and over (demo)")
    add("--size", type=int, default=512, help="long side of the picture (512)")
    add("--fps", type=int, default=30, help="images and pictures a second (30)")
    add("--record", type=Path, metavar="FOLDER", help="record all the time")
    add("--json", type=Path, metavar="FILE", help="write the table")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting")
    return parser.parse_args()


async def _watched(live: Live, minutes: float, every_s: float) -> list[Minute]:
    """The run, and what was seen of it."""
    table: list[Minute] = []

    async def watch() -> None:
        process, end_s = psutil.Process(), minutes * 60
        begun = asyncio.get_running_loop().time()
        while (passed := asyncio.get_running_loop().time() - begun) < end_s:
            await asyncio.sleep(min(every_s, end_s - passed))
            gc.collect()
            recent, now_s = live.metrics.recent(every_s), asyncio.get_running_loop().time() - begun
            table.append(
                Minute(
                    minute=round(now_s / 60, 2),
                    age_ms=recent.age_ms,
                    fps_in=recent.fps_in,
                    fps_out=recent.fps_out,
                    held_fps=recent.held_fps,
                    dropped=dict(live.metrics.totals().dropped),
                    level=live.status().level,
                    rss_mb=round(process.memory_info().rss / 2**20, 1),
                )
            )
            print(_line(table[-1]), flush=True)
        live.desk.edit(lambda controls: replace(controls, quit=True))

    async with asyncio.TaskGroup() as group:
        group.create_task(watch())
        group.create_task(live.run())
    return table


def _line(minute: Minute) -> str:
    age = minute.age_ms
    ages = (
        f"age p50 {age.p50:5.1f} p95 {age.p95:5.1f} p99 {age.p99:5.1f} ms" if age else "no picture"
    )
    drops = ", ".join(f"{why} {count}" for why, count in sorted(minute.dropped.items())) or "none"
    return (
        f"{minute.minute:6.2f} min  {ages}  in {minute.fps_in:4.1f} out {minute.fps_out:4.1f}"
        f" held {minute.held_fps:4.1f} fps  {minute.rss_mb:6.1f} MB  {minute.level}"
        f"  dropped: {drops}"
    )


def _problems(live: Live) -> list[str]:
    """What must hold however slow the machine is."""
    summary = live.metrics.summary()
    given = summary.stages["camera"].frames
    gone = sum(
        n for why, n in summary.dropped.items() if not why.startswith(("camera:", "record:"))
    )
    missing = given - summary.sent - gone
    problems: list[str] = []
    if not 0 <= missing <= _ON_THEIR_WAY:
        problems.append(
            f"{given} images, {summary.sent} sent, {gone} dropped: {missing} unaccounted for"
        )
    if summary.sent == 0:
        problems.append("no picture was sent")
    return problems


def _print_verdict(minutes: list[Minute], problems: list[str]) -> None:
    first, last = minutes[0], minutes[-1]
    if first.age_ms and last.age_ms and len(minutes) > 1:
        ratio = last.age_ms.p95 / first.age_ms.p95
        print(f"p95 age of the last line is {ratio:.2f} of the first")
        print(f"memory grew by {last.rss_mb - first.rss_mb:.1f} MB after the first line")
    for problem in problems:
        print(f"PROBLEM: {problem}")


if __name__ == "__main__":
    sys.exit(main())
