"""The page, as a person uses it: what is pressed and read is found by its role and its words."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.browser.chromium import LOADED_S, wait_for
from tests.browser.motion import snapshot

PLAYING = """() => {
  const video = document.querySelector('video#portrait');
  return video && video.videoWidth > 0 && !video.paused && video.currentTime > 0.5;
}"""
VIEW_PLAYS = """() => {
  const video = document.querySelector('video');
  return video && video.videoWidth > 0 && video.currentTime > 0.5;
}"""


class Studio:
    """One open page."""

    def __init__(self, page: Any, url: str) -> None:
        self.page = page
        self.url = url

    def open(self) -> "Studio":
        """Load the page, until it can be started."""
        self.page.goto(f"{self.url}/")
        wait_for(self.page, _READY)
        return self

    def start(self) -> "Studio":
        """Press the button, until the portrait plays."""
        self.page.click("#start")
        return self.play()

    def play(self) -> "Studio":
        """Wait until the portrait plays."""
        wait_for(self.page, PLAYING)
        return self

    def go_on(self) -> "Studio":
        """Wait until newer pictures of the portrait have been shown."""
        assert self.page.evaluate(_SHOWS, LOADED_S * 1000), "the portrait stands still"
        return self

    def stop(self) -> None:
        """Press the same button again."""
        self.page.click("#start")

    def choose(self, portrait: str) -> None:
        """Take another portrait from the gallery."""
        name = self.page.evaluate(_NAMED, portrait.lower())
        self.page.click(f"#gallery label:has(input[value='{name}'])")
        assert self.chosen() == name

    def chosen(self) -> str:
        """The name of the portrait that is marked in the gallery."""
        return str(self.page.evaluate("document.querySelector('#gallery input:checked')?.value"))

    def see(self, wanted: Callable[[np.ndarray], bool]) -> np.ndarray:
        """Wait until the picture of the portrait is so, twice running; that picture.

        Of a busy browser a single look may be at nothing at all.
        """
        ends, found = time.monotonic() + LOADED_S, 0
        while True:
            picture = snapshot(self.page)
            found = found + 1 if wanted(picture) else 0
            if found == 2:
                return picture
            assert time.monotonic() < ends, "the picture is never so"
            self.page.wait_for_timeout(100)

    def picture(self) -> np.ndarray:
        """(32, 32) greys of the portrait as it is shown now."""
        return self.see(lambda now: bool(now.any()))

    def told(self, words: str) -> None:
        """Wait until the page says this, where a person sees it."""
        wait_for(self.page, _SAID, words)


_READY = "document.querySelector('#start')?.getAttribute('aria-disabled') === 'false'"
_SHOWS = """(patience) => new Promise((done) => {
  const video = document.querySelector('video#portrait');
  let left = 15;
  const look = () => (left -= 1) ? video.requestVideoFrameCallback(look) : done(true);
  video.requestVideoFrameCallback(look);
  setTimeout(() => done(false), patience);
})"""
_NAMED = """(title) => [...document.querySelectorAll('#gallery label')]
  .find((label) => label.innerText.toLowerCase().includes(title)).querySelector('input').value"""
_SAID = "([words]) => new RegExp(words, 'i').test(document.body.innerText)"
