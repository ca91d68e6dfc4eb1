"""`vivant engines`: what can compute the refiner here, how fast and how exactly."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from streamer.commands import add_config_options, config_of

if TYPE_CHECKING:
    from streamer.commands import Subparsers
    from streamer.commands.enginebench import Order
    from streamer.engine.sweep import Row

_EPILOG = """ENGINE is a name that `vivant engines` lists, or its beginning: openvino,
openvino/CPU/f32, torch/cuda:0. Without one, all that can run here.

examples:
  vivant engines                               what is here, what is missing, and how to get it
  vivant engines build                         compile ahead, so that no start waits for it
  vivant engines test                          is every engine as exact as it must be?
  vivant engines bench --nets xs,m --resolutions 512 --json engines.json
  vivant engines bench openvino --weights initial
  vivant engines clear --older-than 30

`vivant engines ACTION --help` tells more.
"""
_LIST = """examples:
  vivant engines list
  vivant engines list --json engines.json
"""
_BUILD = """Built are the engines that `vivant run` would open for the portrait, or `vivant serve`
for all of its portraits and visitors, with the same settings: for every installed size of
the refiner, in the shapes of the picture and its texture. Lists in the place of a portrait:
any other shapes. Weights must be installed. Ctrl-C leaves nothing half-done.

examples:
  vivant engines build
  vivant engines build --portrait me.portrait --portrait bruno
  vivant engines build --for serve
  vivant engines build tensorrt --nets m --resolutions 720 --batches 1,4
"""
_TEST = """The pictures are made up, always the same. An engine passes when they differ from
those of the same weights in FP32 by at most 2 of 255 in the mean and 8 at worst.
Exit code 4 when one does not pass.

examples:
  vivant engines test
  vivant engines test openvino/CPU/bf16 --json test.json
"""
_BENCH = """median and p95: from the inputs to the picture, copies included; CPU: work of all
threads. All are of one picture: a run by its batch. Freshly initialised weights
take as long as trained ones.

examples:
  vivant engines bench
  vivant engines bench torch --nets m@256 --batches 1,8
  vivant engines bench --weights initial --seconds 10 --json engines.json
"""
_CLEAR = """Nothing is asked: engines are built again when they are needed.

examples:
  vivant engines clear
  vivant engines clear --older-than 30
