"""The TensorRT engine: its pictures, its CUDA graph, and a GPU that fails or is full."""

from dataclasses import replace

import numpy as np
import pytest

from engines.contract import Contract
from streamer.engine import seats, tensorrt
from streamer.engine.cuda import GpuFullError, GpuLostError
from streamer.engine.protocol import Job
from streamer.errors import EngineError
from tests.cuda_memory import FakeDevice
from tests.gpus import FOUR, ONE, FakeTrt, frame, graph_of, started, still


def colours(refined):
    """What `mixed` shows of frame, plate and texture, if it is the same everywhere."""
    assert np.ptp(refined.picture, axis=(0, 1)).max() == 0
    return [int(value) for value in refined.picture[0, 0]] + [int(refined.gates[0, 0, 0])]


def test_one_picture():
    """Frame, plate, texture and FiLM numbers all reach the graph."""
    with started() as engine:
        (made,) = engine.run([Job(engine.bind(still(ONE, 7)), frame(ONE, 3))])
    assert colours(made) == [3, 7, 7, 10]


def test_the_result_is_the_callers():
    """The next run does not overwrite what was given out."""
    engine = started()
    portrait = engine.bind(still(ONE, 7))
    (first,) = engine.run([Job(portrait, frame(ONE, 3))])
    engine.run([Job(portrait, frame(ONE, 4))])
    assert colours(first)[0] == 3
    first.picture[:] = 0


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 8, 9])
def test_any_number_of_pictures_in_order(count):
    """Lots of four, the last one padded; each picture is that of its own portrait and frame."""
    engine = started(FOUR)
    portraits = [engine.bind(still(FOUR, 20 + number)) for number in range(count)]
    jobs = [Job(one, frame(FOUR, n)) for n, one in enumerate(portraits)]
    for _ in range(2):
        made = engine.run(jobs)
        assert [colours(one)[:3] for one in made] == [[n, 20 + n, 20 + n] for n in range(count)]


def test_a_portrait_may_come_twice_in_a_batch():
    """As when two people look at one."""
    engine = started(FOUR)
    portrait = engine.bind(still(FOUR, 9))
    made = engine.run([Job(portrait, frame(FOUR, n)) for n in (1, 2, 3)])
    assert [colours(one)[:2] for one in made] == [[1, 9], [2, 9], [3, 9]]


def test_portraits_that_stay_are_not_copied_again():
    """In the second run only frames cross the bus, whoever comes first."""
    device = FakeDevice()
    engine = started(FOUR, device=device)
    jobs = [Job(engine.bind(still(FOUR, n)), frame(FOUR, n)) for n in range(4)]
    engine.run(jobs)
    before = device.copied
    made = engine.run(jobs[::-1])
    bytes_of_run = device.copied - before
    assert [colours(one)[0] for one in made] == [3, 2, 1, 0]
    before = device.copied
    engine.run([jobs[2]])
    assert device.copied - before == bytes_of_run


def test_a_swap_copies_on_the_gpu_and_rebuilds_nothing():
    """Another portrait takes the seat; the graph stays recorded with its addresses."""
    device = FakeDevice()
    trt = FakeTrt(device)
    engine = started(device=device, trt=trt)
    first, second = engine.bind(still(ONE, 1)), engine.bind(still(ONE, 2))
    for portrait, number in ((first, 1), (second, 2), (first, 1)):
        (made,) = engine.run([Job(portrait, frame(ONE, 0))])
        assert colours(made)[1] == number
    assert (trt.built, trt.opened) == (1, 1)


def test_a_patch_crosses_the_bus_alone():
    """Only the rectangle is sent, and the next picture shows it."""
    device = FakeDevice()
    engine = started(FOUR, device=device)
    portrait = engine.bind(still(FOUR, 5))
    jobs = [Job(portrait, frame(FOUR, 0))]
    engine.run(jobs)
    before = device.copied
    portrait.patch(slice(10, 13), slice(4, 9), np.full((3, 5, 4), 200, np.uint8))
    device.wait()
    assert device.copied - before == 3 * 5 * 4
    picture = engine.run(jobs)[0].picture[..., 2]
    expected = np.full((40, 48), 5, np.uint8)
    expected[10:13, 4:9] = 200
    assert np.array_equal(picture, expected)


def test_a_patch_of_nothing_and_one_that_does_not_fit():
    """An empty rectangle is nothing; a wrong one is told."""
    engine = started()
    portrait = engine.bind(still(ONE, 5))
    portrait.patch(slice(3, 3), slice(0, 4), np.zeros((0, 4, 4), np.uint8))
    with pytest.raises(EngineError, match="patch"):
        portrait.patch(slice(0, 2), slice(0, 2), np.zeros((3, 2, 4), np.uint8))


def test_arrays_that_do_not_fit_are_told():
    """With the name and both shapes."""
    engine = started()
    portrait = engine.bind(still(ONE, 5))
    wrong = replace(frame(ONE, 0), layers=np.zeros((4, 4, 4), np.uint8))
    with pytest.raises(EngineError, match=r"layers is \(4, 4, 4\) uint8"):
        engine.run([Job(portrait, wrong)])
    with pytest.raises(EngineError, match="film"):
        engine.bind(replace(still(ONE, 5), film=np.zeros(3, np.float32)))


def test_a_closed_portrait_and_a_closed_engine_are_told():
    """Neither is used by mistake."""
    engine = started()
    portrait = engine.bind(still(ONE, 5))
    portrait.close()
    portrait.close()
    with pytest.raises(EngineError, match="closed"):
        engine.run([Job(portrait, frame(ONE, 0))])
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.bind(still(ONE, 5))


