"""Engine files on disk: what fits is opened, everything else is built again."""

import json
import os
from dataclasses import replace

import pytest

from engines.contract import Contract
from streamer.engine import cache
from streamer.engine import manifest as manifests
from streamer.engine.manifest import Check, Key, Misfit

CONTRACT = Contract("xs", 128, 64, 64, 2, "source", (64, 64))
KEY = Key("a" * 64, "tensorrt_rtx", "1.7.1", "NVIDIA Fake 1", "8.9", "580.1", "fp16", CONTRACT)
ENGINE = b"an engine" * 100


def test_what_was_kept_is_found(tmp_path):
    """The same key finds the same bytes."""
    assert cache.keep(tmp_path / "new", KEY, ENGINE, 1.5) is None
    assert cache.find(tmp_path / "new", KEY) == ENGINE


@pytest.mark.parametrize(
    "other",
    [
        {"version": "1.8.0"},
        {"capability": "9.0"},
        {"driver": "581.0"},
    ],
)
def test_a_stale_engine_is_refused_and_replaced(tmp_path, other):
    """One of another version, GPU or driver is named as such; the new one takes its place."""
    cache.keep(tmp_path, KEY, ENGINE, 1)
    key = replace(KEY, **other)
    with pytest.raises(Misfit, match=next(iter(other))):
        cache.find(tmp_path, key)
    cache.keep(tmp_path, key, b"new", 1)
    assert [len(list(tmp_path.glob(f"*{s}"))) for s in (".engine", ".json")] == [1, 1]
    assert cache.find(tmp_path, key) == b"new"


@pytest.mark.parametrize(
    "other",
    [
        {"onnx": "b" * 64},
        {"library": "tensorrt"},
        {"gpu": "NVIDIA Fake 2"},
        {"precision": "fp32"},
        {"contract": replace(CONTRACT, batch=1)},
    ],
)
def test_engines_that_can_live_together_do(tmp_path, other):
    """Other weights, libraries, GPUs and shapes have files of their own."""
    cache.keep(tmp_path, KEY, ENGINE, 1)
    key = replace(KEY, **other)
    with pytest.raises(Misfit, match=cache.ABSENT):
        cache.find(tmp_path, key)
    cache.keep(tmp_path, key, b"new", 1)
    assert cache.find(tmp_path, KEY) == ENGINE


@pytest.mark.parametrize("at", [0, 5, -1])
def test_a_damaged_engine_is_refused(tmp_path, at):
    """One changed byte is enough."""
    cache.keep(tmp_path, KEY, ENGINE, 1)
    (path,) = tmp_path.glob("*.engine")
    damaged = bytearray(ENGINE)
    damaged[at] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(Misfit, match="damaged"):
        cache.find(tmp_path, KEY)


def test_a_cut_off_engine_is_refused(tmp_path):
    """As a full disk or a lost connection leaves it."""
    cache.keep(tmp_path, KEY, ENGINE, 1)
    (path,) = tmp_path.glob("*.engine")
    path.write_bytes(ENGINE[:-10])
    with pytest.raises(Misfit, match="damaged"):
        cache.find(tmp_path, KEY)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 5000,
        b'{"format": "vivant.engine/1"}',
        b'{"format": "other/9", "check": null}',
        (
            b'{"format": "vivant.engine/1", "key": 1, "sha256": 2, "size": "x", "seconds": 1,'
            b' "check": null}'
        ),
        (
            b'{"format": "vivant.engine/1", "key": {}, "sha256": "", "size": 1, "seconds": 1,'
            b' "check": {"mean": 1}}'
        ),
        b" " * (manifests.LARGEST + 1),
    ],
)
def test_a_damaged_manifest_is_refused(tmp_path, text):
    """Whatever is in it, the answer is that the engine is built again."""
    cache.keep(tmp_path, KEY, ENGINE, 1)
    (path,) = tmp_path.glob("*.json")
    path.write_bytes(text)
    with pytest.raises(Misfit):
        cache.find(tmp_path, KEY)


def test_a_foreign_engine_is_refused(tmp_path):
    """A file of the right name with the manifest of another graph is not opened."""
    other = replace(KEY, onnx="b" * 64)
    cache.keep(tmp_path, other, ENGINE, 1)
    for suffix in (".engine", ".json"):
        (tmp_path / f"{other.stem}{suffix}").rename(tmp_path / f"{KEY.stem}{suffix}")
    with pytest.raises(Misfit, match="onnx bbbbbbbbbbbb"):
        cache.find(tmp_path, KEY)


