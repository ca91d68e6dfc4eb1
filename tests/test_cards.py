"""GPUs: which one is meant, what is told when there is none, and memory by torch."""

import sys
import time

import numpy as np
import pytest

from streamer.engine import cards, cuda
from streamer.engine.cards import Card
from streamer.engine.cuda import GpuFullError, GpuLostError
from streamer.engine.program import UnusableError
from streamer.errors import EngineError
from tests.cuda_memory import CARD


def test_a_gpu_is_found_by_number_and_by_name():
    """And both are named when that is not enough."""
    two = (CARD, Card(1, "NVIDIA Fake 2", "9.0", "580.1", 1))
    assert cards.choose(two, None) is two[0]
    assert cards.choose(two, "cuda") is two[0]
    assert cards.choose(two, "cuda:1") is two[1]
    assert cards.choose(two, "1") is two[1]
    assert cards.choose(two, "fake 2") is two[1]
    with pytest.raises(EngineError, match=r"more than one .* cuda:0 \(NVIDIA Fake 1\), cuda:1"):
        cards.choose(two, "nvidia")
    with pytest.raises(EngineError, match="no such GPU"):
        cards.choose(two, "cuda:2")


def test_torch_without_cuda_and_an_old_driver_are_told(monkeypatch):
    """In torch's own words, with what is needed."""
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(cards, "driver_version", lambda: "470.1")
    monkeypatch.setattr(torch.version, "cuda", None)
    with pytest.raises(EngineError, match="built without CUDA"):
        cards.cards()

    def init():
        raise RuntimeError("The NVIDIA driver on your system is too old (found version 11040).\nx")

    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "init", init)
    with pytest.raises(EngineError, match=r"too old .*470\.1.* driver for CUDA 13\.0 or newer"):
        cards.cards()


def test_cuda_errors_become_ours():
    """A lack of memory is told apart from a GPU that failed."""
    with pytest.raises(GpuFullError, match=r"cuda:0 .* no memory left; close"), cuda.told(CARD):
        raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
    with pytest.raises(GpuLostError, match="unspecified launch failure"), cuda.told(CARD):
        raise RuntimeError("CUDA error: unspecified launch failure\nCompile with ...")
    with pytest.raises(UnusableError), cuda.told(CARD):
        raise UnusableError("as it was")


class _Torch:
    """Torch with a GPU that is the host's memory; `answers` says when its work is done."""

    def __init__(self, torch):
        self.uint8, self.from_numpy = torch.uint8, torch.from_numpy
        self.zeros = lambda n, dtype, device=None, pin_memory=False: torch.zeros(n, dtype=dtype)
        self.answers = True
        self.cuda = self
        self.replays = 0

    def Stream(self, device):  # noqa: N802
        return self

    cuda_stream = 11

    def record_event(self):
        return self

    def query(self):
        return self.answers

    def stream(self, stream):
        return _Nothing()

    def device(self, device):
        return _Nothing()

    def CUDAGraph(self):  # noqa: N802
        return self

    def graph(self, graph, stream, capture_error_mode):
        assert capture_error_mode == "thread_local"
        return _Nothing()

    def replay(self):
        self.replays += 1


class _Nothing:
    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None


def test_memory_and_copies_by_torch(monkeypatch):
    """Blocks, parts of them and rectangles lie where their addresses say."""
    torch = pytest.importorskip("torch")
    monkeypatch.setitem(sys.modules, "torch", _Torch(torch))
    device = cuda.TorchDevice(CARD)
    there = device.room(100)
    host, block = device.pinned(100)
    block[:] = np.arange(100)
    device.copy(there.part(10, 20), host.part(30, 20))
    assert there.content[10:30].tolist() == list(range(30, 50))
    assert there.part(10, 5).address == there.address + 10
    rows = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)
    device.copy_rows(there.part(50, 13), 10, rows)
    assert there.content[50:53].tolist() == [1, 2, 3]
    assert there.content[60:63].tolist() == [4, 5, 6]
    assert there.content[53:60].tolist() == [0] * 7
    again = device.record(lambda: None)
    again()
    assert device.stream == 11


def test_a_gpu_that_does_not_answer_is_given_up(monkeypatch):
    """After the limit, not later."""
    torch = pytest.importorskip("torch")
    fake = _Torch(torch)
    monkeypatch.setitem(sys.modules, "torch", fake)
    device = cuda.TorchDevice(CARD)
    device.wait()
    fake.answers = False
    begun = time.monotonic()
    with pytest.raises(GpuLostError, match=r"gave no answer for 0\.02 s"):
        device.wait(20_000_000)
    assert time.monotonic() - begun < 1
