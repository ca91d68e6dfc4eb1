"""The card in the portrait's place."""

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageFont

from streamer.config import PresenceConfig
from streamer.errors import MediaError
from streamer.generator.card import Cards, gradient, readable, written

PLATE = np.random.default_rng(0).integers(20, 120, (64, 48, 3), np.uint8)


def cards(size=(320, 180), **settings):
    """On a noisy plate."""
    return Cards(PresenceConfig(**settings), size, PLATE)


def ink(card, size=(320, 180)):
    """(H, W) where something is written."""
    return np.abs(card.astype(int) - gradient(PLATE, size)).max(2) > 60


def test_a_card_is_a_picture_of_the_canvas_with_light_letters():
    """In its middle, within its margins."""
    card = cards().picture("Back soon")
    assert (card.shape, card.dtype, card.flags.c_contiguous) == ((180, 320, 3), np.uint8, True)
    rows, columns = np.nonzero(ink(card))
    assert rows.mean() == pytest.approx(90, abs=6)
    assert columns.mean() == pytest.approx(160, abs=10)
    assert card.max() > 220


def test_without_words_it_is_plain():
    """Nothing but the colours."""
    for text in ("", "   ", "\x07\n"):
        assert np.array_equal(cards().picture(text), gradient(PLATE, (320, 180)))


@pytest.mark.parametrize("level", [0, 90, 255])
def test_its_colours_are_the_plates_in_a_readable_light(level):
    """Calm: neither white nor black, whatever the plate, and without its detail."""
    plate = np.clip(PLATE.astype(int) - 70 + level, 0, 255).astype(np.uint8)
    card = gradient(plate, (320, 180)).astype(float)
    assert 40 < card.mean() < 110
    assert np.abs(np.diff(card, axis=0)).mean() < 2


@pytest.mark.parametrize("size", [(1280, 720), (512, 512), (200, 640), (64, 64)])
def test_long_words_and_texts_fit(size):
    """In lines, and smaller where they must be; nothing is cut off at the sides."""
    for text in ("wordwordwordword" * 5, "some words that go on " * 4):
        card = cards(size).picture(text)
        seen = ink(card, size)
        assert seen.any()
        assert not seen[:, :2].any()
        assert not seen[:, -2:].any()


def test_each_card_is_the_callers_and_made_once():
    """Painting over one does not reach the next."""
    made = cards()
    first = made.picture("Back soon")
    kept = first.copy()
    first[:] = 0
    assert np.array_equal(made.picture("Back soon"), kept)


def test_many_texts_do_not_fill_the_memory():
    """Only the last ones are kept."""
    made = cards((64, 64))
    for number in range(50):
        made.picture(str(number))
    assert len(made._made) <= 8


def test_what_the_font_lacks_is_left_out_or_written_plainly():
    """Never a box."""
    font = ImageFont.load_default(20)
    assert readable("Łódź ist schön", font) == "Lodz ist schon"
    assert readable("ok \U0001f389 戻ります", font) == "ok"
    assert readable("戻ります", font) == ""


def test_a_picture_of_ones_own_is_the_card(tmp_path):
    """It fills the canvas, and no words are written on it."""
    Pillow.new("RGB", (100, 100), (10, 200, 30)).save(tmp_path / "card.png")
    card = cards(card=str(tmp_path / "card.png")).picture("Back soon")
    assert card.shape == (180, 320, 3)
    assert (card == (10, 200, 30)).all()


def test_an_unreadable_picture_is_told_at_the_start(tmp_path):
    """With its name."""
    (tmp_path / "card.png").write_text("no picture")
    with pytest.raises(MediaError, match=r"card\.png"):
        cards(card=str(tmp_path / "card.png"))


def test_writing_leaves_the_blank_card_as_it_is():
    """It is used again."""
    blank = gradient(PLATE, (200, 100))
    before = blank.copy()
    written(blank, "hello")
    assert np.array_equal(blank, before)
