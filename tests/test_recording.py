"""Files that grow: true instants, sound in step, and playable whatever ends the program."""

import contextlib
import signal
import subprocess
import sys

import av
import numpy as np
import pytest

from streamer.clock import MS, SECOND
from streamer.errors import MediaError
from streamer.sink.recording import Film, clock_text, open_recording
from streamer.sink.sound import RATE, Delay, Sound, Tape
from streamer.sink.soundtrack import Source
from tests.media import counted, times_ms
from tests.recordings import (
    BLACK,
    WHITE,
    boxes,
    clicks,
    flashes,
    heard,
    noise,
    pictures,
    small_files,
)

FILM = Film(64, 48, 30)
START = 5_000 * SECOND
PERIOD = SECOND // 30


class Stage:
    """Somebody claps once a second; seen after `age_ms`, heard by a microphone in 20 ms blocks."""

    def __init__(self, age_ms, offset_ms=0, ppm=0.0):
        self.age_ns = age_ms * MS
        self.tape = Tape(RATE)
        self.source = Source(lambda: self.tape, lambda: Delay(lambda: self.age_ns, offset_ms * MS))
        self._true = RATE * (1 + ppm * 1e-6)
        self._heard = 0

    def listen(self, now_ns):
        """All sound up to `now_ns`."""
        while (self._heard + 960) / self._true * SECOND <= now_ns - START:
            at_s = np.arange(self._heard, self._heard + 960) / self._true
            samples = np.where(at_s % 1 < 0.01, np.sin(at_s * 9000), 0).astype(np.float32)
            self.tape.add(Sound(START + round(at_s[0] * SECOND), samples))
            self._heard += 960

    def play(self, recording, seconds):
        """Pictures at 30 a second, each shown at its capture and the age."""
        for i in range(seconds * 30):
            captured_ns = i * PERIOD
            image = WHITE if i % 30 < 3 else BLACK
            self.listen(START + captured_ns + self.age_ns)
            recording.write(image, START + captured_ns + self.age_ns)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "mov"])
@pytest.mark.parametrize(("age_ms", "offset_ms"), [(60, 0), (25, 0), (150, 40)])
def test_a_clap_is_heard_when_it_is_seen(tmp_path, ending, age_ms, offset_ms):
    """Sound waits for its picture: within 10 ms, and moved by the offset that is asked for."""
    stage = Stage(age_ms, offset_ms, ppm=150)
    with open_recording(tmp_path / f"a.{ending}", FILM, stage.source) as recording:
        stage.play(recording, 5)
        assert not recording.awaits_sound()
    seen, sounds = flashes(tmp_path / f"a.{ending}"), clicks(tmp_path / f"a.{ending}")
    assert len(seen) == 4
    offsets = [min(sounds, key=lambda s, at=at: abs(s - at)) - at for at in seen]
    assert offsets == pytest.approx([offset_ms / 1000] * 4, abs=0.01)


def test_instants_are_those_at_which_pictures_came(tmp_path):
    """A variable frame rate is written as it is."""
    times = [0, 33, 70, 180, 181, 1400, 3000, 3001]
    with open_recording(tmp_path / "a.mp4", FILM) as recording:
        for i, ms in enumerate(times):
            recording.write(counted(i), START + ms * MS)
    assert times_ms(tmp_path / "a.mp4") == times


def test_sound_has_no_gap_without_a_microphone(tmp_path):
    """Silence stands where there is no sound, from the first picture to the last."""
    source = Source(lambda: None, lambda: Delay(lambda: 0, 0))
    with open_recording(tmp_path / "a.mp4", FILM, source) as recording:
        for i in range(60):
            recording.write(BLACK, START + i * PERIOD)
    first, sound = heard(tmp_path / "a.mp4")
    assert first + len(sound) / RATE == pytest.approx(59 / 30, abs=0.05)
    assert not np.abs(sound).max() > 1e-4


def test_a_microphone_that_stops_or_changes_does_not_stop_the_film(tmp_path):
    """It falls silent, another one takes over; the claps of both are in step."""
    stage, other = Stage(50), Stage(50)
    tapes = [stage.tape]
    source = Source(lambda: tapes[0], stage.source.delay)
    with open_recording(tmp_path / "a.mp4", FILM, source) as recording:
        for i in range(300):
            captured_ns = i * PERIOD
            tapes[0] = stage.tape if i < 180 else other.tape
            if i < 90:
                stage.listen(START + captured_ns)
            other.listen(START + captured_ns)
            image = WHITE if i % 30 < 3 else BLACK
            recording.write(image, START + captured_ns + 50 * MS)
    seen, sounds = flashes(tmp_path / "a.mp4"), clicks(tmp_path / "a.mp4")
    near = [min(abs(s - at) for s in sounds) for at in seen]
    assert len(seen) == 9
    assert max(near[:2]) < 0.01
    assert min(near[2:4]) > 0.5, "nothing is heard where nobody listened"
    assert max(near[6:]) < 0.01


CHILD = """
import itertools, sys, time
from pathlib import Path
import numpy as np
from streamer.clock import SECOND, monotonic_ns
from streamer.sink.recording import Film, open_recording
from streamer.sink.sound import Delay, Sound, Tape
from streamer.sink.soundtrack import Source
tape = Tape(48000)
source = Source(lambda: tape, lambda: Delay(lambda: 30_000_000, 0))
rng = np.random.default_rng(0)
images = [rng.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(30)]
with open_recording(Path(sys.argv[1]), Film(64, 48, 30), source) as recording:
    start = 7000 * SECOND
    for i in itertools.count():
        at = start + i * SECOND // 30
        tape.add(Sound(at, np.sin(np.arange(1600) * 0.1).astype(np.float32)))
        recording.write(images[i % 30], at)
        print(i, flush=True)
        time.sleep(0.002)
"""


