"""Training: samples that are what they claim, losses that mean something, a loop that ends well."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from engines.geometry import POINTS
from engines.weights import read_weights
from streamer.config import GeneratorConfig
from streamer.errors import ConfigError, EngineError, MediaError
from streamer.generator.composite import WarpGenerator
from streamer.retarget.presence import neutral_motion
from streamer.tuning.disguise import Disguise, disguised, drawn_lots
from streamer.tuning.people import Moment, motion_between, moved_landmarks, portrait_of, seen
from streamer.tuning.view import View
from tests.faces import generator, portrait
from tools import train as program
from tools.training import make
from tools.training.cache import (
    Samples,
    packed_places,
    stacked,
    unpacked_places,
    write_shard,
)
from tools.training.make import shaken
from tools.training.recipe import Recipe
from tools.training.teacher import STEPS, UNKNOWN, flow_left
from tools.training.window import MARGIN, windowed

torch = pytest.importorskip("torch")

from engines.graph import FromPicture  # noqa: E402 - after the question whether torch is there
from tools.training import loop, losses  # noqa: E402
from tools.training.augment import batch_of, mirrored, varied  # noqa: E402
from tools.training.smoke import smoke  # noqa: E402

SIDE = 128


def rng(seed=0):
    return np.random.default_rng(seed)


def samples_of(name="ada", side=SIDE, count=3):
    """A portrait moved a little, its own picture standing in for the truth."""
    person = portrait(name)
    view, rest = View.of(person, side, rng()), seen(person.landmarks)
    found = []
    for i in range(count):
        now = Moment(person.picture, shaken(person.landmarks, rng(i)))
        motion = motion_between(person, rest, seen(now.landmarks))
        frame, truth, landmarks = view.drawn(motion, now)
        left = flow_left(frame.picture, truth)
        about = (left, view.known, landmarks, name, "clip", 1.0 + i)
        found.append(make.Sample(frame, view.still, truth, *about))
    return found


@pytest.fixture
def cache(tmp_path):
    """Samples of one person to train on, and of another to check."""
    write_shard(tmp_path / "train" / f"{SIDE}-a", samples_of("ada"), {})
    write_shard(tmp_path / "validation" / f"{SIDE}-b", samples_of("bruno", count=2), {})
    return tmp_path


def test_a_face_moves_onto_itself():
    """From a face to the same face there is no motion but the mouth's own opening."""
    person = portrait("ada")
    look = seen(person.landmarks)
    motion = motion_between(person, look, look)
    assert np.abs(motion.rotation - np.eye(3)).max() < 1e-5
    assert np.abs(motion.translation).max() < 1e-6
    assert motion.scale == pytest.approx(1)
    assert motion.openness == pytest.approx([1, 1])
    assert np.abs(person.shut + motion.deltas - person.points[:POINTS]).max() < 1e-5


def test_the_motion_reproduces_the_landmarks():
    """A turned, smaller, shifted face is where it was asked to be, to a part of a pixel."""
    person = portrait("ada")
    pose, look = person.pose, seen(person.landmarks)
    turn = np.array([[0.98, 0, 0.2], [0, 1, 0], [-0.2, 0, 0.98]], np.float32)
    wanted = (person.points @ (pose.rotation @ turn).T * pose.scale * 0.9) + pose.translation
    wanted = (wanted + np.array([9, -5, 0])).astype(np.float32)
    motion = motion_between(person, look, seen(wanted))
    found = moved_landmarks(person, motion)
    assert np.abs(found - wanted)[:POINTS, :2].max() < 0.05 * pose.scale / 10
    warp = generator("ada", None)
    with warp.traced(motion) as traced:
        drawn = traced.points
    assert np.abs(drawn - warp.canvas.place(found[:POINTS]))[:, :2].max() < 0.1


