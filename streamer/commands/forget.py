"""`vivant forget`: delete the calibrations that were kept."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamer.commands import Subparsers

_EPILOG = """examples:
  vivant forget            those of everybody who used this account
  vivant forget anna       those of one driver (the setting `driver`)
"""


def add_parser(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "forget",
        help="delete saved calibrations of faces",
        description="Delete the calibrations (a neutral face, as numbers) that `vivant run` kept.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("driver", nargs="?", help="whose; without it, everybody's")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Delete them, and say how many there were."""
    from streamer import places
    from streamer.retarget.store import CalibrationStore

    count = CalibrationStore(places.data_folder() / "calibrations").forget(args.driver)
    print(f"{count} calibration{'' if count == 1 else 's'} deleted")
    return 0
