"""When received packets become frames."""

from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtcrtpreceiver import NackGenerator
from aiortc.rtp import RtpPacket

from streamer.clock import MS
from streamer.web.jitter import MarkedBuffer, PatientNacks


def packet(number, timestamp, *, marker=0):
    made = RtpPacket(sequence_number=number % 65536, timestamp=timestamp, marker=marker)
    made._data = bytes([number % 256])
    return made


def test_a_frame_goes_on_at_its_marker():
    """Not when the next one begins."""
    buffer = MarkedBuffer(64, lambda: None)
    assert buffer.add(packet(1, 0))[1] is None
    assert buffer.add(packet(2, 0, marker=1))[1].data == b"\x01\x02"
    assert buffer.add(packet(3, 3000, marker=1))[1].data == b"\x03"


def test_the_stock_buffer_holds_the_frame_back():
    """What the adaptation is for; when this fails, it can go."""
    buffer = JitterBuffer(64, is_video=True)
    buffer.add(packet(1, 0))
    assert buffer.add(packet(2, 0, marker=1))[1] is None
    assert buffer.add(packet(3, 3000))[1].data == b"\x01\x02"


def test_packets_in_the_wrong_order_make_the_same_frames():
    """As networks deliver them."""
    buffer = MarkedBuffer(64, lambda: None)
    buffer.add(packet(65534, 0, marker=1))
    assert buffer.add(packet(65537, 3000, marker=1))[1] is None
    assert buffer.add(packet(65535, 3000))[1] is None
    assert buffer.add(packet(65536, 3000))[1].data == bytes([255, 0, 1])


def test_frames_without_markers_still_come():
    """When the next one begins."""
    buffer = MarkedBuffer(64, lambda: None)
    buffer.add(packet(1, 0))
    assert buffer.add(packet(2, 3000))[1].data == b"\x01"


def test_frames_that_waited_behind_a_lost_packet_all_come():
    """One is released for each packet that comes, so none stays behind for long."""
    buffer = MarkedBuffer(64, lambda: None)
    buffer.add(packet(1, 0, marker=1))
    buffer.add(packet(3, 6000, marker=1))
    assert buffer.add(packet(2, 3000, marker=1))[1].data == b"\x02"
    assert buffer.add(packet(4, 9000, marker=1))[1].data == b"\x03"


def test_a_packet_that_stays_lost_is_given_up_after_300_ms():
    """Stock waits for 512 more packets. A keyframe is asked for."""
    gaps = []
    buffer = MarkedBuffer(512, lambda: gaps.append(1))
    buffer.add(packet(1, 0, marker=1))
    answers = [buffer.add(packet(3 + n, 6000 + 3000 * n, marker=1)) for n in range(12)]
    assert [wants for wants, _ in answers].index(True) == 9
    assert answers[9][1].data == bytes([12])
    assert len(gaps) == 1
    assert answers[10] == (False, answers[10][1])
    assert answers[10][1].data == bytes([13])


def test_a_frame_whose_rest_stays_lost_is_given_up_too():
    """Its beginning came before the storm: nothing after it came through for as long as it lay."""
    gaps = []
    buffer = MarkedBuffer(512, lambda: gaps.append(1))
    buffer.add(packet(1, 0))
    answers = [buffer.add(packet(30 + n, 90000 + 3000 * n, marker=1)) for n in range(3)]
    assert [wants for wants, _ in answers] == [True, False, False]
    assert [frame.data for _, frame in answers] == [bytes([30 + n]) for n in range(3)]
    assert len(gaps) == 1


def test_a_large_frame_that_lacks_nothing_is_waited_for():
    """However slowly its packets come."""
    buffer = MarkedBuffer(512, lambda: None)
    assert all(buffer.add(packet(n, 0)) == (False, None) for n in range(1, 40))
    assert len(buffer.add(packet(40, 0, marker=1))[1].data) == 40


def test_a_packet_that_stays_lost_is_asked_for_again():
    """Also when no other is lost meanwhile; not with each packet that comes."""
    now = [0]
    nacks = PatientNacks(lambda: now[0])
    asked = []
    for number in (1, 2, *range(4, 24)):  # 3 is lost, and so is the first answer
        now[0] += 10 * MS
        if nacks.add(packet(number, 0)):
            asked.append(number)
    assert asked[0] == 4
    assert len(asked) == 3
    nacks.add(packet(3, 0))
    now[0] += 1000 * MS
    assert not nacks.add(packet(24, 0))


def test_stock_asks_only_once():
    """What the adaptation is for; when this fails, it can go."""
    nacks = NackGenerator()
    assert [n for n in (1, 2, *range(4, 100)) if nacks.add(packet(n, 0))] == [4]
