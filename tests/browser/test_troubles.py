"""What goes wrong around the page, and what it says and does then."""

import re
import signal

import pytest

from tests.browser.chromium import chromium, new_page
from tests.browser.motion import likeness, watch
from tests.browser.studio import Studio
from tests.serving import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """With a single place."""
    options = ["--max-sessions", "1", "--set", "latency.budget_ms=10000"]
    with Server(tmp_path_factory.mktemp("home"), *options) as serving:
        yield serving


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        (
            "denied",
            ("--deny-permission-prompts", "--use-fake-device-for-media-stream"),
            "camera is not allowed",
        ),
        ("none", ("--use-fake-ui-for-media-stream",), "no camera was found"),
    ],
)
def test_without_a_camera_the_page_says_what_to_do(driver, server, shot, name, arguments, words):
    """Refused by the person, or not there at all."""
    with chromium(driver, None, *arguments, allowed=False) as other:
        page = new_page(other)
        studio = Studio(page, server.url).open()
        page.click("#start")
        studio.told(words)
        shot(page, f"camera-{name}")
        assert page.locator("#start").is_enabled()
        page.context.close()


def test_a_full_server_says_so(browser, server, shot):
    """And lets the next one in when there is a place."""
    first, second = (new_page(browser) for _ in range(2))
    Studio(first, server.url).open().start()
    waiting = Studio(second, server.url).open()
    second.click("#start")
    waiting.told("all places are taken")
    shot(second, "full")
    first.context.close()
    second.context.close()


def test_it_comes_back_by_itself_with_its_settings(page, server, shot):
    """The server dies and starts again: the page goes on as it was, with nobody's help."""
    studio = Studio(page, server.url).open()
    studio.start().go_on()
    studio.choose("bruno")
    page.locator("label:has(#mirror)").click()
    studio.go_on()
    server.stop(signal.SIGKILL)
    studio.told("connection was lost")
    shot(page, "lost")
    server.start()
    studio.play().go_on()
    moving = likeness(watch(page))
    shot(page, "back")
    assert moving.step > 1.0
    assert page.get_by_role("radio", name=re.compile("bruno", re.IGNORECASE)).is_checked()
    assert page.locator("#mirror").is_checked()
