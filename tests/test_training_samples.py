"""Samples for the training that are what they claim, and batches that stay consistent."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from engines.geometry import POINTS
from streamer.config import GeneratorConfig
from streamer.errors import MediaError
from streamer.generator.composite import WarpGenerator
from streamer.retarget.presence import neutral_motion
from streamer.tuning.disguise import Disguise, disguised, drawn_lots
from streamer.tuning.people import motion_between, moved_landmarks, portrait_of, seen
from streamer.tuning.view import View
from tests.faces import generator, portrait
from tools.training.cache import (
    Samples,
    packed_places,
    stacked,
    unpacked_places,
    write_shard,
)
from tools.training.gape import gaping, wide_mouth
from tools.training.painted import painted
from tools.training.teacher import STEPS, UNKNOWN, flow_left
from tools.training.window import MARGIN, windowed

torch = pytest.importorskip("torch")

from engines.graph import FromPicture  # noqa: E402 - after the question whether torch is there
from tests.trainings import SIDE, filled, rng, samples_of  # noqa: E402
from tools.training.augment import batch_of, mirrored, varied  # noqa: E402
from tools.training.feed import chances  # noqa: E402


@pytest.fixture
def cache(tmp_path):
    return filled(tmp_path)


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


def opening(by):
    """Shut lips, and the lower jaw so far down, in face units."""
    deltas = np.zeros((POINTS, 3), np.float32)
    deltas[[14, 152], 1] = by
    return deltas


def test_a_wide_mouth_is_to_stay_as_the_warp_draws_it():
    """Of what faces do only the widest is taken, and made wider."""
    ada = small("ada")
    width = float(np.linalg.norm(ada.shut[61] - ada.shut[291]))
    bank = [opening(0.02), opening(0.0), opening(0.3 * width), opening(-0.01)]
    gaps = [wide_mouth(ada, bank, rng(i)).aperture for i in range(20)]
    assert max(gaps) > 0.7
    assert np.median(gaps) > 0.35
    samples = list(gaping(View.of(ada, SIDE, rng()), "ada", 2, bank, rng()))
    assert [sample.kind for sample in samples] == ["gape", "gape"]
    for sample in samples:
        assert (sample.truth == sample.frame.picture).all()
        assert np.isin(sample.left, (0, UNKNOWN)).all()
        gap = np.linalg.norm(sample.landmarks[13] - sample.landmarks[14])
        assert gap > 0.1 * np.linalg.norm(sample.landmarks[61] - sample.landmarks[291])


def test_without_clips_there_are_no_wide_mouths():
    """Nothing is known of what faces do."""
    assert not list(gaping(View.of(small("ada"), SIDE, rng()), "ada", 2, [], rng()))


def test_each_kind_of_sample_has_its_share(cache):
    """However many there are of it, and rare ones of a kind are seen more often than its others."""
    rare = [replace(sample, kind="gape") for sample in samples_of("bruno", count=1)]
    write_shard(cache / "train" / f"{SIDE}-g", rare, {})
    samples = Samples(cache / "train", SIDE)
    shares = {"gape": 0.1, "clip": 0.3, "still": 0.6}
    found, kinds = chances(samples, shares), np.array(samples.kinds)
    there = {kind: shares[kind] for kind in set(kinds)}
    for kind, share in there.items():
        assert found[kinds == kind].sum() == pytest.approx(share / sum(there.values()))


def test_a_painted_photo_has_the_same_face():
    """Every hand is another, and each paints the same face in the same place."""
    ada = small("ada")
    others = [painted(ada, rng(i)) for i in range(6)]
    for other in others:
        assert (other.landmarks == ada.landmarks).all()
        own, its = (one.picture.mean(2).ravel() for one in (ada, other))
        assert np.corrcoef(own, its)[0, 1] > 0.9
        assert np.abs(own - its).mean() > 1
    assert (painted(ada, rng(0)).picture == others[0].picture).all()
    assert np.abs(others[0].picture.astype(float) - others[1].picture).mean() > 1


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
