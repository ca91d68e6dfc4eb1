"""The portraits and the driving clip that come with the program, by name."""

from pathlib import Path

_ASSETS = Path(__file__).parent / "assets"

PORTRAITS = ("ada", "bruno", "mei")
CLIPS = ("demo",)


def portrait_path(name: str) -> Path:
    """The file of a bundled portrait, or `name` itself as a path."""
    return _ASSETS / f"{name}.png" if name in PORTRAITS else Path(name)


def clip_path(name: str) -> Path:
    """The file of a bundled driving clip, or `name` itself as a path."""
    return _ASSETS / f"{name}.mp4" if name in CLIPS else Path(name)
