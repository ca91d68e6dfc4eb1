"""The driver's sound, carried into the file that is written."""

import math
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction

import av
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError

from streamer.demux import audio_stream, open_media, rational
from streamer.sink.mux import AudioPacket, add_aac, add_copy, encode_audio, mux_audio
from streamer.video import Clip

_COPIED = ("aac", "mp3", "mp3float")
"""Codecs that go into the file as they are; all others are encoded to AAC."""
_AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_AAC_BITS = 160_000
_GAP_S = Fraction(1, 10)
"""A shorter silence, or an overlap, between two pieces of sound is an error of the file."""
_LEAD_S = 1
"""Seconds before the window from which packets are sought, as audio is indexed coarsely."""


@dataclass(frozen=True, slots=True)
class _Sound:
    """One packet and its instant after the window's first frame."""

    at_s: Fraction
    packet: AudioPacket


class AudioTrack:
    """The sound of a clip's window, handed to a muxer packet by packet as the pictures advance."""

    def __init__(
        self,
        output: OutputContainer,
        sounds: Iterator[_Sound],
        encoder: av.AudioStream | None = None,
    ) -> None:
        self._output = output
        self._sounds = sounds
        self._encoder = encoder
        self._next: _Sound | None = None

    def write_until(self, at_s: Fraction) -> None:
        """Write all that begins before `at_s`."""
        while True:
            self._next = self._next or next(self._sounds, None)
            if self._next is None or self._next.at_s >= at_s:
                return
            mux_audio(self._output, [self._next.packet])
            self._next = None

    def finish(self, end_s: Fraction) -> None:
        """Write what is left of the window, which ends at `end_s`."""
        self.write_until(end_s)
        if self._encoder is not None:
            mux_audio(self._output, encode_audio(self._encoder, None))


@contextmanager
def open_audio(output: OutputContainer, clip: Clip) -> Generator[AudioTrack | None]:
    """The clip's sound as a stream of `output`, which has no header yet; None when it is silent."""
    with open_media(clip.path) as container:
        stream = audio_stream(container)
        if stream is None:
            yield None
            return
        source = _Source(container, stream, clip.origin_s)
        copied = stream.codec_context.name in _COPIED and (
            stream.codec_context.name != "aac" or bool(stream.codec_context.extradata)
        )
        if copied:
            yield AudioTrack(output, source.copied(add_copy(output, stream)))
        else:
            encoder = _aac(output, stream)
            yield AudioTrack(output, source.encoded(encoder), encoder)


@dataclass(frozen=True, slots=True)
class _Source:
    """An audio stream and the instant on its clock that becomes zero."""

    container: InputContainer
    stream: av.AudioStream
    origin_s: Fraction

    def copied(self, target: av.AudioStream) -> Iterator[_Sound]:
        """The packets as they are. One before the window stays: a decoder needs it to warm up."""
        tick_s = rational(self.stream.time_base) or Fraction(1, self.stream.rate)
        shift = round(self.origin_s / tick_s)
        last = -math.inf
        for packet in self._packets():
            if packet.pts is None or packet.dts is None or packet.dts <= last:
                continue
            last = packet.dts
            at = packet.pts - shift
            if at + 2 * (packet.duration or 0) <= 0:
                continue
            packet.dts -= shift
            packet.pts = max(at, packet.dts)
            packet.stream = target
            yield _Sound(at * tick_s, packet)

    def encoded(self, target: av.AudioStream) -> Iterator[_Sound]:
        """The sound decoded and encoded again, without the small gaps that some files have."""
        position: int | None = None
        for frame in self._frames():
            tick_s = rational(frame.time_base)
            if frame.pts is None or tick_s is None:
                continue
            at = round((frame.pts * tick_s - self.origin_s) * frame.rate)
            if at + frame.samples <= 0:
                continue
            if position is not None and at - position < _GAP_S * frame.rate:
                at = position
            position = at + frame.samples
            frame.pts, frame.time_base = at, Fraction(1, frame.rate)
            at_s = Fraction(at, frame.rate)
            yield from (_Sound(at_s, packet) for packet in encode_audio(target, frame))

    def _frames(self) -> Iterator[av.AudioFrame]:
        for packet in self._packets():
            try:
                frames = packet.decode()
            except FFmpegError:
                continue
            yield from frames

    def _packets(self) -> Iterator[AudioPacket]:
        begin = self.origin_s - _LEAD_S
        if begin > 0:
            # An index without this instant means reading from the start: slower, and no less right.
            try:
                self.container.seek(int(begin * av.time_base))
            except FFmpegError:
                self.container.seek(0)
        packets = self.container.demux(self.stream)
        while True:
            try:
                yield next(packets)
            except (StopIteration, FFmpegError):
                return


def _aac(output: OutputContainer, stream: av.AudioStream) -> av.AudioStream:
    rate = stream.rate if stream.rate in _AAC_RATES else 48_000
    target = add_aac(output, rate)
    target.bit_rate = _AAC_BITS
    target.layout = "mono" if stream.channels == 1 else "stereo"
    return target
