"""Portraits drawn with an engine: what it changes, and what is shown when it fails."""

from dataclasses import replace

import numpy as np
import pytest

from engines.region import Box
from streamer.config import GeneratorConfig
from streamer.errors import EngineError
from streamer.generator import open_generator
from streamer.generator.composite import WarpGenerator
from streamer.generator.refined import RefinedGenerator
from streamer.generator.sight import Lens, OnFace, OnParts, Refinement, face_area
from streamer.generator.source import OnSource, source_contract
from tests.faces import generator, portrait
from tests.refiners import FakeEngine, Shop, weights_folder
from tests.test_composite import motion

TALKING = motion((12, -5, 4), aperture=0.3, jaw=0.1, gaze=(0.3, 0.1), openness=(1.0, 0.4))
MOTIONS = (
    motion(),
    TALKING,
    motion((-28, 15, -30), aperture=0.5, jaw=0.2, openness=(0, 0)),
    motion((20, 0, 0), translation=(0.2, -0.2), scale=1.1),
)
XS, PARTS = Refinement("xs"), Refinement("xs", parts=True)


def refined(warp=None, kind=XS, *, source=False, show="picture", **engine):
    """A portrait with a made-up engine, that engine, and what was told of its failures."""
    warp = warp or generator()
    if source:
        sight = OnSource(warp, source_contract(warp, kind, (warp.width, warp.height)))
    else:
        sight = (OnParts if kind.parts else OnFace)(warp, kind)
    made, told = FakeEngine(sight.contract, **engine), []
    return RefinedGenerator(warp, made, sight, lambda *what: told.append(what), show), made, told


@pytest.mark.parametrize("kind", [XS, PARTS])
@pytest.mark.parametrize("behind", [None, 40])
def test_an_engine_that_changes_nothing_changes_nothing(kind, behind):
    """Bit for bit, for any motion and background; pictures are the caller's."""
    g, _, _ = refined(kind=kind, change=np.copy)
    scene = None if behind is None else g.warp.on(np.full((256, 256, 3), behind, np.uint8))
    for m in MOTIONS:
        picture = g.generate(m, scene)
        assert np.array_equal(picture, g.warp.generate(m, scene))
        picture[:] = 0
    assert np.array_equal(g.generate(m, scene), g.warp.generate(m, scene))


def test_the_result_is_laid_where_the_box_is():
    """And nowhere else."""
    warp = WarpGenerator(GeneratorConfig(size=512), portrait("ada"))
    g, engine, _ = refined(warp)
    box = Box(100, 60, 256, 384)
    sight = g._sight
    sight._area = (box, face_area(warp)[1])
    sight.contract = replace(sight.contract, width=256, height=384)
    sight._lens = Lens(warp, 384, 256, 256)
    engine.facts = replace(engine.facts, contract=sight.contract)
    picture, plain = g.generate(TALKING), warp.generate(TALKING)
    assert np.array_equal(picture[box.rows, box.columns], 255 - plain[box.rows, box.columns])
    picture[box.rows, box.columns] = plain[box.rows, box.columns]
    assert np.array_equal(picture, plain)


