"""The command line: arguments, signals, messages and exit codes. Nothing below it prints or exits.

Exit codes: 0 done, 1 unexpected or a missing library, 2 wrong arguments or settings, 3 device,
4 engine, 6 media, 130 interrupted (Ctrl-C, SIGTERM or a closed terminal), 141 the reader of the
output has gone.
"""

import argparse
import contextlib
import logging
import os
import signal
import sys
import traceback
from collections.abc import Generator, Sequence
from types import FrameType

from streamer.commands import (
    animate,
    bench,
    config,
    doctor,
    engines,
    enroll,
    forget,
    run,
    serve,
)
from streamer.errors import StreamerError
from streamer.missing import advice

_EPILOG = """examples:
  vivant animate ada demo -o ada.mp4
  vivant run me.jpg --clip talk.mp4 -o me.mp4
  vivant bench

`vivant COMMAND --help` tells more.
"""


def main(argv: Sequence[str]) -> int:
    """Run one command; the exit code."""
    parser = _parser()
    args = parser.parse_args(argv)
    if args.version:
        sys.stdout.write(f"vivant {_version()}\n")
        return 0
    if args.func is None:
        parser.print_help(sys.stderr)
        return 2
    _start_logging(debug=args.debug)
    with _signals():
        return _guarded(args)


def _guarded(args: argparse.Namespace) -> int:
    try:
        code: int = args.func(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _tell("interrupted", 130)
    except BrokenPipeError:
        _silence_stdout()
        return 141
    except Exception as error:  # noqa: BLE001  (the outermost frame: told to the person)
        if args.debug:
            traceback.print_exc()
        return _tell(*_explained(error))
    return code


def _explained(error: Exception) -> tuple[str, int]:
    """The one line for an error, and the exit code."""
    if isinstance(error, StreamerError):
        return str(error).partition("\n")[0], error.exit_code
    if isinstance(error, ImportError | OSError) and (line := advice(error)):
        return line, 1
    what = f"{type(error).__name__}: {error}".partition("\n")[0]
    where = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
    return f"unexpected {what}{where}; run `vivant --debug ...` for the traceback", 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vivant",
        description="A picture of a face moves with a person in a video.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="print the version")
    parser.add_argument("--debug", action="store_true", help="log more; show tracebacks")
    parser.set_defaults(func=None)
    subparsers = parser.add_subparsers(metavar="COMMAND", title="commands")
    for command in (animate, enroll, run, serve, engines, bench, doctor, config, forget):
        command.add_parser(subparsers)
    for subparser in subparsers.choices.values():  # also after the command, where it is looked for
        subparser.add_argument(
            "--debug", action="store_true", default=argparse.SUPPRESS, help="show tracebacks"
        )
    return parser


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415  (30 ms)

    try:
        return version("vivant")
    except PackageNotFoundError:
        return "(not installed)"


def _start_logging(*, debug: bool) -> None:
    logging.basicConfig(format="vivant: %(message)s", level=logging.WARNING)
    if debug:
        for package in ("streamer", "engines"):
            logging.getLogger(package).setLevel(logging.DEBUG)


@contextlib.contextmanager
def _signals() -> Generator[None]:
    """SIGTERM and SIGHUP take the path of Ctrl-C, so that they too leave nothing half-done."""
    kinds = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {kind: signal.getsignal(kind) for kind in kinds}
    for kind, handler in before.items():
        if handler is not signal.SIG_IGN:  # as under nohup
            signal.signal(kind, _interrupt)
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def _interrupt(_: int, frame: FrameType | None) -> None:
    """Do what Ctrl-C would: while a loop runs, that is asyncio's own handler."""
    handler = signal.getsignal(signal.SIGINT)
    if callable(handler):
        handler(signal.SIGINT, frame)
    else:  # ignored, as in a shell's background job
        raise KeyboardInterrupt


def _tell(line: str, code: int) -> int:
    with contextlib.suppress(OSError):  # nobody listens: the exit code still says it
        print(f"vivant: {line}", file=sys.stderr)
    return code


def _silence_stdout() -> None:
    """Nobody reads it any more; without this, Python complains once more when it exits."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
