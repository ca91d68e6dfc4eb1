"""The refined portrait with real engines: untrained it is the warp's, and each path shows."""

from functools import cache

import numpy as np
import pytest

from engines.contract import Contract
from engines.region import Box
from streamer.config import GeneratorConfig
from streamer.generator.composite import WarpGenerator
from streamer.generator.refined import RefinedGenerator
from streamer.generator.sight import OnFace, OnParts, Refinement, face_area
from streamer.generator.source import OnSource, source_contract
from tests.faces import portrait
from tests.test_composite import motion

torch = pytest.importorskip("torch")

from engines.model import initial, probe, weights_of  # noqa: E402  (brings torch)
from streamer.engine.eager import TorchEngine  # noqa: E402
from streamer.engine.openvino import OpenVinoEngine  # noqa: E402

XS, PARTS = Refinement("xs"), Refinement("xs", parts=True)
TALKING = motion((12, -5, 4), aperture=0.3, jaw=0.1, gaze=(0.3, 0.1), openness=(1.0, 0.4))
MOTIONS = (
    motion(),
    TALKING,
    motion((-25, 12, -20), aperture=0.45, jaw=0.2, openness=(0, 0)),
    motion((18, 0, 0), translation=(0.15, -0.1), scale=1.1, openness=(1.4, 0.1)),
)


@cache
def warp(name="ada", size=384):
    """Faces as large as to leave something of the picture around the region."""
    return WarpGenerator(GeneratorConfig(size=size), portrait(name))


@cache
def weights(kind):
    """Untrained, or with one path that does something."""
    return weights_of(initial("xs") if kind == "initial" else probe("xs", kind))


def failed(_, error):
    """No engine may fail here."""
    raise error


@cache
def refined(kind="initial", name="ada", size=384, *, parts=False, show="picture"):
    """A portrait with OpenVINO in f32."""
    own = warp(name, size)
    sight = (OnParts if parts else OnFace)(own, PARTS if parts else XS)
    engine = OpenVinoEngine(sight.contract, weights(kind), precision="f32")
    return RefinedGenerator(own, engine, sight, failed, show)


def scenes(own):
    """Before its own background and another."""
    other = np.full((own.height, own.width, 3), (0, 177, 64), np.uint8)
    return own.original, own.on(other)


@pytest.mark.parametrize(("name", "size"), [("ada", 384), ("mei", 200)])
@pytest.mark.parametrize("parts", [False, True])
def test_an_untrained_refiner_gives_the_warps_picture_bit_for_bit(name, size, parts):
    """For any motion, background and size."""
    g = refined("initial", name, size, parts=parts)
    for scene in scenes(g.warp):
        for m in MOTIONS:
            assert np.array_equal(g.generate(m, scene), g.warp.generate(m, scene))


@pytest.mark.parametrize("kind", ["flow", "gain", "rgb", "random"])
def test_each_path_changes_the_region_and_nothing_else(kind):
    """What is moved, brightened or painted ends at the square's border."""
    g = refined(kind)
    _, square = face_area(g.warp)
    y, x = np.mgrid[: g.height, : g.width]
    half = square.side / 2 + 1
    inside = (np.abs(x - square.x) <= half) & (np.abs(y - square.y) <= half)
    away = np.abs(g.generate(TALKING).astype(int) - g.warp.generate(TALKING)).max(2)
    assert inside.mean() < 0.95
    assert not away[~inside].any()
    assert (away[inside] > 2).mean() > 0.2


@pytest.mark.parametrize("kind", ["gain", "rgb"])
def test_mouth_and_eyes_change_alone(kind):
    """The forehead's top, ears and shoulders stay as they are."""
    g = refined(kind, parts=True)
    with g.warp.traced(TALKING) as traced:
        pieces = g._sight.pieces(traced, g.warp.painted(traced))
    near = np.zeros((g.height, g.width), bool)
    for piece in pieces:
        near[piece.box.rows, piece.box.columns] = True
    away = np.abs(g.generate(TALKING).astype(int) - g.warp.generate(TALKING)).max(2)
    assert near.mean() < 0.5
    assert not away[~near].any()
    assert (away[near] > 2).mean() > 0.2


@pytest.mark.parametrize("kind", ["gain", "rgb"])
def test_the_gate_shows_what_is_done(kind):
    """Red where it paints, green where it lights; nothing of an untrained refiner."""
    shown = refined(kind, show="gate").generate(TALKING)
    x, y = (int(v) for v in (face_area(warp())[1].x, face_area(warp())[1].y))
    channel = {"rgb": 0, "gain": 1}[kind]
    assert shown[y, x].argmax() == channel
    assert shown[y, x, channel] > 60
    plain = refined("initial", show="gate").generate(TALKING)
    assert np.ptp(plain.astype(int), axis=2).max() <= 1


def test_a_graph_that_draws_gives_the_processors_picture():
    """Untrained, by torch: 99.9 % of it to 2 levels of 255."""
    for name in ("ada", "mei"):
        own = warp(name)
        sight = OnSource(own, source_contract(own, XS, (own.width, own.height)))
        with TorchEngine(sight.contract, weights("initial"), "cpu") as engine:
            g = RefinedGenerator(own, engine, sight, failed)
            for scene in scenes(own):
                for m in MOTIONS[1:3]:
                    away = np.abs(g.generate(m, scene).astype(int) - own.generate(m, scene)).max(2)
                    assert away.mean() <= 0.5
                    assert (away <= 2).mean() >= 0.999


def test_contracts_of_boxes_are_those_of_the_graphs():
    """The committed graphs take any box."""
    assert OnFace(warp(), XS).contract == Contract("xs", 256, 352, 352)
    assert OnParts(warp(), PARTS).contract.batch == 2
    assert isinstance(face_area(warp())[0], Box)
