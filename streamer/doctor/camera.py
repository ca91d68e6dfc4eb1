"""The driver's camera: which there are, and whether they give pictures."""

from dataclasses import replace

from streamer.config import CameraConfig
from streamer.doctor.check import Check, Status
from streamer.doctor.child import Finding, findings
from streamer.doctor.machine import Machine

_TOPIC = "Camera"
LIMIT_S = 20


def check_cameras(machine: Machine, config: CameraConfig, *, quick: bool) -> list[Check]:
    """Every camera, asked in another process: a driver that hangs is left with it."""
    if config.kind == "replay":
        return [Check(_TOPIC, "webcam", "ok", "not needed: camera.kind is replay")]
    job = "cameras" if quick else "open_cameras"
    found, code = findings(machine, job, LIMIT_S - 2, config.model_dump_json())
    cameras = [line for line in found if "camera" in line]
    opened = {str(line["opened"]): line for line in found if "opened" in line}
    checks = [_camera(camera, opened.get(str(camera["camera"]))) for camera in cameras]
    works = [check for check in checks if check.status == "ok"]
    if works:  # beside a camera that works, its data node is no news
        checks = [
            check
            for check, camera in zip(checks, cameras, strict=True)
            if check in works or camera["forbidden"] or not camera["note"]
        ]
    bad: Status = "fail" if config.kind == "webcam" else "warn"
    if code != 0:
        why = f"looking at the cameras ended with exit code {code}"
        return [*checks, Check(_TOPIC, "webcam", "warn", f"could not be checked: {why}")]
    wanted = [str(line["missing"]) for line in found if "missing" in line]
    if wanted:
        what, _, names = wanted[0].partition("; ")
        fix = f"{names}; choose one by a part of its name: --set camera.device=NAME"
        return [*checks, Check(_TOPIC, "camera.device", bad, what, fix)]
    if works:
        return checks
    return [replace(check, status=bad) for check in checks] or [_none(machine, bad)]


def _camera(camera: Finding, opened: Finding | None) -> Check:
    name = str(camera["camera"])
    problem = str(camera["note"] or (opened or {}).get("problem", ""))
    if problem:
        what, _, fix = problem.removeprefix(name).strip(" :").partition("; ")
        return Check(_TOPIC, "webcam", "warn", f"{name}: {what}", fix)
    if opened is None:
        return Check(_TOPIC, "webcam", "ok", f"{name}, not opened")
    found = f"{opened['label']}, first image after {float(opened['ms']) / 1000:.1f} s"
    return Check(_TOPIC, "webcam", "ok", found)


def _none(machine: Machine, bad: Status) -> Check:
    found = "none" + ("" if bad == "fail" else ": a clip is replayed in its place")
    fix = "plug in a webcam; a phone can be one too (DroidCam, Iriun, Continuity Camera)"
    if machine.is_container:
        fix = (
            "hand it to the container; run: docker run --device=/dev/video0 --group-add=video IMAGE"
        )
    elif "microsoft" in machine.text("/proc/sys/kernel/osrelease").lower():
        fix = "WSL has no webcams of its own: run Vivant under Windows, or attach one with usbipd"
    return Check(_TOPIC, "webcam", bad, found, fix)
