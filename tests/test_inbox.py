import threading
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from streamer.web.inbox import Inbox, is_keyframe

VP8, H264, OPUS = (SimpleNamespace(name=name) for name in ("VP8", "H264", "opus"))
KEY, DELTA = b"\x00key", b"\x01delta"


@dataclass
class Frame:
    data: bytes
    timestamp: int = 0


def filled(count, longest=4, codec=VP8, first=KEY):
    asked = []
    inbox = Inbox(longest, lambda: asked.append(1))
    inbox.put((codec, Frame(first)))
    for _ in range(count - 1):
        inbox.put((codec, Frame(DELTA)))
    return inbox, asked


def test_frames_are_decoded_in_their_order():
    """As long as the decoder keeps up, none is left out."""
    inbox, asked = filled(3)
    assert [inbox.get()[1].data for _ in range(3)] == [KEY, DELTA, DELTA]
    assert (inbox.dropped, asked) == (0, [])


def test_a_decoder_that_is_far_behind_goes_on_at_the_next_keyframe():
    """A frame in between would be a smear; a keyframe is asked for once."""
    inbox, asked = filled(7)
    assert (inbox.dropped, asked) == (7, [1])
    inbox.put((VP8, Frame(KEY)))
    inbox.put((VP8, Frame(DELTA)))
    assert [inbox.get()[1].data for _ in range(2)] == [KEY, DELTA]


def test_it_is_asked_again_when_no_keyframe_comes():
    """The question may have been lost."""
    _, asked = filled(5 + 15 + 15)
    assert len(asked) == 3


def test_a_gap_in_the_stream_waits_for_a_keyframe_too():
    """What is known to be incomplete is not decoded."""
    inbox, asked = filled(1)
    inbox.await_keyframe()
    inbox.put((VP8, Frame(DELTA)))
    assert (inbox.dropped, asked) == (1, [1])


def test_sound_that_nobody_decodes_goes():
    """Each packet stands by itself: the oldest are dropped, nothing is asked for."""
    inbox, asked = filled(9, codec=OPUS)
    assert (inbox.dropped, asked) == (8, [])


def test_the_end_comes_before_what_waits():
    """Whoever closes does not wait for the decoder to work it off."""
    inbox, _ = filled(3)
    inbox.put(None)
    assert inbox.get() is None


def test_the_decoder_waits_for_what_comes():
    """Without turning in circles."""
    inbox, _ = filled(1)
    inbox.get()
    got = []
    thread = threading.Thread(target=lambda: got.append(inbox.get()))
    thread.start()
    inbox.put((VP8, Frame(DELTA)))
    thread.join(30)
    assert got[0][1].data == DELTA


@pytest.mark.parametrize(
    ("codec", "data", "key"),
    [
        ("VP8", b"", False),
        ("VP8", b"\x10", True),
        ("VP8", b"\x11", False),
        ("H264", b"", False),
        ("H264", b"\0\0\0\x01", False),
        ("H264", b"\0\0\0\x01\x67\x42", True),
        ("H264", b"\0\0\0\x01\x06\x05\0\0\x01\x65\x88", True),
        ("H264", b"\0\0\0\x01\x09\x10\0\0\x01\x41\x9a\0\0\x01\x65", False),
        ("H264", b"no start code", False),
    ],
)
def test_keyframes_are_told_by_their_first_bytes(codec, data, key):
    """H.264 by its units, VP8 by its first bit."""
    assert is_keyframe(codec, data) is key
