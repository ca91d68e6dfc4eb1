"""The refiner by OpenVINO, with the graphs that come with the program."""

from dataclasses import replace

import numpy as np
import pytest

from engines.contract import Contract
from engines.weights import Weights
from streamer.engine import openvino, skeleton
from streamer.engine.eager import TorchEngine
from streamer.engine.openvino import OpenVinoEngine, best_precision, devices, usual_threads
from streamer.engine.protocol import Job
from streamer.engine.sample import sample
from streamer.engine.stock import unlearned
from streamer.errors import EngineError
from tests import neural

SMALL = Contract("xs", 128, 96, 128, 2)
"""mouth and eyes: two at once"""
BOX = Contract("xs", 192, 120, 160)
PRECISIONS = sorted({"f32", best_precision("CPU")})


def weights(**changes):
    """Of natural strength, with some arrays replaced."""
    plain = unlearned("xs", 3)
    return replace(plain, arrays=dict(plain.arrays) | changes)


def nothing_learned():
    """Weights whose heads give zero."""
    plain = unlearned("xs")
    heads = {k: np.zeros_like(a) for k, a in plain.arrays.items() if k.startswith(("fine", "coa"))}
    return Weights.of("xs", dict(plain.arrays) | heads)


@pytest.fixture(scope="module")
def engine():
    with OpenVinoEngine(BOX, weights(), precision="f32") as engine:
        yield engine


def jobs(engine, *seeds):
    made = [sample(engine.facts.contract, seed) for seed in seeds]
    return [Job(engine.bind(still), frame) for still, frame in made]


def gap(one, other):
    return np.abs(one.picture.astype(int) - other.picture)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("contract", [BOX, SMALL], ids=lambda one: one.name)
def test_what_has_learned_nothing_changes_nothing(contract, precision):
    """With heads of zero the picture comes out bit for bit, whatever the convolutions are."""
    with OpenVinoEngine(contract, nothing_learned(), precision=precision) as engine:
        asked = jobs(engine, 1, 2)
        for job, made in zip(asked, engine.run(asked), strict=True):
            np.testing.assert_array_equal(made.picture, job.frame.picture)
            assert made.gates[..., 0].max() == 0


def test_it_refines(engine):
    """Weights that do something change the picture inside the region and nowhere else."""
    (job,) = jobs(engine, 1)
    (made,) = engine.run([job])
    changed = np.abs(made.picture.astype(int) - job.frame.picture).max(2) > 0
    assert changed.mean() > 0.2
    assert not changed[:, -2:].any()
    assert not changed[-1].any()


@pytest.mark.skipif(PRECISIONS == ["f32"], reason="this processor has no bf16")
def test_bf16_differs_little_on_a_real_picture():
    """Coordinates stay in f32, so bf16 costs less than a level on average.

    These weights move pixels by up to eleven of the net's, as few trained ones do: at the hardest
    edges of the picture a thousandth of that shows (see test_parity for weights of usual strength).
    """
    _, contract, frame, still = neural.drawn("ada", side=192, size=256)
    made = []
    for precision in ("f32", "bf16"):
        with OpenVinoEngine(contract, weights(), precision=precision) as engine:
            made += engine.run([Job(engine.bind(still), frame)])
    assert gap(*made).mean() <= 0.5
    assert (gap(*made) > 8).mean() < 1e-4


def test_it_agrees_with_torch(engine):
    """In f32 no pixel differs by more than rounding."""
    pytest.importorskip("torch")
    with TorchEngine(BOX, weights()) as reference:
        theirs = reference.run(jobs(reference, 1, 2))
    for one, other in zip(engine.run(jobs(engine, 1, 2)), theirs, strict=True):
        assert gap(one, other).max() <= 1
        assert np.abs(one.gates.astype(int) - other.gates).max() <= 1


def test_the_result_is_the_callers(engine):
    """The next run does not touch it, and it can be written to."""
    first, second = jobs(engine, 1, 2)
    (made,) = engine.run([first])
    before = made.picture.copy()
    engine.run([second])
    np.testing.assert_array_equal(made.picture, before)
    made.picture[:] = 0
    np.testing.assert_array_equal(engine.run([first])[0].picture, before)


