"""What is looked at where the real driver is: the virtual camera and its pitfalls."""

import os
import re
import stat
import statistics
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import cast

import av
import numpy as np

from streamer import v4l2
from streamer.config import SinkConfig
from streamer.frame import Image
from streamer.sink.diagnosis import Machine, find_problems, stuck, unavailable
from streamer.sink.virtualcam import library
from tools.vcam import readers
from tools.vcam.checks import Table, must, patiently
from tools.vcam.pictures import SIZE, Images, card, compare, number_of
from tools.vcam.writer import try_to_open, writing

_FPS = 25
"""Of the bundled clip."""
_COUNT = 50
_NOBODY = 65534
_PICTURE = SIZE * SIZE * 3 // 2
"""Bytes of one in I420."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What the checks of one run share."""

    device: str
    images: Images
    folder: Path
    """For what is read back."""

    @property
    def config(self) -> SinkConfig:
        """The settings that mean this device."""
        return SinkConfig(kind="virtualcam", device=self.device, fps=_FPS)


def look(table: Table, bench: Bench) -> None:
    """All checks of the virtual camera, in an order that leaves the device as it was."""
    looks: list[tuple[str, Callable[[Bench], str]]] = [
        ("nobody writes: readers are refused", _idle),
        ("ffmpeg reads the avatar", _ffmpeg),
        ("PyAV reads the avatar", _pyav),
        ("pictures come at a constant rate", lambda bench: patiently(lambda: _rate(bench))),
        ("a second instance is refused", _second),
        ("opened again and again", _again),
        ("a device left stuck by others", _stuck),
        ("another size, with a viewer", _held),
        ("a killed writer leaves it usable", _killed),
        ("a user outside group video", _permission),
        ("the device's node is removed", _removed),
        ("names that do not say AI", _name),
    ]
    for name, check in looks:
        table.add(name, lambda check=check: check(bench))


def end(table: Table, bench: Bench, *, unload: bool) -> None:
    """What is looked at after all else; `unload` takes the module away."""
    if unload:
        table.add("the module is unloaded", lambda: _unloaded(bench))
    table.add("the kernel log has no fault", _kernel_log)


def _idle(bench: Bench) -> str:
    said = readers.refused(bench.device)
    must(said, "a reader was let in")
    return said


def _ffmpeg(bench: Bench) -> str:
    with writing(bench.config, bench.images) as told:
        read = readers.by_ffmpeg(bench.device, _COUNT, SIZE, SIZE)
    return _whole(read, bench, told.label)


def _pyav(bench: Bench) -> str:
    with writing(bench.config, bench.images) as told:
        read, _, form = readers.by_pyav(bench.device, _COUNT)
    np.save(bench.folder / "read.npy", np.stack(read))
    return _whole(read, bench, f"{form}; {told.label}")


