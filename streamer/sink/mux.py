"""PyAV's muxing calls with full types: its own stubs leave packets and keywords unknown."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, TypeAlias, cast

import av
from av.container import OutputContainer

AudioPacket: TypeAlias = "av.Packet[av.AudioStream]"


def add_h264(output: OutputContainer, rate: Fraction, options: dict[str, str]) -> av.VideoStream:
    """A new H.264 stream."""
    untyped = cast("Any", output)
    return cast("av.VideoStream", untyped.add_stream("libx264", rate=rate, options=options))


def add_aac(output: OutputContainer, rate: int) -> av.AudioStream:
    """A new AAC stream."""
    return cast("av.AudioStream", cast("Any", output).add_stream("aac", rate=rate))


def add_copy(output: OutputContainer, template: av.AudioStream) -> av.AudioStream:
    """A new stream that takes the packets of `template` as they are."""
    return cast("av.AudioStream", cast("Any", output).add_stream_from_template(template))


def encode_audio(stream: av.AudioStream, frame: av.AudioFrame | None) -> list[AudioPacket]:
    """The packets that are ready after `frame`; None asks for the last ones."""
    return cast("list[AudioPacket]", cast("Any", stream).encode(frame))


def mux_frame(
    output: OutputContainer, stream: av.VideoStream, frame: av.VideoFrame | None, ticks: int
) -> None:
    """Encode and write one picture; None writes the last ones. A picture is seen for `ticks`."""
    for packet in cast("Any", stream).encode(frame):
        packet.duration = ticks
        cast("Any", output).mux(packet)


def mux_audio(output: OutputContainer, packets: Sequence[AudioPacket]) -> None:
    """Write encoded sound."""
    cast("Any", output).mux(packets)
