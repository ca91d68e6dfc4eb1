"""What is done with a stranger's picture, in a process of its own with little time and memory.

Decoders are where hostile files attack. Whatever happens here, a crash included, the server goes
on. Each finding is one line of JSON on stdout. EXIF data and colour profile are used and then
dropped, of an animation the first picture is kept: the portrait is made of pixels alone.
"""

import contextlib
import importlib
import json
import os
import sys
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from streamer.errors import StreamerError

THUMBNAIL = 160
"""Sides of the small picture, in pixels."""

_DATA_BYTES = 3 << 29
"""Memory it may take: 1.5 GiB. Enrolling takes 0.3; the largest picture allowed as much again."""
_FILE_BYTES = 100_000_000
_NICENESS = 10


def command(source: Path, portrait: Path, thumbnail: Path, seconds: int) -> list[str]:
    """How to start it; it takes `seconds` of the processor at most."""
    arguments = (str(source), str(portrait), str(thumbnail), seconds)
    code = (
        f"import sys; sys.path[:] = {sys.path!r};"
        f"from streamer.web.child import main; main(*{arguments!r})"
    )
    return [sys.executable, "-P", "-W", "ignore", "-c", code]


def environment() -> dict[str, str]:
    """Ours, without what is secret."""
    return {k: v for k, v in os.environ.items() if not k.startswith("VIVANT_")} | {
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def main(source: str, portrait: str, thumbnail: str, seconds: int) -> None:
    """Make the portrait and the small picture of what comes on stdin."""
    _bound(seconds)
    try:
        Path(source).write_bytes(sys.stdin.buffer.read())
        _make(Path(source), Path(portrait), Path(thumbnail))
    except StreamerError as error:
        _tell({"problem": str(error).replace(f"{source}: ", "").replace("portrait: ", "")})
    except MemoryError:
        _tell({"problem": "the picture takes too much memory; reduce it"})


def _make(source: Path, portrait: Path, thumbnail: Path) -> None:
    _tell({"step": "reading the picture"})
    from streamer.picture import read_picture  # noqa: PLC0415  (after the limits are set)

    picture = read_picture(source)
    source.unlink()
    _tell({"step": "finding the face"})
    from streamer.enroll import enroll  # noqa: PLC0415
    from streamer.portrait import save_portrait  # noqa: PLC0415

    enrolled = enroll([picture], "portrait")
    _tell({"step": "saving"})
    thumbnail.write_bytes(small(enrolled))
    save_portrait(enrolled, portrait)
    _tell({"quality": enrolled.report.quality, "advice": list(enrolled.report.advice)})


def small(portrait: Any) -> bytes:  # noqa: ANN401  (a Portrait; its module is heavy)
    """The head of a portrait as a small JPEG."""
    from PIL import Image as Pillow  # noqa: PLC0415

    low, high = portrait.landmarks[:, :2].min(0), portrait.landmarks[:, :2].max(0)
    middle = (low + high) / 2
    half = min(1.0 * float((high - low).max()), min(portrait.width, portrait.height) / 2)
    x = min(max(float(middle[0]), half), portrait.width - half)
    y = min(max(float(middle[1]) - 0.1 * half, half), portrait.height - half)
    box = (round(x - half), round(y - half), round(x + half), round(y + half))
    cut = Pillow.fromarray(portrait.picture).crop(box)
    buffer = BytesIO()
    cut.resize((THUMBNAIL, THUMBNAIL), Pillow.Resampling.LANCZOS).save(buffer, "JPEG", quality=82)
    return buffer.getvalue()


def _bound(seconds: int) -> None:
    """Where the system can: memory, processor time, size of files, and no picture of a crash."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        resource: Any = importlib.import_module("resource")
        limits: Mapping[int, int] = {
            resource.RLIMIT_CORE: 0,
            resource.RLIMIT_CPU: seconds,
            resource.RLIMIT_DATA: _DATA_BYTES,
            resource.RLIMIT_FSIZE: _FILE_BYTES,
        }
        for kind, limit in limits.items():
            resource.setrlimit(kind, (limit, limit))
        os.nice(_NICENESS)


def _tell(finding: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(finding) + "\n")
    sys.stdout.flush()
