"""`vivant engines`, and the engines of `vivant bench`."""

import _thread
import argparse
import json
import os
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from engines.contract import Contract
from engines.weights import write_weights
from streamer.commands import bench, engines, stoppable
from streamer.commands.enginebench import Order, cases_of
from streamer.engine import cache, kept, ways
from streamer.engine.build import BuildStoppedError
from streamer.engine.manifest import Check, Key
from streamer.engine.stock import UNLEARNED, unlearned
from streamer.engine.ways import Way
from streamer.errors import ConfigError, EngineError, MediaError

CPU = Way("openvino", "CPU", "f32", "openvino 1", "A Processor")
GONE = Way("tensorrt", "", "fp16", "", refused="TensorRT is not installed; run: pip")
LESS = ("--nets", "xs@128", "--resolutions", "128")
KEY = Key("a" * 64, "tensorrt_rtx", "1.7", "RTX 1", "8.9", "580", "fp16", Contract("xs", 256, 8, 8))


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("VIVANT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def here(monkeypatch):
    """One processor, by OpenVINO; TensorRT is not installed."""
    monkeypatch.setattr(ways, "all_ways", lambda: [CPU, GONE])
    monkeypatch.setattr(ways, "tensorrt_versions", lambda: {"tensorrt_rtx": "1.7"})


def vivant(*arguments):
    """What the command line does, but for its messages."""
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers()
    engines.add_parser(subparsers)
    bench.add_parser(subparsers)
    args = parser.parse_args(arguments)
    return args.func(args)


def fill_cache(version="1.7", check=None):
    """One engine and its graph."""
    folder = cache.default_folder()
    key = replace(KEY, version=version)
    cache.keep(folder, key, b"engine", 1.0)
    if check is not None:
        cache.record(folder, key, check)
    (folder / "xs.onnx").write_bytes(b"graph")
    return folder / f"{key.stem}.engine"


def test_the_list_says_what_is_here_and_what_is_missing(here, capsys):
    """With the remedy; nothing has to be installed for it."""
    assert vivant("engines") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "openvino/CPU/f32 openvino 1 A Processor yes" in said
    assert "tensorrt/fp16: TensorRT is not installed; run: pip" in said
    assert "XS, S, M: none are in" in said
    assert "kept on disk: no engine" in said


def test_the_list_of_this_very_computer():
    """Whatever is here: every library has a row."""
    assert {way.backend for way in ways.all_ways()} == {"openvino", "tensorrt", "torch"}
    assert all(way.refused or way.device for way in ways.all_ways())


def test_the_list_as_json(here, tmp_path, capsys):
    """Weights with their digest, engines on disk with their state."""
    weights = unlearned("xs")
    write_weights(tmp_path / "xs.safetensors", weights)
    fill_cache()
    target = tmp_path / "list.json"
    assert (
        vivant("engines", "list", "--json", str(target), "--set", f"generator.weights={tmp_path}")
        == 0
    )
    found = json.loads(target.read_text())
    assert [engine["name"] for engine in found["engines"]] == [CPU.name, GONE.name]
    assert [one["digest"] for one in found["weights"]] == [weights.digest, "", ""]
    assert found["kept"][0]["state"] == "ok"
    assert weights.digest[:12] in capsys.readouterr().out


def test_damaged_weights_are_listed_as_such(here, tmp_path, capsys):
    """The others are listed all the same."""
    (tmp_path / "m.safetensors").write_bytes(b"no weights")
    vivant("engines", "list", "--set", f"generator.weights={tmp_path}")
    assert "damaged or no weights" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("spoil", "state"),
    [
        (lambda path: path.write_bytes(b"other"), "is damaged or not ours"),
        (lambda path: path.with_suffix(".json").unlink(), "has no manifest that can be read"),
        (lambda path: None, "ok"),
    ],
)
def test_an_engine_that_would_not_be_used_says_why(spoil, state):
    """It is read whole."""
    spoil(fill_cache())
    assert kept.entries({"tensorrt_rtx": "1.7"})[0].state == state


