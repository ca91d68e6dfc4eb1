"""What the refiner's graph is given in tests: made-up pictures, and real ones of the portraits."""

from dataclasses import replace

import cv2
import numpy as np

from engines.contract import (
    FILM,
    GUIDE,
    NOWHERE,
    Contract,
    Frame,
    Still,
    centres,
    inputs,
)
from engines.geometry import from_euler_deg
from engines.region import Box, face_square
from streamer.config import GeneratorConfig
from streamer.generator.composite import WarpGenerator
from streamer.retarget.presence import neutral_motion
from tests.faces import portrait


def picture(random, height, width, channels=3):
    """Blots of all sizes and a little grain, (height, width, channels) uint8."""
    out = np.zeros((height, width, channels))
    for cells in (3, 9, 27):
        coarse = random.uniform(0, 255, (cells, cells, channels)).astype(np.float32)
        fine = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        out += fine.reshape(out.shape) / 3
    return np.clip(out + random.normal(0, 2, out.shape), 0, 255).astype(np.uint8)


def covered(random, height, width):
    """The same, premultiplied, opaque in blots alone: (height, width, 4)."""
    cover = np.clip(2.0 * picture(random, height, width, 1) - 200, 0, 255) / 255
    colours = picture(random, height, width) * cover
    return np.round(np.dstack([colours, cover * 255])).astype(np.uint8)


def frame(contract, seed=0):
    """Something moved: bent a little, turned by up to 20 degrees."""
    random = np.random.default_rng([seed, 1])
    height, width, side = contract.height, contract.width, contract.side
    rows, columns = contract.texture or (height, width)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    bend = random.uniform(2, 6, 4)
    across = x * columns / width + bend[0] * np.sin(y / 23 + bend[1])
    down = y * rows / height + bend[2] * np.cos(x / 31 + bend[3])
    return Frame(
        places=np.stack([across, down], 2).astype(np.float32),
        layers=covered(random, height, width),
        marks=picture(random, side, side),
        rotation=from_euler_deg(*random.uniform(-20, 20, 3)).astype(np.float32),
        picture=picture(random, height, width) if contract.form == "picture" else None,
    )


def still(contract, seed=0):
    """Some portrait, whose region reaches beyond the picture."""
    random = np.random.default_rng([seed, 2])
    rows, columns = contract.texture or (contract.height, contract.width)
    plate = texture = None
    if contract.form == "source":
        texture = covered(random, rows, columns)
        plate = picture(random, contract.height, contract.width)
    return Still(
        film=random.normal(0, 0.1, FILM[contract.size]).astype(np.float32),
        guide=picture(random, GUIDE, GUIDE, 4),
        rest=picture(random, contract.side, contract.side),
        extent=np.array([columns, rows], np.float32),
        region=np.array([0.11, -0.23, *random.uniform(0.7, 0.95, 2)], np.float32),
        texture=texture,
        plate=plate,
    )


def given(contract, frames, stills):
    """All inputs of the graph by name, for a batch."""
    out = {"across": centres(contract.width), "down": centres(contract.height)}
    for entry in inputs(contract):
        if entry.lives != "shape":
            source = frames if entry.lives == "frame" else stills
            out[entry.name] = np.stack([getattr(one, entry.name) for one in source])
        assert out[entry.name].shape == entry.shape, entry
        assert out[entry.name].dtype == entry.dtype, entry
    return {entry.name: out[entry.name] for entry in inputs(contract)}


def made_up(contract, seed=0):
    """All inputs of the graph by name, of as many different portraits as the batch has."""
    seeds = range(seed, seed + contract.batch)
    return given(contract, [frame(contract, s) for s in seeds], [still(contract, s) for s in seeds])


def motion(*turn, **changes):
    """The neutral one but for a turn in degrees and these changes."""
    changes = {k: np.float32(v) if np.ndim(v) else v for k, v in changes.items()}
    return replace(neutral_motion(), rotation=from_euler_deg(*turn), **changes)


TALKING = motion(14, -6, 5, aperture=0.3, jaw=0.1, gaze=(0.3, 0.1), openness=(0.9, 0.6))


def drawn(name, moved=TALKING, form="picture", side=256, size=400):
    """A portrait as the processor draws it; its contract, frame and still for either form.

    The picture comes first: (size, size, 3), before it is refined.
    """
    warp = WarpGenerator(GeneratorConfig(size=size), portrait(name))
    with warp.traced(moved) as traced:
        plain = warp.painted(traced)
        places = np.full((*plain.shape[:2], 2), NOWHERE, np.float32)
        places[warp.moving] = traced.places
        layers = np.zeros((*plain.shape[:2], 4), np.uint8)
        for stroke in traced.strokes:
            stroke.lay_into(layers, 0, 0)
        texture = warp.skin.pixels.copy()
    plate = warp.scene.still.copy()
    plate[warp.moving] = warp.scene.plate
    random = np.random.default_rng(7)
    source = form == "source"
    height, width = plain.shape[:2]
    shape = texture.shape[:2] if source else None
    contract = Contract("xs", side, height, width, 1, form, shape)
    square = face_square(warp.portrait.pose, warp.canvas.place)
    own = Still(
        film=random.normal(0, 0.1, FILM["xs"]).astype(np.float32),
        guide=picture(random, GUIDE, GUIDE, 4),
        rest=cv2.resize(warp.scene.still, (side, side)),
        extent=np.array(texture.shape[1::-1], np.float32),
        region=square.inside(Box(0, 0, width, height)),
        texture=texture if source else None,
        plate=plate if source else None,
    )
    marks = picture(random, side, side)
    turn = np.asarray(moved.rotation, np.float32)
    moving = Frame(places, layers, marks, turn, None if source else plain)
    return plain, contract, moving, own
