"""FiLM numbers of portraits: who has some, how they reach the graph, and what is told when not."""

from dataclasses import replace

import numpy as np
import pytest

from engines.contract import FILM, Contract
from engines.weights import EMBEDDER, Weights, read_weights, write_weights
from streamer.config import GeneratorConfig
from streamer.engine import choose, openvino, skeleton
from streamer.engine import embedder as module
from streamer.engine.choose import Shapes, choose_engine
from streamer.engine.embedder import embedder_of
from streamer.engine.openvino import OpenVinoEngine
from streamer.engine.protocol import Job
from streamer.engine.sample import sample
from streamer.engine.stock import unlearned
from streamer.engine.ways import Way
from streamer.errors import EngineError
from streamer.generator.sight import Refinement
from streamer.generator.sights import film_of, shapes_of, sight_of
from tests.embedders import embedding
from tests.faces import generator, portrait

XS, PARTS = Refinement("xs"), Refinement("xs", parts=True)
PAIR = Contract("xs", 128, 96, 128, 2)


@pytest.fixture(scope="module")
def embed():
    return embedder_of(embedding())


def test_every_portrait_has_its_own_numbers(embed):
    """The same each time."""
    films = [film_of(portrait(name), embed) for name in ("ada", "bruno", "mei")]
    for film in films:
        assert film.shape == (FILM["xs"],)
        assert film.dtype == np.float32
        assert np.isfinite(film).all()
    spread = films[0].std()
    assert all(np.abs(films[0] - other).max() > 0.05 * spread for other in films[1:])
    np.testing.assert_array_equal(film_of(portrait(), embed), films[0])


def test_weights_without_an_embedder_have_none():
    assert embedder_of(unlearned("xs")) is None


def test_it_comes_out_of_the_file_of_weights(tmp_path, embed):
    """Rounded to fp16 there, as the refiner's."""
    write_weights(tmp_path / "xs.safetensors", embedding())
    again = embedder_of(read_weights(tmp_path / "xs.safetensors"))
    np.testing.assert_array_equal(film_of(portrait(), again), film_of(portrait(), embed))


@pytest.mark.parametrize("kind", [XS, PARTS], ids=["face", "parts"])
@pytest.mark.parametrize("form", ["picture", "source"])
def test_the_numbers_are_bound_with_the_portrait(embed, kind, form):
    """Whatever way the graph is used, and looked at once, however many scenes there are."""
    warp, looks = generator("mei", 320), []

    def looking(photos):
        looks.append(len(photos))
        return embed(photos)

    shapes = shapes_of(warp, kind, (320, 320))
    contract = shapes.source if form == "source" and shapes.source else shapes.picture
    sight = sight_of(warp, kind, contract, looking)
    green = warp.on(np.full((320, 320, 3), 99, np.uint8))
    stills = [still for scene in (warp.scene, green) for still in sight.stills(scene)]
    expected = film_of(portrait("mei"), embed)
    assert all(np.array_equal(still.film, expected) for still in stills)
    assert looks == [1]
    plain = sight_of(warp, kind, contract)
    assert not any(still.film.any() for still in plain.stills(warp.scene))


def test_portraits_in_one_batch_keep_their_own_numbers(embed):
    """Each is refined as if it were alone, and not as its neighbour."""
    films = [film_of(portrait(name), embed) for name in ("ada", "bruno")]
    still, frame = sample(PAIR)
    with OpenVinoEngine(PAIR, embedding(), precision="f32") as engine:
        jobs = [Job(engine.bind(replace(still, film=film)), frame) for film in films]
        together = [made.picture for made in engine.run(jobs)]
        swapped = [made.picture for made in engine.run(jobs[::-1])]
        alone = [engine.run([job])[0].picture for job in jobs]
    for one, other in zip((*together, *swapped), (*alone, *alone[::-1]), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (alone[0] != alone[1]).any()


def test_whoever_is_given_the_engine_is_given_the_embedder(monkeypatch):
    """That of the same weights; None where they have none."""
    monkeypatch.setattr(choose, "driver_version", lambda: None)
    way = Way("openvino", "CPU", "f32", "openvino 1")
    shapes = Shapes(Contract("xs", 192, 64, 96))
    for weights, there in ((embedding(), True), (unlearned("xs"), False)):
        choice = choose_engine(GeneratorConfig(), weights, shapes, ways=[way])
        with choice.engine:
            assert (choice.embed is not None) == there


def test_a_graph_that_is_missing_or_damaged_is_named(tmp_path):
    """One line with the file and what to do."""
    with pytest.raises(EngineError, match=r"embedder.onnx: .* is missing; install the program"):
        skeleton.embedder_model(openvino.core(), embedding(), tmp_path)
    (tmp_path / "embedder.onnx").write_bytes(b"not a graph")
    with pytest.raises(EngineError, match=r"embedder.onnx: the graph is damaged; install"):
        skeleton.embedder_model(openvino.core(), embedding(), tmp_path)


@pytest.mark.parametrize(
    ("change", "what"),
    [(np.zeros((2, 2), np.float32), r"is \(2, 2\), not"), (None, "is missing")],
)
@pytest.mark.parametrize("name", ["trunk.0.skip.weight", "project.weight"])
def test_weights_of_another_architecture_are_refused(name, change, what):
    """Also where the graph leaves a size open."""
    name = EMBEDDER + name
    wrong = replace(embedding(), arrays=dict(embedding().arrays) | {name: change})
    with pytest.raises(EngineError, match=f"embedder of size XS: {name} {what}.*architecture"):
        skeleton.embedder_model(openvino.core(), wrong)


def test_without_openvino_it_says_what_to_do(monkeypatch):
    """Zeros in the place of the numbers would be another portrait's refiner."""

    def missing(weights):
        raise ImportError("libopenvino.so: no such file")

    monkeypatch.setattr(module, "_compiled", missing)
    with pytest.raises(EngineError, match=r"libopenvino.so.*run: python -m pip install"):
        embedder_of(embedding())


def test_a_failing_device_is_an_engine_error(monkeypatch):
    """In one line, the last that OpenVINO said."""

    class Broken:
        def create_infer_request(self):
            return self

        def infer(self, given):
            raise RuntimeError("Exception from a.cpp:1:\nno memory\n")

    core = type("Core", (), {"compile_model": lambda *args: Broken()})()
    monkeypatch.setattr(openvino, "core", lambda: core)
    monkeypatch.setattr(skeleton, "embedder_model", lambda core, weights: None)
    with pytest.raises(EngineError, match="failed to embed a portrait: no memory"):
        film_of(portrait(), embedder_of(embedding()))


def test_the_digest_tells_embedders_apart():
    """A graph or an engine of other weights is never taken for this one's."""
    digests = {embedding().digest, embedding(seed=1).digest, unlearned("xs").digest}
    assert len(digests) == 3
    assert Weights.of("xs", embedding().arrays).digest == embedding().digest
