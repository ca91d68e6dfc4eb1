"""The recorder: follows the desk, blocks nobody, and never stops the run."""

import logging
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import av
import numpy as np
import pytest

from streamer.clock import monotonic_ns
from streamer.config import GainsConfig, RecordConfig
from streamer.control import Controls, Desk
from streamer.errors import DeviceError, MediaError
from streamer.metrics import Metrics
from streamer.sink import recorder as module
from streamer.sink.null import NullSink
from streamer.sink.recorder import Recorded, open_recorder
from streamer.sink.sound import Sound
from tests.fakes import MS
from tests.media import count_of, counted
from tests.recordings import (
    BLACK,
    WHITE,
    FakeRoom,
    clicks,
    flashes,
    heard,
    noise,
    small_files,
    wait,
)


def desk():
    return Desk(Controls(portraits=("ada",), portrait="ada", gains=GainsConfig()))


def switch(at, recording):
    at.edit(lambda controls: replace(controls, recording=recording))


@contextmanager
def recording(tmp_path, size=(64, 48), room=None, latency_ns=lambda: 0, **settings):
    """A recorder in `tmp_path`, its desk and its metrics."""
    config = RecordConfig(**{"folder": str(tmp_path), "microphone": False, **settings})
    at, metrics = desk(), Metrics()
    room = room or FakeRoom()
    with open_recorder(config, *size, 30, at, metrics, latency_ns, open_devices=room) as recorder:
        yield recorder, at, metrics


def begin(recorder, at):
    switch(at, recording=True)
    wait(lambda: recorder.state and not recorder.state.startswith("stopped"))


def end(recorder, at):
    switch(at, recording=False)
    wait(lambda: not recorder.state)


def offer_all(recorder, images):
    """Each once the one before was taken."""
    for image in images:
        recorder.offer(image)
        wait(lambda: recorder._picture is None)


