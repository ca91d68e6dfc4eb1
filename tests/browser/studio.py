"""The page, as a person uses it: what is pressed and read is found by its role and its words."""

import re
from typing import Any

from tests.browser.chromium import wait_for

PLAYING = """() => {
  const video = document.querySelector('video#portrait');
  return video && video.videoWidth > 0 && !video.paused && video.currentTime > 0.5;
}"""


class Studio:
    """One open page."""

    def __init__(self, page: Any, url: str) -> None:
        self.page = page
        self.url = url

    def open(self) -> "Studio":
        """Load the page, until it can be started."""
        self.page.goto(f"{self.url}/")
        wait_for(self.page, "document.querySelector('#start')?.disabled === false")
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
        """Wait until newer pictures of the portrait have come."""
        seen = self.frames()
        wait_for(self.page, f"{_FRAMES} > {seen + 15}")
        return self

    def frames(self) -> int:
        """How many pictures of the portrait were shown since the video began."""
        return int(self.page.evaluate(_FRAMES))

    def stop(self) -> None:
        """Press the same button again."""
        self.page.click("#start")

    def choose(self, portrait: str) -> None:
        """Take another portrait from the gallery."""
        title = re.compile(portrait, re.IGNORECASE)
        self.page.locator("#gallery label").filter(has_text=title).first.click()
        assert self.page.get_by_role("radio", name=title).first.is_checked()

    def told(self, words: str) -> None:
        """Wait until the page says this, where a person sees it."""
        text = self.page.get_by_text(re.compile(words, re.IGNORECASE))
        text.filter(visible=True).first.wait_for()


_FRAMES = "document.querySelector('video#portrait').getVideoPlaybackQuality().totalVideoFrames"
