"""Glass to glass: how long until a gesture that the local video shows is seen in the portrait.

    python -m tools.glass                       every row, 30 s each, as a table
    python -m tools.glass --rows avatar --slow 60 --minutes 5    does it drift, also when slowed?
    python -m tools.glass --rows serve          the real `vivant serve`, and what its page says
    python -m tools.glass --isolate veth        in a network of its own (as root)
    python -m tools.glass --isolate lo          where there is no network but 127.0.0.1

A real Chromium plays a clip into its fake camera in which a mouth opens and shuts; the page samples
both videos; times are those at which the compositor took each picture. A camera's exposure and a
screen's panel are not in it. Drift is a slope and its standard error.

Exit code 1 when an avatar is slower than the stock echo beside it, when the real page's own figure
is off by more than 20 ms, or when, in runs of two minutes and more, the latency surely grows by
more than 1 ms a minute.
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
_ASKED = 640, 480
"""What the real page asks a camera for."""
_MOST_OFF_MS, _MOST_DRIFT = 20.0, 1.0
_SURE_S = 120.0


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
        seconds = options.minutes * 60 or options.seconds
        for name, subject in _subjects(options):
            clip = _clip(Path(folder), subject, options.stimulus)
            rows.append(_row(name, subject, clip, seconds))
            _print(rows[-1], first=len(rows) == 1)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2))
    return int(any([_is_slower(rows), _is_misled(rows), seconds >= _SURE_S and _drifts(rows)]))


def _clip(folder: Path, subject: Subject, stimulus: str) -> Path:
    """The camera's video, in the size that the page asks for."""
    size = _ASKED if subject.kind == "serve" else (subject.side, subject.side)
    path = folder / f"{size[0]}x{size[1]}.y4m"
    if not path.exists():
        write_clip(path, size, _CLIP_S, stimulus)
    return path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=30, help="measured in each row")
    parser.add_argument("--minutes", type=float, default=0, help="the same in minutes")
    parser.add_argument("--side", type=int, default=512, help="pixels")
    parser.add_argument(
        "--rows", default="stock,echo,avatar", help="which, in this order; also: serve"
    )
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
            f"{'row':22} {'p50':>6} {'p95':>6} ms  {'drift':>13} ms/min  {'fps':>5}"
            f"  steps  contrast  kbit/s in/out  keys  CPU %"
        )
    if not row["steps"]:
        print(f"{row['row']:22} nothing to be told")
        return
    drift = f"{row['drift_ms_per_min']:.1f} +- {row['drift_error']:.1f}"
    print(
        f"{row['row']:22} {row['p50_ms']:6.1f} {row['p95_ms']:6.1f}     {drift:>13}         "
        f"{row['fps']:5.1f}  {row['answered']:2}/{row['steps']:2}  {row['contrast']:8.1f}  "
        f"{row['kbps_in']:6.0f}/{row['kbps_out']:<6.0f} {row['keyframes']:4}"
        f"  {row['server_cpu']:4}",
        flush=True,
    )


def _is_slower(rows: list[dict[str, Any]]) -> bool:
    """Whether an avatar at full speed is slower than the stock echo of its codec."""
    stock = {row["row"].split()[1]: row for row in rows if row["row"].startswith("stock")}
    slower = False
    for row in rows:
        beside = stock.get(row["row"].split()[1])
        ours = row["row"].startswith(("avatar", "serve")) and "+" not in row["row"]
        if not ours or beside is None:
            continue
        figures_of = ("p50_ms", "p95_ms")
        worse = any(row.get(key, 1e9) > beside.get(key, 1e9) for key in figures_of)
        verdict = "slower" if worse else "no slower"
        print(f"{row['row']}: {verdict} than {beside['row']}")
        slower |= worse
    return slower


def _is_misled(rows: list[dict[str, Any]]) -> bool:
    """Whether a page tells its user another latency than what is measured here."""
    misled = False
    for row in rows:
        if row.get("said_ms") is None:
            continue
        off = row["said_ms"] - row["p50_ms"]
        print(
            f"{row['row']}: the page says {row['said_ms']:.0f} ms, measured {row['p50_ms']:.1f}:"
            f" {off:+.1f} ms ({_MOST_OFF_MS:g} allowed)"
        )
        misled |= abs(off) > _MOST_OFF_MS
    return misled


def _drifts(rows: list[dict[str, Any]]) -> bool:
    """Whether a latency grows by more than is allowed, and by more than chance."""
    drifts = False
    for row in (row for row in rows if row["steps"]):
        drift, error = row["drift_ms_per_min"], row["drift_error"]
        verdict = "grows" if drift - 2 * error > _MOST_DRIFT else "flat"
        print(f"{row['row']}: {verdict}, {drift:.2f} +- {error:.2f} ms/min")
        drifts |= verdict == "grows"
    return drifts


if __name__ == "__main__":
    sys.exit(main())