@pytest.mark.parametrize("ending", ["mp4", "mkv", "mov"])
def test_a_killed_process_leaves_a_playable_file(tmp_path, ending):
    """All but the last 2 s are there, pictures and sound, under a name that tells."""
    command = [sys.executable, "-c", CHILD, str(tmp_path / f"talk.{ending}")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if int(line) == 200:
                child.send_signal(signal.SIGKILL)
                break
        written_s = max([200, *map(int, child.stdout)]) / 30
    assert child.returncode == -signal.SIGKILL
    (path,) = tmp_path.iterdir()
    assert path.name == f"talk.recording.{ending}"
    seen = pictures(path)
    assert seen[-1][0] > written_s - 2
    first, sound = heard(path)
    assert first + len(sound) / RATE > written_s - 2
    assert np.abs(sound[RATE:]).max() > 0.5


def test_a_finished_file_is_an_ordinary_one(tmp_path):
    """One index, no fragments: editing programs take it. While it grows, it consists of them."""
    with open_recording(tmp_path / "a.mp4", FILM) as recording:
        for i in range(100):
            recording.write(counted(i % 20), START + i * PERIOD)
        assert boxes(tmp_path / "a.recording.mp4").count("moof") >= 2
    names = boxes(tmp_path / "a.mp4")
    assert names.count("moov") == 1
    assert "moof" not in names


def test_pictures_that_come_seldom_lose_no_more(tmp_path):
    """Two a second: each second is a fragment, but for the pictures that the encoder holds."""
    with open_recording(tmp_path / "a.mp4", FILM) as recording:
        for i in range(30):
            recording.write(counted(i % 20), START + i * SECOND // 2)
        assert boxes(tmp_path / "a.recording.mp4").count("moof") >= 10
    assert len(times_ms(tmp_path / "a.mp4")) == 30


def test_nothing_is_overwritten(tmp_path):
    """Neither a recording, nor what a crash left, nor what came while it was recorded."""
    (tmp_path / "a.mp4").write_text("old")
    (tmp_path / "a-2.recording.mp4").write_text("left")
    with open_recording(tmp_path / "a.mp4", FILM) as recording:
        recording.write(BLACK, START)
        assert recording.target.name == "a-3.mp4"
        (tmp_path / "a-3.mp4").write_text("new")
    assert recording.target.name == "a-3-2.mp4"
    assert (tmp_path / "a.mp4").read_text() == "old"
    assert (tmp_path / "a-2.recording.mp4").read_text() == "left"
    assert (tmp_path / "a-3.mp4").read_text() == "new"
    assert len(pictures(tmp_path / "a-3-2.mp4")) == 1


def write_and_fail(path, error):
    with open_recording(path, FILM) as recording:
        for i in range(10):
            recording.write(BLACK, START + i * PERIOD)
        raise error


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failure_elsewhere_finishes_the_file(tmp_path, error):
    """Ctrl-C or a stage that fails: what was recorded has its name."""
    path = tmp_path / "a.mp4"
    with pytest.raises(error):
        write_and_fail(path, error)
    assert len(pictures(path)) == 10


def test_no_picture_leaves_no_file(tmp_path):
    """A recording that is stopped before its first picture was none."""
    with open_recording(tmp_path / "a.mp4", FILM):
        assert len(list(tmp_path.iterdir())) == 1
    assert not list(tmp_path.iterdir())


def write_noise(path):
    with open_recording(path, Film(192, 144, 30)) as recording:
        for i, image in enumerate(noise(30) * 100):
            recording.write(image, START + i * PERIOD)


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_a_full_disk_keeps_what_was_written(tmp_path, ending):
    """It says so; what was written before plays."""
    path = tmp_path / f"a.{ending}"
    with small_files(400_000), pytest.raises(MediaError, match="disk is full"):
        write_noise(path)
    assert [p.name for p in tmp_path.iterdir()] == [f"a.{ending}"]
    count = 0
    with av.open(str(path)) as container, contextlib.suppress(av.FFmpegError):
        for _ in container.decode(video=0):
            count += 1
    assert count > 0


def write_while_it_is_removed(path):
    with open_recording(path, FILM) as recording:
        recording.write(BLACK, START)
        recording.path.unlink()
        for i in range(60):
            recording.write(BLACK, START + i * PERIOD)


def test_a_file_that_is_removed_is_told(tmp_path):
    """Else one would talk for an hour into nothing."""
    with pytest.raises(MediaError, match="somebody removed it"):
        write_while_it_is_removed(tmp_path / "a.mp4")


def test_places_and_names_that_cannot_be_are_told(tmp_path):
    """Before there is anything to lose."""
    for path, words in (
        (tmp_path / "no" / "a.mp4", "no folder"),
        (tmp_path / "a.avi", r"\.mp4"),
        (tmp_path / "a", r"\.mp4"),
    ):
        with pytest.raises(MediaError, match=words), open_recording(path, FILM):
            pass


def test_odd_sizes_are_recorded(tmp_path):
    """Portraits have any size."""
    with open_recording(tmp_path / "a.mp4", Film(63, 47, 30)) as recording:
        recording.write(np.zeros((47, 63, 3), np.uint8), START)
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.streams.video[0].codec_context.width == 64


def test_lengths_are_told_like_a_clock():
    """In minutes and seconds."""
    assert clock_text(0) == "0:00"
    assert clock_text(72 * SECOND) == "1:12"
    assert clock_text(3723 * SECOND) == "1:02:03"