def test_the_form_that_refines_a_drawn_picture():
    """It has no texture and no plate, and runs the same way."""
    contract = Contract("xs", 128, 40, 48, 2, "picture")
    device = FakeDevice()

    def compute(onnx, arrays):
        arrays["refined"][:] = arrays["picture"]

    engine = started(contract, device=device, trt=FakeTrt(device, compute=compute))
    source = replace(contract, form="source", texture=(8, 8))
    bare = replace(still(source, 1), texture=None, plate=None)
    shown = replace(frame(contract, 0), picture=np.full((40, 48, 3), 77, np.uint8))
    (made,) = engine.run([Job(engine.bind(bare), shown)])
    assert made.picture.max() == made.picture.min() == 77


def test_seats_are_given_to_who_sat_there():
    """Newcomers take empty seats before they move others out."""
    a, b, c, d = "abcd"
    assert seats.assign([b, a], [a, b, None]) == [1, 0]
    assert seats.assign([c, a], [a, b, None]) == [2, 0]
    assert seats.assign([c, d, a], [a, b, None]) == [2, 1, 0]
    assert seats.assign([a, a], [a, b]) == [0, 1]


def test_a_run_is_one_cuda_graph():
    """The facts say so, with the GPU, the library and the precision."""
    facts = started().facts
    assert facts.form == "CUDA graph"
    assert (facts.backend, facts.precision) == ("tensorrt", "fp16")
    assert (facts.device, facts.library) == ("cuda:0 (NVIDIA Fake 1)", "tensorrt_rtx 1.0")
    assert facts.notes == ()


def test_where_it_cannot_be_recorded_it_runs_plainly_and_says_so():
    """By the word of the library, or when CUDA refuses."""
    refused = FakeDevice(records=False)
    told = FakeTrt(FakeDevice())
    told.capturable = False
    for engine, words in (
        (started(device=refused), "operation not permitted"),
        (started(device=told.device, trt=told), "does not fit into a CUDA graph"),
    ):
        assert engine.facts.form == ""
        assert any(words in note for note in engine.facts.notes)
        (made,) = engine.run([Job(engine.bind(still(ONE, 7)), frame(ONE, 3))])
        assert colours(made) == [3, 7, 7, 10]


def test_a_lost_gpu_ends_the_engine_at_once():
    """One error; after it the engine is closed, and closing does not touch the GPU."""
    device = FakeDevice()
    engine = started(device=device)
    portrait = engine.bind(still(ONE, 7))
    device.lost = True
    with pytest.raises(GpuLostError, match=r"gave no answer for 0\.8 s"):
        engine.run([Job(portrait, frame(ONE, 3))])
    waits = device.waits
    engine.close()
    portrait.close()
    with pytest.raises(EngineError, match="closed"):
        engine.run([Job(portrait, frame(ONE, 3))])
    assert device.waits == waits


def test_a_refused_run_is_told():
    """Without a CUDA graph each run can be refused."""
    trt = FakeTrt(FakeDevice(records=False))
    engine = started(device=trt.device, trt=trt)
    portrait = engine.bind(still(ONE, 7))
    trt.runs = False
    with pytest.raises(EngineError, match="refused to run"):
        engine.run([Job(portrait, frame(ONE, 3))])


def opened(monkeypatch, contract, device, trts, folder=None):
    """`open_tensorrt` where everything below it is not there."""
    for trt in trts:
        trt.device = device
    monkeypatch.setattr(tensorrt, "libraries", lambda: tuple(trt.library() for trt in trts))
    monkeypatch.setattr(tensorrt, "cards", lambda: (device.card,))
    monkeypatch.setattr(tensorrt, "TorchDevice", lambda card: device)
    monkeypatch.setattr(tensorrt, "graph", lambda contract, *rest: graph_of(contract))
    return tensorrt.open_tensorrt(contract, _Weights(), folder=folder)


class _Weights:
    digest = "digest"


def test_too_little_memory_halves_the_batch(monkeypatch):
    """As often as needed, and the facts say so."""
    device = FakeDevice(memory=3_000_000)
    trt = FakeTrt(device)
    trt.memory = 1_000_000
    engine = opened(monkeypatch, FOUR, device, [trt])
    assert engine.facts.contract.batch < 4
    assert "no memory left; the batch is" in engine.facts.notes[-1]


def test_too_little_memory_for_one_is_an_error(monkeypatch):
    """With what to do."""
    device = FakeDevice(memory=1000)
    with pytest.raises(GpuFullError):
        opened(monkeypatch, FOUR, device, [FakeTrt(device)])


def test_a_batch_that_is_not_built_is_an_error():
    """Engines come in four sizes; others are padded to them."""
    with pytest.raises(EngineError, match="the batch must be one of"):
        tensorrt.open_tensorrt(replace(ONE, batch=3), _Weights())  # pyright: ignore
    assert [tensorrt.batch_for(n) for n in (1, 2, 3, 5, 8, 9)] == [1, 2, 4, 8, 8, 8]


def test_the_second_library_is_tried_and_the_firsts_refusal_told(monkeypatch):
    """As on a GPU that TensorRT for RTX does not know."""
    device = FakeDevice()
    full, rtx = FakeTrt(device, name="tensorrt"), FakeTrt(device)
    full.fails = "no kernel for this GPU"
    engine = opened(monkeypatch, ONE, device, [full, rtx])
    assert engine.facts.library == "tensorrt_rtx 1.0"
    assert "no kernel for this GPU" in engine.facts.notes[0]
    rtx.fails = "Unsupported SM"
    with pytest.raises(EngineError, match=r"no kernel for this GPU; .*Unsupported SM"):
        opened(monkeypatch, ONE, device, [full, rtx])