@pytest.mark.parametrize("kind", ["mesh", "plate", "points"])
def test_a_disguise_without_motion_changes_little(kind):
    """What does not move stays as it is, up to the loss of quality that is meant."""
    ada = small("ada")
    motion = replace(
        neutral_motion(),
        deltas=ada.points[:POINTS] - ada.shut,
        openness=np.ones(2, np.float32),
        aperture=0.0,
    )
    other = disguised(ada, Disguise(motion, kind), rng(3))
    assert other.picture.shape == ada.picture.shape
    assert np.abs(other.landmarks - ada.landmarks)[:POINTS, :2].mean() < 0.02 * ada.pose.scale
    assert np.abs(other.picture.astype(float) - ada.picture).mean() < 6


def small(name):
    person = portrait(name)
    warp = WarpGenerator(GeneratorConfig(size=256), person)
    shown, place = warp.canvas.shown, warp.canvas.place
    return portrait_of(shown(person.picture), shown(person.matte), place(person.landmarks), name)


def test_disguises_are_of_all_kinds():
    """Chance gives every kind of warp, shut lips and half closed lids; all stay within bounds."""
    ada = small("ada")
    lots = [drawn_lots(ada, [], rng(i)) for i in range(60)]
    assert {lot.kind for lot in lots} == {"mesh", "plate", "points"}
    assert any(lot.motion.aperture == 0 for lot in lots)
    assert min(lot.motion.openness.min() for lot in lots) < 0.6
    other = disguised(ada, lots[0], rng())
    assert np.isfinite(other.landmarks).all()


def test_places_survive_being_packed():
    """To a hundredth of a pixel; where there is nothing, there is nothing."""
    extent = np.array([300.0, 400.0], np.float32)
    places = rng().uniform(-100, 500, (8, 9, 2)).astype(np.float32)
    places = np.clip(places, -0.49 * extent, 1.49 * extent)
    places[2, 3] = -1e5
    found = unpacked_places(packed_places(places, extent)[None], extent[None])[0]
    assert (found[2, 3] == -1e5).all()
    there = places[..., 0] > -1e4
    assert np.abs(found - places)[there].max() < 0.02


def test_the_cache_gives_back_what_was_put_in(cache):
    """Shards are found by side, samples by number, and growth is noticed."""
    found = Samples(cache / "train", SIDE)
    assert len(found) == 3
    arrays, before = found.batch([0, 2]), samples_of("ada")
    assert (arrays["picture"][1] == before[2].frame.picture).all()
    assert (arrays["guide"][0] == before[0].still.guide).all()
    assert np.abs(arrays["places"][0] - before[0].frame.places).max() < 0.02
    assert not found.grown()
    write_shard(cache / "train" / f"{SIDE}-c", samples_of("mei", count=1), {})
    assert found.grown()
    with pytest.raises(MediaError, match="no samples of 64 px"):
        Samples(cache / "train", 64)


def test_a_window_is_a_part_of_the_view(cache):
    """The net sees in a window what it sees there in the whole view."""
    samples = Samples(cache / "train", SIDE)
    whole = batch_of(stacked([samples.row(0)]), "xs", torch.device("cpu"))
    part = batch_of(stacked([windowed(samples.row(0), 64, rng(5))]), "xs", torch.device("cpu"))
    assert part.picture.shape[2] == 64 + 2 * MARGIN
    refiner = torch.nn.Conv2d(1, 1, 1)
    big = FromPicture(refiner, SIDE).planes(whole.picture, whole.given)[0]
    seen = FromPicture(refiner, 64).planes(part.picture, part.given)[0]
    corner = min(
        itertools.product(range(65), range(65)),
        key=lambda c: float((big[17, c[0] : c[0] + 64, c[1] : c[1] + 64] - seen[17]).abs().max()),
    )
    rows, columns = (slice(start, start + 64) for start in corner)
    inner = slice(1, -1)  # at its border the stretch has no neighbour
    gap = (big[:, rows, columns] - seen)[:, inner, inner].abs()
    assert gap.amax((1, 2))[[0, 1, 2, 3, 10, 12, 17, 19]].max() < 2e-3
    assert gap[11].median() < 2e-3


