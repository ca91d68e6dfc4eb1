"""Pictures in which nobody can be seen."""

import numpy as np

from streamer.camera.watch import PictureWatch
from tests.fakes import MS


def noisy(mean, seed=0, amount=4):
    random = np.random.default_rng(seed)
    return (mean + random.integers(0, amount, (240, 320, 3))).astype(np.uint8)


def states(images, step_ms=100):
    watch = PictureWatch()
    seen = []
    for number, image in enumerate(images):
        watch.look(image, (1_000_000 + number * step_ms) * MS)
        seen.append(watch.state)
    return seen


def test_ordinary_pictures_are_well():
    """Even dark ones, with a face lit by its screen."""
    dark = [noisy(5, seed) for seed in range(60)]
    for image in dark:
        image[40:60, 50:70] += 60
    assert set(states(dark)) == {""}


def test_a_covered_lens_is_told_after_two_seconds():
    """Noise and a hot pixel do not hide it."""
    images = [noisy(3, seed) for seed in range(40)]
    for image in images:
        image[11, 0] = 255
    seen = states(images)
    assert set(seen[:20]) == {""}
    assert "black" in seen[25]
    assert "cover" in seen[25]


def test_one_bright_picture_ends_it():
    """And the two seconds begin again."""
    seen = states([noisy(3, 1)] * 25 + [noisy(90, 2)] + [noisy(3, 3)] * 5)
    assert "black" in seen[24]
    assert set(seen[25:]) == {""}


def test_a_picture_that_never_changes_is_told_after_three_seconds():
    """A sensor's noise is never the same twice."""
    seen = states([noisy(120)] * 40 + [noisy(120, 1)])
    assert set(seen[:31]) == {""}
    assert "stands still" in seen[39]
    assert seen[40] == ""


def test_the_smallest_change_is_seen():
    """One level in one sampled row."""
    images = [noisy(120) for _ in range(50)]
    for number, image in enumerate(images):
        image[22, 5, 1] = number
    assert set(states(images)) == {""}


def test_a_picture_that_is_black_and_still_is_called_black():
    """The remedy for the cover comes first."""
    assert "black" in states([np.zeros((240, 320, 3), np.uint8)] * 60)[-1]
