"""RGB pictures and the YUV of video, converted by the matrix and range that the tags name."""

from typing import cast

import av
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation
from av.video.reformatter import VideoReformatter as Reformatter

from streamer.frame import Image

_EXACT = Interpolation.BILINEAR | Interpolation.FULL_CHR_H_INT | Interpolation.ACCURATE_RND
"""Within one level of the exact conversion; swscale's own fast path is off by up to three."""
_SMOOTH = Interpolation.AREA | Interpolation.ACCURATE_RND

_TAGGED = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
"""ITU-T H.273 matrix numbers, as a frame carries them, in the numbers of swscale."""


def to_rgb(frame: av.VideoFrame, reformatter: Reformatter, width: int, height: int) -> Image:
    """A decoded frame as RGB. Without tags: BT.709 if larger than SD, limited range."""
    pixels = frame.format
    full = frame.color_range == ColorRange.JPEG or pixels.name.startswith("yuvj")
    matrix = None if pixels.is_rgb or pixels.has_palette else _matrix(frame)
    picture = reformatter.reformat(
        frame,
        width=width,
        height=height,
        format="rgb24",
        src_colorspace=matrix,
        src_color_range=ColorRange.JPEG if full or pixels.is_rgb else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        interpolation=_EXACT,
    )
    return cast("Image", picture.to_ndarray())


def _matrix(frame: av.VideoFrame) -> Colorspace:
    large = frame.width >= 1280 or frame.height > 576
    return _TAGGED.get(frame.colorspace, Colorspace.ITU709 if large else Colorspace.ITU601)


def to_yuv(image: Image, reformatter: Reformatter) -> av.VideoFrame:
    """An RGB picture of even size as yuv420p, BT.709, limited range, and tagged so."""
    return reformatter.reformat(
        av.VideoFrame.from_ndarray(image, format="rgb24"),
        format="yuv420p",
        dst_colorspace=Colorspace.ITU709,
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG,
        dst_color_trc=ColorTrc.BT709,
        dst_color_primaries=ColorPrimaries.BT709,
        interpolation=_EXACT,
    )


def resize(image: Image, width: int, height: int) -> Image:
    """The picture at another size, averaged where it shrinks."""
    if image.shape[:2] == (height, width):
        return image
    frame = av.VideoFrame.from_ndarray(image, format="rgb24")
    small = frame.reformat(width=width, height=height, interpolation=_SMOOTH)
    return cast("Image", small.to_ndarray())
