"""The portrait over a network that loses, delays and reorders. With `-s` it prints what came."""

import json
import re
import time

import pytest

from tests.browser.chromium import chromium, new_page
from tests.browser.films import driver_film
from tests.browser.motion import likeness, watch
from tests.browser.studio import Studio
from tests.browser.traffic import COUNT_JS, between, look
from tests.browser.weather import CALM, NOTHING, Relay, Weather

SLACK_MS, TRIES = 300, 5
"""By how much the portrait may be later after a storm than before, and how often that is looked at:
a busy machine may make it late for a while, but what is queued stays late.
"""
WEATHERS = {
    "calm": CALM,
    "2-percent": Weather(loss=0.02),
    "5-percent": Weather(loss=0.05),
    "10-percent": Weather(loss=0.10),
    "jitter": Weather(delay_ms=20, jitter_ms=50),
    "narrow": Weather(kbps=1000),
}


@pytest.fixture(scope="module")
def other_browser(driver, folder):
    """One that also looks for ways within this machine."""
    film = driver_film(folder)
    with chromium(driver, film, "--allow-loopback-in-peer-connection") as running:
        yield running


@pytest.fixture
def relay():
    """The way of the one session of a test."""
    with Relay() as running:
        yield running


@pytest.fixture
def studio(other_browser, server, relay):
    """A page whose video goes through the relay."""

    def route(request):
        offer = request.request.post_data_json
        sent = {**offer, "sdp": relay.without_candidates(offer["sdp"])}
        answer = request.fetch(post_data=json.dumps(sent))
        told = answer.json()
        request.fulfill(response=answer, json={**told, "sdp": relay.through(told["sdp"])})

    page = new_page(other_browser)
    page.add_init_script(COUNT_JS)
    page.route(re.compile(r"/api/sessions$"), route)
    yield Studio(page, server.url).open()
    errors = list(page.errors)
    page.context.close()
    assert not errors


@pytest.mark.parametrize("name", WEATHERS)
def test_the_portrait_goes_on_in_bad_weather(studio, relay, name):
    """It connects, plays, and moves as the driver does."""
    relay.weather = WEATHERS[name]
    studio.start().go_on()
    before = look(studio.page)
    moving = likeness(watch(studio.page))
    print(f"\n{name}: {between(before, look(studio.page))}, {moving}, {dict(relay.counts)}")
    assert relay.counts["down"] > 100
    assert moving.step > 1.0, moving
    studio.go_on()


@pytest.mark.parametrize("ms", [500, 2000])
def test_it_recovers_when_nothing_came_for_a_while(studio, relay, ms):
    """The picture goes on, and is no later than before."""
    studio.start().go_on()
    calm = likeness(watch(studio.page))
    before = look(studio.page)
    relay.weather = NOTHING
    studio.page.wait_for_timeout(ms)
    relay.weather = CALM
    ended = time.monotonic()
    studio.go_on()
    took = time.monotonic() - ended
    print(
        f"\nnothing for {ms} ms, 15 more {took:.2f} s after; {between(before, look(studio.page))}"
    )
    for _ in range(TRIES):
        later = likeness(watch(studio.page))
        print(f"before {calm}, after {later}")
        if later.step > 1.0 and later.lag_ms < calm.lag_ms + SLACK_MS:
            return
    pytest.fail("the portrait is later than it was")