def test_flow_tells_what_is_left_to_be_moved():
    """What lies 3 px further right is fetched from there; an other picture tells nothing."""
    truth = np.ascontiguousarray(portrait("ada").picture[100:356, 100:356])
    moved = np.roll(truth, (0, 3), (0, 1))
    left = flow_left(moved, truth)[8:-8, 8:-8].astype(float)
    known = left[..., 0] != UNKNOWN
    assert known.mean() > 0.8
    assert np.median(left[known & (left[..., 0] != 0)] / STEPS, 0) == pytest.approx([3, 0], abs=0.3)
    assert (flow_left(np.zeros_like(truth), truth) == UNKNOWN).mean() > 0.9


def test_a_mirrored_batch_is_consistent(cache):
    """Twice mirrored is the same; the net sees a mirrored batch mirrored, normals turned."""
    batch = batch_of(Samples(cache / "train", SIDE).batch([0, 1]), "xs", torch.device("cpu"))
    other = mirrored(batch)
    again = mirrored(other)
    assert all(torch.allclose(again.given[k].float(), batch.given[k].float()) for k in batch.given)
    graph = FromPicture(torch.nn.Conv2d(1, 1, 1), SIDE)
    ours = graph.planes(batch.picture, batch.given).flip(3)
    theirs = graph.planes(other.picture, other.given)
    sign = torch.ones(20)
    sign[[12, 15]] = -1
    gap = (ours * sign[:, None, None] - theirs).abs().mean((0, 2, 3))
    assert gap[[i for i in range(20) if i != 11]].max() < 2e-3
    assert gap[11] < 0.1  # its differences are taken towards the other neighbour


def test_variation_keeps_truth_and_input_together(cache):
    """Light changes both alike: where they agreed they still do, but for grain."""
    batch = batch_of(Samples(cache / "train", SIDE).batch([0, 1, 2]), "xs", torch.device("cpu"))
    same = replace(batch, truth=batch.picture.clone())
    changes: list[float] = []
    for seed in range(8):
        other = varied(same, rng(seed))
        assert (other.picture - other.truth).abs().mean() < 4
        changes.append(float((other.picture - batch.picture).abs().mean()))
    assert sum(change > 0.5 for change in changes) >= 4


def test_losses_vanish_for_the_truth():
    """Each is nothing for equal pictures, and more the more they differ."""
    chance = torch.Generator().manual_seed(0)
    truth = torch.rand(2, 3, 64, 64, generator=chance)
    weight = torch.ones(2, 1, 64, 64)
    patches = losses.PatchFilters()
    for loss in (losses.charbonnier, losses.laplacian, patches):
        little, much = (float(loss(truth * share, truth, weight)) for share in (1.0, 0.6))
        assert little < 2e-3
        assert much > 0.01
    moved = (
        patches(truth.roll(9, 3), truth, weight),
        losses.charbonnier(truth.roll(9, 3), truth, weight),
    )
    assert float(moved[0]) < 0.2 * float(moved[1])


def test_the_focus_is_on_mouth_and_eyes(cache):
    """Where marks say lips or lids, errors count more."""
    arrays = Samples(cache / "train", SIDE).batch([0])
    weight = losses.focus(torch.from_numpy(arrays["marks"]), 4.0)[0, 0]
    x, y = arrays["landmarks"][0, 13].round().astype(int)
    assert weight[y, x] > 3
    assert weight[2, 2] == 1


def plan(cache, out, **changes):
    known = Recipe(cache, out, side=SIDE, minutes=5, steps=3, batch=2, checked=2, every_minutes=9)
    return replace(known, **changes)


