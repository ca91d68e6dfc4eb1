"""Refiners in the evaluation: drawn as the program draws, judged on people they have not seen."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from rich.console import Console

from streamer.bundled import clip_path, portrait_path
from streamer.config import LimitsConfig
from streamer.enroll import enroll
from streamer.errors import ConfigError, EngineError
from streamer.retarget.calibration import Calibration
from tests.faces import demo, photo, portrait
from tests.refiners import Shop, weights_folder
from tools import evaluate as program
from tools.evaluate import main
from tools.evaluation import held, painters
from tools.evaluation.clips import load_footage
from tools.evaluation.cross import Cast, judge_cross
from tools.evaluation.matte import background_mask
from tools.evaluation.opinions import Opinions, flicker, gradient_deviation
from tools.evaluation.painters import PLAIN, drawn, open_painter, refiners
from tools.evaluation.same import SAME_PERSON, Bench, judge, methods
from tools.evaluation.stills import Artist, judge_still
from tools.evaluation.summary import summary
from tools.evaluation.work import tracker
from tools.packing.split import identity_of


@pytest.fixture
def untrained():
    """A refiner that changes nothing, run as the program would run it."""
    return refiners(Path(weights_folder("xs")), PLAIN)


@pytest.fixture(scope="module")
def footage():
    with tracker() as own:
        return load_footage(clip_path("demo"), own, 0.6, lambda: None)


def noisy(picture, seed=0, strength=12):
    random = np.random.default_rng(seed)
    return np.clip(picture + random.normal(0, strength, picture.shape), 0, 255).astype(np.uint8)


def test_a_refiner_that_does_nothing_is_as_good_as_the_warp(footage, untrained):
    """Both go the same way through the program, so every difference is the refiner's own."""
    behind = background_mask(footage.pictures[footage.source])
    bench = Bench(footage, frozenset(footage.spread(3)), frozenset(), behind, LimitsConfig())
    known = methods(untrained)
    plain, refined = (judge(bench, known[n], tracker, lambda: None).scores for n in ("warp", "xs"))
    for name in ("l1_mouth", "l1_eyes", "l1_region", "flicker"):
        assert refined[name] == pytest.approx(plain[name], rel=0.02)
    assert refined["ssim_face"] == pytest.approx(plain["ssim_face"], abs=0.002)


def test_a_refiner_that_fails_is_not_judged_by_the_warp(monkeypatch, untrained):
    """A run would go on with the warp; an evaluation must not tell that as the refiner's."""
    shop = Shop()
    monkeypatch.setattr(painters, "choose_engine", lambda *args: shop(*args, None))
    track, person = demo(), portrait("mei")
    few = replace(track, times_ns=track.times_ns[:3], landmarks=track.landmarks[:3])
    neutral = Calibration.of(few.landmarks[0])
    pictures = drawn(person, few, SAME_PERSON, neutral, untrained["xs"])
    next(pictures)
    shop.engines["xs"][0].broken = "the device is gone"
    with pytest.raises(EngineError, match="gone"):
        next(pictures)
    assert not shop.engines["xs"][0].open


def test_a_still_is_the_truth_of_its_disguises(untrained):
    """What leads back from the disguise is nearer to it than the disguise is."""
    artist = Artist(untrained, Opinions())
    try:
        scores, columns = judge_still(portrait_path("ada"), artist)
    finally:
        artist.close()
    assert list(scores) == ["copy", "warp", "xs"]
    assert scores["warp"]["l1_face"] < scores["copy"]["l1_face"]
    assert scores["xs"]["l1_face"] == pytest.approx(scores["warp"]["l1_face"], rel=0.02)
    assert len(columns) == 2
    assert len(columns[0]) == 5  # disguised, warp, xs, truth and a difference


def test_people_of_the_training_are_left_out(tmp_path, monkeypatch):
    """What a table of sources names is judged only where the split holds its person out."""
    for name in ("seen", "unseen", "unknown"):
        (tmp_path / f"{name}.mp4").write_bytes(b"")
    (tmp_path / "index.csv").write_text(
        "file,licence,identity\nseen.mp4,CC0-1.0,one\nunseen.mp4,CC0-1.0,two\n"
    )
    monkeypatch.setattr(held, "held_out", lambda: frozenset({identity_of("two")}))
    console = Console(record=True, width=200)
    kept = held.only_unseen(held.listed([str(tmp_path)], (".mp4",)), console)
    assert [path.name for path in kept] == ["unknown.mp4", "unseen.mp4"]
    assert "seen.mp4" in console.export_text()


def test_equal_pictures_have_equal_edges():
    """And noise has others, the more of it the more."""
    ada = photo("ada")
    assert gradient_deviation(ada, ada) == 0
    assert 0 < gradient_deviation(ada, noisy(ada)) < gradient_deviation(ada, noisy(ada, 0, 40))


