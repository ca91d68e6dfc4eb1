"""What all engines share: checking what they are given, and saying what they are."""

from dataclasses import replace

import numpy as np
import pytest

from engines.contract import Contract, inputs
from streamer.engine.protocol import (
    EngineFacts,
    check_patch,
    frame_arrays,
    lots,
    still_arrays,
)
from streamer.engine.sample import sample
from streamer.errors import EngineError

BOX = Contract("xs", 128, 48, 64)
DRAWN = replace(BOX, form="source", texture=(40, 50))
FACTS = EngineFacts("tensorrt", "cuda:1", "fp16", "tensorrt 1", BOX, "0", form="CUDA graph")


@pytest.mark.parametrize("contract", [BOX, DRAWN], ids=lambda one: one.name)
def test_frame_and_portrait_bring_all_that_a_graph_takes(contract):
    """Each input once; those of the shape come from nobody."""
    still, frame = sample(contract)
    given = frame_arrays(contract, frame).keys() | still_arrays(contract, still).keys()
    assert given == {entry.name for entry in inputs(contract)} - {"across", "down"}


def test_arrays_are_handed_on_in_one_piece():
    """A view with gaps is copied, anything else is not."""
    _, frame = sample(BOX)
    wide = np.zeros((48, 128, 3), np.uint8)
    given = frame_arrays(BOX, replace(frame, picture=wide[:, ::2]))
    assert given["picture"].flags.c_contiguous
    assert given["places"] is frame.places


def test_what_is_missing_or_does_not_fit_is_named():
    still, frame = sample(BOX)
    with pytest.raises(EngineError, match=r"xs-128-64x48-b1-picture: picture is missing"):
        frame_arrays(BOX, replace(frame, picture=None))
    with pytest.raises(EngineError, match=r"guide is \(1, 2\) float64, .* \(256, 256, 4\) uint8"):
        still_arrays(BOX, replace(still, guide=np.zeros((1, 2))))


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, []), (1, [("000", 1)]), (3, [("012", 3)]), (4, [("012", 3), ("333", 1)])],
)
def test_lots_are_padded_with_their_last(count, expected):
    found = [("".join(map(str, lot)), real) for lot, real in lots(list(range(count)), 3)]
    assert found == expected


@pytest.mark.parametrize(
    ("rows", "columns", "shape", "kind"),
    [
        (slice(0, 4), slice(0, 4), (4, 5, 4), np.uint8),
        (slice(38, 42), slice(0, 4), (4, 4, 4), np.uint8),
        (slice(0, 4), slice(0, 4), (4, 4, 4), np.int16),
    ],
)
def test_a_patch_must_lie_in_the_texture(rows, columns, shape, kind):
    with pytest.raises(EngineError, match="and its place is"):
        check_patch(DRAWN, rows, columns, np.zeros(shape, kind))
    check_patch(DRAWN, slice(36, 40), slice(0, 4), np.zeros((4, 4, 4), np.uint8))
    with pytest.raises(EngineError, match="no texture"):
        check_patch(BOX, rows, columns, np.zeros(shape, np.uint8))


def test_the_facts_are_one_line():
    """Without a time until it is measured; with the batch if there is one."""
    assert FACTS.line == "refiner XS @128 by TensorRT fp16 CUDA graph on cuda:1"
    four = replace(FACTS, contract=replace(BOX, batch=4), ms=0.31)
    assert four.line.endswith("on cuda:1, 0.3 ms a picture (4 at once)")
