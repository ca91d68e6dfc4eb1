"""What the doctor says of the refiner: its weights and its engines."""

import json

import pytest

from engines.weights import write_weights
from streamer.doctor import child
from streamer.engine import ways
from streamer.engine.stock import unlearned
from streamer.engine.ways import Way
from tests.doctor_machines import bad, engine, laptop, lines, look_at

WEIGHTS, ENGINE = ("Inference", "refiner weights"), ("Inference", "engine")
REFUSED = "TensorRT is not installed; run: python -m pip install '.[gpu]'"


def with_engines(tmp_path, *found, **facts):
    return laptop(tmp_path, jobs={"engines": lines(*found)}, **facts)


def test_the_fastest_kind_of_engine_is_told(tmp_path):
    """On the perfect laptop that is TensorRT."""
    checks = look_at(laptop(tmp_path))
    assert checks[ENGINE].found == "tensorrt/cuda:0/fp16 (tensorrt 1), if it passes its test"
    assert checks[WEIGHTS].status == "ok"


def test_the_processor_does_it_where_there_is_no_gpu(tmp_path):
    """Nothing to do about that."""
    found = engine("torch/cpu/f32"), engine("openvino/CPU/bf16"), engine("tensorrt", REFUSED)
    checks = look_at(with_engines(tmp_path, *found, programs={}))
    assert checks[ENGINE].status == "ok"
    assert checks[ENGINE].found.startswith("openvino/CPU/bf16 ")


def test_a_gpu_that_is_not_used_is_told(tmp_path):
    """With the reason and the command."""
    checks = look_at(with_engines(tmp_path, engine("tensorrt", REFUSED), engine("openvino/CPU")))
    assert checks[ENGINE].status == "warn"
    assert "the GPU is not used: TensorRT is not installed" in checks[ENGINE].found
    assert checks[ENGINE].commands == ["python -m pip install '.[gpu]'"]


def test_an_engine_that_is_asked_for_must_be_here(tmp_path):
    """Else a run with these settings cannot work."""
    machine = with_engines(tmp_path, engine("tensorrt", REFUSED), engine("openvino/CPU"))
    checks = look_at(machine, "generator.engine=tensorrt")
    assert checks[ENGINE].status == "fail"
    assert checks[ENGINE].commands == ["python -m pip install '.[gpu]'"]


def test_libraries_that_bring_the_process_down(tmp_path):
    """The exit code is told, and the others are looked at all the same."""
    answer = lines()
    crashed = type(answer)(-11, "")
    checks = look_at(laptop(tmp_path, jobs={"engines": crashed}))
    assert "exit code -11" in checks[ENGINE].found


def test_without_the_refiner_nothing_is_asked(tmp_path):
    """Neither weights nor engines."""
    jobs = {"engines": RuntimeError("not to be run")}
    checks = look_at(laptop(tmp_path, jobs=jobs), 'generator.refiner="off"')
    assert checks[WEIGHTS].found == checks[ENGINE].found
    assert bad(checks) == {}


def test_weights_by_their_digest(tmp_path):
    """Those that can be used; a damaged file beside them is a warning."""
    write_weights(tmp_path / "xs.safetensors", unlearned("xs"))
    folder = f"generator.weights={tmp_path}"
    found = look_at(laptop(tmp_path), folder)[WEIGHTS]
    assert (found.status, found.found) == ("ok", f"XS {unlearned('xs').digest[:12]}")
    (tmp_path / "m.safetensors").write_bytes(b"no weights")
    assert look_at(laptop(tmp_path), folder)[WEIGHTS].status == "warn"


@pytest.mark.parametrize(("refiner", "status"), [("auto", "warn"), ("m", "fail")])
def test_weights_that_are_named_and_not_there(tmp_path, refiner, status):
    """A run warps without them, unless a size is demanded."""
    settings = f"generator.weights={tmp_path}", f"generator.refiner={refiner}"
    found = look_at(laptop(tmp_path), *settings)[WEIGHTS]
    assert found.status == status
    assert "generator.weights" in found.fix


def test_tensorrt_is_missed_only_where_there_is_a_gpu(tmp_path):
    """There with the command."""
    place = ("Inference", "TensorRT")
    versions = {"openvino": "2026.4.1"}
    found = look_at(laptop(tmp_path, versions=versions))[place]
    assert found.commands == ["python -m pip install '.[gpu]'"]
    assert look_at(laptop(tmp_path / "other", versions=versions, programs={}))[place].status == "ok"
    found = look_at(laptop(tmp_path, versions={}))["Inference", "OpenVINO"]
    assert found.commands == ["python -m pip install --force-reinstall ."]


def test_the_other_process_tells_every_engine(capsys, monkeypatch):
    """And why it cannot be used."""
    monkeypatch.setattr(
        ways, "all_ways", lambda: [Way("tensorrt", "", "fp16", "", refused=REFUSED)]
    )
    child.main("engines", "")
    (found,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert found == {
        "name": "tensorrt/fp16",
        "library": "",
        "refused": REFUSED,
        "backend": "tensorrt",
        "gpu": False,
    }
