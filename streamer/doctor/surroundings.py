"""The terminal, the network and the files that the settings name."""

import contextlib
import errno
import socket
import stat
import sys
from pathlib import Path

from streamer import places
from streamer.bundled import CLIPS, PORTRAITS, clip_path, portrait_path
from streamer.config import Config
from streamer.doctor.check import Check, Status
from streamer.doctor.machine import Machine

GLYPHS = "┏━┓ ┃█▀▄┃ ─·…→● ✓✗"
"""What the screens of this program are drawn with."""
_NARROW = 80


def check_terminal(machine: Machine) -> list[Check]:
    """Letters, colours and width."""
    screen = machine.screen
    if not screen.is_terminal:
        return [Check("Terminal", "terminal", "ok", "none: the output goes to a file or program")]
    return [_letters(machine), _colours(machine), _width(screen.columns)]


def _letters(machine: Machine) -> Check:
    encoding = machine.screen.encoding
    try:
        GLYPHS.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        found = f"{encoding}: lines and bars are drawn with plain letters"
        fix = "run: set PYTHONUTF8=1" if machine.platform == "win32" else "run: export LANG=C.UTF-8"
        return Check("Terminal", "letters", "warn", found, fix)
    return Check("Terminal", "letters", "ok", f"{GLYPHS} (boxes or question marks: another font)")


def _colours(machine: Machine) -> Check:
    environment = machine.environment
    if environment.get("NO_COLOR"):
        return Check("Terminal", "colours", "ok", "off, by NO_COLOR")
    term = environment.get("TERM", "")
    if machine.platform != "win32" and term in ("", "dumb"):
        found = f"none: TERM is {term or 'not set'}"
        return Check("Terminal", "colours", "warn", found, "run: export TERM=xterm-256color")
    many = environment.get("COLORTERM") in ("truecolor", "24bit")
    return Check("Terminal", "colours", "ok", "16 million" if many else term or "yes")


def _width(columns: int) -> Check:
    if columns >= _NARROW:
        return Check("Terminal", "width", "ok", f"{columns} columns")
    found = f"{columns} columns: the display of a run is cut"
    return Check("Terminal", "width", "warn", found, f"make the window {_NARROW} columns wide")


def check_port(config: Config) -> list[Check]:
    """Whether the control interface gets its port; it is let go at once."""
    control = config.control
    if not control.enabled or control.port == 0:
        found = "any free port" if control.enabled else "off"
        return [Check("Network", "control port", "ok", found)]
    problem = _problem_of(control.port)
    if problem is None:
        return [Check("Network", "control port", "ok", f"127.0.0.1:{control.port} is free")]
    found = f"127.0.0.1:{control.port} {problem}"
    fix = "end that program, or choose any free port: --set control.port=0"
    return [Check("Network", "control port", "warn", found, fix)]


def _problem_of(port: int) -> str | None:
    with socket.socket() as listener:
        if sys.platform == "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:  # as servers do, or a run that just ended would still count
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return "is taken by another program, perhaps a second Vivant"
            return f"cannot be had: {error.strerror}"
    return None


def check_token(machine: Machine) -> list[Check]:
    """The secret by which other programs steer a run is for this user alone."""
    if machine.environment.get("VIVANT_TOKEN"):
        return [Check("Network", "control token", "ok", "given by VIVANT_TOKEN")]
    file = places.config_folder() / "token"
    mode: int | None = None
    with contextlib.suppress(OSError):
        mode = stat.S_IMODE(file.stat().st_mode)
    if mode is None:
        return [Check("Network", "control token", "ok", "made at the first run")]
    if machine.platform == "win32" or not mode & 0o077:
        return [Check("Network", "control token", "ok", f"{file}, for you alone")]
    found = f"{file}: others may read it (mode {mode:o})"
    return [Check("Network", "control token", "warn", found, f"run: chmod 600 {file}")]


def check_files(config: Config) -> list[Check]:
    """Pictures and videos that the settings name."""
    portraits = (config.portrait, *(config.portraits or ()))
    checks = [_named("portrait", name, portrait_path(name), PORTRAITS) for name in portraits]
    if config.camera.kind != "webcam":
        clip = config.camera.clip
        bad: Status = "fail" if config.camera.kind == "replay" else "warn"
        checks.append(_named("camera.clip", clip, clip_path(clip), CLIPS, bad))
    for key, name in (("presence.card", config.presence.card), *_background(config)):
        if name is not None:
            checks.append(_named(key, name, Path(name), ()))
    return checks


def _background(config: Config) -> list[tuple[str, str | None]]:
    generator = config.generator
    return [("generator.image", generator.image)] if generator.background == "image" else []


def _named(
    key: str, name: str, path: Path, bundled: tuple[str, ...], bad: Status = "fail"
) -> Check:
    if name in bundled:
        return Check("Settings", key, "ok", f"{name}, bundled")
    if path.is_file():
        return Check("Settings", key, "ok", name)
    fix = f"name a file that is there: --set {key}=FILE"
    if bundled:
        fix += f" (or {', '.join(bundled)})"
    return Check("Settings", key, bad, f"{name}: there is no such file", fix)
