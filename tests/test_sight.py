"""What the refiner's graph is given of portraits and pictures."""

import numpy as np
import pytest

from engines.contract import fits, inputs
from engines.geometry import eyes, from_euler_deg
from streamer.engine.protocol import frame_arrays, still_arrays
from streamer.generator.sight import OnFace, OnParts, Refinement, face_area
from streamer.generator.source import OnSource, source_contract
from tests.faces import generator, portrait
from tests.test_composite import motion

TALKING = motion((12, -5, 4), aperture=0.3, jaw=0.1, gaze=(0.3, 0.1), openness=(1.0, 0.4))
XS, PARTS = Refinement("xs"), Refinement("xs", parts=True)


def sights(warp):
    """Each kind, by its name."""
    source = source_contract(warp, XS, (320, 300))
    return {
        "face": OnFace(warp, XS),
        "parts": OnParts(warp, PARTS),
        "source": OnSource(warp, source),
    }


@pytest.mark.parametrize("name", ["ada", "mei"])
@pytest.mark.parametrize("kind", ["face", "parts", "source"])
def test_everything_fits_the_graph(name, kind):
    """Shapes and kinds of all that is bound and of all that a picture brings."""
    warp = generator(name)
    sight = sights(warp)[kind]
    stills = sight.stills(warp.scene)
    with warp.traced(TALKING) as traced:
        pieces = sight.pieces(traced, None if kind == "source" else warp.painted(traced))
    assert len(stills) == len(pieces) == sight.contract.batch
    for still, piece in zip(stills, pieces, strict=True):
        arrays = still_arrays(sight.contract, still) | frame_arrays(sight.contract, piece.frame)
        entries = {e.name: e for e in inputs(sight.contract) if e.lives != "shape"}
        assert arrays.keys() == entries.keys()
        assert all(fits(entries[name], array) for name, array in arrays.items())
        assert np.isfinite(piece.frame.places).all()


def test_the_map_of_the_box_is_that_of_the_picture():
    """What moves as it moves, what never does as at rest; whatever was drawn before."""
    warp = generator("ada", 320)
    sight = OnFace(warp, XS)
    for turn in (TALKING, motion((-20, 8, 0)), TALKING):
        with warp.traced(turn) as traced:
            (piece,) = sight.pieces(traced, warp.painted(traced))
            whole = warp.map_at_rest.copy()
            whole[warp.moving] = traced.places
        box = piece.box
        assert np.array_equal(piece.frame.places, whole[box.rows, box.columns])


def test_at_rest_the_texture_is_seen_where_it_is():
    """One pixel further right in the picture is one further right in the texture."""
    steps = np.diff(generator("ada").map_at_rest[:, :, 0], axis=1)
    assert np.median(steps) == pytest.approx(1, abs=0.02)


def test_the_layers_are_what_is_drawn_on_the_skin():
    """Eyes and mouth over the bare picture give the picture; nothing is left of the one before."""
    warp = generator("mei", 320)
    sight = OnFace(warp, XS)
    for m in (TALKING, motion((-12, 5, 0), openness=(0.2, 1.1), gaze=(-0.3, 0))):
        with warp.traced(m) as traced:
            picture = warp.painted(traced)
            bare = warp.painted(type(traced)(traced.motion, traced.points, traced.places, ()))
            (piece,) = sight.pieces(traced, picture)
        layer = piece.frame.layers.astype(int)
        under = bare[piece.box.rows, piece.box.columns]
        over = layer[..., :3] + (under * (255 - layer[..., 3:]) + 127) // 255
        away = np.abs(over - picture[piece.box.rows, piece.box.columns])
        assert (layer[..., 3] > 0).mean() < 0.1
        assert (away <= 2).mean() > 0.999
        assert away.mean() < 0.05


def test_marks_show_the_mouth_and_the_eyes_where_they_are():
    """Lips apart have an inside, irises are between the lids."""
    warp = generator("ada", 320)
    sight = OnFace(warp, XS)
    with warp.traced(TALKING) as traced:
        (piece,) = sight.pieces(traced, warp.painted(traced))
        lips = piece.square.seen(traced.points[[13, 14]].mean(0, keepdims=True), 256)[0]
        irises = piece.square.seen(warp.openings.irises(traced.points, TALKING), 256)
    marks = piece.frame.marks
    x, y = np.round(lips).astype(int)
    assert marks[y, x, 0] > 130
    for x, y in np.round(irises).astype(int):
        assert marks[y, x, 2] == 255
    assert (marks[..., 1] > 128).any()


