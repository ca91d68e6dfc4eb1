"""The page in a real Firefox: the same as in Chromium, with another engine's video and codecs."""

import time

import av
import pytest

from tests.browser import firefox as program
from tests.browser.chromium import wait_for
from tests.browser.films import drawn_camera
from tests.browser.motion import DIFFERENT, difference, likeness, snapshot, watch
from tests.browser.studio import VIEW_PLAYS, Studio


@pytest.fixture(scope="module")
def firefox(tmp_path_factory):
    """One for all tests of this file."""
    if program.PROGRAM is None:
        pytest.skip("no Firefox")
    with program.firefox(tmp_path_factory.mktemp("firefox")) as running:
        yield running


@pytest.fixture
def studio(firefox, server):
    """A page whose camera shows the driver; whatever goes wrong in it fails the test."""
    page = firefox.new_page()
    page.add_init_script(drawn_camera())
    yield Studio(page, server.url).open()
    errors = page.errors
    page.close()
    assert not errors


def test_the_portrait_moves_as_the_driver_does(studio, shot):
    """It starts, plays, follows the mouth, and the page tells its figures."""
    shot(studio.page, "firefox-ready")
    studio.start().go_on()
    moving = likeness(watch(studio.page))
    shot(studio.page, "firefox-live")
    assert moving.step > 1.0, moving
    assert moving.correlation > 0.2, moving
    wait_for(studio.page, "Number(document.querySelector('#latency').textContent) > 0")
    assert studio.page.evaluate("document.querySelector('#f-codec').textContent") in {"H264", "VP8"}
    studio.stop()
    studio.told("Bring .* to life")


def test_portraits_and_panic(studio, shot):
    """Another portrait is shown; a card covers it, and goes again."""
    studio.choose("ada")
    studio.start().go_on()
    before = studio.picture()
    studio.choose("bruno")
    studio.see(lambda now: difference(now, before) > DIFFERENT)
    portrait = studio.picture()
    studio.page.click("#panic")
    card = studio.see(lambda now: difference(now, portrait) > DIFFERENT)
    shot(studio.page, "firefox-panic")
    studio.page.click("#panic")
    studio.see(lambda now: difference(now, card) > DIFFERENT)


def test_a_recording_is_a_film(studio, firefox):
    """The browser records what it shows, and gives it as a file."""
    studio.start().go_on()
    studio.page.click("#record")
    studio.go_on().go_on()
    studio.page.click("#record")
    wait_for(studio.page, "document.querySelector('#recording-list a[download]') !== null")
    studio.page.click("#recording-list a[download]")
    with av.open(str(_downloaded(firefox))) as film:
        pictures = [frame.to_ndarray(format="gray") for frame in film.decode(video=0)]
    assert len(pictures) > 5
    assert pictures[-1].std() > 10  # a picture, and not a plain colour


def test_the_clean_view_shows_the_portrait_alone(studio, firefox, shot):
    """In a window of its own, with nothing behind it."""
    studio.start().go_on()
    known = set(firefox.contexts())
    studio.page.click("#popout")
    while not (found := set(firefox.contexts()) - known):
        studio.page.wait_for_timeout(100)
    view = program.FirefoxPage(firefox, found.pop())
    wait_for(view, VIEW_PLAYS)
    shot(view, "firefox-clean")
    studio.see(lambda now: difference(snapshot(view, "video"), now) < DIFFERENT)
    colours = (
        "[document.documentElement, document.body].map(e => getComputedStyle(e).backgroundColor)"
    )
    assert set(view.evaluate(colours)) == {"rgba(0, 0, 0, 0)"}
    errors = view.errors
    view.close()
    assert not errors


@pytest.mark.parametrize(
    ("name", "preferences", "words"),
    [
        (
            "denied",
            {"media__navigator__permission__disabled": False, "permissions__default__camera": 2},
            "camera is not allowed",
        ),
        ("none", {"media__navigator__streams__fake": False}, "no camera was found"),
    ],
)
def test_without_a_camera_the_page_says_what_to_do(
    firefox, server, shot, tmp_path, name, preferences, words
):
    """In the words of this browser's own settings."""
    with program.firefox(tmp_path / "other", **preferences) as other:
        page = other.new_page()
        studio = Studio(page, server.url).open()
        page.click("#start")
        studio.told(words)
        shot(page, f"firefox-{name}")


def test_a_browser_without_video_calls_says_so(firefox, server, shot, tmp_path):
    """As WebKit is built for some systems: the page loads, and cannot be started."""
    with program.firefox(tmp_path / "other", media__peerconnection__enabled=False) as other:
        page = other.new_page()
        page.goto(server.url)
        Studio(page, server.url).told("has no video calls")
        shot(page, "firefox-no-calls")
        assert page.evaluate("document.querySelector('#start').ariaDisabled") == "true"
        assert not page.errors


def _downloaded(firefox):
    """The one file that came, once it is whole."""
    while not (
        (files := [*firefox.downloads.iterdir()]) and all(f.suffix != ".part" for f in files)
    ):
        time.sleep(0.1)
    return files[0]
