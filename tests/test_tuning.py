"""Tuning: numbers that fit the refiner to a person, kept only where they are better."""

import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engines.contract import FILM
from streamer.bundled import portrait_path
from streamer.cli import main
from streamer.errors import EngineError, MediaError
from streamer.portrait import load_portrait, save_portrait
from tests.faces import portrait
from tests.refiners import weights_folder

torch = pytest.importorskip("torch")

from engines.model import probe, weights_of  # noqa: E402 - after the question whether torch is there
from engines.weights import read_weights, write_weights  # noqa: E402
from streamer.commands import enroll as command  # noqa: E402
from streamer.tuning import fitting, pairs  # noqa: E402
from streamer.tuning.fitting import fit  # noqa: E402
from streamer.tuning.pairs import lessons  # noqa: E402
from streamer.tuning.tuner import Tuner  # noqa: E402

SIDE = 64
FEW = (4, 2, 40)


def counted(seen):
    """Phases as a progress bar is told them."""

    def begin(name, total):
        seen[name] = 0

        def step():
            seen[name] += 1

        return step

    return begin


def apart(a, b):
    return float(np.abs(a.astype(np.int16) - b).mean())


@pytest.fixture(scope="module")
def stirred():
    """Weights whose heads do a little of everything, wrongly."""
    return weights_of(probe("xs", "random"))


@pytest.fixture(scope="module")
def fitted(stirred):
    return fit([portrait("ada")], stirred, counted({}), side=SIDE, counts=FEW)


def test_what_is_held_out_comes_out_better(fitted, stirred):
    """Numbers that were learned from some disguises make others nearer to the photo."""
    assert fitted.tuned.better
    film = fitted.portrait.tuned[stirred.digest]
    assert film.shape == (FILM["xs"],)
    work = lessons([portrait("ada")], 1, 3, SIDE, lambda: None)
    tuner = Tuner(stirred, film, SIDE)
    before, after = (
        sum(apart(tuner.drawn(pair, numbers), pair.truth) for pair in work.held)
        for numbers in (np.zeros_like(film), film)
    )
    assert after < before


def test_the_sheet_has_a_row_for_each_held_out_disguise(fitted):
    """Disguise, warp, before, after, photo."""
    height, width, _ = fitted.sheet.shape
    assert (height, width) == (FEW[1] * (SIDE + 4), 5 * (SIDE + 4))


def test_numbers_that_change_nothing_are_not_kept():
    """A refiner that has learned nothing cannot be tuned: it stops early, and stays untuned."""
    path = Path(weights_folder("xs")) / "xs.safetensors"
    seen = {}
    found = fit([portrait("ada")], read_weights(path), counted(seen), side=SIDE, counts=(2, 1, 120))
    assert not found.tuned.better
    assert found.portrait.tuned == {}
    assert seen["tuning"] == found.tuned.steps < 120


def test_the_second_photo_is_held_out():
    """What it is judged by is a photo that it has not learned from."""
    both = lessons([portrait("ada"), portrait("bruno")], 2, 1, SIDE, lambda: None)
    ada, bruno = (
        lessons([portrait(name)], 1, 1, SIDE, lambda: None).held[0].truth
        for name in ("ada", "bruno")
    )
    assert apart(both.held[0].truth, bruno) < apart(both.held[0].truth, ada)
    assert all(apart(pair.truth, ada) < apart(pair.truth, bruno) for pair in both.taught)


def test_a_number_that_is_none_ends_it(stirred):
    """Nothing of it is kept."""
    work = lessons([portrait("ada")], 1, 1, SIDE, lambda: None)
    tuner = Tuner(stirred, np.full(FILM["xs"], np.nan, np.float32), SIDE)
    with pytest.raises(EngineError, match="astray"):
        tuner.tune(work, lambda: None, 5)


def test_the_file_keeps_the_numbers_of_each_weights(tmp_path):
    """By the weights' digests; a file without them is one of a portrait that is not tuned."""
    film = np.linspace(-1, 1, FILM["xs"], dtype=np.float32)
    path = tmp_path / "a.portrait"
    save_portrait(replace(portrait("ada"), tuned={"abc": film, "def": 2 * film}), path)
    found = load_portrait(path).tuned
    assert list(found) == ["abc", "def"]
    np.testing.assert_array_equal(found["def"], 2 * film)
    save_portrait(portrait("ada"), path)
    assert load_portrait(path).tuned == {}


@pytest.mark.parametrize("film", [np.zeros(3, np.float32), np.full(1024, np.inf, np.float32)])
def test_numbers_that_no_refiner_takes_are_a_damaged_file(tmp_path, film):
    """As every other part of a portrait that does not fit."""
    path = tmp_path / "a.portrait"
    save_portrait(replace(portrait("ada"), tuned={"abc": film}), path)
    with pytest.raises(MediaError, match="damaged"):
        load_portrait(path)
    assert "film_0.npy" in zipfile.ZipFile(path).namelist()


@pytest.fixture
def me(tmp_path, monkeypatch):
    """A photo, and the smallest tuning there can be."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fitting, "fit", partial(fit, side=SIDE, counts=FEW))
    Image.open(portrait_path("ada")).convert("RGB").resize((400, 400)).save("me.png")
    return "me.png"


def test_the_command_keeps_what_is_better(me, stirred, capsys):
    """It says so, shows it, and the portrait has the numbers."""
    Path("w").mkdir()
    write_weights(Path("w/xs.safetensors"), stirred)
    assert main(["enroll", me, "--tune", "--weights", "w"]) == 0
    said = capsys.readouterr().out
    assert "held-out disguises" in said
    assert "the tuned form is kept" in said
    assert list(load_portrait(Path("me.portrait")).tuned) == [stirred.digest]
    assert Path("me.tuning.png").stat().st_size > 1000


def test_ctrl_c_keeps_the_untuned_portrait(me, monkeypatch, capsys):
    """The file is whole before the tuning begins."""

    def interrupted(*_args):
        raise KeyboardInterrupt

    monkeypatch.setattr(fitting, "fit", interrupted)
    assert main(["enroll", me, "--tune", "--weights", weights_folder("xs")]) == 130
    assert "stays untuned" in capsys.readouterr().out
    assert load_portrait(Path("me.portrait")).tuned == {}
    assert not Path("me.tuning.png").exists()


def test_a_photo_of_which_nothing_can_be_learned_stays_untuned(me, stirred, monkeypatch, capsys):
    """As where every disguise would turn the head too far. The portrait is there all the same."""
    monkeypatch.setattr(pairs, "_FAR_DEG", -1.0)
    Path("w").mkdir()
    write_weights(Path("w/xs.safetensors"), stirred)
    assert main(["enroll", me, "--tune", "--weights", "w"]) != 0
    assert "no disguise of the photos can be drawn" in capsys.readouterr().err
    assert load_portrait(Path("me.portrait")).tuned == {}


def test_what_tuning_needs_is_said_before_the_work(me, monkeypatch, capsys):
    """No weights, no torch: one line each that says what to do, and no file."""
    assert main(["enroll", me, "--tune", "--weights", "."]) == 2
    assert "--weights" in capsys.readouterr().err
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    assert main(["enroll", me, "--tune"]) == 2
    complaint = capsys.readouterr().err
    assert ".[train]" in complaint
    assert complaint.count("\n") == 1
    assert not Path("me.portrait").exists()
