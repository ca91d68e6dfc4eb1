"""Engine files: built once, opened again, built anew when they do not fit; and the build."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from streamer.engine import build as builds
from streamer.engine import cache, cards
from streamer.engine.build import BuildStoppedError, Watch, build
from streamer.engine.library import libraries
from streamer.engine.manifest import Check
from streamer.engine.program import UnusableError, open_program
from streamer.engine.protocol import Job
from streamer.errors import EngineError
from tests.cuda_memory import CARD, FakeDevice
from tests.gpus import ONE, FakeTrt, frame, started, still


def test_the_second_start_builds_nothing(tmp_path):
    """The engine comes from the folder, and so does what the library compiled."""
    device = FakeDevice()
    trt = FakeTrt(device)
    started(folder=tmp_path, device=device, trt=trt).close()
    engine = started(folder=tmp_path, device=device, trt=trt)
    assert (trt.built, trt.opened) == (1, 2)
    assert engine.facts.notes == ()
    assert len(list(tmp_path.glob("*.jit"))) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": "2.0"}, "version 1.0"),
        ({"driver": "600.1"}, "driver 580.1"),
        ({"capability": "9.0"}, "capability 8.9"),
    ],
)
def test_a_stale_engine_is_built_again(tmp_path, change, words):
    """Never opened, and the person is told why it took longer."""
    started(folder=tmp_path).close()
    version = change.pop("version", "1.0")
    device = FakeDevice(replace(CARD, **change))
    trt = FakeTrt(device, version=version)
    engine = started(folder=tmp_path, device=device, trt=trt)
    assert (trt.built, trt.opened) == (1, 1)
    assert words in engine.facts.notes[0]
    again = FakeTrt(device, version=version)
    assert started(folder=tmp_path, device=device, trt=again).facts.notes == ()
    assert again.built == 0


def test_a_damaged_engine_is_built_again(tmp_path):
    """The file is not even shown to the library."""
    started(folder=tmp_path).close()
    (path,) = tmp_path.glob("*.engine")
    path.write_bytes(b"FAKE" + b"x" * (path.stat().st_size - 4))
    device = FakeDevice()
    trt = FakeTrt(device)
    engine = started(folder=tmp_path, device=device, trt=trt)
    assert (trt.built, trt.opened) == (1, 1)
    assert "damaged" in engine.facts.notes[0]


def test_an_engine_that_the_library_refuses_is_built_again(tmp_path):
    """Whole as it is: once, and then it runs."""
    device = FakeDevice()
    trt = FakeTrt(device)
    started(folder=tmp_path, device=device, trt=trt).close()
    trt.refuses_kept = 1
    engine = started(folder=tmp_path, device=device, trt=trt)
    assert trt.built == 2
    assert "Serialization assertion failed" in engine.facts.notes[0]


def test_a_library_that_refuses_its_own_engine_is_an_error(tmp_path):
    """No endless building."""
    device = FakeDevice()
    trt = FakeTrt(device)
    trt.refuses_kept = 9
    with pytest.raises(UnusableError, match="Serialization assertion failed"):
        started(folder=tmp_path, device=device, trt=trt)
    assert trt.built == 1
    assert list(tmp_path.glob("*.engine")) == []


def test_a_folder_that_cannot_be_written_costs_only_time(tmp_path):
    """The engine runs, and says that it will be built again."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    engine = started(folder=blocked / "engines")
    assert "built again next time" in engine.facts.notes[0]
    assert engine.run([Job(engine.bind(still(ONE, 7)), frame(ONE, 3))])


def test_the_result_of_the_self_test_is_kept_with_the_engine(tmp_path):
    """In the manifest, for `vivant engines list`."""
    check = Check(0.2, 4, "torch f32", passed=True)
    started(folder=tmp_path).checked(check)
    (kept,) = cache.listing(tmp_path)
    assert kept.manifest is not None
    assert kept.manifest.check == check


def test_the_build_tells_how_far_it_is():
    """From nothing to the end, never back."""
    told = []
    started(watch=Watch(progress=lambda what, part: told.append((what, part))))
    parts = [part for what, part in told if what == "building the engine"]
    assert parts == sorted(parts)
    assert parts[-1] == 1


def test_phases_within_phases_are_one_figure():
    """An inner phase moves the outer one's step at hand."""
    told = []
    progress = builds.Progress(lambda what, part: told.append(part))
    progress.start("all", None, 2)
    progress.start("inner", "all", 4)
    progress.step("inner", 0)
    progress.step("inner", 1)
    progress.finish("inner")
    progress.step("all", 0)
    progress.start("inner", "all", 2)
    progress.finish("inner")
    progress.finish("unheard of")
    progress.finish("all")
    assert told == [0.12, 0.25, 0.5, 1.0]


