"""Python, and the libraries that Vivant is made of."""

import importlib.util
import sys
from pathlib import Path

from streamer.doctor.check import Check
from streamer.doctor.child import LIBRARIES, findings
from streamer.doctor.machine import Machine

_TOPIC = "Python"
_DISTRIBUTIONS = {"opencv": "opencv-contrib-python"}
_CACHES = {
    "linux": (("XDG_CACHE_HOME", ""), ("HOME", ".cache")),
    "darwin": (("HOME", "Library/Caches"),),
    "win32": (("LOCALAPPDATA", ""),),
}
"""Where a user's caches are: the first variable that is set, and the folder in it."""
_LIMIT_S = 40
"""On a new machine code is compiled and read from a cold disk."""
_REPAIR = "run: python -m pip install --force-reinstall vivant"


def check_python(machine: Machine) -> list[Check]:
    """The interpreter, and this program's version."""
    number = ".".join(str(part) for part in machine.python)
    place = f"{number} in {sys.prefix}"
    if (3, 11) <= machine.python[:2] <= (3, 12):
        python = Check(_TOPIC, "Python", "ok", place)
    else:
        why = f"{number}; MediaPipe, which finds the face, is made for 3.11 and 3.12"
        fix = "install Python 3.12 and make a new environment; run: python3.12 -m venv .venv"
        python = Check(_TOPIC, "Python", "fail", why, fix)
    version = machine.distribution("vivant") or "not installed, run from its folder"
    return [python, Check(_TOPIC, "Vivant", "ok", version)]


def check_libraries(machine: Machine) -> list[Check]:
    """Each library is imported in another process, which it may bring down."""
    found, code = findings(machine, "libraries", _LIMIT_S)
    begun = [str(line["begin"]) for line in found if "begin" in line]
    ended = {str(line["end"]): str(line["problem"]) for line in found if "end" in line}
    works = [name for name, problem in ended.items() if not problem]
    checks = [_broken(name, problem) for name, problem in ended.items() if problem]
    checks += [_crashed(name, code) for name in begun if name not in ended]
    unseen = [name for name in LIBRARIES if name not in begun]
    if unseen:
        why = f"not looked at: {', '.join(unseen)}"
        checks.append(Check(_TOPIC, "libraries", "warn", why, "" if begun else _REPAIR))
    if works:
        versions = ", ".join(_with_version(machine, name) for name in works)
        checks.insert(0, Check(_TOPIC, "libraries", "ok", versions))
    return checks


def _broken(name: str, problem: str) -> Check:
    what, _, fix = problem.partition("; ")
    return Check(_TOPIC, name, "fail", what, fix or _REPAIR)


def _crashed(name: str, code: int) -> Check:
    why = f"brings the process down (exit code {code})"
    fix = "the processor may lack what it was built for, or the file is damaged"
    return Check(_TOPIC, name, "fail", why, f"{fix}; {_REPAIR}")


def _with_version(machine: Machine, name: str) -> str:
    version = machine.distribution(_DISTRIBUTIONS.get(name, name))
    return f"{name} {version}" if version else name


def check_compiled(machine: Machine) -> list[Check]:
    """Where numba keeps compiled code: beside its source, or in the user's cache folder.

    Where it cannot, every start takes seconds longer.
    """
    named = machine.environment.get("NUMBA_CACHE_DIR")
    places = [Path(named)] if named else _usual_caches(machine)
    for place in places:
        if machine.may_write(_nearest(place)):
            return [Check(_TOPIC, "compiled code", "ok", f"kept in {place}")]
    why = f"cannot be kept in {' or '.join(str(place) for place in places)}: every start is slow"
    fix = "name a folder that you may write to; run: export NUMBA_CACHE_DIR=/tmp/vivant-numba"
    return [Check(_TOPIC, "compiled code", "warn", why, fix)]


def _usual_caches(machine: Machine) -> list[Path]:
    """As numba looks for them, in order; without a home there is only the first."""
    found = importlib.util.find_spec("engines")
    folders = found.submodule_search_locations if found else None
    caches = [Path(folder) / "__pycache__" for folder in folders or ()]
    for variable, below in _CACHES.get(machine.platform, _CACHES["linux"]):
        if base := machine.environment.get(variable):
            return [*caches, Path(base) / below / "numba"]
    return caches


def _nearest(path: Path) -> Path:
    """The path itself, or the folder nearest above it that exists."""
    absolute = path.absolute()
    return next(place for place in (absolute, *absolute.parents) if place.exists())