def test_the_turn_is_told_in_the_photos_axes():
    """For a head that is turned in the photo, too: normals go where the nose does."""
    warp = generator("ada")
    pose = portrait().pose.rotation
    turn = from_euler_deg(20, 0, 0)
    with warp.traced(motion((20, 0, 0))) as traced:
        (piece,) = OnFace(warp, XS).pieces(traced, warp.painted(traced))
    nose = np.float32([0, 0, -1])
    assert piece.frame.rotation @ (pose @ nose) == pytest.approx(pose @ turn @ nose, abs=1e-5)


def test_mouth_and_eyes_are_followed():
    """Their boxes go along with the head, and what is bound stays the same."""
    warp = generator("ada", 320)
    sight = OnParts(warp, PARTS)
    boxes = []
    for yaw in (-20, 20):
        with warp.traced(motion((yaw, 0, 0))) as traced:
            mouth, both = sight.pieces(traced, warp.painted(traced))
            middle = traced.points[np.concatenate([eye.corners for eye in eyes()]), :2].mean(0)
        assert np.abs(both.square.seen(middle[None], 128)[0] - 63.5).max() < 1.5
        assert mouth.box.y > both.box.y
        boxes.append(both.box)
    assert boxes[0].x != boxes[1].x
    assert (boxes[0].width, boxes[0].height) == (boxes[1].width, boxes[1].height)


def test_the_portrait_at_rest_is_the_photos():
    """The net's view of it, whatever the background."""
    warp = generator("ada", 320)
    sight = OnFace(warp, XS)
    green = warp.on(np.full((320, 320, 3), 99, np.uint8))
    (still,) = sight.stills(warp.original)
    box, square = face_area(warp)
    x, y = np.round(square.grid(256)[128, 128]).astype(int)
    assert box.rows.start <= y < box.rows.stop
    assert np.abs(still.rest[128, 128].astype(int) - warp.original.still[y, x]).max() < 25
    assert not still.film.any()
    assert np.array_equal(sight.stills(green)[0].rest, sight.stills(warp.original)[0].rest)


def test_a_texture_is_padded_to_a_shape_that_others_share():
    """The bundled portraits have one contract; what is added goes on as the border."""
    contracts = [
        source_contract(generator(n, 512), XS, (512, 512)) for n in ("ada", "bruno", "mei")
    ]
    assert len(set(contracts)) == 1
    warp = generator("ada", 512)
    (still,) = OnSource(warp, contracts[0]).stills(warp.scene)
    rows, columns = warp.atlas.texture.shape[:2]
    assert np.array_equal(still.texture[:rows, :columns], warp.atlas.texture)
    assert (still.texture[rows:, 5] == warp.atlas.texture[-1, 5]).all()
    assert tuple(still.extent) == still.texture.shape[1::-1]


def test_too_large_a_texture_is_not_drawn_on_the_device(monkeypatch):
    """Its picture is drawn by the processor instead."""
    monkeypatch.setattr("streamer.generator.source._MOST", (100, 100))
    assert source_contract(generator("ada"), XS, (256, 256)) is None
    assert source_contract(generator("ada"), PARTS, (256, 256)) is None


@pytest.mark.parametrize("behind", [None, 200])
def test_where_nothing_moves_plate_and_person_give_the_still_picture(behind):
    """Drawn anew or not, shoulders look the same."""
    warp = generator("mei", 320)
    scene = warp.original if behind is None else warp.on(np.full((320, 320, 3), behind, np.uint8))
    (still,) = OnSource(warp, source_contract(warp, XS, (320, 320))).stills(scene)
    person = warp.at_rest.astype(int)
    over = person[..., :3] + (still.plate * (255 - person[..., 3:]) + 127) // 255
    fixed = np.ones((320, 320), bool)
    fixed[warp.moving] = False
    away = np.abs(over - scene.still).max(2)[fixed]
    assert fixed.sum() > 1000
    assert (away <= 3).mean() > 0.97
    assert np.array_equal(still.plate[warp.moving], scene.plate)
