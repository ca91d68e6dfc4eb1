"""The page itself: what it weighs, whom it asks, and that everybody can use it."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image

from streamer.bundled import portrait_path
from tests.browser.chromium import wait_for
from tests.browser.studio import Studio

MOST_BYTES = 200_000


def test_it_is_light_and_asks_nobody_else(page, server):
    """Under 200 kB without portraits, all of it from this server."""
    answers = []
    page.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108  (not a builtin)
    Studio(page, server.url).open()
    page.wait_for_load_state("networkidle")
    hosts = {urlsplit(answer.url).netloc for answer in answers if answer.url.startswith("http")}
    assert hosts == {urlsplit(server.url).netloc}
    parts = {a.url: len(a.body()) for a in answers if "/api/portraits/" not in a.url and a.ok}
    assert sum(parts.values()) < MOST_BYTES, parts


def test_the_keyboard_is_enough(page, server):
    """Tab leads to the button, and Enter starts."""
    studio = Studio(page, server.url).open()
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "start":
            break
    page.keyboard.press("Enter")
    studio.play()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("live", [False, True])
def test_no_barrier_is_serious(browser, server, shot, scheme, live):
    """As axe-core finds them; VIVANT_AXE is its axe.min.js."""
    source = os.environ.get("VIVANT_AXE", "")
    if not Path(source).is_file():
        pytest.skip("VIVANT_AXE names no axe.min.js")
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    studio = Studio(page, server.url).open()
    if live:
        studio.start()
    page.evaluate(Path(source).read_text(encoding="utf-8") + "; 0")
    found = page.evaluate("async () => (await axe.run()).violations")
    shot(page, f"{scheme}-{'live' if live else 'ready'}")
    context.close()
    serious = [v for v in found if v["impact"] in {"serious", "critical"}]
    assert not serious, [(v["id"], [n["html"] for n in v["nodes"]]) for v in serious]


def test_a_telephone_sees_all_of_it(browser, server, shot):
    """Nothing is wider than a small screen."""
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True)
    page = context.new_page()
    Studio(page, server.url).open().start()
    shot(page, "telephone")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    context.close()


def test_an_own_portrait_needs_consent(page, server, tmp_path, shot):
    """Refused without the tick; with it, the picture is made ready and shown."""
    picture = tmp_path / "me.jpg"
    with Image.open(portrait_path("mei")) as bundled:
        bundled.convert("RGB").save(picture, quality=90)
    studio = Studio(page, server.url).open()
    sent = []
    page.on("request", lambda request: sent.append((request.method, urlsplit(request.url).path)))
    page.click("#add")
    page.locator("#file").set_input_files(picture)
    page.click("#upload-go")
    wait_for(page, "document.querySelector('#upload-error').textContent.length > 0")
    assert ("POST", "/api/portraits") not in sent
    shot(page, "consent")
    page.locator("label:has(#consent)").click()
    page.locator("#upload-name").fill("Grandmother")
    page.click("#upload-go")
    studio.told("Grandmother is ready")
    page.get_by_role("radio", name="Grandmother").wait_for(state="attached")
    shot(page, "uploaded")
    studio.choose("Grandmother")
    studio.start().go_on()