def test_portraits_take_turns(engine):
    """Whoever is bound is shown with their own numbers, also after another was."""
    first, second = jobs(engine, 1, 2)
    mixed = Job(second.bound, first.frame)
    alone = [engine.run([job])[0].picture for job in (first, mixed, first)]
    np.testing.assert_array_equal(alone[0], alone[2])
    assert (alone[0] != alone[1]).any()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_batch_is_padded(count):
    """Each picture is the same, whoever else is in its batch."""
    with OpenVinoEngine(SMALL, weights(), precision="f32") as engine:
        asked = jobs(engine, 1, 2, 3)[:count]
        together = engine.run(asked)
        assert len(together) == count
        for job, made in zip(asked, together, strict=True):
            (alone,) = engine.run([job])
            np.testing.assert_array_equal(made.picture, alone.picture)


def test_frozen_arrays_are_taken_too(engine):
    """Arrays that may not be written to are copied, not refused."""
    (job,) = jobs(engine, 1)
    frozen = job.frame.places.copy()
    frozen.setflags(write=False)
    again = Job(job.bound, replace(job.frame, places=frozen))
    np.testing.assert_array_equal(engine.run([again])[0].picture, engine.run([job])[0].picture)


def test_no_jobs_no_pictures(engine):
    assert engine.run([]) == []


def test_what_does_not_fit_is_named(engine):
    """A frame or portrait of another shape, or without a part, is refused by its name."""
    (job,) = jobs(engine, 1)
    wrong = Job(job.bound, replace(job.frame, marks=np.zeros((8, 8, 3), np.uint8)))
    with pytest.raises(EngineError, match=r"marks is \(8, 8, 3\) uint8, and .* \(192, 192, 3\)"):
        engine.run([wrong])
    with pytest.raises(EngineError, match="picture is missing"):
        engine.run([Job(job.bound, replace(job.frame, picture=None))])
    still, _ = sample(BOX)
    with pytest.raises(EngineError, match=r"film is .* float64"):
        engine.bind(replace(still, film=still.film.astype(np.float64)))


def test_a_closed_or_foreign_portrait_is_refused(engine):
    (job,) = jobs(engine, 1)
    job.bound.close()
    job.bound.close()
    for bound in (job.bound, object()):
        with pytest.raises(EngineError, match="bind it again"):
            engine.run([Job(bound, job.frame)])


def test_a_closed_engine_says_so():
    engine = OpenVinoEngine(BOX, weights(), precision="f32")
    (job,) = jobs(engine, 1)
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.run([job])


def test_the_facts_name_everything():
    with OpenVinoEngine(BOX, weights()) as engine:
        facts = engine.facts
    assert facts.library.startswith("openvino 20")
    assert facts.digest == weights().digest
    assert facts.precision == best_precision("CPU")
    assert facts.line == f"refiner XS @192 by OpenVINO {facts.precision} on CPU"
    assert replace(facts, ms=12.34).line.endswith("on CPU, 12.3 ms a picture")


def test_a_failure_while_running_is_an_engine_error(engine, monkeypatch):
    """What the device says ends up in one line, with a note that the engine is of no more use."""

    def fail(self):
        raise RuntimeError("Exception from src/x.cpp:1:\n\n[GPU] device lost\n")

    monkeypatch.setattr("streamer.engine.feed.Chain.run", fail)
    with pytest.raises(EngineError, match=r"OpenVINO failed on CPU: \[GPU\] device lost") as caught:
        engine.run(jobs(engine, 1))
    assert "of no more use" in caught.value.__notes__[0]


def test_an_unknown_device_is_named_with_those_there_are():
    with pytest.raises(EngineError, match=r"GPU\.7: OpenVINO has no such device here; it has CPU"):
        OpenVinoEngine(BOX, weights(), "GPU.7")