def test_an_engine_of_another_version_says_so():
    """Or of a library that is gone; or one that failed its test."""
    fill_cache("1.6")
    built = "was built by tensorrt_rtx 1.6, and here is"
    assert kept.entries({"tensorrt_rtx": "1.7"})[0].state == f"{built} 1.7"
    assert kept.entries({})[0].state == f"{built} none"
    fill_cache(check=Check(9, 99, "torch f32", passed=False))
    assert kept.entries({"tensorrt_rtx": "1.7"})[0].state == "failed its test"


def test_clear_removes_what_was_kept_and_nothing_else(here, capsys):
    """Engines, graphs and leftovers; and says how much that was."""
    path = fill_cache()
    other = path.with_name("notes.txt")
    other.write_text("mine")
    models = path.parents[1] / "openvino"
    models.mkdir()
    (models / "1.blob").write_bytes(b"model")
    assert vivant("engines", "clear") == 0
    assert list(path.parent.iterdir()) == [other]
    assert list(models.iterdir()) == []
    assert capsys.readouterr().out.startswith("3 kept engines removed (0.0 MB) from ")
    assert vivant("engines", "clear") == 0
    assert capsys.readouterr().out.startswith("0 kept engines removed")


def test_clear_leaves_what_is_young(here, capsys):
    """Age is that of the engine's file."""
    path = fill_cache()
    old = datetime.now(UTC).timestamp() - 31 * kept.DAY_S
    os.utime(path, (old, old))
    vivant("engines", "clear", "--older-than", "30")
    assert [one.name for one in path.parent.iterdir()] == ["xs.onnx"]
    assert capsys.readouterr().out.startswith("1 kept engine removed")
    with pytest.raises(ConfigError, match="--older-than"):
        vivant("engines", "clear", "--older-than", "-1")


def test_bench_measures_and_writes_json(here, tmp_path, capsys):
    """The real OpenVINO; without weights it takes fresh ones, and the title says so."""
    target = tmp_path / "bench.json"
    asked = ("--runs", "1", "--seconds", "0", "--json", str(target))
    assert vivant("engines", "bench", *LESS, *asked) == 0
    said = capsys.readouterr().out
    assert f"weights: {UNLEARNED}" in " ".join(said.split())
    assert "XS@128" in said
    (row,) = json.loads(target.read_text())["rows"]
    assert row["engine"] == CPU.name
    assert row["contract"]["batch"] == 2
    assert row["timing"]["median_ms"] > 0
    assert row["parity"] == {"mean": 0, "worst": 0}


def test_bench_has_the_engines_in_a_further_table(here, tmp_path, capsys, monkeypatch):
    """After the pipeline's."""
    monkeypatch.setattr("streamer.engine.sweep.ON_CPU", {("xs", 128): 2})
    target = tmp_path / "bench.json"
    clip = ("--portrait", "mei", "--size", "128", "--frames", "1")
    assert vivant("bench", *clip, "--engines", "all", "--json", str(target)) == 0
    figures = json.loads(target.read_text())
    assert len(figures["engines"]["rows"]) == 2
    assert "stages" in figures
    said = capsys.readouterr().out
    assert said.index("generate") < said.index("openvino/CPU/f32")


def test_a_test_that_passes(here, tmp_path, capsys):
    """With the weights that are named."""
    weights = replace(unlearned("xs"), note="trained")
    write_weights(tmp_path / "xs.safetensors", weights)
    assert vivant("engines", "test", "openvino", *LESS, "--weights", str(tmp_path)) == 0
    assert f"weights: XS {weights.digest[:12]}" in " ".join(capsys.readouterr().out.split())


