"""The subcommands.

Each module has `add_parser(subparsers)` and `run(args) -> exit code`. What is heavy is imported in
`run`, so that help comes at once, and comes also when a system library is missing.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamer.config import Config

Subparsers = argparse._SubParsersAction  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
"""What `add_parser` is given; argparse has no public name for it."""


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """The options by which every command takes settings."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings (see config.yaml)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="one setting, as latency.budget_ms=80; may be repeated",
    )


def config_of(args: argparse.Namespace, own: Mapping[str, object | None]) -> "Config":
    """The settings of `add_config_options`, and on top the command's own options that were given.

    `own` has dotted keys; None means that the option was not given.
    """
    from streamer.config import load, with_values

    config = load(args.config, args.set)
    return with_values(config, {key: value for key, value in own.items() if value is not None})
