"""From a clip to a file: tracked, drawn in batches, written with the driver's instants."""

import av
import numpy as np
import pytest

from streamer.animate import (
    Track,
    _drawn,
    animate,
    calibration_of,
    render,
    side_by_side,
    track_clip,
)
from streamer.app import open_portrait
from streamer.bundled import clip_path
from streamer.config import Config, GeneratorConfig
from streamer.errors import MediaError
from streamer.tracker import open_tracker
from streamer.video import Clip
from tests.media import count_of, make_counted, plain, times_ms

SMALL = Config(generator=GeneratorConfig(size=96))


class Counting:
    """Sees a face in some frames, told apart by their grey."""

    def __init__(self, blind=()):
        self.blind = set(blind)
        self.seen = []

    def track(self, image):
        number = count_of(image)
        self.seen.append(number)
        return None if number in self.blind else np.full((478, 3), number, np.float32)


@pytest.fixture(scope="module")
def ada():
    return open_portrait("ada")


@pytest.fixture(scope="module")
def demo():
    """One second of the bundled clip, tracked."""
    with Clip(clip_path("demo"), 0.0, 1.0) as clip, open_tracker(SMALL.tracker) as tracker:
        return track_clip(clip, tracker)


def test_every_frame_is_tracked(tmp_path):
    """Landmarks and instants of all frames in order; None where no face was seen."""
    ticks = []
    times = [0, 30, 90, 100, 400]
    with Clip(make_counted(tmp_path / "a.mp4", 5, times_ms=times)) as clip:
        track = track_clip(clip, Counting(blind=[2]), lambda: ticks.append(1))
    assert [at_ns // 1_000_000 for at_ns in track.times_ns] == times
    assert [None if one is None else one[0, 0] for one in track.landmarks] == [0, 1, None, 3, 4]
    assert (track.faces, len(ticks)) == (4, 5)


def test_the_nearest_frame_is_the_neutral_one():
    """An instant between frames takes the nearer."""
    faces = tuple(np.full((478, 3), i, np.float32) for i in range(3))
    track = Track((0, 40_000_000, 80_000_000), faces)
    assert [track.near(at)[0, 0] for at in (0.0, 0.019, 0.021, 5.0)] == [0, 0, 1, 2]


def test_a_clip_without_a_face_says_what_helps(tmp_path):
    """The clip is named, and what it should show."""
    path = make_counted(tmp_path / "a.mp4", 3)
    with Clip(path) as clip:
        track = track_clip(clip, Counting(blind=range(3)))
        with pytest.raises(MediaError, match="no face in any of its 3 frames") as caught:
            calibration_of(track, clip)
    assert str(caught.value).startswith(str(path))


def test_a_neutral_frame_without_a_face_is_refused(tmp_path, demo):
    """So is one outside the clip."""
    with Clip(make_counted(tmp_path / "a.mp4", 3)) as clip:
        track = Track(demo.times_ns[:3], (demo.landmarks[0], None, None))
        assert calibration_of(track, clip, 0.0) is not None
        for at_s, words in ((0.08, "no face at"), (9.0, "no frame at"), (-1.0, "no frame at")):
            with pytest.raises(MediaError, match=words):
                calibration_of(track, clip, at_s)


def test_one_picture_for_each_frame(ada, demo):
    """All pictures have one size, and the portrait moves."""
    images = list(animate(ada, demo, SMALL))
    assert len(images) == len(demo.times_ns) == 25
    assert {image.shape for image in images} == {images[0].shape}
    assert max(images[0].shape) == 96
    assert any(not np.array_equal(images[0], image) for image in images[1:])


class Drawing:
    """Draws each motion as itself, and counts how many it was given at once."""

    def __init__(self):
        self.batches = []

    def generate_batch(self, motions):
        self.batches.append(len(motions))
        return motions


def test_pictures_are_drawn_as_they_are_asked_for():
    """However long the track is, a batch of pictures is in memory, not all of them."""
    painter = Drawing()
    pictures = _drawn(iter(range(20)), painter)
    assert next(pictures) == 0
    assert painter.batches == [8]
    assert list(pictures) == list(range(1, 20))
    assert painter.batches == [8, 8, 4]


def test_a_face_that_leaves_and_comes_back(ada, demo):
    """Half-way without a face, the portrait is still drawn in every frame."""
    gone = tuple(None if 8 <= i < 20 else one for i, one in enumerate(demo.landmarks))
    assert len(list(animate(ada, Track(demo.times_ns, gone), SMALL))) == 25


def test_files_have_the_driver_s_instants_and_sound(tmp_path, ada, demo):
    """The result lasts as the driver does, frame by frame, with its sound."""
    times = [0, 33, 70, 180, 400, 1000]
    path = make_counted(tmp_path / "in.mp4", 6, times_ms=times, audio="aac")
    with Clip(path) as clip:
        track = Track(tuple(at_ns for at_ns, _ in clip.frames()), demo.landmarks[:6])
        outputs = [tmp_path / "out.mp4", tmp_path / "out.gif"]
        outcome = render(ada, clip, track, SMALL, outputs)
    assert times_ms(outputs[0]) == times
    assert (outcome.frames, outcome.faces, outcome.path) == (6, 6, outputs[0])
    assert outputs[1].exists()
    with av.open(str(outputs[0])) as container:
        assert len(container.streams.audio) == 1


def test_compare_shows_the_driver_beside_the_result(tmp_path, ada, demo):
    """Driver left, portrait right, frame by frame together."""
    with Clip(make_counted(tmp_path / "in.mp4", 6)) as clip:
        track = Track(tuple(at_ns for at_ns, _ in clip.frames()), demo.landmarks[:6])
        render(ada, clip, track, SMALL, [tmp_path / "out.mp4"], compare=True)
        alone = next(animate(ada, track, SMALL)).shape
    with Clip(tmp_path / "out.mp4") as made:
        counts = [count_of(image[10:80, 10:100]) for _, image in made.frames()]
        assert made.info.width > alone[1] + 100
        assert made.info.height == alone[0]
    assert counts == list(range(6))


def test_side_by_side_has_one_height():
    """The driver is scaled to the picture's height; both keep their shape."""
    pair = side_by_side(plain(64, 48, (255, 0, 0)), plain(50, 96, (0, 0, 255)))
    assert pair.shape == (96, 128 + 2 + 50, 3)
    assert pair[50, 5].tolist() == [255, 0, 0]
    assert pair[50, -5].tolist() == [0, 0, 255]


def test_an_interrupted_rendering_leaves_nothing(tmp_path, ada, demo):
    """Ctrl-C half-way removes all partial files."""
    ticks = iter(range(3))

    def stop():
        if next(ticks, None) is None:
            raise KeyboardInterrupt

    out = tmp_path / "out"
    out.mkdir()
    with Clip(make_counted(tmp_path / "in.mp4", 6)) as clip:
        track = Track(tuple(at_ns for at_ns, _ in clip.frames()), demo.landmarks[:6])
        with pytest.raises(KeyboardInterrupt):
            render(ada, clip, track, SMALL, [out / "a.mp4", out / "a.gif"], on_frame=stop)
    assert not list(out.iterdir())
