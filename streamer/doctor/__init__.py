"""One look at everything that Vivant needs. It changes nothing and never waits long."""

from collections.abc import Callable, Sequence
from functools import partial

from streamer import v4l2
from streamer.config import Config
from streamer.doctor.camera import LIMIT_S as CAMERA_LIMIT_S
from streamer.doctor.camera import check_cameras
from streamer.doctor.check import TOPICS, Check
from streamer.doctor.inference import check_gpu, check_openvino, check_tensorrt
from streamer.doctor.libraries import check_compiled, check_libraries, check_python
from streamer.doctor.machine import Machine, this_machine
from streamer.doctor.probe import Probe, look
from streamer.doctor.processor import (
    check_cores,
    check_instructions,
    check_load,
    check_power,
    check_speed,
)
from streamer.doctor.refiner import check_engine, check_weights
from streamer.doctor.sound import check_microphones
from streamer.doctor.storage import check_data_folder, check_memory, check_recordings
from streamer.doctor.surroundings import check_files, check_port, check_terminal, check_token
from streamer.doctor.virtual import check_virtual_camera

__all__ = ["Check", "examine"]

_SLOW_S = 45
"""For what starts Python anew on a cold machine."""


def examine(
    config: Config,
    *,
    quick: bool = False,
    machine: Machine | None = None,
    ask: v4l2.Ask = v4l2.capabilities,
) -> list[Check]:
    """Every check, by topic. Blocks some seconds, and two minutes at the very most.

    `quick` opens no camera and measures no speed. No probe's failure is raised: it is a check.
    """
    machine = machine or this_machine()
    checks = look(_probes(config, machine, ask, quick=quick))
    if not quick:  # alone, or the others would slow it
        checks += look([Probe("Processor", "speed", partial(check_speed, machine), 50)])
    return sorted(checks, key=lambda check: TOPICS.index(check.topic))


def _probes(config: Config, machine: Machine, ask: v4l2.Ask, *, quick: bool) -> list[Probe]:
    def probe(
        topic: str, name: str, check: Callable[[], Sequence[Check]], limit_s: float = 10
    ) -> Probe:
        return Probe(topic, name, check, limit_s)

    def here(check: Callable[[Machine], Sequence[Check]]) -> Callable[[], Sequence[Check]]:
        return partial(check, machine)

    cameras = partial(check_cameras, machine, config.camera, quick=quick)
    virtual = partial(check_virtual_camera, machine, config.sink, ask)
    engine = partial(check_engine, machine, config.generator)
    microphones = partial(check_microphones, machine, config.record)
    return [
        probe("Python", "Python", here(check_python)),
        probe("Python", "libraries", here(check_libraries), _SLOW_S),
        probe("Python", "compiled code", here(check_compiled)),
        probe("Settings", "files", partial(check_files, config)),
        probe("Disk and memory", "own files", here(check_data_folder)),
        probe("Disk and memory", "recordings", partial(check_recordings, machine, config)),
        probe("Disk and memory", "memory", here(check_memory)),
        probe("Processor", "cores", here(check_cores)),
        probe("Processor", "instructions", here(check_instructions)),
        probe("Processor", "power", here(check_power)),
        probe("Processor", "load", here(check_load)),
        probe("Camera", "webcam", cameras, CAMERA_LIMIT_S),
        probe("Virtual camera", "device", virtual),
        probe("Inference", "OpenVINO", here(check_openvino), _SLOW_S),
        probe("Inference", "GPU", here(check_gpu), _SLOW_S),
        probe("Inference", "TensorRT", here(check_tensorrt)),
        probe("Inference", "refiner weights", partial(check_weights, config.generator)),
        probe("Inference", "engine", engine, _SLOW_S),
        probe("Sound", "microphone", microphones, 20),
        probe("Terminal", "terminal", here(check_terminal)),
        probe("Network", "control port", partial(check_port, config)),
        probe("Network", "control token", here(check_token)),
    ]
