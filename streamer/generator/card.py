"""The card shown in the portrait's place: a few words on calm colours, or a picture of one's own.

Nothing of the driver is on it: its colours are those of the portrait's background.
"""

import contextlib
import threading
import unicodedata
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from engines.vision import resized
from streamer.config import PresenceConfig
from streamer.frame import Array, Image
from streamer.generator.fit import covering, dithered
from streamer.picture import read_picture

_COLOURS = 3
"""The gradient has so many colours to each side."""
_LUMA = (46.0, 104.0)
"""Mean brightness within which light letters are easy to read and the picture is not black."""
_BRIGHTER = 1.5
"""How far dark colours are raised as they are; the rest is grey, lest black turn into colour."""
_LETTERS = 0.11
"""Height of the letters, in the canvas' shorter side, where the text is short enough."""
_SMALLEST_PX = 8
_WIDE, _HIGH = 0.8, 0.7
"""Part of the canvas that the text may take."""
_LEADING = 1.25
_PLAIN = str.maketrans(
    {
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
        **dict.fromkeys("\u2018\u2019\u201a\u2032", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb", '"'),
        **dict(zip("ŁłØøĐđ", "LlOoDd", strict=True)),
        **dict(zip("ÆæŒœßẞ…", ("AE", "ae", "OE", "oe", "ss", "SS", "..."), strict=True)),
    }
)
"""What stands for characters that are no letters with accents."""
_OTHERS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "segoeui.ttf", "Arial.ttf", "arialuni.ttf")
"""Fonts of the system that are tried for what Pillow's own cannot write."""
_INK, _SHADE = (245, 245, 242, 255), (0, 0, 0, 90)
_KEPT = 8


class Cards:
    """The cards of one canvas, each made once."""

    def __init__(self, config: PresenceConfig, size: tuple[int, int], plate: Image) -> None:
        """`size` is (width, height); MediaError when the picture of the settings cannot be read."""
        self._own = config.card is not None
        self._blank = (
            gradient(plate, size)
            if config.card is None
            else covering(read_picture(Path(config.card)), size)
        )
        self._lock = threading.Lock()
        self._made: dict[str, Image] = {}

    def picture(self, text: str) -> Image:
        """The card with these words. The array is the caller's."""
        with self._lock:
            if text not in self._made:
                while len(self._made) >= _KEPT:
                    del self._made[next(iter(self._made))]
                self._made[text] = self._blank if self._own else written(self._blank, text)
            return self._made[text].copy()


def gradient(plate: Image, size: tuple[int, int]) -> Image:
    """The plate's colours, flowing into each other, in a light that letters can be read on."""
    few: Array = resized(plate, (_COLOURS, _COLOURS)).astype(np.float32)
    few += 0.4 * (few.mean((0, 1)) - few)
    luma = max(float(few.mean()), 1.0)
    wanted = float(np.clip(luma, *_LUMA))
    few *= min(wanted / luma, _BRIGHTER)
    few += wanted - float(few.mean())
    wide = resized(few, (4 * _COLOURS, 4 * _COLOURS), cv2.INTER_CUBIC)
    return dithered(resized(wide, size, cv2.INTER_CUBIC))


def written(card: Image, text: str) -> Image:
    """The card with the text in its middle, in as many lines and as large as fit."""
    height, width = card.shape[:2]
    font, lines = _set(text, (_WIDE * width, _HIGH * height), _LETTERS * min(width, height))
    if not lines:
        return card
    layer = Pillow.new("RGBA", (width, height), (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    step = _LEADING * font.size
    top = height / 2 - step * (len(lines) - 1) / 2
    for number, line in enumerate(lines):
        at = (width / 2, top + number * step)
        below = (at[0], at[1] + max(1.0, font.size / 24))
        draw.text(below, line, _SHADE, font, anchor="mm")
        draw.text(at, line, _INK, font, anchor="mm")
    picture = Pillow.alpha_composite(Pillow.fromarray(card).convert("RGBA"), layer)
    return np.array(picture.convert("RGB"))


def _set(
    text: str, room: tuple[float, float], letters: float
) -> tuple[ImageFont.FreeTypeFont, list[str]]:
    """The font and the lines in which the text fits the room (width, height), px."""
    size = max(_SMALLEST_PX, round(letters))
    font = _font(text, size)
    text = readable(text, font)
    while True:
        lines = _wrapped(text, font, room[0])
        fits = len(lines) * _LEADING * size <= room[1] and all(
            font.getlength(line) <= room[0] for line in lines
        )
        if fits:
            return font, lines
        if size == _SMALLEST_PX:
            return font, _cut(text, font, room)
        size = max(_SMALLEST_PX, int(0.9 * size))
        font = font.font_variant(size=size)


def _font(text: str, size: int) -> ImageFont.FreeTypeFont:
    """Pillow's own, or the one of the system's that lacks the fewest characters."""
    own = ImageFont.load_default(size)
    if not isinstance(own, ImageFont.FreeTypeFont):
        raise TypeError("Pillow without FreeType has no font of this size")
    if _missing(text, own) == 0:
        return own
    fonts = [own]
    for name in _OTHERS:
        with contextlib.suppress(OSError):
            fonts.append(ImageFont.truetype(name, size))
    return min(fonts, key=lambda font: _missing(text, font))


def _missing(text: str, font: ImageFont.FreeTypeFont) -> int:
    return sum(not _has(font, char) for char in text)


def readable(text: str, font: ImageFont.FreeTypeFont) -> str:
    """The text as far as the font has it: a letter for one with an accent, nothing for the rest."""
    kept: list[str] = []
    for char in unicodedata.normalize("NFC", text):
        plain = unicodedata.normalize("NFKD", char.translate(_PLAIN))
        bare = "".join(c for c in plain if not unicodedata.combining(c))
        kept += [c for c in (char, bare) if c and all(_has(font, one) for one in c)][:1]
    return " ".join("".join(kept).split())


def _has(font: ImageFont.FreeTypeFont, char: str) -> bool:
    if char.isspace():
        return True
    if not char.isprintable():
        return False
    drawn, box = (cast("Any", font.getmask(one)) for one in (char, "\uffff"))
    return drawn.size != box.size or bytes(drawn) != bytes(box)


def _wrapped(text: str, font: ImageFont.FreeTypeFont, width: float) -> list[str]:
    """Lines of whole words; those that fit in two are about equally long."""
    words = text.split()
    if not words:
        return []
    lines = _filled(words, font, width)
    if len(lines) == 1:
        return lines
    low, high = width / len(lines) / 2, width
    while high - low > 1:
        middle = (low + high) / 2
        if len(_filled(words, font, middle)) > len(lines):
            low = middle
        else:
            high = middle
    return _filled(words, font, high)


def _cut(text: str, font: ImageFont.FreeTypeFont, room: tuple[float, float]) -> list[str]:
    """As many lines as there is room for, words cut where they have to be."""
    lines = [""]
    for char in text:
        if font.getlength(lines[-1] + char) > room[0]:
            lines.append("")
        lines[-1] += char
    return lines[: max(1, int(room[1] / (_LEADING * font.size)))]


def _filled(words: list[str], font: ImageFont.FreeTypeFont, width: float) -> list[str]:
    lines = [words[0]]
    for word in words[1:]:
        longer = f"{lines[-1]} {word}"
        if font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