def test_no_fp16_on_a_processor():
    with pytest.raises(ValueError, match="slower"):
        OpenVinoEngine(BOX, weights(), precision="fp16")
    assert best_precision("GPU") == "fp16"


def test_the_processor_is_always_a_device():
    assert "CPU" in devices()
    assert 1 <= usual_threads() <= 4


def test_weights_of_another_size_are_refused():
    with pytest.raises(EngineError, match=r"weights of size S do not fit engine xs-192.*weights"):
        OpenVinoEngine(BOX, unlearned("s"))


@pytest.mark.parametrize(
    ("change", "what"),
    [(np.zeros((2, 2), np.float32), r"is \(2, 2\), not"), (None, "is missing")],
)
def test_weights_of_another_architecture_are_refused(change, what):
    with pytest.raises(EngineError, match=f"stem.weight {what}.*another architecture"):
        OpenVinoEngine(BOX, weights(**{"stem.weight": change}))


def test_a_graph_that_is_not_there_is_named(tmp_path):
    """The file, those that are there, and how to get it again."""
    with pytest.raises(EngineError, match=r"refiner-xs-192.onnx: the graph is missing.*none.*pip"):
        skeleton.graph_path(BOX, tmp_path)
    with pytest.raises(EngineError, match="refiner-xs-256"):
        skeleton.graph_path(replace(BOX, batch=8))
    with pytest.raises(EngineError, match="refine a drawn picture only; use torch or TensorRT"):
        skeleton.graph_path(replace(BOX, form="source", texture=(64, 64)))


@pytest.mark.parametrize("content", [b"", b"not a graph", None])
def test_a_damaged_graph_is_named(tmp_path, content):
    """Empty, foreign or cut off: one line with the file and what to do."""
    path = tmp_path / "refiner-xs-192.onnx"
    whole = skeleton.graph_path(BOX).read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(EngineError, match=r"refiner-xs-192.onnx: .*install the program again"):
        skeleton.model_of(openvino.core(), BOX, weights(), tmp_path)


def test_the_graph_of_another_net_is_refused(tmp_path):
    """A file under a wrong name does not run."""
    path = tmp_path / "refiner-xs-192.onnx"
    path.write_bytes(skeleton.graph_path(replace(BOX, side=256)).read_bytes())
    with pytest.raises(EngineError, match="cannot take the shapes of xs-192"):
        skeleton.model_of(openvino.core(), BOX, weights(), tmp_path)


def test_a_graph_that_cannot_be_compiled_is_told(monkeypatch):
    """What OpenVINO says last is the reason."""

    class Broken:
        available_devices = ("CPU",)

        def compile_model(self, *args):
            raise RuntimeError("Exception from a.cpp:1:\nno such kernel\n")

    core = openvino.core()
    monkeypatch.setattr(
        Broken, "read_model", lambda self, path: core.read_model(path), raising=False
    )
    monkeypatch.setattr(openvino, "core", Broken)
    with pytest.raises(EngineError, match="OpenVINO cannot compile on CPU: no such kernel"):
        OpenVinoEngine(BOX, weights(), precision="f32")


def test_other_devices_keep_compiled_graphs(tmp_path, monkeypatch):
    """Theirs take long to compile; a processor's do not and are not kept."""
    monkeypatch.setenv("VIVANT_HOME", str(tmp_path))
    settings, notes = openvino._settings("GPU", None)
    assert settings["CACHE_DIR"] == str(tmp_path / "cache" / "openvino")
    assert notes == ()
    assert "CACHE_DIR" not in openvino._settings("CPU", None)[0]


def test_a_cache_that_cannot_be_written_is_told(tmp_path, monkeypatch):
    """The engine works without, and its facts say why each start compiles again."""
    (tmp_path / "cache").write_text("a file where a folder should be")
    monkeypatch.setenv("VIVANT_HOME", str(tmp_path))
    settings, (note,) = openvino._settings("GPU", None)
    assert "CACHE_DIR" not in settings
    assert "compiled graphs are not kept" in note
