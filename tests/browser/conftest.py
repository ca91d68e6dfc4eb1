"""Browsers and servers for the tests of the page. Left out where there is no Chromium."""

import os
from pathlib import Path

import pytest

from streamer.bundled import PORTRAITS, clip_path
from tests.browser.chromium import PROGRAM, chromium, new_page
from tests.browser.films import driver_film
from tests.serving import Server


def pytest_collection_modifyitems(items):
    """All tests of this folder are of the kind `browser`, and may take longer than others."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(300))


@pytest.fixture(scope="package")
def driver():
    """Playwright, which steers browsers."""
    if PROGRAM is None:
        pytest.skip("no Chromium")
    if not PORTRAITS or not clip_path("demo").exists():
        pytest.skip("no bundled portrait or clip")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as running:
        yield running


@pytest.fixture(scope="package")
def folder(tmp_path_factory):
    """For films."""
    return tmp_path_factory.mktemp("films")


@pytest.fixture(scope="package")
def browser(driver, folder):
    """One whose camera shows a driver who opens and shuts the mouth."""
    with chromium(driver, driver_film(folder)) as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One for all tests of a file; it may be as slow as the machine is."""
    with Server(tmp_path_factory.mktemp("home"), "--set", "latency.budget_ms=10000") as serving:
        yield serving


@pytest.fixture
def page(browser):
    """A page in a fresh profile; whatever goes wrong in it fails the test."""
    opened = new_page(browser)
    yield opened
    errors = list(opened.errors)
    opened.context.close()
    assert not errors


@pytest.fixture(scope="session")
def shot(tmp_path_factory):
    """Takes a screenshot, to be looked at by a person: VIVANT_SHOTS names the folder."""
    place = Path(os.environ.get("VIVANT_SHOTS") or tmp_path_factory.mktemp("shots"))
    place.mkdir(parents=True, exist_ok=True)
    return lambda page, name: page.screenshot(path=place / f"{name}.png")
