"""`vivant forget` deletes what `vivant run` kept of a face."""

import pytest

from streamer.cli import main
from streamer.places import data_folder
from streamer.retarget.calibration import Calibration
from streamer.retarget.store import CalibrationStore
from tests.faces import driver


@pytest.fixture
def store(tmp_path, monkeypatch):
    """Two drivers' calibrations, in a home of their own."""
    monkeypatch.setenv("VIVANT_HOME", str(tmp_path))
    kept = CalibrationStore(data_folder() / "calibrations")
    for name in ("anna", "bert"):
        kept.save(name, "C920", Calibration.of(driver()), 80)
    return kept


def test_one_driver_is_forgotten_and_the_other_is_not(store, capsys):
    """By name."""
    assert main(["forget", "anna"]) == 0
    assert capsys.readouterr().out == "1 calibration deleted\n"
    assert store.load("anna", "C920") is None
    assert store.load("bert", "C920") is not None


def test_everybody_is_forgotten_without_a_name(store, capsys):
    """And nothing is left to forget the second time."""
    assert main(["forget"]) == 0
    assert main(["forget"]) == 0
    assert capsys.readouterr().out == "2 calibrations deleted\n0 calibrations deleted\n"
