"""Programs that look at a virtual camera, as call programs do."""

import os
import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.error import FFmpegError

from streamer import v4l2
from streamer.frame import Image

_PATIENCE_S = 120


def by_ffmpeg(device: str, count: int, width: int, height: int) -> list[Image]:
    """The first pictures that ffmpeg gets, in its own conversion to RGB."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-f", "v4l2", "-i", device]
    output = ["-frames:v", str(count), "-fps_mode", "passthrough"]
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    done = subprocess.run(
        [*command, *output, *raw], capture_output=True, timeout=_PATIENCE_S, check=False
    )
    if done.returncode:
        raise OSError(done.stderr.decode(errors="replace").strip().replace("\n", "; "))
    return list(np.frombuffer(done.stdout, np.uint8).reshape(-1, height, width, 3))


def by_pyav(device: str, count: int) -> tuple[list[Image], list[float], str]:
    """Pictures, the instants that the driver gave them in seconds, and the format."""
    images: list[Image] = []
    at_s: list[float] = []
    with av.open(device, format="v4l2") as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        told = f"{context.width} x {context.height} {context.pix_fmt}"
        frames = container.decode(stream)
        while len(images) < count:
            _keep(next(frames), images, at_s)
    return images, at_s, told


def distinct(device: str, wanted: int, seconds: float) -> tuple[list[Image], int, float]:
    """Pictures that differ, until there are `wanted`; how many there were in all; their rate."""
    seen: dict[bytes, Image] = {}
    images: list[Image] = []
    at_s: list[float] = []
    until = time.monotonic() + seconds
    with av.open(device, format="v4l2") as container:
        frames = container.decode(container.streams.video[0])
        while len(seen) < wanted and time.monotonic() < until:
            _keep(next(frames), images, at_s)
            image = images.pop()
            seen.setdefault(image[::8, ::8].tobytes(), image)
    rate = (len(at_s) - 1) / max(at_s[-1] - at_s[0], 1e-3)
    return list(seen.values()), len(at_s), rate


def _keep(frame: av.VideoFrame, images: list[Image], at_s: list[float]) -> None:
    """A copy: the frame is driver memory, and must be gone before its container is."""
    images.append(cast("Image", frame.to_ndarray(format="rgb24")))
    at_s.append(frame.time)


def refused(device: str) -> str:
    """What a reader is told while nobody writes; empty when it is let in."""
    try:
        with av.open(device, format="v4l2"):
            return ""
    except (FFmpegError, OSError) as error:
        return str(error.strerror)


@contextmanager
def viewer(device: str, file: Path) -> Generator["subprocess.Popen[bytes]"]:
    """A program that goes on looking, and appends what it sees to a file, in the driver's bytes."""
    command = ["v4l2-ctl", "-d", device, "--stream-mmap=4", f"--stream-to={file}"]
    process = subprocess.Popen(
        [*command, "--stream-count=100000"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_for(what: str, condition: Callable[[], object], seconds: float = 60) -> float:
    """Seconds until `condition()` holds; AssertionError when it never does."""
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > seconds:
            raise AssertionError(f"{what}: not within {seconds:g} s")
        time.sleep(0.1)
    return time.monotonic() - begun


def device_at(path: str) -> v4l2.VideoDevice:
    """The device as it is now."""
    return next(d for d in v4l2.devices() if str(d.path) == os.path.realpath(path))
