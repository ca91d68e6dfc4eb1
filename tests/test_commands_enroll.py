"""`vivant enroll` as a person calls it."""

from pathlib import Path

import pytest
from PIL import Image

from streamer.bundled import portrait_path
from streamer.cli import main


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def vivant(capsys):
    """Runs the program: exit code, output, errors."""

    def call(*args):
        code = main([str(arg) for arg in args])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def small_photo(path, name="ada", side=400):
    Image.open(portrait_path(name)).convert("RGB").resize((side, side)).save(path)
    return path


def test_a_photo_becomes_a_portrait(vivant):
    """It is named after the photo, and what was found is told; animate takes it."""
    code, said, complained = vivant("enroll", small_photo(Path("me.jpg")))
    assert (code, complained) == (0, "")
    for word in ("me.portrait: 400 x 400, quality", "px wide", "degrees", "mouth", "glasses"):
        assert word in said
    options = ("-o", "a.mp4", "--duration", "0.1", "--size", "96")
    assert vivant("animate", "me.portrait", "demo", *options)[0] == 0


def test_advice_is_given(vivant):
    """A small face is said to be one."""
    _, said, _ = vivant("enroll", small_photo(Path("me.png"), side=200))
    assert "advice:" in said


def test_the_best_of_several_photos_is_taken(vivant):
    """Photos without a face do no harm beside one with."""
    Image.new("RGB", (300, 300)).save("black.png")
    code, _, _ = vivant("enroll", "black.png", small_photo(Path("me.jpg")), "-o", "b.portrait")
    assert code == 0
    assert Path("b.portrait").exists()


def test_bad_photos_are_refused(vivant):
    """No face, no picture, no file: one line each, and nothing is written."""
    Image.new("RGB", (300, 300)).save("black.png")
    Path("text.jpg").write_text("hello")
    for name, words in (
        ("black.png", "no face"),
        ("text.jpg", "not a picture"),
        ("none.jpg", "no such file"),
    ):
        code, said, complained = vivant("enroll", name, "-o", "a.portrait")
        assert (code, said) == (6, "")
        assert words in complained
        assert Path(name).stem in complained
        assert len(complained.strip().splitlines()) == 1
    assert sorted(path.name for path in Path().iterdir()) == ["black.png", "text.jpg"]


def test_bad_places_are_refused(vivant):
    """A name that is no portrait's, a missing folder."""
    photo = small_photo(Path("me.jpg"))
    assert vivant("enroll", photo, "-o", "a.png")[0] == 2
    code, _, complained = vivant("enroll", photo, "-o", "none/a.portrait")
    assert code == 6
    assert "there is no folder" in complained