def test_where_parts_overlap_nothing_is_repaired_twice():
    """The eyes' square gives way to the mouth's; beside it all of its changes are there."""
    g, engine, _ = refined(generator("ada", 512), PARTS, change=lambda p: p // 2)
    picture, plain = g.generate(TALKING), g.warp.generate(TALKING)
    with g.warp.traced(TALKING) as traced:
        mouth, both = g._sight.pieces(traced, g.warp.painted(traced))
    share = np.zeros(plain.shape[:2], np.float32)
    mouth.box.cut(share)[:] = 1
    fade = mouth.square.fade(both.box)
    common = mouth.box.common(both.box)
    both.box.cut(share)[:] += 1 - fade
    wanted = plain - share[..., None] * (plain - plain // 2)
    assert common is not None
    assert np.abs(picture - wanted.clip(0)).max() <= 1
    assert fade.max() == 1
    assert fade.min() == 0
    assert len(engine.frames) == 2


def test_a_silhouette_is_left_alone():
    """There is no face to repair in it."""
    g, engine, _ = refined()
    scene = g.warp.on(np.zeros((256, 256, 3), np.uint8), silhouette=True)
    assert np.array_equal(g.generate(TALKING, scene), g.warp.generate(TALKING, scene))
    assert not engine.frames


@pytest.mark.parametrize("source", [False, True])
def test_when_the_engine_fails_the_warp_draws_that_very_picture(source):
    """And all after it; the failure is told once, and what was bound is freed."""
    g, engine, told = refined(source=source)
    g.generate(TALKING)
    engine.broken = "GPU lost"
    for m in MOTIONS:
        assert np.array_equal(g.generate(m), g.warp.generate(m))
    assert [(which, str(error)) for which, error in told] == [(engine, "GPU lost")]
    assert not any(bound.open for bound in engine.bound)


def test_a_portrait_that_cannot_be_bound_is_drawn_by_the_warp():
    """The preparing thread is told; the picture comes all the same."""
    g, engine, told = refined()
    engine.broken = "out of GPU memory"
    with pytest.raises(EngineError, match="memory"):
        g.prepare(g.warp.scene)
    assert np.array_equal(g.generate(TALKING), g.warp.generate(TALKING))
    assert len(told) == 1


def test_it_is_bound_once_and_ahead_of_time():
    """Whatever the background, where the processor draws; a graph that draws has the background."""
    for source, count in ((False, 1), (True, 2)):
        g, engine, _ = refined(source=source)
        green = g.warp.on(np.full((256, 256, 3), 40, np.uint8))
        for scene in (g.warp.scene, green):
            g.prepare(scene)
            g.generate(TALKING, scene)
            g.generate(motion(), scene)
        assert sum(bound.open for bound in engine.bound) == count
        g.close()
        assert not any(bound.open for bound in engine.bound)
        assert np.array_equal(g.generate(TALKING), g.warp.generate(TALKING))


def test_only_the_newest_backgrounds_stay_on_the_device():
    """Two of them."""
    g, engine, _ = refined(source=True)
    scenes = [g.warp.on(np.full((256, 256, 3), grey, np.uint8)) for grey in range(5)]
    for scene in scenes:
        g.generate(TALKING, scene)
    assert [bound.open for bound in engine.bound] == [False, False, False, True, True]


def test_the_texture_on_the_device_follows_the_portraits():
    """Cheeks and lids, wherever the last picture was drawn."""
    g, engine, _ = refined(source=True)
    for m in (motion((18, 0, 0), openness=(0, 1)), motion(), motion((-18, 0, 0), openness=(0, 0))):
        g.warp.generate(motion((3, 0, 0)))
        g.generate(m)
        rows, columns = g.warp.skin.pixels.shape[:2]
        assert np.array_equal(engine.bound[0].still["texture"][:rows, :columns], g.warp.skin.pixels)
    assert engine.bound[0].patches


def test_the_gate_is_shown_in_colours():
    """Painted in red, lit in green, moved in blue, on the dark picture, within the square."""
    warp = generator("ada", 512)
    g, _, _ = refined(warp, show="gate", change=np.copy)
    shown = g.generate(TALKING)
    plain = warp.generate(TALKING)
    inside = shown[240, 256]
    assert inside[0] == 200
    assert (shown[..., 1] <= 255 // 3 + 1).all()
    corner = shown[511, 511].astype(int)
    assert corner[0] == corner[1] == corner[2] == int(plain[511, 511].mean() / 3)


def settings(**values):
    return GeneratorConfig(size=256, weights=weights_folder("xs", "s"), **values)


def test_offline_the_best_size_that_can_be_had_is_taken(caplog):
    """However slow; one that fails is told, and the next one serves."""
    shop = Shop(ms={"s": 900})
    with open_generator(settings(), portrait(), shop) as g:
        assert g.generate(TALKING).std() > 10
    assert shop.asked == ["s"]
    assert not shop.engines["s"][0].open
    shop = Shop(refused={"s": "no such graph"})
    with open_generator(settings(), portrait(), shop) as g:
        assert isinstance(g, RefinedGenerator)
    assert shop.asked == ["s", "xs"]
    assert "no such graph" in caplog.text


def test_offline_a_size_that_is_asked_for_must_be_there():
    """Else nothing is drawn."""
    shop = Shop(refused={"s": "no such graph"})
    with (
        pytest.raises(EngineError, match="no such graph"),
        open_generator(settings(refiner="s"), portrait(), shop),
    ):
        pass
    with (
        pytest.raises(EngineError, match=r"generator\.refiner m"),
        open_generator(settings(refiner="m"), portrait(), shop),
    ):
        pass


@pytest.mark.parametrize("refiner", ["off", "auto"])
def test_without_a_refiner_there_is_no_gate_to_show(refiner, monkeypatch):
    """The error says what to do."""
    monkeypatch.setattr("streamer.generator.ladder.find", lambda *_: None)
    config = GeneratorConfig(size=64, refiner=refiner, show="gate")
    with (
        pytest.raises(EngineError, match=r"generator\.weights"),
        open_generator(config, portrait()),
    ):
        pass
