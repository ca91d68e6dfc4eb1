"""Where this program keeps a person's own files. Nothing is created here, and nothing is read."""

import os
from pathlib import Path

from platformdirs import user_cache_path, user_config_path, user_data_path

HOME = "VIVANT_HOME"
"""Environment variable: one folder for everything, as on a memory stick or in tests."""

_NAME = "vivant"


def data_folder() -> Path:
    """Where what the program learns about a person goes, such as calibrations. It may not exist."""
    return _portable() or user_data_path(_NAME, appauthor=False)


def config_folder() -> Path:
    """Where a person's settings and the token of the control interface go. It may not exist."""
    return _portable() or user_config_path(_NAME, appauthor=False)


def cache_folder() -> Path:
    """Where what can be made again goes, such as compiled engines. It may not exist."""
    portable = _portable()
    return portable / "cache" if portable else user_cache_path(_NAME, appauthor=False)


def _portable() -> Path | None:
    """The folder of the environment variable; None when it is not set or empty."""
    named = os.environ.get(HOME)
    return Path(named).expanduser().absolute() if named else None
