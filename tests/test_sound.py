"""Sound on tape: read at another clock's pace, without a click, in step for hours."""

import numpy as np
import pytest

from streamer.clock import MS, SECOND
from streamer.sink.sound import RATE, Delay, Follower, Sound, Tape

BLOCK = 1024


def tone(at_s):
    return (0.5 * np.sin(2 * np.pi * 440 * at_s)).astype(np.float32)


def play(seconds, ppm=0.0, rate=RATE, late_ns=lambda i: 0, lost=(), delay_ns=lambda k: 0):
    """What a follower makes of a tone of 440 Hz, whose card's clock is off by `ppm`.

    `late_ns` is the error of each block's stamp, `lost` the blocks that never come.
    """
    tape = Tape(rate)
    follower = Follower(tape)
    true = rate * (1 + ppm * 1e-6)
    size = rate // 50
    out = []
    for i in range(seconds * 50):
        first = i * size
        if i not in lost:
            samples = tone(np.arange(first, first + size) / true)
            tape.add(Sound(round(first / true * SECOND) + late_ns(i), samples, i - 1 in lost))
        while True:
            k = len(out)
            block = follower.read(BLOCK, k * BLOCK * SECOND // RATE - delay_ns(k))
            if block is None:
                break
            out.append(block)
    return np.concatenate(out)


def off_ms(sound, at_s, delay_ms=0.0):
    """By how much the tone is late at an instant, up to half a period: 1.1 ms."""
    index = np.arange(int(at_s * RATE), int(at_s * RATE) + RATE // 10)
    turn = np.exp(-2j * np.pi * 440 * (index / RATE - delay_ms / 1000))
    phase = np.angle(np.sum(sound[index] * turn) * 1j)
    return float(-phase / (2 * np.pi * 440) * 1000)


def noise_db(sound):
    """What is not the tone, against the tone: clicks raise it."""
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    near = np.abs(np.fft.rfftfreq(len(sound), 1 / RATE) - 440) < 40
    return 10 * np.log10(power[~near].sum() / power[near].sum())


@pytest.mark.parametrize("ppm", [-200, 200])
def test_a_card_with_another_clock_stays_in_step(ppm):
    """Three minutes of 200 parts in a million are 36 ms; what is heard is off by less than 1."""
    sound = play(180, ppm)
    assert len(sound) > 179 * RATE
    errors = [off_ms(sound, at) for at in range(30, 180, 10)]
    assert max(abs(error) for error in errors) < 1
    assert max(errors[5:]) - min(errors[5:]) < 0.1, "it does not grow"
    assert noise_db(sound[-20 * RATE :]) < -60


def test_late_stamps_do_not_matter():
    """A busy machine stamps blocks late, some by much; the sound is neither moved nor clicks."""
    rng = np.random.default_rng(0)

    def late_ns(_):
        return int(abs(rng.normal(0, 1)) * MS) + (rng.random() < 0.1) * 60 * MS

    sound = play(30, late_ns=late_ns)
    assert all(abs(off_ms(sound, at)) < 1 for at in range(2, 29))
    assert noise_db(sound[10 * RATE :]) < -60


def test_other_rates_are_made_48_khz():
    """Cards that know only 44.1 kHz do."""
    sound = play(10, rate=44_100)
    assert abs(off_ms(sound, 9)) < 1
    assert noise_db(sound[5 * RATE :]) < -60


def test_lost_sound_is_silence_and_what_follows_is_in_step():
    """A second that the card lost is a second of silence, soon after where it was."""
    sound = play(20, lost=range(250, 300))
    quiet = np.abs(sound[4 * RATE : 8 * RATE]) < 1e-4
    assert quiet.sum() / RATE == pytest.approx(1.0, abs=0.05)
    assert all(abs(off_ms(sound, at)) < 1 for at in (3, 15, 19))


def test_a_growing_delay_is_followed_without_a_click():
    """From 20 to 60 ms within seconds, by a pace that nobody hears."""
    latency = [20 * MS]
    delay = Delay(lambda: latency[0], 0)
    delays = []

    def delay_ns(k):
        while len(delays) <= k:
            latency[0] = 20 * MS if k * BLOCK < 5 * RATE else 60 * MS
            delay.advance(BLOCK * SECOND // RATE)
            delays.append(delay.now_ns)
        return delays[k]

    sound = play(60, delay_ns=delay_ns)
    assert abs(off_ms(sound, 4, delay_ms=20)) < 1
    assert abs(off_ms(sound, 58, delay_ms=60)) < 1
    assert noise_db(sound[-20 * RATE :]) < -60
    steps = np.abs(np.diff(sound[RATE:]))
    assert steps.max() < 1.03 * 0.5 * 2 * np.pi * 440 / RATE, "no step is steeper than the tone"


def test_the_delay_begins_with_the_first_latency_that_is_known():
    """0 says that there were no pictures yet; later, 0 changes nothing."""
    latency = [0]
    delay = Delay(lambda: latency[0], 7 * MS)
    assert delay.now_ns == 7 * MS
    latency[0] = 30 * MS
    delay.advance(SECOND)
    assert delay.now_ns == 37 * MS
    latency[0] = 0
    delay.advance(10 * SECOND)
    assert delay.now_ns == 37 * MS


def test_a_great_change_is_followed_at_once():
    """Half a minute out of step is worse than one click."""
    latency = [30 * MS]
    delay = Delay(lambda: latency[0], 0)
    latency[0] = 500 * MS
    delay.advance(SECOND)
    assert delay.now_ns == 500 * MS


def test_what_is_no_longer_on_the_tape_is_silence():
    """The tape is bounded."""
    tape = Tape(8000)
    assert tape.position(0) is None
    for i in range(100):
        tape.add(Sound(i * 100 * MS, np.full(800, 0.5, np.float32)))
    assert not tape.at(np.arange(100.0)).any()
    assert tape.at(np.arange(79_000.0, 79_100.0)) == pytest.approx(0.5, abs=1e-5)
