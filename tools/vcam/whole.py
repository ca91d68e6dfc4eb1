"""The whole product where the real driver is: `vivant run`, as fast as the machine allows."""

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from tools.vcam import readers, webcam
from tools.vcam.checks import Table, must
from tools.vcam.guest import Bench

_PATIENCE_S = 600
"""Emulated, its libraries take their time, and compile for a processor of their own."""
_DISTINCT = 4
"""Pictures that differ: the card, and the avatar in motion."""
_SMALL = ("portraits=[ada]", "generator.size=256", "sink.size=[512, 512]", "control.enabled=false")


def look(table: Table, bench: Bench, webcam_device: str, clip: Path) -> None:
    """With a clip, then with a webcam that shows the clip, in the camera's place."""
    table.add(
        "vivant run: clip to virtual camera", lambda: _run(bench, ["--clip", str(clip)], "clip")
    )
    if webcam_device:
        table.add(
            "vivant run: webcam to virtual camera", lambda: _from_webcam(bench, webcam_device, clip)
        )


def _from_webcam(bench: Bench, device: str, clip: Path) -> str:
    with webcam.fed(device, bench.folder, clip):
        return _run(bench, ["--camera", device], "webcam")


def _run(bench: Bench, camera: list[str], name: str) -> str:
    """It starts, a reader sees the avatar move, Ctrl-C ends it well."""
    settings = [word for setting in _SMALL for word in ("--set", setting)]
    command = [sys.executable, "-m", "streamer", "run", *camera, "--virtualcam", bench.device]
    log = bench.folder / f"{name}.log"
    with ExitStack() as stack:
        process = subprocess.Popen(
            [*command, "--plain", *settings],
            stdout=stack.enter_context(log.open("w")),
            stderr=subprocess.STDOUT,
            env={**os.environ, "NUMBA_CACHE_DIR": str(bench.folder / "compiled")},
        )
        stack.callback(process.kill)
        begun = time.monotonic()
        readers.wait_for(
            "the virtual camera",
            lambda: readers.device_at(bench.device).captures or process.poll() is not None,
            _PATIENCE_S,
        )
        on_s = time.monotonic() - begun
        must(process.poll() is None, _last_line(log))
        images, count, rate = readers.distinct(bench.device, _DISTINCT, _PATIENCE_S)
        moving_s = time.monotonic() - begun
        process.send_signal(signal.SIGINT)
        ended = time.monotonic()
        process.wait(_PATIENCE_S)
        end_s = time.monotonic() - ended
    np.save(bench.folder / f"{name}.npy", np.stack(images))
    seen = (
        f"card after {on_s:.0f} s, avatar moves after {moving_s:.0f} s; {count} pictures,"
        f" {len(images)} distinct, {rate:.1f} a second; ended in {end_s:.1f} s,"
        f" exit code {process.returncode}"
    )
    must(process.returncode == 0, f"{seen}: {_last_line(log)}")
    must(len(images) >= _DISTINCT, seen)
    return seen


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text().splitlines() if line.strip()]
    return lines[-1] if lines else "it says nothing"
