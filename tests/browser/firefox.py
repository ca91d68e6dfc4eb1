"""A real Firefox without a screen, and as much of playwright's page as the tests use."""

import base64
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.browser.bidi import Bidi, BidiError

PROGRAM = os.environ.get("VIVANT_FIREFOX") or shutil.which("firefox-esr") or shutil.which("firefox")
_ADDRESS = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
_STARTED_S = 120
_ENDED_S = 30

_PREFERENCES: Mapping[str, bool | int | str] = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,
    # the camera is a canvas, so that no permission shows addresses; there may be no network
    "media.peerconnection.ice.loopback": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    # nothing of its own: no updates, codecs, reports or pages
    "app.update.disabledForTesting": True,
    "media.gmp-manager.url": "",
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.aboutwelcome.enabled": False,
    "browser.download.folderList": 2,
    "browser.download.alwaysOpenPanel": False,
    "ui.prefersReducedMotion": 0,
}


class Firefox:
    """One running browser."""

    def __init__(self, bidi: Bidi, downloads: Path) -> None:
        self.bidi = bidi
        self.downloads = downloads

    def new_page(self) -> "FirefoxPage":
        """A page in a profile of its own."""
        user = self.bidi.ask("browser.createUserContext")["userContext"]
        context = self.bidi.ask("browsingContext.create", type="tab", userContext=user)["context"]
        self.bidi.ask(
            "browsingContext.setViewport", context=context, viewport={"width": 1280, "height": 800}
        )
        return FirefoxPage(self, context, user)

    def contexts(self) -> list[str]:
        """All tabs and windows there are."""
        return [one["context"] for one in self.bidi.ask("browsingContext.getTree")["contexts"]]


class FirefoxPage:
    """One tab, with the names that playwright has for the same things."""

    def __init__(self, browser: Firefox, context: str, user: str = "") -> None:
        self.browser = browser
        self._context = context
        self._user = user

    @property
    def errors(self) -> list[str]:
        """What the console of this page was told as errors."""
        return [
            str(event["params"]["text"])
            for event in list(self.browser.bidi.heard)
            if event["method"] == "log.entryAdded"
            and event["params"]["level"] == "error"
            and event["params"]["source"].get("context") == self._context
        ]

    def goto(self, url: str) -> None:
        """Load a page, wholly."""
        self._ask("browsingContext.navigate", url=url, wait="complete")

    def add_init_script(self, text: str) -> None:
        """Run this in each page that is loaded from now on, before its own scripts."""
        script = f"() => {{ {text} }}"
        self.browser.bidi.ask(
            "script.addPreloadScript", functionDeclaration=script, contexts=[self._context]
        )

    def evaluate(self, text: str, argument: Any = None) -> Any:
        """The value of an expression, or of a function called with `argument`."""
        function = (
            f"async (given) => {{ const it = ({text.strip()});"
            " const value = await (typeof it === 'function' ? it(JSON.parse(given)) : it);"
            " return JSON.stringify(value) ?? 'null'; }"
        )
        given = {"type": "string", "value": json.dumps(argument)}
        return json.loads(self._call(function, given)["value"])

    def click(self, selector: str) -> None:
        """Press and let go the mouse over the middle of an element, once it stands still."""
        element = {"type": "element", "element": {"sharedId": self._find(selector)}}
        moves = [
            {"type": "pointerMove", "x": 0, "y": 0, "origin": element},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        self._ask(
            "input.performActions", actions=[{"type": "pointer", "id": "mouse", "actions": moves}]
        )

    def wait_for_timeout(self, ms: float) -> None:
        """Do nothing for a while."""
        time.sleep(ms / 1000)

    def screenshot(self, path: Path) -> None:
        """Write what is seen of the page as PNG."""
        picture = self._ask("browsingContext.captureScreenshot")["data"]
        Path(path).write_bytes(base64.b64decode(picture))

    def close(self) -> None:
        """Close the tab, and forget its profile."""
        with contextlib.suppress(BidiError):  # it closed itself
            self._ask("browsingContext.close")
        if self._user:
            self.browser.bidi.ask("browser.removeUserContext", userContext=self._user)

    def _find(self, selector: str) -> str:
        function = (
            "async (selector) => { const found = document.querySelector(selector);"
            " const place = () => JSON.stringify(found.getBoundingClientRect());"
            " const drawn = () => new Promise((done) => setTimeout(done, 100));"
            " found.scrollIntoView({block: 'nearest', behavior: 'instant'});"
            " for (let last = ''; last !== place();) { last = place(); await drawn(); }"
            " return found; }"
        )
        return self._call(function, {"type": "string", "value": selector})["sharedId"]

    def _call(self, function: str, argument: dict[str, str]) -> dict[str, Any]:
        answer = self.browser.bidi.ask(
            "script.callFunction",
            functionDeclaration=function,
            arguments=[argument],
            target={"context": self._context},
            awaitPromise=True,
        )
        if answer["type"] == "exception":
            raise BidiError(f"{answer['exceptionDetails']['text']} in {function}")
        return answer["result"]

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self.browser.bidi.ask(method, context=self._context, **parameters)


@contextmanager
def firefox(folder: Path, **preferences: bool | int | str) -> Iterator[Firefox]:
    """A browser with a fresh profile in `folder`; `preferences` by names with __ for a point."""
    profile, downloads = folder / "profile", folder / "downloads"
    profile.mkdir(parents=True)
    downloads.mkdir()
    ours = {name.replace("__", "."): value for name, value in preferences.items()}
    wanted = {**_PREFERENCES, "browser.download.dir": str(downloads), **ours}
    lines = [
        f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in wanted.items()
    ]
    (profile / "user.js").write_text("".join(lines), encoding="utf-8")
    with _process(profile) as url:
        bidi = Bidi(f"{url}/session")
        try:
            bidi.ask("session.new", capabilities={"alwaysMatch": {"acceptInsecureCerts": True}})
            bidi.ask("session.subscribe", events=["log.entryAdded"])
            yield Firefox(bidi, downloads)
            with contextlib.suppress(BidiError):  # it may be gone before it can answer
                bidi.ask("browser.close")
        finally:
            bidi.close()


@contextmanager
def _process(profile: Path) -> Iterator[str]:
    """The program runs within the block; where it listens."""
    assert PROGRAM is not None
    told = profile / "stderr.txt"
    command = [PROGRAM, "--headless", "--no-remote", "--profile", str(profile)]
    environment = {**os.environ, "HOME": str(profile.parent), "MOZ_CRASHREPORTER_DISABLE": "1"}
    with told.open("wb") as errors:
        child = subprocess.Popen(
            [*command, "--remote-debugging-port", "0"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
            start_new_session=True,
        )
    try:
        yield _listening(child, told)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_ENDED_S)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _listening(child: "subprocess.Popen[bytes]", told: Path) -> str:
    ends = time.monotonic() + _STARTED_S
    while not (found := _ADDRESS.search(told.read_text(errors="replace"))):
        assert child.poll() is None, told.read_text(errors="replace")
        assert time.monotonic() < ends, "Firefox does not listen"
        time.sleep(0.1)
    return found[1]
