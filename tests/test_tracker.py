"""The driver's face: found, followed, kept."""

from functools import cache

import cv2
import numpy as np
import pytest

from engines.geometry import euler_deg, fit_pose
from streamer.config import TrackerConfig
from streamer.tracker import box_of, open_tracker
from tests.faces import demo, demo_frame, mirrored, photo, portrait

WIDTH, HEIGHT = 960, 480


@cache
def face(name, size):
    return cv2.resize(photo(name), (size, size), interpolation=cv2.INTER_AREA)


def scene(*people):
    """A camera image with these people: name, x and y of the picture's corner, its size."""
    image = np.full((HEIGHT, WIDTH, 3), 110, np.uint8)
    for name, x, y, size in people:
        image[y : y + size, x : x + size] = face(name, size)
    return image


def track(images, **config):
    with open_tracker(TrackerConfig(**config)) as tracker:
        return [tracker.track(image) for image in images]


def middle(landmarks):
    return box_of(landmarks).x


def test_a_face_is_found_where_it_is():
    """478 points in pixels of the image, on the face."""
    (found,) = track([photo()])
    assert found.shape == (478, 3)
    assert found.dtype == np.float32
    away = np.linalg.norm((found - portrait().landmarks)[:468, :2], axis=1)
    assert away.mean() < 0.02 * portrait().report.face_width_px


def test_the_bundled_clip_is_tracked_throughout():
    """In every frame, and the face never jumps."""
    assert demo().faces == len(demo().landmarks) > 200
    places = np.array([landmarks[4] for landmarks in demo().landmarks])
    assert np.linalg.norm(np.diff(places, axis=0), axis=1).max() < 25


def test_a_mirrored_image_gives_a_mirrored_face():
    """Who looks to the left looks to the right in it; points keep their sides of the picture."""
    image = demo_frame(2.4)
    one, other = (track([np.ascontiguousarray(i)])[0] for i in (image, image[:, ::-1]))
    yaws = [euler_deg(fit_pose(landmarks).rotation)[0] for landmarks in (one, other)]
    assert abs(yaws[0]) > 12
    assert yaws[1] == pytest.approx(-yaws[0], abs=4)
    assert np.abs(mirrored(one, image.shape[1]) - other)[:468, :2].mean() < 3


def test_nobody_is_none():
    """An empty room, a black image, noise."""
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    assert track([scene(), np.zeros_like(noise), noise]) == [None, None, None]


@pytest.mark.parametrize("order", [0, 1])
def test_the_largest_face_is_taken(order):
    """Wherever it is."""
    large, small = (0, 0, 480), (600, 100, 300)
    if order:
        large, small = (480, 0, 480), (80, 100, 300)
    found = track([scene(("mei", *small), ("ada", *large))] * 2)[-1]
    assert large[0] < middle(found) < large[0] + 480


@pytest.mark.parametrize("x", [40, 620])
def test_the_central_face_is_taken_when_asked(x):
    """The smaller one in the middle, not the larger one at the side."""
    side = 0 if x > 300 else 560
    image = scene(("ada", side, 40, 400), ("mei", 410 if x > 300 else 250, 100, 300))
    found = track([image] * 2, face="central")[-1]
    assert abs(middle(found) - WIDTH / 2) < 150


def test_it_stays_with_its_face_when_a_larger_one_enters():
    """Chosen once: who comes later is not followed."""
    alone, joined = scene(("mei", 60, 100, 300)), scene(("mei", 60, 100, 300), ("ada", 480, 0, 480))
    found = track([alone] * 3 + [joined] * 6)
    assert all(60 < middle(one) < 360 for one in found)


def test_it_finds_its_face_again_after_black_frames():
    """A covered lens for a second; the same person at the same place, though another is larger."""
    both, black = scene(("mei", 60, 100, 300), ("ada", 480, 0, 480)), scene() * 0
    found = track([scene(("mei", 60, 100, 300))] * 3 + [black] * 8 + [both] * 3)
    assert found[3:11] == [None] * 8
    assert all(60 < middle(one) < 360 for one in found[11:])