def test_flicker_is_what_motion_does_not_explain():
    """A still clip has none; noise that changes does, and is told of the output alone."""
    ada, face = photo("ada"), portrait("ada").landmarks
    calm, none = flicker((ada, ada), (ada, ada), face)
    assert (calm, none) == (0, 0)
    restless, none = flicker((noisy(ada, 1), noisy(ada, 2)), (ada, ada), face)
    assert restless > 5
    assert none == 0


def test_what_is_missing_is_said(tmp_path):
    """Without the network the rest is measured; one that is named must be there."""
    found = Opinions.at_hand(None, None, None)
    assert found.perceptual is None
    assert ["perceptual" in line or "identity" in line for line in found.missing] == [True, True]
    with pytest.raises(ConfigError, match="--perceptual"):
        Opinions.at_hand(tmp_path / "none.npz", None, None)


def test_the_perceptual_distance_grows_with_the_change():
    """Nothing for the same face, less for a little noise than for another person."""
    shared = program.shared_folder()
    found = Opinions.at_hand(None, None, shared)
    if found.perceptual is None:
        pytest.skip(found.missing[0])
    ada, mei = (np.asarray(Pillow.fromarray(photo(n)).resize((256, 256))) for n in ("ada", "mei"))
    assert found.perceptual(ada, ada) == pytest.approx(0, abs=1e-5)
    assert found.perceptual(ada, noisy(ada, 0, 3)) < 0.5 * found.perceptual(ada, mei)


def test_the_summary_compares_each_refiner_with_the_warp():
    """By kind; sharpness is that of the truth, not that of the source."""
    warp = {"l1_mouth": 10.0, "ssim_face": 0.8, "sharpness": 0.9, "sharpness_truth": 0.9}
    xs = {"l1_mouth": 8.0, "ssim_face": 0.84, "sharpness": 0.81, "sharpness_truth": 0.9}
    found = summary({"clip": {"a": {"copy": warp, "warp": warp, "xs": xs}}})
    assert list(found["clip"]) == ["xs"]
    assert found["clip"]["xs"] == pytest.approx({"l1_mouth": 0.8, "ssim_face": 0.04, "sharp": 0.9})


def test_the_busiest_part_is_around_the_widest_mouth(footage):
    """Never beyond the clip, and as long as it was asked for."""
    wide = footage.busiest(0.2)
    assert len(wide) == round(0.2 * footage.fps)
    assert wide.stop <= len(footage.pictures)
    assert footage.busiest(60) == range(len(footage.pictures))


def test_a_portrait_larger_than_its_moving_pictures_can_be_judged(footage):
    """Pictures are drawn no larger than 1080 px, whatever the photo is."""
    large = np.asarray(Pillow.fromarray(photo("mei")).resize((1400, 1400)))
    cast = Cast(enroll([large], "mei"), footage, range(3), LimitsConfig())
    judged = judge_cross(cast, tracker, lambda: None)
    assert judged.kept[0].shape[0] == 1080
    assert judged.scores["background"] < 3


def test_a_painter_is_told_what_ran(untrained):
    """The numbers are published beside what computed them."""
    with open_painter(portrait("mei"), untrained["xs"]) as painter:
        assert painter.width > 0
    assert len(untrained["xs"].ran) == 1


def test_the_command_judges_weights_of_a_folder(tmp_path, capsys):
    """From the command line to numbers, a sheet and a video, all of them whole."""
    files = {name: tmp_path / "out" / name for name in ("a.json", "a.png", "a.mp4")}
    assert (
        main(
            [
                *("--clips", "demo", "--seconds", "0.4", "--frames", "2", "--portraits", "mei"),
                *("--stills", str(portrait_path("bruno")), "--methods", "warp", "xs"),
                *("--weights", weights_folder("xs"), "--engine", "openvino"),
                *("--json", str(files["a.json"]), "--sheet", str(files["a.png"])),
                *("--video", str(files["a.mp4"])),
            ]
        )
        == 0
    )
    content = json.loads(files["a.json"].read_text())
    assert set(content["same"]["clips"]["demo"]) == {"warp", "xs"}
    assert set(content["cross"]["clips"]["mei < demo"]) == {"warp", "xs"}
    assert content["against_warp"]["still"]["xs"]["l1_mouth"] == pytest.approx(1, rel=0.02)
    assert content["weights"]["xs"]["ran"].startswith("openvino/CPU")
    assert all(path.stat().st_size > 10_000 for path in (files["a.png"], files["a.mp4"]))
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(files)
    assert "Against the warp" in capsys.readouterr().out


def test_weights_that_are_not_there_are_named(tmp_path, capsys):
    """One line that says what to do, and nothing is written."""
    for options in (["--weights", str(tmp_path)], ["--methods", "m"]):
        code = main(["--clips", "demo", "--json", str(tmp_path / "a.json"), *options])
        assert code == ConfigError.exit_code
        complaint = capsys.readouterr().err
        assert "--weights" in complaint
        assert complaint.count("\n") == 1
    assert not list(tmp_path.iterdir())
