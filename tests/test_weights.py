"""Files of weights come back as they were, and what is not one is refused in one line."""

import json
import subprocess
import sys

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines import weights
from engines.contract import SIZES
from engines.weights import (
    EMBEDDER,
    VERSION,
    Weights,
    WeightsError,
    find,
    read_weights,
    write_weights,
)


def made(size="xs", seed=0, note="", *, embedder=False):
    random = np.random.default_rng(seed)
    shapes = weights.shapes(size)
    if embedder:
        shapes |= {EMBEDDER + name: s for name, s in weights.embedder_shapes(size).items()}
    arrays = {name: random.normal(0, 0.1, shape) for name, shape in shapes.items()}
    return Weights.of(size, arrays, note)


@pytest.fixture(scope="module")
def xs():
    return made(note="trained by hand")


@pytest.fixture
def path(tmp_path, xs):
    write_weights(tmp_path / "xs.safetensors", xs)
    return tmp_path / "xs.safetensors"


def refusal(path):
    """The one line with which the file is refused."""
    with pytest.raises(WeightsError) as caught:
        read_weights(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
    assert ";" in line, "what to do is missing"
    return line


def rewritten(path, change):
    """The file with its facts or its arrays changed, its digest left as it was."""
    arrays = safetensors.numpy.load_file(path)
    with safetensors.safe_open(path, "numpy") as file:
        facts = json.loads(file.metadata()["vivant.refiner"])
    change(arrays, facts)
    metadata = {"vivant.refiner": json.dumps(facts)}
    path.write_bytes(safetensors.numpy.save(arrays, metadata=metadata))
    return path


@pytest.mark.parametrize("size", SIZES)
def test_weights_come_back_as_they_were(tmp_path, size):
    """Numbers, digest, size and note; the file is as large as fp16 makes it."""
    kept = made(size, note="run 7")
    write_weights(tmp_path / "a", kept)
    again = read_weights(tmp_path / "a")
    assert (again.size, again.digest, again.note) == (size, kept.digest, "run 7")
    assert again.arrays.keys() == kept.arrays.keys()
    assert all(np.array_equal(again.arrays[name], kept.arrays[name]) for name in kept.arrays)
    numbers = sum(array.size for array in kept.arrays.values())
    assert (tmp_path / "a").stat().st_size < 2 * numbers + 20_000


def test_numbers_are_rounded_to_half_precision_once():
    """Within 2^-11 of what was learned; rounding again changes nothing."""
    arrays = {name: np.full(shape, 1 / 3) for name, shape in weights.shapes("xs").items()}
    once = Weights.of("xs", arrays)
    assert once.arrays["stem.bias"] == pytest.approx(1 / 3, rel=2**-11)
    assert once.arrays["stem.bias"].dtype == np.float32
    assert Weights.of("xs", once.arrays).digest == once.digest


def test_the_same_weights_give_the_same_bytes(tmp_path, xs, path):
    """Also in another process, whose hash tables are ordered otherwise."""
    code = (
        "import sys, pathlib\nfrom engines.weights import *\n"
        "write_weights(pathlib.Path(sys.argv[2]), read_weights(pathlib.Path(sys.argv[1])))"
    )
    subprocess.run([sys.executable, "-c", code, path, tmp_path / "again"], check=True)
    assert (tmp_path / "again").read_bytes() == path.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again", "xs.safetensors"]


def test_reading_needs_no_torch(path):
    """Who only runs what others trained does not install it."""
    code = (
        "import sys, pathlib\nfrom engines.weights import read_weights\n"
        "read_weights(pathlib.Path(sys.argv[1]))\nassert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, path], check=True)


def test_the_digest_tells_numbers_and_sizes_apart_but_not_notes(xs):
    assert made(note="another note").digest == xs.digest
    assert made(seed=1).digest != xs.digest
    assert made("s").digest != xs.digest


def test_an_embedder_may_come_along(tmp_path):
    """It comes back under its own names, and the refiner's stay the refiner's."""
    write_weights(tmp_path / "a", made(embedder=True))
    again = read_weights(tmp_path / "a")
    assert again.embedder.keys() == weights.embedder_shapes("xs").keys()
    assert again.refiner.keys() == weights.shapes("xs").keys()
    assert not made().embedder


def test_half_an_embedder_is_refused():
    arrays = dict(made(embedder=True).arrays)
    del arrays["embedder.project.bias"]
    with pytest.raises(WeightsError, match=r"embedder\.project\.bias is missing"):
        Weights.of("xs", arrays)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e6])
def test_what_half_precision_cannot_hold_is_refused(xs, value):
    """Training that has run away is told by the layer, not by a black picture."""
    arrays = dict(xs.arrays) | {"stem.bias": np.full(32, value)}
    with pytest.raises(WeightsError, match=r"stem\.bias is beyond what fp16 holds"):
        Weights.of("xs", arrays)


