"""The microphone: its troubles are told once, and only one that is wanted is open."""

import time
from contextlib import contextmanager

import numpy as np
import pytest

from streamer.clock import SECOND, monotonic_ns
from streamer.config import RecordConfig
from streamer.errors import DeviceError
from streamer.sink import microphone as module
from streamer.sink import sounddevice
from streamer.sink.microphone import Microphone
from streamer.sink.portaudio import Listed, open_portaudio, pick
from streamer.sink.sound import Delay, Sound
from tests.fakes import MS
from tests.recordings import FakeRoom, wait


class Talking(FakeRoom):
    """Devices with a speaker, which may be refused."""

    def __init__(self, failure=None, speaker_failure=None):
        super().__init__(failure)
        self.speaker_failure = speaker_failure
        self.fill = None
        self.prompt = None

    @contextmanager
    def __call__(self, clock, *, prompt):
        self.prompt = prompt
        with super().__call__(clock, prompt=prompt):
            yield self

    def speaker(self, choice, fill):
        if self.speaker_failure is not None:
            raise self.speaker_failure
        self.fill = fill
        return self


@contextmanager
def microphone(room, clock=monotonic_ns, **settings):
    mic = Microphone(RecordConfig(**settings), lambda: Delay(lambda: 0, 0), clock, room)
    mic.start()
    try:
        yield mic
    finally:
        mic.close()
        assert not room.open


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(module, "_GLANCE_S", MS / 1e9)
    monkeypatch.setattr(module, "_RETRY_S", MS / 1e9)
    monkeypatch.setattr(module, "_CLOSE_S", 30)


def block(value=0.5):
    return Sound(monotonic_ns(), np.full(480, value, np.float32))


def test_it_hears_while_it_is_wanted():
    """What comes goes on the tape; afterwards there is none."""
    room = FakeRoom()
    with microphone(room) as mic:
        assert mic.tape() is None
        mic.listen(wanted=True)
        wait(mic.tape)
        wait(lambda: room.hear)
        room.hear(block())
        assert mic.tape().position(0) is not None
        mic.listen(wanted=False)
        wait(lambda: not room.open)
        assert mic.tape() is None


def test_trouble_is_told_once_and_tried_again(caplog):
    """A device that is busy may be free in a while."""
    room = FakeRoom(failure=DeviceError("it is busy"))
    with microphone(room) as mic:
        mic.listen(wanted=True)
        wait(lambda: room.opened > 5)
        assert [r.getMessage() for r in caplog.records] == [
            "it is busy; there is no sound meanwhile"
        ]
        room.failure = None
        wait(mic.tape)


def test_a_microphone_that_goes_away_is_opened_again(caplog):
    """It is told that it went, by the system or by its silence."""
    room = FakeRoom()
    with microphone(room) as mic:
        mic.listen(wanted=True)
        wait(mic.tape)
        room.running = False
        wait(lambda: room.opened > 1)
        room.running = True
        wait(mic.tape)
    assert "says nothing any more" in caplog.text


def test_a_microphone_that_sends_nothing_is_opened_again(caplog):
    """Some systems never tell that it was unplugged."""
    now_ns = 0
    room = FakeRoom()
    with microphone(room, lambda: now_ns) as mic:
        mic.listen(wanted=True)
        wait(mic.tape)
        now_ns = 5 * SECOND
        wait(lambda: room.opened > 1)
    assert "says nothing any more" in caplog.text


def test_exact_silence_is_told(caplog):
    """Systems that forbid the microphone deliver zeros; a real one always has noise."""
    now_ns = 0
    room = FakeRoom()
    with microphone(room, lambda: now_ns) as mic:
        mic.listen(wanted=True)
        wait(lambda: room.hear)
        while not caplog.records:
            now_ns += SECOND // 10
            room.hear(block(0.0))
            time.sleep(MS / 1e9)
    assert "gives exact silence: unmute it" in caplog.text
    assert now_ns > 3 * SECOND


def test_the_speaker_says_it(caplog):
    """With a speaker it listens all the time, with short buffers."""
    room = Talking()
    with microphone(room, speaker="cable"):
        wait(lambda: room.fill)
        assert room.prompt
        at_ns = monotonic_ns()
        for i in range(30):
            room.hear(Sound(at_ns + i * 10 * MS, np.full(480, 0.5, np.float32)))
        out = np.zeros(480, np.float32)
        room.fill(out, at_ns + 100 * MS)
        assert out == pytest.approx(0.5, abs=0.01)
    assert not caplog.records


def test_a_speaker_that_fails_is_told_once_and_recording_goes_on(caplog):
    """It is an extra."""
    room = Talking(speaker_failure=DeviceError("record.speaker: there is no 'cable'"))
    with microphone(room, speaker="cable") as mic:
        mic.listen(wanted=True)
        wait(mic.tape)
        time.sleep(10 * MS / 1e9)
        assert mic.tape() is not None
    assert [r.getMessage() for r in caplog.records] == ["record.speaker: there is no 'cable'"]


LISTED = [
    Listed(0, "HDA Intel PCH: ALC257 (hw:0,0)", usual=False),
    Listed(2, "USB Headset", usual=False),
    Listed(5, "USB Headset", usual=True),
    Listed(6, "default", usual=True),
    Listed(7, "usb", usual=False),
]


@pytest.mark.parametrize(
    ("choice", "number"),
    [(0, 0), (2, 2), (3, None), ("headset", 5), ("USB", 7), ("alc", 0), ("none", None)],
)
def test_devices_are_chosen_by_number_or_part_of_a_name(choice, number):
    """The whole name goes first, then the usual way to a device."""
    found = pick(LISTED, choice)
    assert (found and found.number) == number


def test_a_computer_without_portaudio_is_told_what_to_install(monkeypatch):
    """On Linux it is a system library."""

    def missing(name):
        raise OSError("PortAudio library not found")

    monkeypatch.setattr(sounddevice.importlib, "import_module", missing)
    with pytest.raises(DeviceError, match="apt-get install -y libportaudio2"):
        sounddevice.load()


def portaudio():
    try:
        sounddevice.load()
    except DeviceError:
        pytest.skip("there is no PortAudio")


def test_a_name_that_is_not_there_is_told_with_what_is():
    """Or that there is none at all."""
    portaudio()
    with (
        pytest.raises(DeviceError, match=r"there is no (microphone: connect one|'no such'; there)"),
        open_portaudio(monotonic_ns, prompt=False) as devices,
    ):
        devices.microphone("no such", lambda _: None)
