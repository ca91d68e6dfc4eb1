"""A real Chromium without a screen, with a film in the place of its camera."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAM = os.environ.get("VIVANT_CHROMIUM") or shutil.which("chromium")
QUIET = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--mute-audio",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    "--autoplay-policy=no-user-gesture-required",
]
LOADED_S = 60
"""A condition that has not come true by now will not, whatever else the machine does."""


@contextmanager
def chromium(driver: Any, film: Path | None, *extra: str, allowed: bool = True) -> Iterator[Any]:
    """A browser of playwright's; no film: no camera. Not allowed: it refuses pages the camera."""
    arguments = [*QUIET, *extra]
    if film is not None:
        arguments += ["--use-fake-device-for-media-stream"]
        arguments += [f"--use-file-for-fake-video-capture={film}"]
    if allowed:
        arguments += ["--use-fake-ui-for-media-stream"]
    browser = driver.chromium.launch(executable_path=PROGRAM, headless=True, args=arguments)
    try:
        yield browser
    finally:
        browser.close()


def new_page(browser: Any, **options: Any) -> Any:
    """A page in a profile of its own, which keeps what goes wrong in it in `page.errors`."""
    context = browser.new_context(ignore_https_errors=True, **options)
    context.set_default_timeout(LOADED_S * 1000)
    page = context.new_page()
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    return page


def wait_for(page: Any, expression: str, *arguments: Any) -> Any:
    """Wait until a JavaScript expression or function is true; its value.

    It is asked again and again from here: what waits within the page would have to evaluate text
    there, which the page's own policy forbids.
    """
    ends = time.monotonic() + LOADED_S
    while not (value := page.evaluate(expression, list(arguments))):
        assert time.monotonic() < ends, f"never true: {expression}"
        page.wait_for_timeout(100)
    return value
