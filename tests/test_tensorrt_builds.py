"""TensorRT-RTX takes every graph that is run on a GPU, for every GPU it knows; none is needed here.

What takes long is built for one kind of GPU, and the smallest graph for all; with
VIVANT_EVERY_BUILD=1 everything for each.
"""

import os

import pytest

pytest.importorskip("torch")
trt = pytest.importorskip("tensorrt_rtx")

from engines.contract import Contract, inputs, outputs  # noqa: E402
from engines.export import export, serialised  # noqa: E402
from engines.model import probe, weights_of  # noqa: E402

CAPABILITIES = ("SM75", "SM80", "SM86", "SM89", "SM120", "SM121")
ONE = "SM89"
SMALLEST = Contract("xs", 128, 160, 160, 2)
GRAPHS = (
    Contract("m", 256, 512, 512, 1, "source", (512, 512)),
    Contract("m", 256, 512, 512, 8, "source", (512, 512)),
    Contract("s", 256, 256, 256, 1, "source", (256, 256)),
    Contract("s", 256, 512, 512, 8, "source", (512, 512)),
    Contract("xs", 256, 256, 256, 8, "source", (256, 256)),
    Contract("xs", 256, 720, 720, 1, "source", (768, 1024)),
)
EVERY = os.environ.get("VIVANT_EVERY_BUILD") == "1"


def built(contract, capabilities):
    """The engines' sizes in bytes, after the parser has taken the graph."""
    logger = trt.Logger(trt.Logger.ERROR)
    builder = trt.Builder(logger)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    data = serialised(export(contract, weights_of(probe(contract.size, "random")), "fp16"))
    faults = [] if parser.parse(data) else [parser.get_error(i) for i in range(parser.num_errors)]
    assert not faults, [str(fault) for fault in faults]
    ports = [network.get_input(i) for i in range(network.num_inputs)]
    ports += [network.get_output(i) for i in range(network.num_outputs)]
    expected = [*inputs(contract), *outputs(contract)]
    assert {p.name: tuple(p.shape) for p in ports} == {e.name: e.shape for e in expected}
    return [_engine(builder, network, name) for name in capabilities]


def _engine(builder, network, capability):
    config = builder.create_builder_config()
    config.num_compute_capabilities = 1
    config.set_compute_capability(getattr(trt.ComputeCapability, capability), 0)
    engine = builder.build_serialized_network(network, config)
    assert engine is not None, capability
    return engine.nbytes


def test_the_smallest_graph_builds_for_every_gpu():
    """From Turing to the second Blackwell."""
    assert min(built(SMALLEST, CAPABILITIES)) > 100_000


@pytest.mark.parametrize("contract", GRAPHS if EVERY else GRAPHS[:1], ids=lambda c: c.name)
def test_what_draws_the_picture_builds(contract):
    """In the sizes and batches in which it is run."""
    assert min(built(contract, CAPABILITIES if EVERY else [ONE])) > 100_000
