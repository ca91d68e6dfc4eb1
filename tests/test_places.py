"""Where a person's own files go."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from streamer import places

ROOT = Path(__file__).parent.parent


@pytest.fixture
def system(monkeypatch):
    """No folder is named: the system's own are used."""
    monkeypatch.delenv(places.HOME, raising=False)
    return monkeypatch


def test_one_folder_for_everything(monkeypatch, tmp_path):
    """VIVANT_HOME makes the program portable."""
    monkeypatch.setenv(places.HOME, str(tmp_path))
    assert places.data_folder() == places.config_folder() == tmp_path


def test_the_folder_does_not_move_with_the_working_directory(monkeypatch, tmp_path):
    """A relative name is meant from where the program was started; ~ is the person's home."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(places.HOME, "mine")
    assert places.data_folder() == tmp_path / "mine"
    monkeypatch.setenv(places.HOME, "~/mine")
    assert places.data_folder() == Path("~/mine").expanduser()


@pytest.mark.parametrize("value", [None, ""])
def test_without_it_the_system_says(system, value):
    """Absolute folders of the person, that name the program."""
    if value is not None:
        system.setenv(places.HOME, value)
    for folder in (places.data_folder(), places.config_folder()):
        assert folder.is_absolute()
        assert "vivant" in folder.parts


@pytest.mark.skipif(sys.platform != "linux", reason="folders of XDG")
def test_linux_knows_them_by_xdg(system, tmp_path):
    """As for every program there."""
    system.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    system.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert places.data_folder() == tmp_path / "data" / "vivant"
    assert places.config_folder() == tmp_path / "config" / "vivant"


def test_nothing_is_created(monkeypatch, tmp_path):
    """Asking for a place leaves no trace."""
    monkeypatch.setenv(places.HOME, str(tmp_path / "none"))
    places.data_folder()
    places.config_folder()
    assert not (tmp_path / "none").exists()


def test_asking_needs_nothing_heavy():
    """The start stays quick."""
    code = "import sys, streamer.places; print({'numpy', 'pydantic', 'rich'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ, capture_output=True, check=True
    )
    assert done.stdout == b"set()\n"
