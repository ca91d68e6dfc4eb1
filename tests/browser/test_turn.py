"""Video through a TURN server, where no other way is allowed."""

import pytest

from tests import coturn
from tests.browser.chromium import wait_for
from tests.browser.motion import likeness, watch
from tests.browser.studio import VIEW_PLAYS, Studio
from tests.serving import Server

SECRET = "a-secret-of-both-servers"
RELAY_ONLY = """
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(given) {
    super({...given, iceTransportPolicy: 'relay'});
    window.connections = [...(window.connections ?? []), this];
  }
};
"""
"""A page's script: no way but through a TURN server counts."""
WAY = """async () => {
  const report = await window.connections.at(-1).getStats();
  return [...report.values()].filter((one) => one.type === 'candidate-pair' && one.nominated)
    .map((one) => report.get(one.localCandidateId).candidateType);
}"""
"""By which kind of its own addresses a page's video comes."""


@pytest.fixture(scope="module")
def turn(tmp_path_factory):
    """The address of a TURN server that knows the secret."""
    if coturn.PROGRAM is None:
        pytest.skip("no coturn")
    with coturn.turn_server(tmp_path_factory.mktemp("turn"), SECRET) as url:
        yield url


@pytest.fixture
def serve(turn, tmp_path, monkeypatch):
    """Starts `vivant serve` with that TURN server, and a secret."""
    servers = []

    def start(secret):
        monkeypatch.setenv("VIVANT_TURN_SECRET", secret)
        options = ["--turn", turn, "--set", "latency.budget_ms=10000"]
        servers.append(Server(tmp_path / "home", *options))
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def test_a_page_that_may_only_use_the_relay_gets_its_pictures(page, serve):
    """With the credentials that the server gave it."""
    page.add_init_script(RELAY_ONLY)
    studio = Studio(page, serve(SECRET).url).open()
    studio.start().go_on()
    assert likeness(watch(page)).step > 1.0
    assert page.evaluate(WAY) == ["relay"]


def test_a_view_for_other_programs_gets_its_pictures_so_too(page, serve):
    """With credentials of its own, as it may run where the page does not."""
    studio = Studio(page, serve(SECRET).url).open()
    studio.start().go_on()
    page.context.add_init_script(RELAY_ONLY)
    with page.expect_popup() as popup:
        page.click("#popout")
    wait_for(popup.value, VIEW_PLAYS)
    assert popup.value.evaluate(WAY) == ["relay"]


def test_a_wrong_secret_is_told_by_the_page_and_the_log(page, serve, shot):
    """And not only that the video does not come."""
    page.add_init_script(RELAY_ONLY)
    server = serve("another-secret-than-it-has")
    studio = Studio(page, server.url).open()
    page.click("#start")
    studio.told("TURN server .* refuses")
    shot(page, "turn-refused")
    assert any("TURN" in line and "web.turn_secret" in line for line in server.lines)