def test_training_writes_weights_a_sheet_and_a_record(cache, tmp_path):
    """After a few steps everything is there; it goes on from there, windows and critics too."""
    out, said = tmp_path / "out", []
    found = loop.train(plan(cache, out, threads=1), said.append)
    assert found["validation"]["all"]["warp"]["l1_face"] > 0
    assert "3 steps" in read_weights(out / "xs.safetensors").note
    assert {"sheet.png", "record.json"} <= {path.name for path in out.iterdir()}
    assert any("at the first step" in line for line in said)
    assert found["features_at_work"] > 0.1
    weights = dict(Recipe(cache, out).weights) | {"adversarial": 0.1, "features": 1.0}
    changes = {"window": 64, "whole_from": 0.5, "adversarial_from": 0.3}
    loop.train(plan(cache, out, resume=True, weights=weights, **changes), said.append)


def test_weights_of_another_network_are_not_gone_on_from(cache, tmp_path):
    """The file is named, and stays as it is."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "xs.safetensors").write_bytes(b"something else")
    with pytest.raises(EngineError, match=r"^--resume: .*xs\.safetensors"):
        loop.train(plan(cache, out, resume=True), lambda _: None)
    assert (out / "xs.safetensors").read_bytes() == b"something else"


def test_a_loss_that_is_no_number_stops_and_keeps(cache, tmp_path, monkeypatch):
    """The weights kept so far are written, and are good."""
    real, calls = losses.Losses.terms, []

    def broken(*arguments):
        calls.append(1)
        found = real(*arguments)
        return (
            {name: term * float("nan") for name, term in found.items()} if len(calls) > 1 else found
        )

    monkeypatch.setattr(losses.Losses, "terms", broken)
    with pytest.raises(EngineError, match="no number"):
        loop.train(plan(cache, tmp_path / "out"), lambda _: None)
    kept = read_weights(tmp_path / "out" / "xs.safetensors")
    assert all(np.isfinite(array).all() for array in kept.arrays.values())


def test_a_term_that_drowns_the_others_is_refused():
    """A wrong scale is seen at the first step."""
    loop.weigh({"a": 1.0, "b": 1.5, "c": 2.0}, lambda _: None)
    with pytest.raises(EngineError, match="drowns"):
        loop.weigh({"a": 1.0, "b": 1.5, "c": 200.0}, lambda _: None)


def test_the_command_line_makes_a_recipe(tmp_path):
    """Terms of the loss are set by name; one that is none is refused."""
    parsed = program.parser().parse_args([str(tmp_path), "--loss", "patches=2", "--side", "64"])
    made = program.recipe(parsed)
    assert made.weights["patches"] == 2
    assert made.window == 0  # not larger than the view
    parsed.loss = ["charm=1"]
    with pytest.raises(ConfigError, match="charm"):
        program.recipe(parsed)


@pytest.mark.parametrize(
    "wrong",
    [
        ("--batch", "0"),
        ("--side", "100"),
        ("--minutes", "-1"),
        ("--rate", "0"),
        ("--window", "-16"),
    ],
)
def test_numbers_without_sense_are_refused(tmp_path, capsys, wrong):
    """In one line, that names the option."""
    assert program.main([str(tmp_path), *wrong]) == 2
    assert capsys.readouterr().err.startswith(f"train: {wrong[0]} {wrong[1]}")


@pytest.mark.parametrize("name", ["toaster", "cuda:77"])
def test_a_device_that_is_not_there_is_refused(cache, tmp_path, name):
    """In one line, that names it."""
    with pytest.raises(EngineError, match=f"^--device {name}: .*; cpu always works"):
        loop.train(plan(cache, tmp_path / "out", device=name), lambda _: None)


def test_without_samples_it_is_told(tmp_path, capsys):
    """One sentence, and the exit code for media."""
    assert program.main([str(tmp_path), "--minutes", "1"]) == 6
    assert "make some" in capsys.readouterr().err


def test_it_learns_on_what_comes_with_the_program(tmp_path):
    """The difference from the truth falls, and the exported graph computes the same."""
    pytest.importorskip("onnx")
    found = smoke(tmp_path, lambda _: None, 90)
    assert found["after"] < 0.97 * found["before"]
