"""How far FP16 and bfloat16 are from FP32: the graph as torch computes it, picture by picture."""

import torch

from engines.contract import Contract, Frame, Refined, Still, centres
from engines.graph import FromSource
from engines.model import into
from engines.weights import Weights
from streamer.engine.benchmark import Given, Parity, distance
from streamer.engine.protocol import frame_arrays, still_arrays
from tools.gpucheck.table import Row, Table

MEAN, WORST = 2.0, 8
"""What is allowed, of 255."""
KINDS = {"fp16": torch.float16, "bf16": torch.bfloat16}


def look(table: Table, contract: Contract, weights: Weights, given: Given, device: str) -> None:
    """Add a row for each precision."""
    exact = pictures(contract, weights, given, "cpu", torch.float32)
    for name, kind in KINDS.items():
        what = f"{title(contract)} torch {name}"

        def work(kind: torch.dtype = kind, what: str = what) -> None:
            made = pictures(contract, weights, given, device, kind)
            table.add(row(what, distance(made, exact)))

        table.guard("parity", what, work)


def row(what: str, parity: Parity, note: str = "") -> Row:
    """Of a distance, judged."""
    figures = {"mean": parity.mean, "worst": parity.worst}
    return Row("parity", what, figures, ok=passes(parity), note=note)


def passes(parity: Parity) -> bool:
    """Whether it is near enough."""
    return parity.mean <= MEAN and parity.worst <= WORST


def title(contract: Contract) -> str:
    """As `M @256 -> 512x512 b1`."""
    picture = f"{contract.width}x{contract.height}"
    return f"{contract.size.upper()} @{contract.side} -> {picture} b{contract.batch}"


def pictures(
    contract: Contract, weights: Weights, given: Given, device: str, kind: torch.dtype
) -> list[Refined]:
    """What the graph makes of each, one by one, its convolutions in `kind`."""
    module = FromSource(into(weights), contract.side).eval()
    module.refine.refiner.to(kind)
    module.to(device)
    with torch.inference_mode():
        return [_picture(module, contract, one, device) for one in given]


def _picture(
    module: FromSource, contract: Contract, one: tuple[Still, Frame], device: str
) -> Refined:
    still, frame = one
    arrays = still_arrays(contract, still) | frame_arrays(contract, frame)
    given = {name: torch.as_tensor(value.copy())[None] for name, value in arrays.items()}
    given["across"] = torch.as_tensor(centres(contract.width))
    given["down"] = torch.as_tensor(centres(contract.height))
    refined, gates = module({name: value.to(device) for name, value in given.items()})
    return Refined(refined[0].cpu().numpy(), gates[0].cpu().numpy())