def _whole(read: list[Image], bench: Bench, label: str) -> str:
    buffers = int(v4l2.module().parameters.get("max_buffers", "2"))
    result = compare(read, bench.images, buffers)
    seen = f"{result}; {label}"
    must(result.count == _COUNT, seen)
    must(result.torn == 0, seen)
    must(result.overtaken <= _COUNT // 4, seen)
    must(result.distinct >= _COUNT // 2, seen)
    must(result.difference < 3, seen)
    return seen


def _rate(bench: Bench) -> str:
    with writing(bench.config, bench.images) as told:
        _, at_s, _ = readers.by_pyav(bench.device, _COUNT)
    gaps_ms = sorted((b - a) * 1000 for a, b in pairwise(at_s))
    read = (len(at_s) - 1) / (at_s[-1] - at_s[0])
    seen = (
        f"asked {_FPS}, sent {told.rate:.1f}, read {read:.1f} pictures a second; between two"
        f" {statistics.median(gaps_ms):.0f} ms, at most {gaps_ms[-1]:.0f};"
        f" send() {statistics.median(told.send_ms):.1f} ms"
    )
    must(0.8 * _FPS < told.rate < 1.1 * _FPS, seen)
    must(0.8 * _FPS < read < 1.1 * _FPS, seen)
    return seen


def _second(bench: Bench) -> str:
    with writing(bench.config, bench.images) as told:
        said = try_to_open(bench.config)
        (image, *_), _, _ = readers.by_pyav(bench.device, 1)
        must(number_of(image) is not None, "the first instance was disturbed")
        must(f"(pid {told.process.pid})" in said, said)
    must("is in use by" in said, said)
    return said


def _again(bench: Bench) -> str:
    for _ in range(5):
        said = try_to_open(bench.config)
        must(said.startswith("opened"), said)
        must(readers.device_at(bench.device).outputs, "it takes no pictures afterwards")
    return "5 times, and others could open it after each"


def _stuck(bench: Bench) -> str:
    """What pyvirtualcam alone leaves behind."""
    camera = library()((SIZE, SIZE), _FPS, bench.device, "v4l2loopback")
    camera.send(card())
    camera.close()
    left = stuck(readers.device_at(bench.device))
    told = [f for f in find_problems(bench.config) if "takes no pictures" in f.problem]
    must(left == bool(told), f"stuck: {left}, told: {told}")
    must(not told or "sudo modprobe -r v4l2loopback && sudo modprobe" in told[0].fix, str(told))
    said = try_to_open(bench.config)
    must(said.startswith("opened"), said)
    return f"stuck after another program: {left}; told and woken" if left else "not stuck"


def _held(bench: Bench) -> str:
    """A call program goes on looking while we are started again with another picture."""
    seen = bench.folder / "seen.raw"
    with ExitStack() as stack:
        with writing(bench.config, bench.images):
            viewer = stack.enter_context(readers.viewer(bench.device, seen))
            readers.wait_for("the viewer's first pictures", lambda: _pictures(seen) > 2)
        before = _pictures(seen)
        with writing(bench.config, bench.images, 640, 360) as told:
            must("as its viewers hold it, 640 x 360 inside" in told.label, told.label)
            readers.wait_for("the viewer's further pictures", lambda: _pictures(seen) > before + 4)
        must(viewer.poll() is None, "the viewer ended")
    image = _last_picture(seen)
    seen.unlink()
    border, middle = image[20, SIZE // 2], image[SIZE // 2, SIZE // 2]
    colours = f"border {border.tolist()}, middle {middle.tolist()}"
    must(border.max() < 8, colours)
    must(np.abs(middle.astype(int) - (40, 60, 120)).max() < 8, colours)
    return f"{told.label}; {colours}"


def _pictures(file: Path) -> int:
    return file.stat().st_size // _PICTURE if file.exists() else 0


def _last_picture(file: Path) -> Image:
    begin = (_pictures(file) - 1) * _PICTURE
    planes = np.fromfile(file, np.uint8, _PICTURE, offset=begin).reshape(-1, SIZE)
    frame = av.VideoFrame.from_ndarray(planes, "yuv420p")
    return cast("Image", frame.to_ndarray(format="rgb24"))


def _killed(bench: Bench) -> str:
    with writing(bench.config, bench.images) as told:
        told.process.kill()
        told.process.join()
        said = try_to_open(bench.config)
    must(said.startswith("opened"), said)
    return said


def _permission(bench: Bench) -> str:
    said = try_to_open(bench.config, _NOBODY)
    must("may not write to it; run: sudo usermod -aG video $USER" in said, said)
    return said


def _removed(bench: Bench) -> str:
    node = Path(bench.device)
    kept = node.stat()
    with writing(bench.config, bench.images) as told:
        node.unlink()
        try:
            told.process.join(30)
            must(not told.process.is_alive(), "the writer goes on")
        finally:
            os.mknod(node, stat.S_IFCHR | stat.S_IMODE(kept.st_mode), kept.st_rdev)
            os.chown(node, kept.st_uid, kept.st_gid)
    must("was removed; run:" in told.error, told.error)
    return told.error


def _name(_: Bench) -> str:
    told: list[str] = []
    for device in Machine().cameras():
        problems = find_problems(SinkConfig(device=device.number))
        warned = any("AI avatar" in finding.problem for finding in problems)
        must(warned == ("AI" not in device.label.split()), f"{device.label}: {problems}")
        told.append(f"'{device.label}': {'warned' if warned else 'no warning'}")
    return ", ".join(told)


def _kernel_log() -> str:
    log = subprocess.run(["dmesg"], capture_output=True, text=True, check=False).stdout
    signs = r"^.*(?:BUG:|Oops|general protection|WARNING:|Call Trace).*$"
    faults = re.findall(signs, log, re.MULTILINE)
    must(not faults, "; ".join(faults[:3]))
    return f"{len(log.splitlines())} lines"


def _unloaded(bench: Bench) -> str:
    subprocess.run(["rmmod", "v4l2loopback"], check=True)
    said = unavailable(bench.config)
    must("v4l2loopback" in said and "sudo modprobe v4l2loopback" in said, said)
    return said
