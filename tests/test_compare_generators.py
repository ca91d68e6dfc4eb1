"""Ours beside the seed paper's generator."""

import json

import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxscript")

from tools.compare_generators import main, table
from tools.comparison.contenders import Contender


def contender(name, part, engine, wall, work):
    return Contender(name, part, engine, lambda: None, [wall], [work])


def test_ratios_are_of_work_on_a_processor_and_of_time_on_a_gpu():
    """How many times as much the paper's costs, by engine."""
    beside = [
        contender("paper, slim", "network", "torch f32", 900.0, 800.0),
        contender("XS", "network", "torch f32", 90.0, 40.0),
        contender("paper, full", "network", "torch cuda:0 fp16", 8.0, 1.0),
        contender("XS", "network", "torch cuda:0 fp16", 2.0, 1.0),
    ]
    lines = table(beside, {one.name: (1.0, 2.0) for one in beside}).splitlines()
    assert lines[3].endswith("90.00   40.00    20.0 x")
    assert lines[-1].endswith("4.0 x")


def test_ours_is_measured_by_every_engine_of_the_processor(tmp_path, capsys):
    """The smallest alone, once."""
    target = tmp_path / "ratios.json"
    order = ["--rounds", "1", "--runs", "1", "--only", "xs", "--json", str(target)]
    assert main(order) == 0
    rows = json.loads(target.read_text())["rows"]
    assert {row["part"] for row in rows} == {"network", "frame"}
    assert {"openvino f32", "torch f32"} <= {row["engine"] for row in rows}
    assert all(row["walls"][0] > 0 for row in rows)
    assert "openvino f32" in capsys.readouterr().out
