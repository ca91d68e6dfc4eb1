"""The page with a camera: the portrait plays, moves, changes, and goes on."""

import av
import pytest

from tests.browser.chromium import chromium, new_page, wait_for
from tests.browser.films import driver_film
from tests.browser.motion import DIFFERENT, difference, likeness, snapshot, watch
from tests.browser.studio import VIEW_PLAYS, Studio

LARGER_LATER = """
  const given = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  let calls = 0;
  navigator.mediaDevices.getUserMedia = async (wishes) => {
    const stream = await given(wishes);
    calls += 1;
    if (calls < 2) return stream;
    const film = Object.assign(document.createElement('video'), {srcObject: stream, muted: true});
    await film.play();
    const canvas = Object.assign(document.createElement('canvas'), {width: 960, height: 720});
    const pen = canvas.getContext('2d');
    setInterval(() => pen.drawImage(film, 0, 0, 960, 720), 33);
    return canvas.captureStream(30);
  };
"""
"""The camera is asked again when the person wants more pixels, and then gives 960 x 720."""


@pytest.fixture
def studio(page, server):
    return Studio(page, server.url).open()


def test_the_portrait_moves_as_the_driver_does(studio, driver, folder, server, shot):
    """Its mouth answers the driver's, and does so only when there is something to answer."""
    shot(studio.page, "ready")
    studio.start().go_on()
    moving = likeness(watch(studio.page))
    shot(studio.page, "live")
    studio.stop()
    with chromium(driver, driver_film(folder, moving=False)) as other:
        page = new_page(other)
        Studio(page, server.url).open().start().go_on()
        still = likeness(watch(page))
        page.context.close()
    assert moving.step > 1.0, (moving, still)
    assert moving.step > 8 * still.step, (moving, still)
    assert moving.correlation > 0.2, (moving, still)


def test_another_portrait_is_shown_without_a_break(studio, shot):
    """The picture changes, and stays live."""
    studio.choose("ada")
    studio.start().go_on()
    before = studio.picture()
    studio.choose("bruno")
    studio.see(lambda now: difference(now, before) > DIFFERENT)
    studio.go_on()
    shot(studio.page, "switched")
    assert likeness(watch(studio.page)).step > 1.0


def test_panic_shows_a_card_and_ends(studio, shot):
    """At once, and the portrait comes back when it is over."""
    studio.start().go_on()
    before = studio.picture()
    studio.page.click("#panic")
    card = studio.see(lambda now: difference(now, before) > DIFFERENT)
    shot(studio.page, "panic")
    studio.page.click("#panic")
    studio.see(lambda now: difference(now, card) > DIFFERENT)


def test_what_is_hidden_stays_hidden_when_the_page_is_loaded_again(studio):
    """Until the person shows it again."""
    studio.start().go_on()
    before = studio.picture()
    studio.page.click("#panic")
    card = studio.see(lambda now: difference(now, before) > DIFFERENT)
    studio.open().start().go_on()
    assert difference(studio.picture(), card) < DIFFERENT
    studio.page.click("#panic")
    studio.see(lambda now: difference(now, card) > DIFFERENT)


def test_a_recording_is_a_film(studio, tmp_path, shot):
    """The browser records what it shows, and gives it as a file."""
    studio.start().go_on()
    studio.page.click("#record")
    studio.page.wait_for_timeout(2000)
    shot(studio.page, "recording")
    studio.page.click("#record")
    with studio.page.expect_download() as download:
        studio.page.locator("#recording-list a[download]").first.click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    with av.open(str(path)) as film:
        pictures = [frame.to_ndarray(format="gray") for frame in film.decode(video=0)]
    assert len(pictures) > 5
    assert pictures[-1].std() > 10  # a picture, and not a plain colour


def test_the_clean_view_shows_the_portrait_alone(studio, shot):
    """For OBS: no control, no background of its own, the same portrait."""
    studio.start().go_on()
    with studio.page.expect_popup() as popup:
        studio.page.click("#popout")
    view = popup.value
    wait_for(view, VIEW_PLAYS)
    shot(view, "clean")
    studio.see(lambda now: difference(snapshot(view, "video"), now) < DIFFERENT)
    assert view.get_by_role("button").count() == 0
    colours = (
        "[document.documentElement, document.body].map(e => getComputedStyle(e).backgroundColor)"
    )
    assert set(view.evaluate(colours)) == {"rgba(0, 0, 0, 0)"}


def test_two_at_once_have_their_own_portraits(browser, server):
    """Neither sees anything of the other."""
    pages = [new_page(browser) for _ in range(2)]
    for page, portrait in zip(pages, ("ada", "mei"), strict=True):
        studio = Studio(page, server.url).open()
        studio.choose(portrait)
        studio.start().go_on()
    assert difference(*(snapshot(page) for page in pages)) > DIFFERENT
    for page in pages:
        page.context.close()


def test_eight_pictures_a_second_are_enough(driver, folder, server):
    """A camera in a dark room: fewer pictures, the same portrait."""
    with chromium(driver, driver_film(folder, fps=8)) as slow:
        page = new_page(slow)
        Studio(page, server.url).open().start().go_on()
        assert likeness(watch(page)).step > 1.0
        page.context.close()


def test_the_camera_changes_its_size(page, server):
    """While it runs; the portrait goes on."""
    page.add_init_script(LARGER_LATER)
    studio = Studio(page, server.url).open()
    studio.start().go_on()
    page.locator("#resolution").select_option("720")
    wait_for(page, "document.querySelector('video#camera').videoHeight === 720")
    studio.go_on()
    assert likeness(watch(page)).step > 1.0
