"""The embedder's graph: that of the code, and the same numbers from every judge."""

import os

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from engines import embedding, tracing  # noqa: E402
from engines.contract import FILM, SIZES, WEIGHT  # noqa: E402
from engines.model import initial as initial_refiner  # noqa: E402
from engines.model import initial_embedder, into_embedder, weights_of  # noqa: E402
from streamer.engine.embedder import embedder_of  # noqa: E402
from streamer.generator.sights import film_of  # noqa: E402
from tests.embedders import embedding as embedding_weights  # noqa: E402
from tests.faces import portrait  # noqa: E402
from tests.test_photo import seen  # noqa: E402

FACES = ("ada", "bruno", "mei")


def by_torch(size, photos):
    """FiLM numbers of one portrait with several photos."""
    module = embedding.FromPhoto(into_embedder(embedding_weights(size)))
    with torch.inference_mode():
        return module({"photos": torch.from_numpy(np.stack(photos)[None])})[0][0].numpy()


def by_onnxruntime(size, photo):
    """Of one photo, by the neutral judge, from the file that comes with the program."""
    model = onnx.load(embedding.GRAPH)
    arrays = embedding_weights(size).arrays
    for hole in [value for value in model.graph.input if value.name.startswith(WEIGHT)]:
        array = arrays[hole.name.removeprefix(WEIGHT)]
        model.graph.initializer.append(onnx.numpy_helper.from_array(array, hole.name))
        model.graph.input.remove(hole)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    data = tracing.serialised(model)
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return session.run(["film"], {"photos": photo[None, None]})[0][0]


@pytest.mark.parametrize("size", SIZES)
def test_all_judges_agree(size):
    """torch, ONNX Runtime and OpenVINO, to a ten-thousandth of what the numbers are."""
    photo = seen("mei")
    expected = by_torch(size, [photo])
    assert expected.shape == (FILM[size],)
    most = 1e-4 * np.abs(expected).max()
    assert np.abs(by_onnxruntime(size, photo) - expected).max() < most
    assert np.abs(embedder_of(embedding_weights(size))([photo]) - expected).max() < most


def test_several_photos_of_a_face_are_taken_together():
    """By the mean of each one's numbers, which is what the embedder gives; in whatever order."""
    photos = [seen(name) for name in FACES]
    expected, embed = by_torch("xs", photos), embedder_of(embedding_weights())
    most = 1e-4 * np.abs(expected).max()
    assert np.abs(embed(photos) - expected).max() < most
    assert np.abs(embed(photos[::-1]) - expected).max() < most
    assert np.abs(embed(photos[:1]) - expected).max() > 100 * most


def test_what_has_learned_nothing_is_neutral():
    """Its last layer is 0, and so are all numbers."""
    weights = weights_of(initial_refiner("xs"), initial_embedder("xs"))
    film = film_of(portrait(), embedder_of(weights))
    assert film.shape == (FILM["xs"],)
    assert not film.any()


def test_the_graph_that_comes_with_the_program_is_that_of_the_code():
    """If this fails: python -m engines.embedding."""
    model = onnx.load(embedding.GRAPH)
    notes = {note.key: note.value for note in model.metadata_props}
    if notes["vivant.exporter"] != tracing.exporter():
        pytest.skip("made by other versions of the exporter")
    assert tracing.serialised(embedding.export()) == embedding.GRAPH.read_bytes()


def test_the_graph_is_small_and_tells_nothing_of_where_it_was_made():
    """No weight is in it, nor a path."""
    data = embedding.GRAPH.read_bytes()
    onnx.checker.check_model(onnx.load(embedding.GRAPH), full_check=True)
    assert len(data) < 16_000
    assert b".py" not in data
    assert os.fsencode(embedding.GRAPH.parents[2]) not in data


def test_the_command_writes_and_tells_the_size(tmp_path, capsys):
    """Into a folder that it makes."""
    path = tmp_path / "new" / "embedder.onnx"
    assert embedding.main(["--file", str(path)]) == 0
    assert f"{path}: {path.stat().st_size:,} bytes" in capsys.readouterr().out
