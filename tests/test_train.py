"""Training: losses that mean something, a loop that ends well."""

from dataclasses import replace

import numpy as np
import pytest

from engines.weights import read_weights
from streamer.errors import ConfigError, EngineError
from tools import train as program
from tools.training.cache import (
    Samples,
)
from tools.training.recipe import Recipe

torch = pytest.importorskip("torch")

from tests.trainings import SIDE, filled  # noqa: E402
from tools.training import loop, losses  # noqa: E402
from tools.training.smoke import smoke  # noqa: E402


@pytest.fixture
def cache(tmp_path):
    return filled(tmp_path)


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