def shown(path):
    with av.open(str(path)) as container:
        return [count_of(f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]


def test_it_records_between_on_and_off(tmp_path):
    """What is offered before and after is not in the file."""
    with recording(tmp_path, path=str(tmp_path / "talk.mp4")) as (recorder, at, _):
        recorder.offer(counted(9))
        assert recorder.state == ""
        begin(recorder, at)
        assert recorder.state == "talk.mp4, 0:00"
        offer_all(recorder, [counted(i) for i in range(5)])
        end(recorder, at)
        recorder.offer(counted(9))
        assert shown(tmp_path / "talk.mp4") == [0, 1, 2, 3, 4]


def test_later_recordings_get_names_of_their_own(tmp_path):
    """The first has the name that was asked for, the others the date's; none is overwritten."""
    (tmp_path / "talk.mp4").write_text("old")
    with recording(tmp_path, path=str(tmp_path / "talk.mp4")) as (recorder, at, _):
        for _i in range(3):
            begin(recorder, at)
            offer_all(recorder, [BLACK])
            end(recorder, at)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names[:1] == ["talk-2.mp4"]
    assert names[1] == "talk.mp4"
    assert len(names) == 4
    assert all(name.startswith("vivant-20") for name in names[2:])
    assert (tmp_path / "talk.mp4").read_text() == "old"


def test_the_folder_is_made(tmp_path):
    """A folder in the settings need not be there."""
    with recording(tmp_path, folder=str(tmp_path / "a" / "b")) as (recorder, at, _):
        begin(recorder, at)
        offer_all(recorder, [BLACK])
        end(recorder, at)
    assert len(list((tmp_path / "a" / "b").iterdir())) == 1


def test_offering_never_blocks_and_the_newest_wins(tmp_path):
    """While a picture waits, the next takes its place, and that is counted."""
    with recording(tmp_path, path=str(tmp_path / "a.mp4")) as (recorder, at, metrics):
        begin(recorder, at)
        with recorder._came:  # the thread cannot take anything
            for i in range(10):
                recorder.offer(counted(i))
        wait(lambda: recorder._picture is None)
        end(recorder, at)
        assert metrics.summary().dropped == {"record: newer": 9}
    assert shown(tmp_path / "a.mp4") == [9]


def record_and_be_stopped(tmp_path):
    with recording(tmp_path, path=str(tmp_path / "a.mp4")) as (recorder, at, _):
        begin(recorder, at)
        offer_all(recorder, [counted(i) for i in range(3)])
        raise KeyboardInterrupt


def test_leaving_finishes_the_file(tmp_path):
    """Ctrl-C, a failing stage: the file has its name when the block is left, and soon."""
    with pytest.raises(KeyboardInterrupt):
        record_and_be_stopped(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
    assert shown(tmp_path / "a.mp4") == [0, 1, 2]
    assert not [t for t in threading.enumerate() if t.name in ("record", "microphone")]


def test_a_full_disk_ends_the_recording_and_nothing_else(tmp_path, caplog):
    """It is told, the switch goes off, what was written plays, and one may record again."""
    path = tmp_path / "a.mp4"
    with recording(tmp_path, (192, 144), path=str(path)) as (recorder, at, _):
        with small_files(200_000):
            begin(recorder, at)
            for image in noise(30) * 100:
                recorder.offer(image)
                wait(lambda: recorder._picture is None or not at.controls.recording)
                if not at.controls.recording:
                    break
            wait(lambda: recorder.state.startswith("stopped: "))
        assert "disk is full" in recorder.state
        assert not at.controls.recording
        begin(recorder, at)
        offer_all(recorder, noise(1))
        end(recorder, at)
    assert [r.levelno for r in caplog.records] == [logging.WARNING]
    assert "the recording stopped" in caplog.text
    assert len(list(tmp_path.iterdir())) == 2
    with av.open(str(path)) as container:
        assert next(container.decode(video=0)).width == 192


def test_a_folder_that_cannot_be_is_told(tmp_path, caplog):
    """The call goes on."""
    (tmp_path / "file").write_text("")
    with recording(tmp_path, folder=str(tmp_path / "file")) as (recorder, at, _):
        switch(at, recording=True)
        wait(lambda: recorder.state)
        assert recorder.state.startswith("stopped: ")
        assert not at.controls.recording
        recorder.offer(BLACK)
    assert "a folder is needed" in caplog.text


def test_a_name_that_is_no_videos_is_refused_at_the_start(tmp_path):
    """Before there is anything to lose."""
    with pytest.raises(MediaError, match=r"\.mp4"), recording(tmp_path, path="talk.txt"):
        pass


def test_a_disk_that_does_not_answer_does_not_hold_the_end(tmp_path, caplog, monkeypatch):
    """It is told, and left alone."""
    stuck = threading.Event()
    monkeypatch.setattr(module, "_FINISH_S", 20 * MS / 1e9)
    monkeypatch.setattr(module.Recording, "write", lambda *_: stuck.wait())
    with recording(tmp_path, path=str(tmp_path / "a.mp4")) as (recorder, at, _):
        begin(recorder, at)
        recorder.offer(BLACK)
    assert "the disk does not answer: a.mp4" in caplog.text
    stuck.set()
    recorder._thread.join()


def test_the_inner_sink_comes_first():
    """What is shown is not held up by what is kept."""
    order = []

    class Spy(NullSink):
        def send(self, image):
            order.append("shown")

        def offer(self, image):
            order.append("offered")

    sink = Recorded(Spy(), Spy())
    sink.send(BLACK)
    assert order == ["shown", "offered"]
    assert sink.label == "nowhere"


def test_the_microphone_is_open_only_while_it_records(tmp_path):
    """Its light is off otherwise."""
    room = FakeRoom()
    with recording(tmp_path, room=room, microphone=True) as (recorder, at, _):
        for count in (1, 2):
            time.sleep(20 * MS / 1e9)
            assert room.open == 0
            begin(recorder, at)
            wait(lambda: room.open)
            offer_all(recorder, [BLACK])
            end(recorder, at)
            wait(lambda: not room.open)
            assert room.opened == count


def test_without_a_microphone_in_the_settings_none_is_opened(tmp_path):
    """And the file has no sound at all."""
    room = FakeRoom()
    with recording(tmp_path, room=room, path=str(tmp_path / "a.mp4")) as (recorder, at, _):
        begin(recorder, at)
        offer_all(recorder, [BLACK])
        end(recorder, at)
    assert not room.opened
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert not container.streams.audio


def test_a_missing_microphone_leaves_a_silent_recording(tmp_path, caplog):
    """It is told, and the film goes on."""
    room = FakeRoom(failure=DeviceError("there is no microphone: connect one"))
    path = tmp_path / "a.mp4"
    with recording(tmp_path, room=room, microphone=True, path=str(path)) as (recorder, at, _):
        begin(recorder, at)
        wait(lambda: "no microphone" in caplog.text)
        for _i in range(10):
            offer_all(recorder, [BLACK])
            time.sleep(10 * MS / 1e9)
        end(recorder, at)
    assert [r.levelno for r in caplog.records] == [logging.WARNING]
    _, sound = heard(path)
    assert len(sound)
    assert np.abs(sound).max() < 1e-4


def test_a_clap_through_all_of_it_is_in_step(tmp_path):
    """A flash and a click of one instant, 80 ms old when shown: within 10 ms in the file."""
    room, path, age_ns = FakeRoom(), tmp_path / "a.mp4", 80_000_000
    now_ns = monotonic_ns()

    config = RecordConfig(path=str(path))
    at = desk()
    opened = open_recorder(
        config, 64, 48, 30, at, Metrics(), lambda: age_ns, lambda: now_ns, open_devices=room
    )
    with opened as recorder:
        begin(recorder, at)
        wait(lambda: room.hear and recorder._microphone.tape())
        for i in range(120):
            now_ns += 1_000_000_000 // 30
            index = np.arange(1600)
            click = np.sin(index * 0.3) * (index < 400) * (i % 40 == 20)
            room.hear(Sound(now_ns - age_ns, click.astype(np.float32)))
            offer_all(recorder, [WHITE if i % 40 == 20 else BLACK])
        end(recorder, at)
    seen, sounds = flashes(path), clicks(path)
    assert len(seen) == len(sounds) == 3
    assert np.subtract(sounds, seen) == pytest.approx([0] * 3, abs=0.01)
