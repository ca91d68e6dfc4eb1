"""The screen in the terminal: what it tells, at every size, to every terminal."""

import io
import itertools
import logging
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from streamer.commands.hud import line, screen
from streamer.commands.notices import Notice, Notices
from streamer.config import GainsConfig
from streamer.control import COMMANDS, Controls
from streamer.metrics import Recent, Spread
from streamer.status import Status
from tests.fakes import FakeClock

CONTROLS = Controls(("ada", "mei"), "ada", GainsConfig())
CALM = Status(
    chosen={
        "portrait": "ada, 1280 x 720",
        "camera": "C920, 640 x 480 at 30 fps: the first that works",
        "tracker": "MediaPipe FaceMesh on the CPU",
        "generator": "mesh warp on the CPU",
        "sink": "Vivant AI portrait (/dev/video10), 1280 x 720",
        "budget": "66 ms from camera to sink",
    },
    controls=CONTROLS,
    budget_ms=66.0,
    recent=Recent(30.0, 29.5, 0.5, 0.0, Spread(21.0, 28.0, 34.0, 41.0), {}),
    seconds=3731,
    sent=1000,
    held=5,
    dropped={"track: newer": 12, "generate: late": 31},
    presence="tracked",
    portrait="ada",
    preparing="",
    level="full picture",
    prompt="",
    calibration="neutral face of anna",
    camera="",
    recording="",
    latency_ms=28.4,
)
BUSY = replace(
    CALM,
    controls=replace(CONTROLS, recording=True, mirror=True, background="blur"),
    recent=Recent(14.0, 9.8, 20.1, 0.31, Spread(61.0, 88.0, 104.0, 141.0), {}),
    presence="hold",
    preparing="mei",
    prompt="look straight at the camera, lips closed: 3",
    camera="gone, looking for it again",
    recording="talk.mp4, 2:31",
)
FRESH = replace(CALM, recent=Recent(0, 0, 0, 0, None, {}), seconds=0, dropped={}, latency_ms=0)
ODD = replace(
    CALM,
    portrait="\x1b[31mred\x07\nline\u202e",
    chosen={"sink": "画面 " * 60, "camera": "\udc80\t"},
    calibration="é" * 300,
    camera="\x00",
    recording="\x9b31m",
    prompt="见 " * 80 + "12345",
    level="",
    dropped={f"reason {i}: very long": 10**i for i in range(12)},
)
NOTICES = [
    Notice("switched to ada", logging.INFO, 4000),
    Notice("quality lowered", logging.INFO, 200, 3),
    Notice("this computer is too slow: " + "close other programs " * 9, logging.WARNING, 12),
    Notice("\x1b]0;title\x07 saved", logging.INFO, 3),
]
SIZES = [*itertools.product((40, 60, 80, 130, 131, 132, 200), (10, 19, 20, 24, 40, 60))]


def shown(status, notices=(), width=80, height=24, *, encoding="utf-8", **options):
    """The lines on a terminal, without colours unless asked for."""
    out = io.BytesIO()
    with io.TextIOWrapper(out, encoding=encoding, newline="") as file:
        options = {"color_system": None, "legacy_windows": False, **options}
        console = Console(file=file, width=width, height=height, force_terminal=True, **options)
        console.print(screen(status, notices, width, height), end="")
        file.flush()
        return out.getvalue().decode(encoding).split("\n")


def text(*args, **kwargs):
    """The same as one text."""
    return "\n".join(shown(*args, **kwargs))


@pytest.mark.parametrize(("width", "height"), [*SIZES, (20, 5), (10, 2), (2, 1), (1, 1)])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_it_fits_every_terminal(width, height, encoding):
    """As many lines as asked for, none too wide, whatever is in the values."""
    for status, notices in itertools.product((CALM, BUSY, FRESH, ODD), ((), NOTICES)):
        *lines, last = shown(status, notices, width, height, encoding=encoding)
        assert len(lines) == height
        assert last == ""
        assert max(cell_len(row) for row in lines) <= width
        assert not [char for row in lines for char in row if ord(char) < 32]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (160, 45)])
@pytest.mark.parametrize(
    "fact",
    [
        "● LIVE   ada  →  Vivant AI portrait ",
        "1:02:11",
        "p50 21  p95 28  p99 34 ms",
        "of 66 ms",
        "30.0 in   29.5 out   0.5 held",
        "43 of 1,043   generate: late 31   track: newer 12",
        "full picture",
        "followed · neutral face of anna",
        "ada · background original · not mirrored",
        "mouth 1.0   eyes 1.0   brows 1.0   head 0.9",
        "recording  off",
        "set the audio offset in OBS to 28 ms",
        "C920, 640 x 480 at 30 fps: the first that works",
        "mesh warp on the CPU",
    ],
)
def test_a_calm_run(width, height, fact):
    """What runs and why, how fast, how old."""
    assert fact in text(CALM, NOTICES[:1], width, height)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (160, 45)])
@pytest.mark.parametrize(
    "fact",
    [
        "● NO FACE",
        "● REC",
        "31% late",
        "no face in view, the last one is held",
        "ada → mei is made ready · background blur · mirrored",
        "talk.mp4, 2:31",
        "gone, looking for it again",
        "look straight at the camera, lips closed: 3",
        "▀▀█",
        "this computer is too slow",
    ],
)
def test_a_run_in_trouble(width, height, fact):
    """What a person has to know and to do has its place, even on a small terminal."""
    assert fact in text(BUSY, NOTICES, width, height)


