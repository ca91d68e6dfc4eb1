"""A TensorRT that is not there, for a GPU that is not there either."""

import ctypes
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from engines.contract import Contract, Frame, Still, inputs, outputs
from streamer.engine import tensorrt
from streamer.engine.build import Watch
from streamer.engine.library import Library, libraries
from streamer.engine.maker import Maker
from tests.cuda_memory import FakeDevice

MAGIC = b"FAKE"
ONE = Contract("xs", 128, 40, 48, 1, "source", (40, 48))
FOUR = replace(ONE, batch=4)


class FakeTrt(SimpleNamespace):
    """The module: its engine file is the graph with a mark before it; `compute` runs it.

    `compute` takes the graph and arrays by name and fills the outputs among them.
    """

    def __init__(self, device, *, version="1.0", name="tensorrt_rtx", compute=None):
        super().__init__(
            __version__=version,
            __name__=name,
            ILogger=_Logger,
            IProgressMonitor=type("IProgressMonitor", (), {"__init__": lambda self: None}),
            Builder=lambda logger: _Builder(self, logger),
            OnnxParser=lambda network, logger: _Parser(network),
            BuilderFlag=SimpleNamespace(REQUIRE_USER_ALLOCATION=1),
            Runtime=lambda logger: _Runtime(self, logger),
            ExecutionContextAllocationStrategy=SimpleNamespace(USER_MANAGED=2),
        )
        self.device, self.compute = device, compute or mixed
        self.built = self.opened = 0
        self.refuses_kept = 0
        """how many openings are refused from now on"""
        self.capturable, self.runs, self.fails = True, True, None
        """whether work can be recorded; whether it is done; why a build fails"""
        self.contract = None
        """of the graph, where it is more than its contract"""
        self.memory = 1000
        """bytes that a context computes in"""
        self.holds = 64
        """the largest batch for which a context can be made"""

    def library(self) -> Library:
        return next(
            one for one in libraries(lambda name: self if name == self.__name__ else _none(name))
        )


def _none(name):
    raise ModuleNotFoundError(name)


class _Logger:
    INTERNAL_ERROR, ERROR, WARNING = "internal", "error", "warning"

    def __init__(self):
        pass


class _Builder:
    def __init__(self, trt, logger):
        self.trt, self.logger = trt, logger

    def create_network(self, flags):
        return SimpleNamespace(onnx=b"")

    def create_builder_config(self):
        return SimpleNamespace(set_flag=lambda flag: None, progress_monitor=None)

    def build_serialized_network(self, network, config):
        assert self.trt.device.is_current
        self.trt.built += 1
        monitor = config.progress_monitor
        monitor.phase_start("build", None, 4)
        for step in range(4):
            if not monitor.step_complete("build", step):
                self.logger.log("error", "Build canceled by user")
                return None
        monitor.phase_finish("build")
        if self.trt.fails:
            self.logger.log("error", self.trt.fails)
            return None
        return MAGIC + network.onnx


class _Parser:
    num_errors = 1

    def __init__(self, network):
        self.network = network

    def parse(self, onnx):
        self.network.onnx = onnx
        return not onnx.startswith(b"bad")

    def get_error(self, index):
        return SimpleNamespace(desc=lambda: "Assertion failed:\n  no such operator")


class _Runtime:
    def __init__(self, trt, logger):
        self.trt, self.logger = trt, logger

    def deserialize_cuda_engine(self, engine):
        assert self.trt.device.is_current
        if self.trt.refuses_kept:
            self.trt.refuses_kept -= 1
            self.logger.log("error", "Serialization assertion failed")
            return None
        assert engine.startswith(MAGIC)
        self.trt.opened += 1
        return _Engine(self.trt, engine.removeprefix(MAGIC), self.logger)


