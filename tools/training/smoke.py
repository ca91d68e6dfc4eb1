"""A tiny training on what comes with the program: the loss must fall, the export must agree."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np

from engines.contract import Contract
from engines.weights import read_weights
from streamer.bundled import CLIPS, PORTRAITS, clip_path, portrait_path
from streamer.errors import EngineError
from tools.packing.clips import clip_item
from tools.packing.item import Item
from tools.packing.sources import origin, read_table
from tools.packing.stills import still_item
from tools.training.cache import Arrays, Samples, write_shard
from tools.training.make import Unit, deltas, made
from tools.training.recipe import Recipe

SIDE = 64
_FALLEN = 0.97
"""What is left of the difference from the truth on the pictures that were trained on."""
_MEAN, _MOST = 2.0, 8.0
"""Allowed differences of the exported graph, in 1/255."""


def smoke(out: Path, say: Callable[[str], None], steps: int = 300) -> dict[str, float]:
    """Train for so many steps; what was measured. EngineError when that is not as it should be."""
    out.mkdir(parents=True, exist_ok=True)
    plan = Recipe(
        out / "samples",
        out,
        side=SIDE,
        minutes=60,
        steps=steps,
        batch=8,
        checked=16,
        rate=1e-3,
        warm_up=20,
    )
    _samples(plan.cache)
    from tools.training.loop import train

    train(plan, say)
    samples = Samples(plan.cache / "train", SIDE)
    arrays = samples.batch(list(range(0, len(samples), max(1, len(samples) // 24))))
    refined = _by_torch(plan, arrays)
    before, after = (_apart(one, arrays["truth"]) for one in (arrays["picture"], refined))
    ours, theirs = refined[:1], _by_openvino(plan, {k: v[:1] for k, v in arrays.items()})
    gap = np.abs(ours.astype(np.int16) - theirs)
    found = {"before": before, "after": after, "mean": float(gap.mean()), "most": float(gap.max())}
    say("  ".join(f"{name} {value:.3f}" for name, value in found.items()))
    if after > _FALLEN * before:
        raise EngineError(f"it does not learn: difference {before:.2f} before, {after:.2f} after")
    if found["mean"] > _MEAN or found["most"] > _MOST:
        raise EngineError(f"the exported graph differs: {found['mean']:.2f}, {found['most']:.0f}")
    return found


def _samples(cache: Path) -> None:
    """Of the bundled portraits and the clip; the last portrait is held out."""
    table = cache.parent / "index.csv"
    names = [*(portrait_path(name) for name in PORTRAITS), *(clip_path(name) for name in CLIPS)]
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "licence"])
        writer.writerows([path.name, "CC0-1.0"] for path in names)
    known = read_table(table)
    stills = [still_item(p, origin(p, "still", known)) for p in names if p.suffix == ".png"]
    clips = [clip_item(p, origin(p, "clip", known)) for p in names if p.suffix == ".mp4"]
    bank = deltas(clips)
    parts: dict[str, tuple[Item, ...]] = {
        "train/{}-clip": tuple(clips),
        "train/{}-stills": tuple(stills[:-1]),
        "validation/{}-stills": tuple(stills[-1:]),
    }
    for name, items in parts.items():
        unit = Unit(name, items, 0, clip=False)
        write_shard(cache / name.format(SIDE), list(made(unit, SIDE, bank)), {})


def _by_torch(plan: Recipe, arrays: Arrays) -> Any:  # noqa: ANN401 - (n, N, N, 3) bytes
    from dataclasses import replace

    from tools.training.loop import Trainer

    trainer = Trainer(replace(plan, resume=True))
    trainer.half = None  # in whole precision, as the exported graph
    return trainer.refine(arrays)[0]


def _by_openvino(plan: Recipe, arrays: Arrays) -> Any:  # noqa: ANN401 - the same
    import openvino

    from engines.export import export
    from tools.training.augment import batch_of

    contract = Contract(plan.size, SIDE, SIDE, SIDE)
    weights = read_weights(plan.out / f"{plan.size}.safetensors")
    core = cast("Any", openvino).Core()
    model = core.read_model(cast("Any", export(contract, weights)).SerializeToString())
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    import torch

    given = batch_of(arrays, plan.size, torch.device("cpu")).given
    wanted = {port.any_name for port in compiled.inputs}
    feed = {name: cast("Any", tensor).numpy() for name, tensor in given.items() if name in wanted}
    return compiled(feed)["refined"]


def _apart(a: Any, b: Any) -> float:  # noqa: ANN401 - (n, N, N, 3) bytes
    return float(np.abs(a.astype(np.int16) - b).mean())
