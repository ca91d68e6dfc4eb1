"""What the doctor does in a process of its own: native code that may crash, hang or chatter.

Each finding is one line of JSON on stdout.
"""

import importlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from streamer.clock import MS, SECOND, monotonic_ns
from streamer.config import CameraConfig, GeneratorConfig, RetargetConfig, TrackerConfig
from streamer.doctor.machine import Machine
from streamer.errors import DeviceError
from streamer.missing import advice

Finding = Mapping[str, Any]

LIBRARIES = {
    "numpy": "numpy",
    "scipy": "scipy.optimize",
    "opencv": "cv2",
    "av": "av",
    "numba": "numba",
    "mediapipe": "streamer.solutions",
}
"""Name for a person, and the module whose import proves that it works."""

STAGES = ("track", "retarget", "generate")
SIZE = 512
"""Long side of the picture whose drawing is timed, in pixels."""

_IMAGE_S = 2.5
"""How long a camera may take for its first image."""
_WARM_UP = 5
_LONGEST_NS = SECOND * 7 // 10


def findings(
    machine: Machine, job: str, timeout_s: float, argument: str = ""
) -> tuple[list[Finding], int]:
    """What a job of this module found on the machine, and the exit code of its process."""
    code = (
        f"import sys; sys.path[:] = {sys.path!r};"
        f"from streamer.doctor.child import main; main({job!r}, {argument!r})"
    )
    command = [sys.executable, "-P", "-W", "ignore", "-c", code]
    answer = machine.run(command, timeout_s)
    return list(_parsed(answer.out)), answer.code


def _parsed(text: str) -> Iterator[Finding]:
    for line in text.splitlines():
        if line.startswith("{"):
            yield json.loads(line)


def main(job: str, argument: str) -> None:
    """Do one job."""
    jobs: dict[str, Callable[[], Iterator[Finding]]] = {
        "libraries": _libraries,
        "openvino": _openvino,
        "engines": _engines,
        "microphones": _microphones,
        "speed": _speed,
        "cameras": lambda: _cameras(CameraConfig.model_validate_json(argument)),
        "open_cameras": lambda: _opened_cameras(CameraConfig.model_validate_json(argument)),
    }
    for finding in jobs[job]():
        sys.stdout.write(json.dumps(finding) + "\n")
        sys.stdout.flush()


def _libraries() -> Iterator[Finding]:
    """Import each; the one begun and not ended brought the process down."""
    for name, module in LIBRARIES.items():
        yield {"begin": name}
        try:
            importlib.import_module(module)
        except (ImportError, OSError) as error:
            text = advice(error) or f"{type(error).__name__}: {error}".partition("\n")[0]
            yield {"end": name, "problem": text}
        except Exception as error:  # noqa: BLE001  (one broken library hides no other)
            yield {"end": name, "problem": f"{type(error).__name__}: {error}".partition("\n")[0]}
        else:
            yield {"end": name, "problem": ""}


def _openvino() -> Iterator[Finding]:
    """The devices it can compute on."""
    importlib.import_module("streamer.engine")  # or OpenVINO would report to its makers
    core: Any = importlib.import_module("openvino").Core()
    for device in core.available_devices:
        can: Sequence[str] = core.get_property(device, "OPTIMIZATION_CAPABILITIES")
        name = str(core.get_property(device, "FULL_DEVICE_NAME"))
        yield {"device": device, "name": name, "can": list(can)}


def _engines() -> Iterator[Finding]:
    """Every way to compute the refiner, and why some cannot be used."""
    from streamer.engine.ways import all_ways  # noqa: PLC0415  (loads torch and TensorRT)

    for way in all_ways():
        told = {"name": way.name, "library": way.library, "refused": way.refused}
        yield told | {"backend": way.backend, "gpu": way.is_gpu}


def _microphones() -> Iterator[Finding]:
    """Those that sound can be taken from, the system's default first."""
    try:
        library: Any = importlib.import_module("sounddevice")
        devices = list(library.query_devices())
    except Exception as error:  # noqa: BLE001  (OSError without PortAudio, its own error, others)
        yield {"problem": str(error).partition("\n")[0]}
        return
    default = library.default.device[0]
    heard = [device for device in devices if device["max_input_channels"] > 0]
    for device in sorted(heard, key=lambda device: device["index"] != default):
        yield {"microphone": str(device["name"])}


