"""The check of a CUDA machine: its arithmetic, its table, and how little it needs."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch")

from engines.contract import Contract, Refined
from streamer.engine import tensorrt
from streamer.engine.benchmark import Effort
from streamer.engine.cards import Card
from streamer.engine.protocol import EngineFacts
from streamer.engine.sample import sample
from streamer.errors import EngineError
from tests.cuda_memory import CARD
from tools import gpu_check
from tools.gpucheck import run, streams
from tools.gpucheck.plan import FULL, ON_CPU, QUICK, Plan
from tools.gpucheck.streams import PERIOD_NS, Load, Timetable
from tools.gpucheck.table import Row, Table

MS = 1_000_000
TINY = Contract("xs", 128, 64, 64, 1, "source", (64, 64))
PLAN = Plan((TINY,), (1, 2), Effort(5, 0.1), (64,), (TINY,), 0.2, (2,))
ABSENT = (
    "mediapipe numba cv2 openvino pydantic platformdirs rich safetensors onnx onnxscript "
    "onnxruntime tensorrt tensorrt_rtx scipy PIL av yaml aiohttp"
)


def test_all_of_it_on_the_processor(tmp_path, monkeypatch, capsys):
    """Parity, engines and the paper's generator, in one table and one file."""
    monkeypatch.setattr("tools.gpucheck.plan.ON_CPU", replace(PLAN, carried=(), workers=()))
    file = tmp_path / "gpu.json"
    assert gpu_check.main(["--device", "cpu", "--json", str(file)]) == 0
    shown = capsys.readouterr().out
    for words in ("XS @128 -> 64x64 b1 torch bf16", "b2 torch f32", "paper's slim"):
        assert words in shown
    data = json.loads(file.read_text())
    assert {row["part"] for row in data["rows"]} == {"parity", "engine", "paper"}
    assert data["failed"] == 0
    assert data["machine"]["GPU"] == "none"


