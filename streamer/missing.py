"""What to do about a library that is not there."""

import re
import shutil
from typing import NamedTuple


class _Packages(NamedTuple):
    apt: str
    dnf: str


_FILE = re.compile(r"(lib[\w.+-]+\.so[\w.]*): cannot open shared object file")
_USUAL = _Packages("libgl1 libglib2.0-0", "mesa-libGL glib2")
"""What opencv and mediapipe want and a slim system lacks; who lacks one lacks both."""
_OTHERS = {
    "libEGL": _Packages("libegl1", "mesa-libEGL"),
    "libGLESv2": _Packages("libgles2", "mesa-libGLES"),
    "libSM": _Packages("libsm6", "libSM"),
    "libX11": _Packages("libx11-6", "libX11"),
    "libXext": _Packages("libxext6", "libXext"),
    "libXrender": _Packages("libxrender1", "libXrender"),
    "libgomp": _Packages("libgomp1", "libgomp"),
    "libxcb": _Packages("libxcb1", "libxcb"),
}


def advice(error: ImportError | OSError) -> str | None:
    """One line that names what is missing and the command that installs it; None if nothing is."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.partition(".")[0]
        return f"the Python package {package} is missing; run: python -m pip install ."
    found = _FILE.search(str(error))
    if found is None:
        return None
    file = found[1]
    packages = [_USUAL, *(p for stem, p in _OTHERS.items() if file.startswith(f"{stem}."))]
    if shutil.which("dnf") and not shutil.which("apt-get"):
        command = "sudo dnf install -y " + " ".join(p.dnf for p in packages)
    else:
        command = "sudo apt-get install -y " + " ".join(p.apt for p in packages)
    return f"the system library {file} is missing; run: {command}"