def _cameras(config: CameraConfig) -> Iterator[Finding]:
    """Those that are listed, and what is said of the one that is wanted if it is not there."""
    from streamer.camera.devices import NO_PERMISSION, find, list_cameras  # noqa: PLC0415

    cameras = list_cameras()
    for camera in cameras:
        if not camera.virtual or config.device is not None:
            forbidden = camera.note == NO_PERMISSION
            yield {"camera": str(camera), "note": camera.note, "forbidden": forbidden}
    if config.device is not None:
        try:
            find(cameras, config.device)
        except DeviceError as error:
            yield {"missing": str(error)}


def _opened_cameras(config: CameraConfig) -> Iterator[Finding]:
    """The same; those that may be are opened until they have given one image."""
    from streamer.camera.devices import list_cameras  # noqa: PLC0415
    from streamer.camera.feed import Asked, open_feed  # noqa: PLC0415
    from streamer.camera.trouble import explain  # noqa: PLC0415

    asked = Asked(*config.size, config.fps)
    yield from _cameras(config)
    for camera in list_cameras():
        if camera.note or camera.virtual:
            continue
        begun_ns = monotonic_ns()
        try:
            feed = open_feed(camera, asked, _nowhere)
            try:
                came = feed.take(_IMAGE_S)
            finally:
                feed.close()
            if came is None:
                raise TimeoutError
        except OSError as error:
            yield {"opened": str(camera), "problem": explain(error, camera)}
        else:
            ms = (monotonic_ns() - begun_ns) / MS
            yield {"opened": str(camera), "label": feed.label, "ms": ms}


def _nowhere(_: str) -> None:
    """Drops do not matter here."""


def _speed() -> Iterator[Finding]:
    """Milliseconds of a frame's work on a bundled portrait at 512 x 512, one stage after another.

    The mean, since that is what a quota on the processor lengthens.
    """
    from streamer.tracker import open_tracker  # noqa: PLC0415

    image, retarget, generate = _opened()
    with open_tracker(TrackerConfig()) as tracker:
        times = list(_timed(tracker.track, retarget, generate, image))[_WARM_UP:]
    means = [sum(column) / len(times) / MS for column in zip(*times, strict=True)]
    yield {"frames": len(times)} | dict(zip(STAGES, means, strict=True))


def _opened() -> tuple[Any, Callable[[Any, int], Any], Callable[[Any], Any]]:
    """A driver's image, and the stages after the tracker."""
    from streamer.bundled import portrait_path  # noqa: PLC0415
    from streamer.enroll import enroll  # noqa: PLC0415
    from streamer.generator.composite import WarpGenerator  # noqa: PLC0415
    from streamer.picture import read_picture  # noqa: PLC0415
    from streamer.retarget.retargeter import PortraitRetargeter  # noqa: PLC0415

    portrait = enroll([read_picture(portrait_path("ada"))], "ada")
    retargeter = PortraitRetargeter(RetargetConfig(), portrait, None)
    generator = WarpGenerator(GeneratorConfig(size=SIZE), portrait)
    return portrait.picture, retargeter.retarget, generator.generate


def _timed(
    track: Callable[[Any], Any],
    retarget: Callable[[Any, int], Any],
    generate: Callable[[Any], Any],
    image: Any,  # noqa: ANN401
) -> Iterator[list[int]]:
    """Nanoseconds of each stage, frame after frame, for less than a second after the warm-up."""
    frames, ends_ns = 0, 0
    while frames <= _WARM_UP or monotonic_ns() < ends_ns:
        if frames == _WARM_UP:
            ends_ns = monotonic_ns() + _LONGEST_NS
        marks = [monotonic_ns()]
        landmarks = track(image)
        marks.append(monotonic_ns())
        motion = retarget(landmarks, frames * SECOND // 30)
        marks.append(monotonic_ns())
        generate(motion)
        marks.append(monotonic_ns())
        yield [after - before for before, after in pairwise(marks)]
        frames += 1
