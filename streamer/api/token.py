"""The secret that keeps strangers from steering a run: every other program and web page."""

import contextlib
import logging
import os
import re
import secrets
import tempfile
from pathlib import Path

from streamer.errors import ConfigError

VARIABLE = "VIVANT_TOKEN"
"""Environment variable that holds the token, in place of the file."""

FILE = "token"

_WORD = re.compile(r"[!-~]{8,256}")
_log = logging.getLogger(__name__)


def load_token(folder: Path) -> str:
    """The token of a person: made once, kept in a file only they can read, and used again.

    Where it cannot be kept, it is for this run alone. ConfigError when the variable holds none.
    """
    if given := os.environ.get(VARIABLE):
        if not _WORD.fullmatch(given):
            raise ConfigError(f"{VARIABLE}: a token has 8 to 256 letters and digits, no spaces")
        return given
    path = folder / FILE
    return _read(path) or _made(path)


def _read(path: Path) -> str | None:
    """The token in the file; None when there is none, or nothing that could be one."""
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            word = file.read(1024).strip()
        if os.name == "posix" and path.stat().st_mode & 0o077:
            path.chmod(0o600)
            _log.warning("%s could be read by others; now only by you", path)
    except OSError:
        return None
    return word if _WORD.fullmatch(word) else None


def _made(path: Path) -> str:
    token = secrets.token_urlsafe(24)
    part: str | None = None
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file, part = tempfile.mkstemp(dir=path.parent)  # nobody else can read it
        with os.fdopen(file, "w", encoding="ascii") as writer:
            writer.write(f"{token}\n")
        Path(part).replace(path)
    except OSError as error:
        _log.warning("%s cannot be written (%s): the token is new at each start", path, error)
        if part is not None:
            with contextlib.suppress(OSError):
                Path(part).unlink()
    return token