def test_a_test_that_fails_is_an_error(here, tmp_path, monkeypatch):
    """Exit code 4; the JSON is written all the same."""
    monkeypatch.setattr("streamer.engine.check.MEAN", -1)
    target = tmp_path / "test.json"
    with pytest.raises(EngineError, match=r"openvino/CPU/f32 xs-128.*failed its self-test") as told:
        vivant("engines", "test", *LESS, "--json", str(target))
    assert told.value.exit_code == 4
    assert "failed" in json.loads(target.read_text())["rows"][0]["problem"]


def test_an_engine_that_was_named_must_run(here):
    """One that is refused is an error then, too."""
    with pytest.raises(EngineError, match="TensorRT is not installed; run: pip"):
        vivant("engines", "test", "tensorrt", *LESS)
    with pytest.raises(EngineError, match="graph is missing"):
        vivant("engines", "test", "openvino", *LESS, "--batches", "7")


def test_build_needs_weights_where_something_is_to_be_built(here, capsys):
    """And says so where nothing is."""
    assert vivant("engines", "build") == 0
    assert "nothing here has to be built" in capsys.readouterr().out
    with pytest.raises(EngineError, match="weights of size XS: none are in"):
        vivant("engines", "build", "openvino", *LESS)


def test_build_opens_what_is_named(here, tmp_path, capsys):
    """Each is told with the time it took."""
    write_weights(tmp_path / "xs.safetensors", unlearned("xs"))
    weights = f"generator.weights={tmp_path}"
    assert vivant("engines", "build", "openvino", *LESS, "--set", weights) == 0
    assert "openvino/CPU/f32" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (Order(nets="xl"), "--nets xl: write it as xs or xs@192"),
        (Order(nets="xs@100"), "--nets xs@100"),
        (Order(nets="xs,,m"), "a list without gaps"),
        (Order(resolutions="9000"), "--resolutions 9000: write it as 512"),
        (Order(resolutions="16"), "32 to 4096"),
        (Order(batches="0"), "--batches 0"),
        (Order(batches="many"), "1 to 64"),
    ],
)
def test_lists_that_cannot_be_read(here, order, words):
    """One line that shows how it is written."""
    with pytest.raises(ConfigError, match=words):
        cases_of(order)


def test_lists_as_a_person_writes_them(here):
    """Width before height; a size alone sees 256 px."""
    order = Order((), "XS@192, m", "640x480,256", "1,2")
    found = [case.contract for case in cases_of(order)]
    assert len(found) == 8
    assert found[0] == Contract("xs", 192, 480, 640, 1)
    assert found[-1] == Contract("m", 256, 256, 256, 2)


def test_a_place_where_nothing_can_be_written(here, tmp_path):
    """Told in one line."""
    with pytest.raises(MediaError, match="there is no folder"):
        vivant("engines", "list", "--json", str(tmp_path / "gone" / "list.json"))


@pytest.mark.parametrize("arguments", [("--runs", "0"), ("--seconds", "-1")])
def test_no_time_to_measure(here, arguments):
    """A mistake in the arguments."""
    with pytest.raises(ConfigError, match="--runs must be"):
        vivant("engines", "bench", *arguments)


def test_ctrl_c_stops_the_work_and_waits_for_it():
    """The work is asked to stop; it ends in good order before the command does."""
    ended = threading.Event()

    def work(watch):
        main = threading.main_thread().ident
        assert threading.get_ident() != main
        interrupt_soon()
        while not watch.stopped():
            time.sleep(0.001)
        ended.set()
        raise BuildStoppedError("stopped")

    with pytest.raises(KeyboardInterrupt):
        stoppable.stoppable(work)
    assert ended.is_set()


def interrupt_soon():
    threading.Timer(0.05, _thread.interrupt_main).start()


def test_work_gives_its_result_and_its_error():
    """As if it were called."""
    assert stoppable.stoppable(lambda watch: watch.stopped()) is False
    with pytest.raises(EngineError, match="broken"):
        stoppable.stoppable(lambda watch: (_ for _ in ()).throw(EngineError("broken")))