def test_an_engine_without_its_manifest_is_refused(tmp_path):
    """As when the program ended between the two."""
    cache.keep(tmp_path, KEY, ENGINE, 1)
    next(tmp_path.glob("*.json")).unlink()
    with pytest.raises(Misfit, match=cache.ABSENT):
        cache.find(tmp_path, KEY)


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    """The engine still runs, and the person learns why it is built each time."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    note = cache.keep(blocked / "engines", KEY, ENGINE, 1)
    assert note is not None
    assert "built again next time" in note


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_told(tmp_path):
    """What is kept there can still be read."""
    cache.keep(tmp_path, KEY, ENGINE, 1)
    tmp_path.chmod(0o500)
    try:
        assert "no permission" in (cache.keep(tmp_path, KEY, b"new", 1) or "")
        assert cache.find(tmp_path, KEY) == ENGINE
    finally:
        tmp_path.chmod(0o700)


def test_no_half_written_file_is_left(tmp_path):
    """Only the engine and its manifest are there afterwards."""
    cache.keep(tmp_path, KEY, ENGINE, 1)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".engine", ".json"]


def test_the_self_test_is_recorded(tmp_path):
    """The manifest says how far the engine is from its reference."""
    cache.keep(tmp_path, KEY, ENGINE, 2)
    cache.record(tmp_path, KEY, Check(0.1, 3.0, "torch f32", passed=True))
    (kept,) = cache.listing(tmp_path)
    assert kept.manifest is not None
    assert kept.manifest.check == Check(0.1, 3.0, "torch f32", passed=True)
    assert kept.manifest.key == KEY.facts()
    assert cache.find(tmp_path, KEY) == ENGINE


def test_the_self_test_of_another_engine_is_not_recorded(tmp_path):
    """Nor does it make a file where there is none."""
    cache.keep(tmp_path, KEY, ENGINE, 2)
    check = Check(0.1, 3.0, "torch f32", passed=True)
    cache.record(tmp_path, replace(KEY, driver="1"), check)
    cache.record(tmp_path, replace(KEY, onnx="b" * 64), check)
    (kept,) = cache.listing(tmp_path)
    assert kept.manifest is not None
    assert kept.manifest.check is None


def test_a_new_engine_drops_what_was_compiled_for_the_old_one(tmp_path):
    """What the library compiled belongs to one engine file."""
    cache.keep(tmp_path, KEY, ENGINE, 1)
    compiled = tmp_path / f"{KEY.stem}{cache.COMPILED}"
    cache.seal(compiled, b"code")
    cache.keep(tmp_path, KEY, b"new", 1)
    assert not compiled.exists()


def test_a_sealed_file_is_read_only_when_whole(tmp_path):
    """It carries its own hash."""
    path = tmp_path / "deep" / "graph.onnx"
    cache.seal(path, b"graph")
    assert cache.sealed(path) == b"graph"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(Misfit, match="damaged"):
        cache.sealed(path)
    path.write_bytes(b"")
    with pytest.raises(Misfit, match="damaged"):
        cache.sealed(path)


def test_clearing_removes_what_is_ours_and_nothing_else(tmp_path):
    """Other files stay, and the bytes are counted."""
    cache.keep(tmp_path, KEY, ENGINE, 1)
    cache.seal(tmp_path / f"{KEY.stem}{cache.COMPILED}", b"code")
    cache.seal(tmp_path / "graph.onnx", b"graph")
    mine = tmp_path / "notes.json"
    mine.write_text(json.dumps({}))
    size = sum(path.stat().st_size for path in tmp_path.iterdir()) - 2
    (kept,) = cache.listing(tmp_path)
    assert kept.size < size
    assert cache.clear(tmp_path) == size
    assert [path.name for path in tmp_path.iterdir()] == ["notes.json"]


def test_a_folder_that_is_not_there_is_empty(tmp_path):
    """Nothing was kept yet."""
    assert cache.listing(tmp_path / "none") == []
    assert cache.clear(tmp_path / "none") == 0


def test_names_tell_the_shapes():
    """A person sees in the folder what a file is for."""
    assert KEY.stem.startswith("xs-128-64x64-b2-source-")
