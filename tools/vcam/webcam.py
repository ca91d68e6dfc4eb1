"""The product's webcam, reading a device that ffmpeg feeds."""

import subprocess
import time
from collections import Counter
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streamer import v4l2
from streamer.camera import open_camera
from streamer.camera.webcam import Webcam
from streamer.config import CameraConfig
from streamer.frame import Image
from streamer.stages import Camera
from tools.vcam import readers
from tools.vcam.checks import Table, must, patiently

_FPS = 15
"""What an emulated processor manages beside the reading."""
_FFMPEG = ("ffmpeg", "-v", "error", "-nostdin")
_SHAPE = ("-f", "rawvideo", "-pix_fmt", "yuyv422", "-video_size", "640x480")
_BARS = f"smptebars=size=640x480:rate={_FPS}"
_MOVING = f"{_BARS}[b];color=white:size=40x30:rate={_FPS}[w];[b][w]overlay=x='mod(n*32,600)':y=440"
"""Colours that are known, and something that moves: a picture that stands still is a fault."""
_STILL_ROWS = slice(0, 430)
_COUNT = 40


def look(table: Table, device: str, folder: Path) -> None:
    """Reading, losing and finding the webcam again."""
    reference = _reference()[_STILL_ROWS].astype(np.int16)
    with ExitStack() as stack:
        feeder = _Feeder(device, folder)
        stack.callback(feeder.stop)
        feeder.start()
        cameras: list[Camera] = []
        drops: Counter[str] = Counter()

        def drop(reason: str) -> None:
            drops[reason] += 1

        def first() -> str:
            label = readers.device_at(device).label
            config = CameraConfig(kind="webcam", device=label, size=(640, 480), fps=_FPS)
            cameras.append(stack.enter_context(open_camera(config, drop, loop=False)))
            return cameras[0].label

        table.add("the webcam is opened by name", first)
        if not cameras:
            return
        table.add("the webcam's size and colours", lambda: _colours(cameras[0], reference))
        table.add(
            "the webcam's rate is measured", lambda: patiently(lambda: _rate(cameras[0], drops))
        )
        table.add("the webcam goes away", lambda: _lose(cameras[0], feeder))
        table.add("the webcam comes back", lambda: _find(cameras[0], feeder))


class _Feeder:
    """The fake webcam: ffmpeg writes, the driver shows."""

    def __init__(self, device: str, folder: Path, clip: Path | None = None) -> None:
        self._device = device
        self._clip = str(folder / "webcam.raw")
        source = ["-f", "lavfi", "-i", _MOVING, "-frames:v", "75"]
        if clip is not None:
            fit = f"fps={_FPS},scale=480:480,pad=640:480:80:0"
            source = ["-i", str(clip), "-vf", fit, "-frames:v", "75"]
        subprocess.run([*_FFMPEG, "-y", *source, *_SHAPE, self._clip], check=True)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Show the pictures, once the driver takes some."""
        if not readers.device_at(self._device).outputs:
            v4l2.revive(Path(self._device))  # ffmpeg leaves 0.12 stuck
        source = ["-re", "-stream_loop", "-1", *_SHAPE, "-framerate", str(_FPS), "-i", self._clip]
        sink = ["-c:v", "copy", "-f", "v4l2", self._device]
        self._process = subprocess.Popen([*_FFMPEG, *source, *sink])
        readers.wait_for("the feeder", lambda: readers.device_at(self._device).captures)

    def stop(self) -> None:
        """The pictures end; the device stays."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None


def _reference() -> Image:
    """The colours, turned to RGB by ffmpeg."""
    source = ["-f", "lavfi", "-i", _BARS, "-frames:v", "1"]
    yuv = subprocess.run([*_FFMPEG, *source, *_SHAPE, "-"], capture_output=True, check=True).stdout
    rgb = ["-i", "-", "-pix_fmt", "rgb24", "-f", "rawvideo", "-"]
    turn = [*_FFMPEG[:-1], *_SHAPE, *rgb]
    done = subprocess.run(turn, input=yuv, capture_output=True, check=True)
    return np.frombuffer(done.stdout, np.uint8).reshape(480, 640, 3)


def _next(camera: Camera, seconds: float = 30) -> Image:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        image = camera.read()
        if image is not None:
            return image
    raise AssertionError(f"no image in {seconds:g} s; {camera.state or 'no reason given'}")


def _colours(camera: Camera, reference: NDArray[np.int16]) -> str:
    images = [_next(camera) for _ in range(10)]
    shape = images[0].shape
    must(shape == (480, 640, 3), f"{shape}")
    differences = [float(np.abs(image[_STILL_ROWS] - reference).mean()) for image in images]
    moving = len({image[430:].tobytes() for image in images})
    seen = f"640 x 480, mean difference <= {max(differences):.2f}, {moving} of 10 distinct"
    must(max(differences) < 4, seen)
    must(moving > 5, seen)
    return seen


def _rate(camera: Camera, drops: Counter[str]) -> str:
    begun = time.monotonic()
    for _ in range(_COUNT):
        _next(camera)
    read = _COUNT / (time.monotonic() - begun)
    must(isinstance(camera, Webcam), f"{type(camera)} is no webcam")
    measured = camera.fps if isinstance(camera, Webcam) else 0.0
    seen = (
        f"fed {_FPS}, measured {measured:.1f}, read {read:.1f} a second; {camera.state or 'well'}"
    )
    must(0.8 * _FPS < measured < 1.2 * _FPS, seen)
    return f"{seen}; drops {dict(drops) or 'none'}"


def _lose(camera: Camera, feeder: _Feeder) -> str:
    feeder.stop()
    begun = time.monotonic()
    longest = 0.0
    while "away" not in camera.state:
        before = time.monotonic()
        camera.read()
        longest = max(longest, time.monotonic() - before)
        must(time.monotonic() - begun < 60, "it does not say that it is away")
    must(longest < 1.5, f"read() blocked {longest:.1f} s")
    return f"after {time.monotonic() - begun:.1f} s, read() <= {longest:.2f} s: {camera.state}"


def _find(camera: Camera, feeder: _Feeder) -> str:
    time.sleep(5)  # long enough for it to give the device up, as after a real unplugging
    said = camera.state
    feeder.start()
    begun = time.monotonic()
    image = _next(camera, 60)
    took = time.monotonic() - begun
    must(image.shape == (480, 640, 3), f"{image.shape}")
    for _ in range(20):
        _next(camera)
    must(not camera.state, camera.state)
    return f"image {took:.1f} s after the feeder; before: {said}"


@contextmanager
def fed(device: str, folder: Path, clip: Path) -> Generator[None]:
    """The fake webcam shows a clip, over and over, for the block."""
    feeder = _Feeder(device, folder, clip)
    feeder.start()
    try:
        yield
    finally:
        feeder.stop()