@pytest.mark.parametrize(
    ("status", "word", "fact"),
    [
        ({"presence": "card"}, "CARD", "no face in view, a card is shown"),
        ({"presence": "idle"}, "IDLE", "no face in view, it moves by itself"),
        ({"presence": "return"}, "NO FACE", "there again"),
        ({"controls": replace(CONTROLS, panic=True)}, "CARD", "until space is pressed"),
        ({"controls": replace(CONTROLS, idle=True)}, "IDLE", "until i is pressed"),
    ],
)
def test_who_moves_the_picture(status, word, fact):
    """The title says it in a word, the row in a sentence that tells the way out."""
    rows = shown(replace(CALM, **status))
    assert rows[0].startswith(f" ● {word} ")
    assert fact in "\n".join(rows)


def test_before_the_first_picture():
    """Nothing is made up."""
    found = text(FRESH)
    assert "no picture yet" in found
    assert "dropped    none" in found
    assert "its delay is not known yet" in found


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 48), (160, 45)])
def test_every_key_has_its_help(width, height):
    """In short where there is little room, in full where there is enough."""
    found = text(CALM, NOTICES, width, height)
    for command in COMMANDS:
        if height > 24:
            assert f"{command.key}  {command.help}" in found
        else:
            name = command.name.removesuffix("-up").removesuffix("-down").replace("-", " ")
            assert f"{command.key} {name}" in found or f"{command.key}/" in found


def test_the_smallest_terminal_tells_the_most_important():
    """What to do, how old, and the key that hides everything."""
    found = text(BUSY, NOTICES, 40, 10)
    assert "look straight at the" in found
    assert "p95 88" in found
    assert "space panic" in found


def test_figures_stay_where_they_are():
    """A call, a notice or a warning moves none of them while one looks at it."""
    calm, busy = shown(CALM), shown(BUSY, NOTICES)
    for label in ("age", "frames", "dropped", "quality", "driver", "picture"):
        rows = [[row.split()[:1] for row in rows].index([label]) for rows in (calm, busy)]
        assert rows[0] == rows[1]


def test_without_colours_nothing_is_lost(monkeypatch):
    """NO_COLOR leaves bold and dim; words say all that colours do."""
    monkeypatch.setenv("NO_COLOR", "1")
    found = text(BUSY, NOTICES, color_system="truecolor")
    assert "\x1b[3" not in found
    assert "\x1b[1m" in found


def test_an_ascii_terminal_gets_ascii():
    """The seconds are large there, too."""
    found = text(BUSY, NOTICES, encoding="ascii")
    assert found.isascii()
    assert "* NO FACE" in found
    assert "+----------" in found.replace("=", "-")
    assert " _|" in found


def test_the_log_line():
    """For a log: the same in one line."""
    assert line(CALM) == (
        "3731 s; age p50 21, p95 28, p99 34 ms; 30.0 fps in, 29.5 out, 0.5 held; dropped 43;"
        " quality full picture; ada: tracked"
    )
    assert line(BUSY).endswith(
        "; gone, looking for it again; look straight at the camera, lips closed: 3;"
        " recording talk.mp4, 2:31"
    )
    assert "no picture" in line(FRESH)
    assert line(ODD).isprintable() or "\n" not in line(ODD)


@pytest.fixture
def heard():
    """The notices of what is logged meanwhile, and their clock."""
    clock = FakeClock()
    with Notices(keep=3, clock=clock).listening() as notices:
        yield notices, clock, logging.getLogger("streamer.camera.webcam")


def test_the_newest_events_are_kept(heard):
    """Three of them, with their ages; what is for developers is not heard."""
    notices, clock, log = heard
    for name in "abcd":
        log.info("switched to %s", name)
        log.debug("detail")
        clock.advance(1000)
    assert [(n.text, n.age_s) for n in notices.newest()] == [
        ("switched to b", 3.0),
        ("switched to c", 2.0),
        ("switched to d", 1.0),
    ]


def test_the_same_again_is_counted(heard):
    """A stutter does not push everything else out."""
    notices, clock, log = heard
    log.info("first")
    for _ in range(5):
        clock.advance(1000)
        log.warning("again")
    first, again = notices.newest()
    assert (first.text, first.count) == ("first", 1)
    assert (again.count, again.age_s, again.level) == (5, 0.0, logging.WARNING)


def test_a_wrong_log_line_ends_no_run(heard):
    """It is shown as it is."""
    notices, _, log = heard
    notices.handle(log.makeRecord(log.name, logging.INFO, "", 0, "%d frames", ("many",), None))
    assert notices.newest()[0].text == "%d frames"


def test_the_screen_is_not_written_over():
    """While it listens, nothing reaches the handler that prints; others' records do."""
    printed = io.StringIO()
    handler = logging.StreamHandler(printed)
    logging.getLogger().addHandler(handler)
    try:
        with Notices().listening() as notices:
            logging.getLogger("streamer.x").warning("here")
            logging.getLogger("other").warning("there")
    finally:
        logging.getLogger().removeHandler(handler)
    assert printed.getvalue() == "there\n"
    assert [n.text for n in notices.newest()] == ["here"]


def test_logging_is_left_as_it_was(caplog):
    """Also after an error."""
    logger = logging.getLogger("streamer")
    before = logger.level, logger.propagate, list(logger.handlers)
    with pytest.raises(ValueError, match="gone"), Notices().listening():
        raise ValueError("gone")
    assert (logger.level, logger.propagate, logger.handlers) == before
    logger.warning("again")
    assert caplog.messages == ["again"]
