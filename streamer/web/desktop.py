"""Whether somebody sits before this computer, and their browser."""

import os
import sys
import threading
import webbrowser


def has_desktop() -> bool:
    """Whether a browser can be opened here."""
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def open_browser(url: str) -> bool:
    """Open a page where there is a desktop; whether it was tried. Does not block."""
    if not has_desktop():
        return False
    # Some browsers return only when they are closed: nobody waits for this thread.
    threading.Thread(target=webbrowser.open, args=(url,), name="browser", daemon=True).start()
    return True
