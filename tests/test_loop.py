"""Short loops as GIF and WebP."""

import numpy as np
import pytest
from PIL import Image

from streamer.clock import MS
from streamer.sink.movie import open_movie
from tests.media import SKIN, counted, plain, quarters


def loop_of(path, images, step_ms=40):
    height, width = images[0].shape[:2]
    with open_movie(path, width, height, 25) as writer:
        for i, image in enumerate(images):
            writer.write(image, i * step_ms * MS)
    return Image.open(path)


def shown_ms(loop):
    """How long each picture of the loop is seen; equal neighbours may have become one."""
    durations = []
    for i in range(loop.n_frames):
        loop.seek(i)
        loop.load()
        durations.append(loop.info["duration"])
    return durations


@pytest.mark.parametrize("ending", ["gif", "webp"])
def test_a_loop_runs_for_ever_at_its_own_rate(tmp_path, ending):
    """25 pictures a second become 12.5, each shown for 80 ms, without end."""
    with loop_of(tmp_path / f"a.{ending}", [counted(i) for i in range(20)]) as loop:
        assert loop.info["loop"] == 0
        assert set(shown_ms(loop)) == {80}
        assert loop.n_frames == 10


@pytest.mark.parametrize("ending", ["gif", "webp"])
def test_a_loop_is_small(tmp_path, ending):
    """At most 480 px wide and 8 s long."""
    images = [plain(720, 360, (i, 255 - i, 128)) for i in range(0, 240, 2)]
    with loop_of(tmp_path / f"a.{ending}", images, 100) as loop:
        assert loop.size == (480, 240)
        assert sum(shown_ms(loop)) == 8000


def test_colours_of_a_gif_are_close(tmp_path):
    """One palette serves the whole loop."""
    with loop_of(tmp_path / "a.gif", [quarters(64, 48), plain(64, 48, SKIN)] * 3, 80) as loop:
        for i, expected in ((0, (255, 0, 0)), (1, SKIN)):
            loop.seek(i)
            pixel = np.asarray(loop.convert("RGB"))[5, 5].astype(int)
            assert np.abs(pixel - expected).max() <= 8


def test_a_slow_clip_holds_its_pictures(tmp_path):
    """A picture that lasts longer than one step of the loop is repeated."""
    with loop_of(tmp_path / "a.webp", [counted(i) for i in range(4)], 240) as loop:
        assert sum(shown_ms(loop)) == 800
