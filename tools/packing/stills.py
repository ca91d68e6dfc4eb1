"""Photos and paintings as items: one picture each, which is its own truth."""

from pathlib import Path

import numpy as np

from streamer.enroll import enroll
from streamer.errors import MediaError
from streamer.picture import read_picture
from streamer.portrait import FaceReport, Portrait
from tools.packing.crop import crop_of
from tools.packing.item import Item, Origin, encoded

LEAST_SHARP, MOST_TURNED_DEG = 0.12, 40.0
"""A face more blurred, or turned farther, teaches what is wrong."""
_LEAST_COLOUR = 4.0
"""Mean difference of the colour channels below which a picture is grey."""


def still_item(path: Path, origin: Origin) -> Item:
    """The item of one picture. MediaError says why it cannot be used."""
    photo = enroll([read_picture(path)], path.name)
    check_face(photo.report, path.name)
    if _colourless(photo):
        raise MediaError(f"{path.name}: without colours")
    crop = crop_of([photo.landmarks], photo.picture.shape)
    landmarks = crop.place(photo.landmarks)[None]
    return Item(
        origin=origin,
        frames=(encoded(crop.picture(photo.picture), "JPEG"),),
        landmarks=landmarks,
        times_ms=np.zeros(1, np.int64),
        sources=(0,),
        mattes=(encoded(crop.picture(photo.matte), "PNG"),),
        enrolled=landmarks,
    )


def check_face(report: FaceReport, name: str) -> None:
    """MediaError when the face is blurred or turned away."""
    if report.sharpness < LEAST_SHARP:
        raise MediaError(f"{name}: the face is blurred (sharpness {report.sharpness:.2f})")
    turned = max(abs(report.yaw_deg), abs(report.pitch_deg))
    if turned > MOST_TURNED_DEG:
        raise MediaError(f"{name}: the head is turned by {turned:.0f} degrees")


def _colourless(photo: Portrait) -> bool:
    channels = photo.picture.astype(np.int16)
    return float(np.ptp(channels, axis=2).mean()) < _LEAST_COLOUR