def test_a_build_that_is_stopped():
    """From another thread, at the next step."""
    stop = threading.Event()
    watch = Watch(progress=lambda what, part: stop.set(), stopped=stop.is_set)
    with pytest.raises(BuildStoppedError):
        started(watch=watch)


def test_a_build_that_fails_gives_the_librarys_own_words():
    """And the graph that it does not take."""
    trt = FakeTrt(FakeDevice())
    trt.fails = "Error Code 4: Unsupported SM: 0x900"
    with pytest.raises(EngineError, match=r"cannot build the engine: .*Unsupported SM: 0x900"):
        started(device=trt.device, trt=trt)
    with pytest.raises(EngineError, match="does not take the graph: Assertion failed: no such op"):
        build(trt.library(), b"bad", "8.9", Watch())


def test_no_library_is_told_with_what_to_install():
    """And one that cannot be loaded in its own words."""

    def missing(name):
        raise ModuleNotFoundError(name)

    def broken(name):
        raise ImportError(f"lib{name}.so.1: wrong ELF class\nmore")

    with pytest.raises(EngineError, match=r"pip install '\.\[gpu\]'"):
        libraries(missing)
    with pytest.raises(EngineError, match=r"tensorrt cannot be loaded: libtensorrt.so.1: wrong"):
        libraries(broken)


def real_graph(output=1):
    """A small graph of FP16 convolutions, as ours are."""
    onnx = pytest.importorskip("onnx")
    make, half = onnx.helper.make_node, onnx.TensorProto.FLOAT16
    kernel = onnx.numpy_helper.from_array(np.ones((output, 3, 3, 3), np.float16), "w")
    low, high = (onnx.numpy_helper.from_array(np.float32(v), str(v)) for v in (0, 255))
    nodes = [
        make("Cast", ["x"], ["a"], to=half),
        make("Transpose", ["a"], ["b"], perm=[0, 3, 1, 2]),
        make("Conv", ["b", "w"], ["c"], pads=[1, 1, 1, 1]),
        make("Cast", ["c"], ["d"], to=onnx.TensorProto.FLOAT),
        make("Clip", ["d", "0", "255"], ["e"]),
        make("Cast", ["e"], ["y"], to=onnx.TensorProto.UINT8),
    ]
    u8, value = onnx.TensorProto.UINT8, onnx.helper.make_tensor_value_info
    x, y = value("x", u8, [1, 16, 16, 3]), value("y", u8, [1, output, 16, 16])
    graph = onnx.helper.make_graph(nodes, "g", [x], [y], [kernel, low, high])
    opset = onnx.helper.make_opsetid("", 20)
    model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=10)
    return model.SerializeToString()


def real_library():
    pytest.importorskip("tensorrt_rtx")
    return next(one for one in libraries() if one.name == "tensorrt_rtx")


@pytest.mark.parametrize("capability", ["7.5", "8.0", "8.6", "8.9", "12.0"])
def test_the_library_builds_without_a_gpu(capability):
    """For each kind of GPU that it lists."""
    library = real_library()
    assert library.knows(capability)
    told = []
    watch = Watch(progress=lambda what, part: told.append(part))
    engine = build(library, real_graph(), capability, watch)
    assert len(engine) > 10_000
    assert told == sorted(told)
    assert told[-1] == 1


def test_the_library_can_be_stopped():
    """It asks at each step, and the build ends there."""
    stop = threading.Event()
    watch = Watch(progress=lambda what, part: stop.set(), stopped=stop.is_set)
    with pytest.raises(BuildStoppedError):
        build(real_library(), real_graph(), "8.9", watch)


def test_the_library_says_what_it_does_not_take():
    """A damaged graph, in its own words."""
    with pytest.raises(EngineError, match=r"does not take the graph: .*Failed to parse the ONNX"):
        build(real_library(), b"no graph", "8.9", Watch())


def test_a_kind_of_gpu_that_the_library_does_not_list():
    """As an H100 for TensorRT for RTX: it is left to the library, which finds no GPU here."""
    library = real_library()
    assert not library.knows("9.0")
    if cards.driver_version() is None:
        with pytest.raises(EngineError, match=r"cannot build the engine: .*[Cc]uda"):
            build(library, real_graph(), "9.0", Watch())


def test_the_library_opens_nothing_without_a_gpu():
    """It says so before anything is given to it to open: an engine of its own, and rubbish."""
    library = real_library()
    if cards.driver_version() is not None:
        pytest.skip("there is a GPU")
    engine = build(library, real_graph(), "8.9", Watch())
    for file in (engine, b"x" * 4096):
        with pytest.raises(UnusableError, match="does not open the engine on this GPU"):
            open_program(library, file, ONE, FakeDevice(), None)
