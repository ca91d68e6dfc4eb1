"""The people of a pack, as portraits and moments."""

from streamer.portrait import Portrait
from streamer.tuning.people import Moment, portrait_of
from tools.packing.item import Item


def source(item: Item, number: int) -> tuple[Portrait, Moment]:
    """The `number`-th portrait of an item, and the same moment as the tracker saw it."""
    frame = item.sources[number]
    picture = item.picture(frame)
    portrait = portrait_of(
        picture, item.matte(number), item.enrolled[number].copy(), item.origin.name
    )
    return portrait, Moment(picture, item.landmarks[frame])
