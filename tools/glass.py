"""Glass to glass: how long until a gesture that the local video shows is seen in the portrait.

    python -m tools.glass                       every row, 30 s each, as a table
    python -m tools.glass --slow 60             60 ms more work in a picture: the latency stays flat
    python -m tools.glass --isolate veth        in a network of its own (as root)
    python -m tools.glass --isolate lo          where there is no network but 127.0.0.1

A real Chromium plays a clip into its fake camera in which a mouth opens and shuts; the page samples
both videos; times are those at which the compositor took each picture. A camera's exposure and a
screen's panel are not in it. Exit code 1 when the avatar is slower than the stock echo.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tools.glassware.browser import isolate, measure
from tools.glassware.clip import write_clip
from tools.glassware.figures import Figures, figures
from tools.glassware.server import Subject, serve

_CLIP_S = 12.0


def main() -> int:
    """Measure and print."""
    if sys.argv[1:2] == ["--serve"]:
        serve(Subject(**json.loads(sys.argv[2])), int(sys.argv[3]))
        return 0
    options = _parser().parse_args()
    if options.isolate:
        at = sys.argv.index("--isolate")
        isolate([options.isolate, *sys.argv[1:at], *sys.argv[at + 2 :], *_through(options)])
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "driver.y4m"
        write_clip(clip, options.side, _CLIP_S, options.stimulus)
        for name, subject in _subjects(options):
            rows.append(_row(name, subject, clip, options.seconds))
            _print(rows[-1], first=len(rows) == 1)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2))
    return _verdict(rows)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=30, help="measured in each row")
    parser.add_argument("--side", type=int, default=512, help="pixels")
    parser.add_argument("--rows", default="stock,echo,avatar", help="which, in this order")
    parser.add_argument("--codecs", default="VP8,H264")
    parser.add_argument("--slow", type=float, default=0, help="a row with so many ms more work")
    parser.add_argument("--stimulus", choices=["mouth", "flash"], default="mouth")
    parser.add_argument("--loopback", action="store_true", help="use 127.0.0.1 for the media too")
    parser.add_argument("--isolate", choices=["veth", "lo"], help="a network of its own (root)")
    parser.add_argument("--json", type=Path, help="write the figures there")
    return parser


def _through(options: argparse.Namespace) -> list[str]:
    return ["--loopback"] if options.isolate == "lo" and not options.loopback else []


def _subjects(options: argparse.Namespace) -> list[tuple[str, Subject]]:
    rows = [
        (f"{kind} {codec}", Subject(kind, options.side, codec, loopback=options.loopback))
        for kind in options.rows.split(",")
        for codec in options.codecs.split(",")
    ]
    if options.slow:
        codec = options.codecs.split(",")[-1]
        slow = Subject("avatar", options.side, codec, options.slow, options.loopback)
        rows.append((f"avatar {codec} +{options.slow:g} ms", slow))
    return rows


def _row(name: str, subject: Subject, clip: Path, seconds: float) -> dict[str, Any]:
    taken = measure(subject, clip, seconds)
    found: Figures | None = figures(taken["samples"], taken["begin"], taken["end"])
    row: dict[str, Any] = {"row": name, "server_cpu": taken["server_cpu"]}
    return row | (asdict(found) if found else {"steps": 0})


def _print(row: dict[str, Any], *, first: bool) -> None:
    if first:
        print(
            f"{'row':22} {'p50':>6} {'p95':>6} ms  {'drift':>7} ms/min  {'fps':>5}"
            f"  steps  contrast  kbit/s in/out  keys  CPU %"
        )
    if not row["steps"]:
        print(f"{row['row']:22} nothing to be told")
        return
    print(
        f"{row['row']:22} {row['p50_ms']:6.1f} {row['p95_ms']:6.1f}     "
        f"{row['drift_ms_per_min']:7.1f}         {row['fps']:5.1f}  "
        f"{row['answered']:2}/{row['steps']:2}  {row['contrast']:8.1f}  "
        f"{row['kbps_in']:6.0f}/{row['kbps_out']:<6.0f} {row['keyframes']:4}"
        f"  {row['server_cpu']:4}",
        flush=True,
    )


def _verdict(rows: list[dict[str, Any]]) -> int:
    """1 when an avatar at full speed is slower than the stock echo of its codec."""
    stock = {row["row"].split()[1]: row for row in rows if row["row"].startswith("stock")}
    slower = False
    for row in rows:
        beside = stock.get(row["row"].split()[1])
        if not row["row"].startswith("avatar") or "+" in row["row"] or beside is None:
            continue
        figures_of = ("p50_ms", "p95_ms")
        worse = any(row.get(key, 1e9) > beside.get(key, 1e9) for key in figures_of)
        verdict = "slower" if worse else "no slower"
        print(f"{row['row']}: {verdict} than {beside['row']}")
        slower |= worse
    return int(slower)


if __name__ == "__main__":
    sys.exit(main())