class _Engine:
    def __init__(self, trt, onnx, logger):
        self.trt, self.onnx, self.logger = trt, onnx, logger
        contract = trt.contract or contract_of(onnx)
        self.entries = [*inputs(contract), *outputs(contract)]
        self.num_io_tensors = len(self.entries)
        self.device_memory_size_v2 = trt.memory * contract.batch

    def get_tensor_name(self, index):
        return self.entries[index].name

    def get_tensor_shape(self, name):
        return self._entry(name).shape

    def get_tensor_dtype(self, name):
        kinds = {np.uint8: "UINT8", np.float32: "FLOAT"}
        return SimpleNamespace(name=kinds[self._entry(name).dtype])

    def create_runtime_config(self):
        config = SimpleNamespace(set_execution_context_allocation_strategy=lambda s: None)
        if self.trt.__name__ == "tensorrt_rtx":
            config.create_runtime_cache = _Compiled
            config.set_runtime_cache = lambda cache: None
        return config

    def create_execution_context(self, config):
        if self.entries[0].shape[0] > self.trt.holds:
            self.logger.log("error", "Requested amount of GPU memory could not be allocated")
            return None
        return _Context(self.trt, self)

    def _entry(self, name):
        return next(entry for entry in self.entries if entry.name == name)


class _Compiled:
    def deserialize(self, blob):
        return blob == b"compiled"

    def serialize(self):
        return b"compiled"


class _Context:
    def __init__(self, trt, engine):
        self.trt, self.engine, self.addresses, self.memory = trt, engine, {}, None

    def set_device_memory(self, address, size):
        self.memory = address

    def set_tensor_address(self, name, address):
        assert address % 16 == 0
        self.addresses[name] = address
        return True

    def is_stream_capturable(self, stream):
        return self.trt.capturable

    def execute_async_v3(self, stream):
        assert self.memory is not None
        assert stream == self.trt.device.stream
        assert self.trt.device.is_current
        if not self.trt.runs:
            return False
        self.trt.device.queue.append(lambda: self.trt.compute(self.engine.onnx, self._arrays()))
        return True

    def _arrays(self):
        return {entry.name: _at(self.addresses[entry.name], entry) for entry in self.engine.entries}


def _at(address, entry):
    kind = np.dtype(entry.dtype)
    count = int(np.prod(entry.shape)) * kind.itemsize
    block = (ctypes.c_uint8 * count).from_address(address)
    return np.frombuffer(block, kind).reshape(entry.shape)


def contract_of(onnx):
    """Of a graph that is nothing but its contract."""
    facts = json.loads(onnx)
    texture = facts.pop("texture")
    return Contract(**facts, texture=tuple(texture) if texture else None)


def graph_of(contract, note=""):
    """A graph that is nothing but its contract."""
    return (json.dumps(contract.facts()) + " " * len(note)).encode()


def mixed(onnx, arrays):
    """A picture from which one can tell whose it is: of the frame, the plate and the texture."""
    h, w = arrays["refined"].shape[1:3]
    arrays["refined"][..., 0] = arrays["layers"][..., 0]
    arrays["refined"][..., 1] = arrays["plate"][..., 1]
    arrays["refined"][..., 2] = arrays["texture"][:, :h, :w, 2]
    arrays["gates"][:] = arrays["marks"] + arrays["film"][:, :1, None, None].astype(np.uint8)
    assert np.ptp(arrays["across"]) > 1.9
    assert np.ptp(arrays["down"]) > 1.9


def still(contract, number):
    """A portrait of which every array holds `number`."""
    arrays = {e.name: np.full(e.shape[1:], number, e.dtype) for e in inputs(contract)}
    names = ("film", "guide", "rest", "extent", "region", "texture", "plate")
    return Still(**{name: arrays[name] for name in names})


def frame(contract, number):
    """A frame of which every array holds `number`."""
    arrays = {e.name: np.full(e.shape[1:], number, e.dtype) for e in inputs(contract)}
    return Frame(**{name: arrays[name] for name in ("places", "layers", "marks", "rotation")})


def started(contract=ONE, folder=None, device=None, trt=None, watch=None):
    """An engine, with what is not given made up."""
    device = device or FakeDevice()
    trt = trt or FakeTrt(device)
    trt.device = device
    onnx = graph_of(contract)
    maker = Maker(trt.library(), device, onnx, contract, folder, watch or Watch())
    return tensorrt.started(maker, "digest")
