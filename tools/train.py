"""Trains the refiner: python tools/train.py --help.

Makes samples out of a pack (tools/pack.py) by drawing people with the plain warp, and trains a
refiner to turn them into the truth, until the time is over. The same command does it on a few cores
and on a GPU.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if __package__ in {None, ""}:  # started as a file: the repository is not on the path yet
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if TYPE_CHECKING:
    from tools.training.recipe import Recipe

_EPILOG = """examples:
  python tools/train.py out --pack pack --minutes 0 --workers 2    only make samples
  python tools/train.py out --minutes 150                            train on those that are there
  python tools/train.py out --pack pack --minutes 150 --workers 1    both at once
  python tools/train.py out --size m --device cuda --batch 64 --window 0 --minutes 25
  python tools/train.py out --smoke                                  a minute on the bundled assets

Ctrl-C ends a training as its time would: out/SIZE.safetensors, out/sheet.png and out/record.json
are written then, and the first two every few minutes. --resume goes on from the weights.
"""
_ENOUGH = 256
"""Samples there must be before a training begins beside those who make more."""
_GRAIN = 32
"""What a net's view is a multiple of: it is halved so often."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    result = argparse.ArgumentParser(
        prog="tools/train.py",
        description=(__doc__ or "").split("\n\n")[1],
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    add("out", type=Path, help="folder of weights, sheets and record")
    add("--samples", type=Path, metavar="DIR", help="folder of samples (OUT/samples)")
    add("--pack", type=Path, metavar="DIR", help="make samples out of this pack, meanwhile")
    add("--rounds", type=int, default=4, help="how often each file is drawn anew (4)")
    add("--workers", type=int, default=1, help="processes that make samples (1)")
    add("--minutes", type=float, default=10, help="of training (10)")
    add("--size", choices=["xs", "s", "m"], default="xs")
    add("--side", type=int, default=256, help="of the net's view, px (256)")
    add("--window", type=int, default=128, help="of the view that a step sees, px; 0: all (128)")
    add("--batch", type=int, default=16)
    add("--rate", type=float, default=3e-4, help="learning rate (0.0003)")
    add("--device", default="cpu", help="cpu or cuda")
    add("--threads", type=int, default=0, help="of torch on the processor; 0: its own choice")
    add("--loss", nargs="+", default=[], metavar="TERM=WEIGHT", help="see tools/training/recipe.py")
    add("--perceptual", type=Path, metavar="NPZ", help="weights of SqueezeNet 1.1 for that term")
    add("--clips", type=float, default=0.2, help="share of samples out of clips (0.2)")
    add("--seed", type=int, default=0)
    add("--resume", action="store_true", help="go on from OUT/SIZE.safetensors")
    add("--smoke", action="store_true", help="train a tiny model, and check that it learns")
    return result


def recipe(parsed: argparse.Namespace) -> "Recipe":
    """The parsed command line as a value. ConfigError for what makes no sense."""
    from streamer.errors import ConfigError
    from tools.training.recipe import Recipe

    known = Recipe(parsed.samples or parsed.out / "samples", parsed.out)
    weights = dict(known.weights)
    for text in parsed.loss:
        name, _, weight = text.partition("=")
        if name not in weights:
            raise ConfigError(f"--loss {name}: no such term; there are {', '.join(weights)}")
        try:
            weights[name] = float(weight)
        except ValueError as error:
            raise ConfigError(f"--loss {text}: write it as {name}=0.5") from error
    _demand_sense(parsed)
    window = 0 if parsed.window >= parsed.side else parsed.window
    names = (
        "minutes",
        "size",
        "side",
        "batch",
        "rate",
        "device",
        "threads",
        "seed",
        "resume",
        "perceptual",
    )
    chosen = {name: getattr(parsed, name) for name in names}
    return replace(known, window=window, weights=weights, **chosen)


def _demand_sense(parsed: argparse.Namespace) -> None:
    """ConfigError for numbers nothing can be done with."""
    from streamer.errors import ConfigError

    for name, least in (
        ("minutes", 0),
        ("rounds", 1),
        ("workers", 0),
        ("batch", 1),
        ("rate", 1e-9),
    ):
        if getattr(parsed, name) < least:
            raise ConfigError(f"--{name} {getattr(parsed, name)}: must be at least {least}")
    for name, value in (("side", parsed.side), ("window", parsed.window or _GRAIN)):
        if value < _GRAIN or value % _GRAIN:
            raise ConfigError(f"--{name} {value}: must be a multiple of {_GRAIN}")
    if parsed.pack is not None and not parsed.workers:
        raise ConfigError("--pack with --workers 0: nobody makes samples; leave one of them out")


def run(parsed: argparse.Namespace) -> None:
    """Make samples, train, or both."""
    from tools.packing.item import pieces
    from tools.training.making import filling, wait_for_samples

    plan = recipe(parsed)
    if parsed.pack is not None:
        pieces(parsed.pack)  # told here if there are none: makers are processes of their own

    def say(text: str) -> None:
        print(text, flush=True)

    with filling(parsed.pack, plan.cache, plan.side, parsed.rounds, parsed.workers) as makers:
        if plan.minutes <= 0:
            makers.wait()
            return
        wait_for_samples(plan.cache, plan.side, _ENOUGH, makers)
        from tools.training.loop import train

        train(plan, say)


def main(arguments: list[str] | None = None) -> int:
    """Train; the exit code."""
    parsed = parser().parse_args(arguments)
    from streamer.errors import StreamerError

    try:
        if parsed.smoke:
            from tools.training.smoke import smoke

            smoke(parsed.out, print)
        else:
            run(parsed)
    except StreamerError as error:
        print(f"train: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