"""
_ACTIONS: dict[str, tuple[str, str]] = {
    "list": ("engines, weights and what is kept on disk", _LIST),
    "build": ("compile engines ahead, so that no start waits for it", _BUILD),
    "test": ("compare every engine's pictures with those of FP32", _TEST),
    "bench": ("measure every engine: ms a picture, and distance from FP32", _BENCH),
    "clear": ("remove the engines that are kept on disk", _CLEAR),
}


def add_parser(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "engines",
        help="list, build, test, measure and clear what computes the refiner",
        description="What can compute the refiner's network on this computer.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(func=run, action="list", json=None, config=None, set=[])
    actions = parser.add_subparsers(metavar="ACTION", title="actions (without one: list)")
    for action, (what, epilog) in _ACTIONS.items():
        own = actions.add_parser(
            action,
            help=what,
            description=f"{what[0].upper()}{what[1:]}.",
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        own.set_defaults(func=run, action=action)
        _add_options(own, action)
        own.add_argument(
            "--debug", action="store_true", default=argparse.SUPPRESS, help="show tracebacks"
        )


def _add_options(parser: argparse.ArgumentParser, action: str) -> None:
    add = parser.add_argument
    if action == "clear":
        add("--older-than", type=float, default=0, metavar="DAYS", help="only what is so old")
        return
    if action != "list":
        add("engine", nargs="*", metavar="ENGINE", help="which (all that can run here)")
        add("--nets", metavar="LIST", help="sizes, as xs,m or xs@192 (the usual ones)")
        add("--resolutions", metavar="LIST", help="of pictures, as 512,640x480 (256,512)")
        add("--batches", metavar="LIST", help="pictures at once, as 1,8 (the usual ones)")
    if action == "build":
        which = "file or bundled name (those of the settings); may be repeated"
        add("--portrait", action="append", default=[], metavar="PORTRAIT", help=which)
        add("--for", dest="purpose", choices=("run", "serve"), default="run", help="(run)")
    if action in {"test", "bench"}:
        add("--weights", metavar="WHAT", help="a folder, or initial: freshly initialised ones")
    if action == "bench":
        add("--runs", type=int, default=100, metavar="N", help="at most so many (100)")
        add("--seconds", type=float, default=3, metavar="S", help="of each engine, at most (3)")
    if action != "build":
        add("--json", type=Path, metavar="FILE", help="write the figures")
    add_config_options(parser)


def run(args: argparse.Namespace) -> int:
    """Do it."""
    actions: dict[str, Callable[[argparse.Namespace], int]] = {
        "list": _list,
        "build": _build,
        "test": _test,
        "bench": _bench,
        "clear": _clear,
    }
    return actions[args.action](args)


def _list(args: argparse.Namespace) -> int:
    from rich.console import Console

    from streamer.commands.enginebench import save, tell
    from streamer.commands.enginetables import (
        kept_table,
        listed,
        problems,
        way_table,
        weights_table,
    )
    from streamer.engine.kept import entries, folders
    from streamer.engine.stock import installed
    from streamer.engine.ways import all_ways, tensorrt_versions

    folder = config_of(args, {}).generator.weights
    ways, sizes = all_ways(), installed(None if folder is None else Path(folder))
    kept = entries(tensorrt_versions())
    if args.json is not None:
        save(args.json, listed(ways, sizes, kept))
    console = Console(highlight=False)
    console.print(way_table(ways))
    tell(console, problems(ways=ways))
    console.print(weights_table(sizes))
    tell(console, problems(sizes=sizes))
    if kept:
        console.print(kept_table(kept, folders()))
    else:
        console.print("kept on disk: no engine")
    return 0


def _build(args: argparse.Namespace) -> int:
    """Open each once: what is compiled for that stays on disk."""
    from rich.console import Console

    from streamer.commands.enginebench import Results, show, weights_of
    from streamer.commands.enginebuild import planned
    from streamer.commands.stoppable import stoppable
    from streamer.engine.sweep import Sweep

    order, console = _order(args), Console(highlight=False)
    plan = planned(config_of(args, {}), order, args.portrait, args.purpose)
    if plan.nothing:
        console.print(plan.nothing)
        return 0
    listed = plan.cases
    weights = weights_of(order, listed, only_installed=True)
    rows = stoppable(lambda watch: list(Sweep(weights, watch).built(listed)))
    show(console, Results(rows, weights))
    return _demand(args, rows)


def _test(args: argparse.Namespace) -> int:
    from rich.console import Console

    from streamer.commands.enginebench import measure, save, show
    from streamer.commands.enginetables import measured

    results = measure(_order(args), None)
    if args.json is not None:
        save(args.json, measured(results.rows, results.weights))
    show(Console(highlight=False), results)
    return _demand(args, results.rows)


def _bench(args: argparse.Namespace) -> int:
    from rich.console import Console

    from streamer.commands.enginebench import measure, save, show
    from streamer.commands.enginetables import measured
    from streamer.engine.benchmark import Effort
    from streamer.errors import ConfigError

    if args.runs < 1 or not 0 <= args.seconds < float("inf"):
        raise ConfigError("--runs must be 1 or more, and --seconds 0 or more")
    results = measure(_order(args), Effort(args.runs, args.seconds))
    if args.json is not None:
        save(args.json, measured(results.rows, results.weights))
    show(Console(highlight=False), results)
    return 0


def _clear(args: argparse.Namespace) -> int:
    from streamer.commands.enginetables import megabytes
    from streamer.engine.kept import clear, folders
    from streamer.errors import ConfigError

    if not 0 <= args.older_than < float("inf"):
        raise ConfigError(f"--older-than {args.older_than:g}: a number of days, 0 or more")
    count, freed = clear(args.older_than)
    engines = f"{count} kept engine{'' if count == 1 else 's'}"
    print(f"{engines} removed ({megabytes(freed)}) from {' and '.join(map(str, folders()))}")
    return 0


def _order(args: argparse.Namespace) -> "Order":
    from streamer.commands.enginebench import Order

    weights = getattr(args, "weights", None) or config_of(args, {}).generator.weights
    return Order(tuple(args.engine), args.nets, args.resolutions, args.batches, weights)


def _demand(args: argparse.Namespace, rows: "Sequence[Row]") -> int:
    """EngineError when one is wrong; when one cannot run, if it was named or no other can."""
    from streamer.errors import EngineError

    wrong = [f"{row.case.name}: {row.problem}" for row in rows if row.problem]
    refused = [f"{row.case.name}: {row.refused}" for row in rows if row.refused]
    if args.engine or len(refused) == len(rows):
        wrong += refused
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise EngineError(f"{wrong[0]}{more}")
    return 0