def test_it_finds_a_face_at_another_place():
    """Who left on one side and comes back on the other is found at once."""
    images = [scene(("ada", 0, 0, 400))] * 2 + [scene()] * 2 + [scene(("ada", 520, 60, 400))] * 2
    found = track(images)
    assert found[3] is None
    assert all(520 < middle(one) < 920 for one in found[4:])


def test_after_a_loss_the_landmarks_are_as_good_as_before():
    """The first frame after a gap is no worse than those tracked."""
    image = scene(("ada", 200, 20, 440))
    found = track([image] * 5 + [scene()] * 2 + [image])
    assert np.abs(found[-1] - found[4]).mean() < 0.01 * box_of(found[4]).size


def test_a_small_face_is_tracked_in_a_window():
    """A person far from the camera, also when they walk."""
    images = [scene(("ada", 100 + 12 * i, 150, 150)) for i in range(12)]
    found = track(images)
    assert all(one is not None for one in found)
    steps = np.diff([middle(one) for one in found])
    assert steps.mean() == pytest.approx(12, abs=1.5)


def test_a_moving_face_is_followed():
    """Without lag: from frame to frame it moves as the picture does."""
    image = scene(("ada", 100, 20, 420))
    images = [np.roll(image, 6 * i, 1) for i in range(10)]
    found = track(images)
    steps = np.diff([middle(one) for one in found[2:]])
    assert steps == pytest.approx([6] * len(steps), abs=3)


@pytest.mark.parametrize("factor", [0.5, 0.75, 1.5])
def test_another_size_of_the_images_is_no_motion(factor):
    """A browser that is short of time sends smaller ones: the face is where it was, as large."""
    image = demo_frame(0)
    other = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    with open_tracker(TrackerConfig()) as tracker:
        before = tracker.track(image)
        after = [tracker.track(one) for one in (other, other, image)]
    for landmarks in after:
        assert np.abs(landmarks - before)[:, :2].max() < 0.03 * box_of(before).size


def test_images_of_changing_size_do_no_harm():
    """A camera that switches its mode: the face is found in the new one, told in the first's px."""
    first = scene(("ada", 300, 100, 150))
    found = track([first, demo_frame(0.0), photo(), face("mei", 200)])
    assert all(one is not None for one in found)
    assert 0 < middle(found[-1]) < first.shape[1]


@pytest.mark.parametrize("shape", [(1, 1), (2, 700), (700, 2), (33, 31)])
def test_strange_images_do_no_harm(shape):
    """A pixel, a line: nobody."""
    assert track([np.full((*shape, 3), 128, np.uint8)] * 2) == [None, None]


def test_the_image_is_only_read():
    """It belongs to the caller; masks and windows are made on copies."""
    image = scene(("mei", 60, 100, 300), ("ada", 480, 0, 480))
    kept = image.copy()
    image.flags.writeable = False
    track([image] * 3)
    assert np.array_equal(image, kept)


def test_landmarks_are_the_callers():
    """Changing them changes nothing in the tracker."""
    image = scene(("ada", 200, 20, 440))
    with open_tracker(TrackerConfig()) as tracker:
        first = tracker.track(image)
        kept = first.copy()
        first[:] = 0
        second = tracker.track(image)
    assert np.abs(second - kept).mean() < 2


def test_two_trackers_do_not_disturb_each_other():
    """Each follows its own face."""
    one, other = scene(("ada", 0, 0, 440)), scene(("mei", 500, 0, 440))
    with open_tracker(TrackerConfig()) as a, open_tracker(TrackerConfig()) as b:
        found = [(a.track(one), b.track(other)) for _ in range(3)]
    assert all(middle(x) < 440 and middle(y) > 500 for x, y in found)
