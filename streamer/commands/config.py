"""`vivant config`: the settings in effect."""

import argparse
import sys
from typing import TYPE_CHECKING

from streamer.commands import add_config_options, config_of

if TYPE_CHECKING:
    from streamer.commands import Subparsers

_EPILOG = """examples:
  vivant config
  vivant config --set retarget.gains.mouth=1.2 > mine.yaml
"""


def add_parser(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "config",
        help="print the settings in effect",
        description="Print every setting with its value in effect, as a settings file.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_config_options(parser)
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Print them."""
    from streamer.config import as_yaml

    sys.stdout.write(as_yaml(config_of(args, {})))
    return 0
