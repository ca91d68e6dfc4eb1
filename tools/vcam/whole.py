"""The whole product where the real driver is: `vivant run`, as fast as the machine allows."""

import signal
import subprocess
import sys
import time
from contextlib import ExitStack

from tools.vcam import readers, webcam
from tools.vcam.checks import Table, must
from tools.vcam.guest import Bench

_START_S = 180
"""Emulated, its libraries take their time."""
_COUNT = 20


def look(table: Table, bench: Bench, webcam_device: str) -> None:
    """With a clip, then with the webcam, in the camera's place."""
    table.add("vivant run: clip to virtual camera", lambda: _run(bench, ["--clip", "demo"]))
    if webcam_device:
        table.add(
            "vivant run: webcam to virtual camera", lambda: _from_webcam(bench, webcam_device)
        )


def _from_webcam(bench: Bench, device: str) -> str:
    with webcam.fed(device, bench.folder):
        return _run(bench, ["--camera", device])


def _run(bench: Bench, camera: list[str]) -> str:
    """It starts, a reader sees pictures of it, Ctrl-C ends it well."""
    sink = ["--virtualcam", bench.device, "--set", "control.enabled=false", "--plain"]
    command = [sys.executable, "-m", "streamer", "run", *camera, *sink]
    with ExitStack() as stack:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        stack.callback(process.kill)
        begun = time.monotonic()
        readers.wait_for(
            "the virtual camera",
            lambda: readers.device_at(bench.device).captures or process.poll() is not None,
            _START_S,
        )
        took = time.monotonic() - begun
        must(process.poll() is None, _end(process))
        images, at_s, told = readers.by_pyav(bench.device, _COUNT)
        process.send_signal(signal.SIGINT)
        said = _end(process)
    distinct = len({image.tobytes() for image in images})
    rate = (len(at_s) - 1) / max(at_s[-1] - at_s[0], 1e-3)
    seen = f"on after {took:.0f} s; {told}, {rate:.1f} a second, {distinct} of {_COUNT} distinct"
    must(process.returncode == 0, f"exit code {process.returncode}: {said}")
    must(images[0].shape[2] == 3, seen)
    return f"{seen}; {said}"


def _end(process: "subprocess.Popen[str]") -> str:
    """The last line that it said."""
    out, _ = process.communicate(timeout=_START_S)
    lines = [line.strip() for line in out.splitlines() if line.strip()]
    return lines[-1] if lines else ""
