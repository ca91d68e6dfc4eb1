"""Computers for the doctor to look at: a perfect laptop, and ways to spoil it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from streamer.config import load
from streamer.doctor import examine
from streamer.doctor.child import LIBRARIES, STAGES
from streamer.doctor.machine import Answer, Machine, Screen
from streamer.v4l2 import Capabilities

CAMERA = "Integrated Camera (/dev/video0)"
VIRTUAL = "sys/class/video4linux/video10"
MODULE = "sys/module/v4l2loopback"
SECURE_BOOT = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
FLAGS = "fpu sse avx avx2 avx512f avx512_bf16 amx_bf16"

FILES = {
    "proc/cpuinfo": f"processor\t: 0\nmodel name\t: Good  CPU\nflags\t\t: {FLAGS}\n" * 8,
    "proc/meminfo": "MemTotal:       16000000 kB\nMemAvailable:    8000000 kB\n",
    "proc/loadavg": "0.50 0.40 0.30 1/900 4242",
    "proc/self/cgroup": "0::/user.slice\n",
    "sys/fs/cgroup/user.slice/cpu.max": "max 100000",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave",
    "sys/devices/system/cpu/cpu0/cpufreq/energy_performance_preference": "balance_performance",
    f"{VIRTUAL}/name": "Vivant AI portrait",
    f"{VIRTUAL}/max_openers": "10",
    f"{VIRTUAL}/format": "YU12:1280x720@30",
    "dev/video10": "",
    f"{MODULE}/version": "0.15.0",
    f"{MODULE}/parameters/exclusive_caps": "Y,N,N",
    f"{MODULE}/parameters/max_buffers": "4",
}
VERSIONS = {
    "vivant": "0.1.0",
    "mediapipe": "0.10.21",
    "pyvirtualcam": "0.15.0",
    "openvino": "2026.4.1",
    "tensorrt_rtx": "1.7.1",
}
_SMI = {
    "name,driver_version": "NVIDIA GeForce RTX 4070, 590.44.01, 12282",
    "compute_cap": "8.9",
    "": "| NVIDIA-SMI 590.44.01  Driver Version: 590.44.01  CUDA Version: 13.1 |",
}


def lines(*findings: Mapping[str, object]) -> Answer:
    """What the doctor's other process says."""
    return Answer(0, "".join(json.dumps(finding) + "\n" for finding in findings))


def camera(name=CAMERA, note="", *, forbidden=False):
    """A camera in its list."""
    return {"camera": name, "note": note, "forbidden": forbidden}


def engine(name, refused="", *, gpu=False):
    """A way to compute the refiner."""
    backend = name.partition("/")[0]
    facts = {"name": name, "library": f"{backend} 1", "refused": refused}
    return facts | {"backend": backend, "gpu": gpu}


JOBS = {
    "libraries": lines(
        *(finding for n in LIBRARIES for finding in ({"begin": n}, {"end": n, "problem": ""}))
    ),
    "openvino": lines({"device": "CPU", "name": "Good CPU", "can": ["FP32", "BF16"]}),
    "engines": lines(
        engine("openvino/CPU/bf16"),
        engine("tensorrt/cuda:0/fp16", gpu=True),
        engine("torch/cuda:0/fp16/graph", gpu=True),
    ),
    "speed": lines({"frames": 60} | dict.fromkeys(STAGES, 4.0)),
    "microphones": lines({"microphone": "default"}, {"microphone": "ALC257 Analog"}),
    "cameras": lines(camera()),
    "open_cameras": lines(camera(), {"opened": CAMERA, "label": f"{CAMERA}, mjpeg", "ms": 400}),
}
"""What the doctor's other process finds on the perfect laptop."""


def smi(**changes):
    """The answers of nvidia-smi, some changed."""
    return _SMI | changes


def runner(jobs: Mapping[str, Answer | Exception], programs: Mapping[str, object]):
    """Runs the jobs of the other process, and nvidia-smi; nothing else is installed."""

    def run(command, timeout_s):
        answer: object = FileNotFoundError(command[0])
        if "-c" in command:
            answer = next(a for job, a in jobs.items() if f"main({job!r}" in command[-1])
        elif Path(command[0]).name == "nvidia-smi" and "nvidia-smi" in programs:
            table = programs["nvidia-smi"]
            question = command[1] if len(command) > 1 else ""
            answer = next(a for key, a in table.items() if key in question)
        elif command[0] in programs:
            answer = programs[command[0]]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Answer) else Answer(0, str(answer))

    return run


def laptop(root: Path, files=None, jobs=None, programs=None, versions=None, **facts) -> Machine:
    """The perfect laptop with changes; a file that is None is not there."""
    programs = {"nvidia-smi": smi()} if programs is None else programs
    for name, content in (FILES | (files or {})).items():
        if content is not None:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            data = content if isinstance(content, bytes) else content.encode()
            (root / name).write_bytes(data)
    for program in programs:
        (root / "bin").mkdir(exist_ok=True)
        (root / "bin" / program).touch(0o755)
    versions = VERSIONS if versions is None else versions
    machine = Machine(
        root=root,
        platform="linux",
        python=(3, 12, 1),
        environment={
            "PATH": str(root / "bin"),
            "HOME": str(root),
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
        },
        cores=8,
        screen=Screen(is_terminal=True, encoding="utf-8", columns=120),
        run=runner(JOBS | (jobs or {}), programs),
        distribution=versions.get,
        free_bytes=lambda _: 200_000_000_000,
        may_write=lambda _: True,
    )
    return replace(machine, **facts)


def container(root: Path, **facts) -> Machine:
    """A slim image: no /sys of use, no devices, nothing installed beside what must be."""
    files = dict.fromkeys(FILES) | {".dockerenv": "", "proc/cpuinfo": FILES["proc/cpuinfo"]}
    jobs = {"cameras": lines(), "open_cameras": lines(), "microphones": lines()}
    facts = {
        "environment": {},
        "cores": 2,
        "screen": Screen(is_terminal=False, encoding="ascii", columns=80),
    } | facts
    return laptop(
        root,
        files,
        jobs,
        programs={},
        versions={"vivant": "0.1.0", "openvino": "2026.4.1"},
        **facts,
    )


def ask(path: Path) -> Capabilities:
    """The loopback device, ready to be written to."""
    if not path.exists():
        raise FileNotFoundError(path)
    return Capabilities("v4l2 loopback", "Vivant AI portrait", captures=False, outputs=True)


def look_at(machine, *settings, quick=False, ask=ask):
    """All checks, by topic and name; of several of one name the worst."""
    checks = examine(
        load(None, ["control.port=0", *settings]), quick=quick, machine=machine, ask=ask
    )
    worst_last = sorted(checks, key=lambda check: ("ok", "warn", "fail").index(check.status))
    return {(check.topic, check.name): check for check in worst_last}


def bad(checks):
    """Those that are not well."""
    return {place: check for place, check in checks.items() if check.status != "ok"}