def test_a_missing_file_is_told(tmp_path):
    assert "no such file" in refusal(tmp_path / "xs.safetensors")


def test_a_folder_is_told(tmp_path):
    assert "not a file" in refusal(tmp_path)


@pytest.mark.parametrize("keep", [0, 4, 8, 100, 3000, -1])
def test_a_truncated_file_is_told(path, keep):
    path.write_bytes(path.read_bytes()[:keep])
    assert "damaged" in refusal(path)


def test_a_flipped_bit_is_told(path):
    """Any of the numbers."""
    content = bytearray(path.read_bytes())
    content[-1234] ^= 1
    path.write_bytes(content)
    assert "damaged (its numbers are not those written)" in refusal(path)


def test_a_wrong_digest_is_told(path):
    rewritten(path, lambda arrays, facts: facts.update(digest="0" * 64))
    assert "damaged" in refusal(path)


def test_numbers_that_are_none_are_told(path):
    """Even under a digest that fits, as only somebody could make who means it."""

    def spoil(arrays, facts):
        arrays["stem.bias"][:] = np.nan
        facts["digest"] = weights._digest("xs", arrays)

    assert "damaged" in refusal(rewritten(path, spoil))


@pytest.mark.parametrize("content", [b"PK\x03\x04 a zip file of somebody else", b"\x00" * 4096])
def test_another_kind_of_file_is_told(path, content):
    path.write_bytes(content)
    assert "no weights at all" in refusal(path)


@pytest.mark.parametrize(
    "metadata", [None, {"format": "pt"}, {"vivant.refiner": "{"}, {"vivant.refiner": "[" * 100_000}]
)
def test_weights_of_another_program_are_told(path, metadata):
    arrays = {"conv.weight": np.zeros((3, 3), np.float32)}
    path.write_bytes(safetensors.numpy.save(arrays, metadata=metadata))
    assert "holds no refiner" in refusal(path)


@pytest.mark.parametrize(
    "facts", [{"version": VERSION + 1}, {"version": "\n" * 99}, {"size": "xxl"}]
)
def test_another_version_is_told(path, facts):
    rewritten(path, lambda arrays, old: old.update(facts))
    assert "made for another network" in refusal(path)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda arrays, facts: arrays.pop("fine.bias"), "fine.bias is missing"),
        (lambda arrays, facts: arrays.update(more=arrays["fine.bias"]), "'more' is not known"),
        (lambda arrays, facts: facts.update(size="m"), "coarse.weight is (2, 64, 3, 3)"),
        (
            lambda arrays, facts: arrays.update({"stem.bias": np.zeros(31, np.float16)}),
            "stem.bias is (31,), not (32,)",
        ),
        (
            lambda arrays, facts: arrays.update({"stem.bias": np.zeros(32, np.float32)}),
            "not fp16",
        ),
    ],
)
def test_another_architecture_is_told(path, change, fault):
    """By the first of its weights that does not fit."""
    line = refusal(rewritten(path, change))
    assert "not the network that this version runs" in line
    assert fault in line


def test_a_note_cannot_move_the_cursor(path):
    """It is printed in tables, and anybody can write one."""
    rewritten(path, lambda arrays, facts: facts.update(note="a\x1b[2Jb\n" + "c" * 999))
    note = read_weights(path).note
    assert note.startswith("a[2Jbcc")
    assert len(note) == 200


def test_a_place_that_cannot_be_written_is_told(tmp_path, xs):
    """In one line, and nothing half written is left."""
    (tmp_path / "file").touch()
    for place in (tmp_path / "none" / "a", tmp_path / "file" / "a"):
        with pytest.raises(WeightsError, match="cannot be written"):
            write_weights(place, xs)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_what_was_there_stays_until_all_is_written(path, monkeypatch):
    """A disk that fills up costs the new weights only."""
    before = path.read_bytes()

    def full(number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("engines.weights.os.fsync", full)
    with pytest.raises(WeightsError, match="No space left"):
        write_weights(path, made(seed=3))
    assert path.read_bytes() == before
    assert len(list(path.parent.iterdir())) == 1


def test_weights_are_found_by_their_size(path, tmp_path, monkeypatch):
    """In the folder that is named, else among those that came along."""
    assert find(tmp_path, "xs") == path
    assert find(tmp_path, "m") is None
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    assert find(None, "xs") == path


@given(at=st.integers(0, 4000), value=st.binary(min_size=1, max_size=9))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_damaged_header_gets_through(path, xs, at, value):
    """Whatever is overwritten: the line that refuses it, or the very same numbers."""
    whole, line = path.read_bytes(), f"{path}: "
    path.write_bytes(whole[:at] + value + whole[at + len(value) :])
    try:
        same = read_weights(path).digest == xs.digest
    except WeightsError as error:
        line, same = str(error), True
    finally:
        path.write_bytes(whole)
    assert same
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