def test_without_cuda_one_line_says_so(monkeypatch, capsys):
    """And the exit code tells it apart from a failed check."""

    def none():
        raise EngineError("torch 2.13.0 is built without CUDA")

    monkeypatch.setattr("streamer.engine.cards.cards", none)
    assert gpu_check.main(["--quick"]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert "built without CUDA" in err


def test_it_needs_torch_and_numpy_only():
    """All its parts can be imported where nothing else is installed."""
    script = f"""
import sys
absent = set("{ABSENT}".split())
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Finder())
import tools.gpucheck.run, tools.gpucheck.streams, tools.gpucheck.paper
"""
    root = Path(gpu_check.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-600:]


class FakeEngine:
    """Makes pictures in no time, of the right shapes."""

    def __init__(self, contract):
        self.facts = EngineFacts("torch", "cuda:0", "fp16", "fake 1", contract, "", form="fake")
        self.largest = 0

    def bind(self, still):
        return SimpleNamespace(close=lambda: None)

    def run(self, jobs):
        self.largest = max(self.largest, len(jobs))
        c = self.facts.contract
        shapes = (c.height, c.width, 3), (c.side, c.side, 3)
        return [Refined(*(np.zeros(shape, np.uint8) for shape in shapes)) for _ in jobs]

    def close(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass


def test_a_gpu_that_cannot_be_used_fails_rows_not_the_whole(monkeypatch):
    """Rows that need a GPU say what CUDA said, the others are there; goals bind an H100."""
    card = Card(0, "NVIDIA H100 80GB HBM3", "9.0", "580.1", 80 << 30)
    kinds = (run.Kind("fake", lambda contract, weights: FakeEngine(contract)),)
    monkeypatch.setattr(run, "on_card", lambda table, card, folder: kinds)
    monkeypatch.setattr(streams, "most", lambda try_with, guess: (250, try_with(4)))
    table = gpu_check.check(PLAN, card)
    assert all(not row.ok for row in table.rows if row.part == "parity")
    (row,) = [row for row in table.rows if row.part == "streams"]
    assert row.figures["streams"] == 250
    (goal,) = [row for row in table.rows if row.part == "goal"]
    assert goal.ok is True
    assert table.failed > 0
    assert "at least 200 streams" in table.text()


def test_a_library_that_does_not_list_the_gpu_is_tried_once(monkeypatch, tmp_path):
    """Its exact refusal stands in the table, and is no failure."""
    table = Table({})

    class Rtx:
        name, title = "tensorrt_rtx", "tensorrt_rtx 1.7.1"

        def knows(self, capability):
            return capability == "8.9"

    def started(maker, digest):
        raise EngineError("tensorrt_rtx 1.7.1 cannot build the engine: UNSUPPORTED_CC")

    monkeypatch.setattr(run.libraries, "libraries", lambda: (Rtx(),))
    monkeypatch.setattr(tensorrt, "graph", lambda *rest: b"")
    monkeypatch.setattr(tensorrt, "started", started)
    monkeypatch.setattr(run, "TorchDevice", lambda card: None)
    card = replace(CARD, capability="9.0")
    kinds = tuple(run.on_card(table, card, tmp_path))
    assert [kind.name for kind in kinds] == [
        "torch fp16 eager",
        "torch fp16 CUDA graph",
        "tensorrt_rtx fp16",
    ]
    check = run.Check(PLAN, table, kinds[2:], run.stirred({"xs"}), "cpu")
    assert check.engines() == []
    assert [row.note for row in table.rows] == [
        "does not list compute capability 9.0; tried all the same",
        "tensorrt_rtx 1.7.1 cannot build the engine: UNSUPPORTED_CC",
    ]
    assert table.failed == 0


def test_without_tensorrt_a_row_says_why(monkeypatch, tmp_path):
    """And torch is measured all the same."""

    def none():
        raise EngineError("TensorRT is not installed")

    monkeypatch.setattr(run.libraries, "libraries", none)
    table = Table({})
    assert len(tuple(run.on_card(table, CARD, tmp_path))) == 2
    assert [row.note for row in table.rows] == ["TensorRT is not installed"]


def test_a_failing_part_becomes_a_row():
    """With the first line of what went wrong."""
    table = Table({"GPU": "fake"})

    def work():
        raise RuntimeError("CUDA error: no kernel image\nmore")

    assert not table.guard("engine", "M @256", work)
    assert table.rows == [Row("engine", "M @256", note="CUDA error: no kernel image", ok=False)]
    assert table.failed == 1
    assert "FAIL M @256" in table.text()


def test_frames_come_evenly_spread():
    """Stream after stream, each once in a period."""
    plan = Timetable(4, 0)
    taken = [one for at in range(34) for one in plan.take(at * MS, 8)]
    assert [stream for stream, _ in taken] == [0, 1, 2, 3]
    assert [came for _, came in taken] == [n * PERIOD_NS // 4 for n in range(4)]
    assert plan.dropped == 0


def test_a_batch_waits_a_little_to_be_filled():
    """Not for longer than two milliseconds; a full one goes at once."""
    plan = Timetable(300, 0)  # one each 0.11 ms
    assert plan.take(1 * MS // 2, 8) == []
    assert len(plan.take(1 * MS, 8)) == 8
    few = Timetable(3, 0)
    assert few.take(1 * MS, 8) == []
    assert few.pause_ns(1 * MS, 8) == 1 * MS
    assert [stream for stream, _ in few.take(2 * MS, 8)] == [0]


def test_frames_that_were_overtaken_are_dropped():
    """After a long pause only the newest of each stream is made."""
    plan = Timetable(2, 0)
    taken = plan.take(10 * PERIOD_NS, 8)
    assert [stream for stream, _ in taken] == [1, 0]
    assert plan.dropped == 19


def test_what_counts_as_carried():
    """Every stream's p95 within a frame, and hardly a frame dropped."""
    fine = Load({0: [5 * MS] * 100, 1: [9 * MS] * 100}, dropped=1)
    assert fine.carried
    assert fine.p95_ms == [5, 9]
    assert not Load({0: [5 * MS] * 100, 1: [40 * MS] * 100}).carried
    assert not Load({0: [5 * MS] * 100}, dropped=5).carried
    assert not Load().carried


@pytest.mark.parametrize("limit", [0, 1, 7, 200, 333])
@pytest.mark.parametrize("guess", [1, 100, 500])
def test_the_largest_number_is_found(limit, guess):
    """From above and from below, within about 5 % or what nine tries give."""

    def try_with(count):
        return Load({0: [MS if count <= limit else 99 * MS]})

    found, load = streams.most(try_with, guess)
    assert found <= limit
    assert (load is None) == (found == 0)
    if limit >= 100 <= guess:
        assert found >= 0.9 * limit


def test_streams_are_shared_by_the_workers():
    """Each stream is served by one of them, in batches, at its own pace."""
    contract = replace(TINY, batch=4)
    engines = [FakeEngine(contract), FakeEngine(contract)]
    given = [sample(contract, 0)]
    load = streams.serve_all(engines, given, 9, 0.3)
    assert sorted(load.ages_ns) == list(range(9))
    assert load.sent >= 9 * 5
    assert max(engine.largest for engine in engines) <= 4


def test_a_worker_that_fails_is_told():
    """Not as streams that are slow."""
    engine = FakeEngine(TINY)
    engine.run = lambda jobs: (_ for _ in ()).throw(EngineError("lost"))
    with pytest.raises(EngineError, match="lost"):
        streams.serve_all([engine], [sample(TINY, 0)], 2, 0.2)


def test_the_plans_measure_what_the_goals_ask():
    """M at 512 by batch 1 and 8, in the quick one too."""
    for plan in (FULL, QUICK):
        shapes = {(one.size, one.height) for one in plan.contracts}
        assert ("m", 512) in shapes
        assert {1, 8} <= set(plan.batches)
        assert set(plan.carried) <= set(plan.contracts)
    assert ON_CPU.workers == ()
