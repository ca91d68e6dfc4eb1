"""Films for the browser's fake camera: a driver who opens the mouth, and one who sits still.

A bar down the left side tells what the driver does: white while the mouth is open. A test reads it
from the page's own picture of the camera, so it needs no clock in common with the browser.
"""

import base64
import io
import json
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image as Pillow

from streamer.bundled import clip_path
from streamer.video import Clip

WIDTH, HEIGHT = 640, 480
SHUT, OPEN = 10, 182
"""Frames of the bundled clip, both from the front: lips closed, mouth wide open."""
CHANGES = (0, 24, 57, 81, 120, 147, 180, 207, 240)
"""Frames at which the mouth opens or shuts, in turn; irregular, so nothing else keeps step."""
BAR = 40
"""Width of the bar in pixels, within the empty margin beside the driver."""
FPS = 30
DRAWN_JS = """
const pictures = POSES.map(async (text) => createImageBitmap(
  new Blob([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], {type: 'image/png'})));
const given = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);
if (given) navigator.mediaDevices.getUserMedia = async (wishes) => {
  if (!wishes.video) return given(wishes);
  const poses = await Promise.all(pictures);
  const canvas = Object.assign(document.createElement('canvas'), {width: WIDTH, height: HEIGHT});
  const pen = canvas.getContext('2d');
  const draw = () => {
    const frame = performance.now() / 1000 * FPS % CHANGES.at(-1);
    pen.drawImage(poses[CHANGES.findLastIndex((change) => change <= frame) % 2], 0, 0);
  };
  draw();
  setInterval(draw, 1000 / FPS);
  return canvas.captureStream(FPS);
};
"""


def driver_film(folder: Path, *, moving: bool = True, fps: int = FPS) -> Path:
    """A film as Chromium's fake camera plays it, over and over: 8 s at 30 fps.

    Without `moving` the bar changes as ever, and the face does not. Few images a second make a
    y4m, which tells its rate; else it is Motion JPEG, which is always played at 30.
    """
    shut, mouth = (_posed(number) for number in (SHUT, OPEN))
    name = f"{'moving' if moving else 'still'}-{fps}"
    path = folder / (f"{name}.mjpeg" if fps == FPS else f"{name}.y4m")
    poses = [_barred(shut, 16), _barred(mouth if moving else shut, 235)]
    _write(path, poses, fps)
    return path


def drawn_camera() -> str:
    """The same film for a browser that plays none: a page's script gives a canvas as its camera."""
    poses = [_png(_barred(_posed(number), grey)) for number, grey in ((SHUT, 16), (OPEN, 235))]
    values = {"POSES": poses, "CHANGES": CHANGES, "WIDTH": WIDTH, "HEIGHT": HEIGHT, "FPS": FPS}
    lines = [f"const {name} = {json.dumps(value)};" for name, value in values.items()]
    return "\n".join(lines) + DRAWN_JS


def _png(image: np.ndarray) -> str:
    file = io.BytesIO()
    Pillow.fromarray(image).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def _posed(number: int) -> np.ndarray:
    """One frame of the clip in the middle of the camera's image, with grey margins."""
    with Clip(clip_path("demo")) as clip:
        image = next(frame[1] for at, frame in enumerate(clip.frames()) if at == number)
    square = Pillow.fromarray(image).resize((HEIGHT, HEIGHT), Pillow.Resampling.BICUBIC)
    whole = np.full((HEIGHT, WIDTH, 3), 110, np.uint8)
    left = (WIDTH - HEIGHT) // 2
    whole[:, left : left + HEIGHT] = np.asarray(square)
    return whole


def _barred(image: np.ndarray, grey: int) -> np.ndarray:
    barred = image.copy()
    barred[:, :BAR] = grey
    return barred


def _write(path: Path, poses: list[np.ndarray], fps: int) -> None:
    motion_jpeg = path.suffix == ".mjpeg"
    with av.open(str(path), "w", format="mjpeg" if motion_jpeg else "yuv4mpegpipe") as output:
        stream: Any = output.add_stream("mjpeg" if motion_jpeg else "wrapped_avframe", rate=fps)
        stream.height, stream.width = poses[0].shape[:2]
        stream.pix_fmt = "yuvj420p" if motion_jpeg else "yuv420p"
        if motion_jpeg:
            stream.codec_context.qmin = stream.codec_context.qmax = 3
        for index in _poses(fps):
            frame = av.VideoFrame.from_ndarray(poses[index], "rgb24")
            output.mux(stream.encode(frame.reformat(format=stream.pix_fmt)))
        output.mux(stream.encode())


def _poses(fps: int) -> list[int]:
    """Which pose each frame shows."""
    share = Fraction(fps, FPS)
    ends = [int(change * share) for change in CHANGES]
    return [at % 2 for at, (a, b) in enumerate(pairwise(ends)) for _ in range(b - a)]
