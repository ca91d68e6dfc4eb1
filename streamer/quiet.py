"""Keeps the chatter of native libraries off the user's terminal, and nothing else.

MediaPipe, TensorFlow Lite and absl write to file descriptor 2 from C++, past `sys.stderr` and
logging, and no setting of theirs stops it (GLOG_minloglevel and TF_CPP_MIN_LOG_LEVEL do not). So
the descriptor is led aside while such code starts; whatever is not known chatter is written
afterwards to where it was meant to go.
"""

import contextlib
import logging
import os
import re
import sys
import tempfile
import threading
import warnings
from collections.abc import Generator
from typing import IO

_log = logging.getLogger(__name__)

_CHATTER = re.compile(
    rb"INFO: Created TensorFlow Lite"
    rb"|INFO: Initialized TensorFlow Lite"
    rb"|WARNING: All log messages before absl::InitializeLog"
    rb"|ALSA lib |Cannot connect to server|jack server is not running|JackShm"
    rb"|Expression '.*' failed in 'src/"
    rb"|[IW]\d{4} \d\d:\d\d:\S+ +\d+ \S+\.(cc|cpp|h):\d+\]"
)

_descriptor = threading.RLock()
"""File descriptor 2 belongs to the whole process: one block at a time may lead it aside."""


@contextlib.contextmanager
def quiet_stderr() -> Generator[None]:
    """Hold back the chatter of native libraries; all else on stderr comes after the block.

    For blocks of milliseconds: what other threads write to stderr meanwhile is late by as much.
    A MediaPipe graph starts on threads of its own, so the block must hold its first `process`, or
    the chatter comes after it; `reset` starts it again.
    """
    with _descriptor, warnings.catch_warnings(), contextlib.ExitStack() as stack:
        warnings.filterwarnings("ignore", module=r"google\.protobuf")
        try:
            aside = stack.enter_context(tempfile.TemporaryFile())
            stderr = os.dup(2)
        except OSError as error:  # no descriptor 2, or nowhere to write: let it chatter
            _log.debug("stderr stays as it is: %s", error)
            yield
            return
        stack.callback(os.close, stderr)
        _flush()
        os.dup2(aside.fileno(), 2)
        try:
            yield
        finally:
            _flush()
            os.dup2(stderr, 2)
            _pass_on(aside)


def _flush() -> None:
    if sys.stderr is not None:  # None under pythonw
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()


def _pass_on(aside: IO[bytes]) -> None:
    aside.seek(0)
    lines = aside.read().splitlines(keepends=True)
    speech = b"".join(line for line in lines if not _CHATTER.match(line))
    chatter = b"".join(line for line in lines if _CHATTER.match(line))
    if chatter:
        _log.debug("native libraries said: %s", chatter.decode(errors="replace").rstrip())
    while speech:
        speech = speech[os.write(2, speech) :]
