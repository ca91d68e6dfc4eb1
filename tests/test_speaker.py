"""The microphone, said again as late as the picture."""

import numpy as np
import pytest

from streamer.clock import MS, SECOND
from streamer.sink.sound import RATE, Delay, Sound, Tape
from streamer.sink.speaker import Speaker

BLOCK = RATE // 100


def tape_of(sound, heard_ms=None):
    """A tape on which `sound` was captured from instant 0 on."""
    tape = Tape(RATE)
    for first in range(0, len(sound), BLOCK):
        if heard_ms is None or first * 1000 < heard_ms * RATE:
            tape.add(Sound(first * SECOND // RATE, sound[first : first + BLOCK]))
    return tape


def said(speaker, begin_ms, count):
    """What a device says from an instant on, in blocks of 10 ms."""
    blocks = []
    for i in range(count):
        out = np.full(BLOCK, 9.0, np.float32)
        speaker.fill(out, (begin_ms + 10 * i) * MS)
        blocks.append(out)
    return np.concatenate(blocks)


def click_at(ms, seconds=2):
    sound = np.zeros(seconds * RATE, np.float32)
    sound[ms * RATE // 1000] = 1
    return sound


def test_sound_is_said_as_late_as_the_picture():
    """A click at 500 ms is said at 560 when pictures are 60 ms old."""
    speaker = Speaker(tape_of(click_at(500)), Delay(lambda: 60 * MS, 0))
    sound = said(speaker, 300, 60)
    assert 300 + np.argmax(sound) * 1000 / RATE == pytest.approx(560, abs=0.1)
    assert speaker.underruns == 0


def test_sound_that_has_not_come_is_silence_and_the_rest_comes_later():
    """Devices that need longer than the picture's age: gaps at first, then none, in good order."""
    sound = np.sin(np.arange(3 * RATE) * 2 * np.pi * 200 / RATE).astype(np.float32)
    tape = Tape(RATE)
    speaker = Speaker(tape, Delay(lambda: 20 * MS, 0))
    out = np.empty(BLOCK, np.float32)
    gaps = []
    for i in range(250):
        # The microphone's blocks come 60 ms after they were captured.
        if i >= 6:
            first = (i - 6) * BLOCK
            tape.add(Sound(first * SECOND // RATE, sound[first : first + BLOCK]))
        speaker.fill(out, i * 10 * MS)
        gaps.append(not out.any())
    assert 0 < speaker.underruns < 40
    assert not any(gaps[60:])
    assert np.abs(out).max() > 0.5


def test_a_microphone_that_stops_is_silence_for_ever():
    """Counted, bounded, and no failure."""
    speaker = Speaker(tape_of(click_at(100), heard_ms=500), Delay(lambda: 20 * MS, 0))
    sound = said(speaker, 2000, 500)
    assert not sound.any()
    assert speaker.underruns == 500
    assert speaker._later_ns <= SECOND


def test_cards_with_other_clocks_do_not_grow_apart():
    """A speaker that is 200 parts in a million slow, for a minute: 12 ms, and no gap."""
    sound = np.sin(np.arange(60 * RATE) * 2 * np.pi * 200 / RATE).astype(np.float32)
    tape = Tape(RATE)
    speaker = Speaker(tape, Delay(lambda: 60 * MS, 0))
    out = np.empty(BLOCK, np.float32)
    for i in range(5900):
        tape.add(Sound(i * 10 * MS, sound[i * BLOCK : (i + 1) * BLOCK]))
        at_ns = round(i * 10 * MS * 1.0002)
        speaker.fill(out, at_ns)
    wanted = int((at_ns - 60 * MS) * RATE / SECOND)
    off = [np.abs(out - sound[wanted + k : wanted + k + BLOCK]).mean() for k in range(-100, 100)]
    assert abs(int(np.argmin(off)) - 100) < RATE * 2 // 1000, "in step within 2 ms"
    assert speaker.underruns < 20
