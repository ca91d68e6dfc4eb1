"""The keys a person presses in the terminal while something runs."""

import codecs
import contextlib
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Generator
from types import FrameType

Keys = Callable[[], list[str]]
"""Names of the keys pressed since the last call. It never blocks."""

_NAMES = {" ": "space", "\r": "enter", "\n": "enter", "\t": "tab", "\x7f": "backspace"}

_ESCAPED = re.compile(
    "\x1b+(?:"
    r"\[\[?[0-?]*[ -/]*[@-Z\\-~]"  # arrows, Home, F-keys; the Linux console's F1 to F5 have two [
    "|O[0-?]*[@-~]"  # the same in application mode
    "|[]PX^_][^\x07\x1b]*(?:\x07|\x1b\\\\)"  # what a terminal answers to a question
    "|[^][OPX^_\x1b])"  # a key together with Alt
)
"""One whole escape sequence: none of our commands, whatever letters are in it."""

_BEGUN = re.compile("\x1b+(?:\\[\\[?[0-?]*[ -/]*|O[0-?]*|[]PX^_][^\x07\x1b]*\x1b?)?$")
"""An escape sequence of which the end has not come yet."""


def _nothing() -> None:
    """What is done around a stop, unless told otherwise."""


@contextlib.contextmanager
def listening(
    stopping: Callable[[], object] = _nothing, resumed: Callable[[], object] = _nothing
) -> Generator[Keys]:
    """Within the block, keys come at once and unseen; Ctrl-C stays a signal.

    The terminal is as before however the block ends, and while Ctrl-Z stops the program: that
    calls `stopping` just before and `resumed` just after, so that a screen can step aside. Where
    standard input is no terminal, no key ever comes.
    """
    if not _is_terminal():
        yield list
    elif sys.platform == "win32":
        import msvcrt

        yield lambda: _of_console(msvcrt.kbhit, msvcrt.getwch)
    else:
        terminal = _Terminal(sys.stdin.fileno())
        with terminal.owned(), _stoppable(terminal, stopping, resumed):
            yield terminal.keys


def _is_terminal() -> bool:
    try:
        return sys.stdin is not None and sys.stdin.isatty()  # None under pythonw
    except ValueError:  # closed
        return False


class Reader:
    """Turns what a terminal sends into names of keys, however it is cut into pieces."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("ignore")
        self._rest = ""

    def keys(self, data: bytes) -> list[str]:
        """The names in what came now; b"" says that nothing came since the last call."""
        rest = self._rest
        if rest.strip("\x1b") == "" and data[:1] not in (b"[", b"O", b"]"):
            rest = ""  # it was the key Esc
        text, self._rest = rest + self._decoder.decode(data), ""
        text = _ESCAPED.sub("", text)
        if begun := _BEGUN.search(text):
            text = text[: begun.start()]
            self._rest = begun.group() if data else ""
        names = (_NAMES.get(char, char) for char in text)
        return [name for name in names if name.isprintable()]


if sys.platform != "win32":
    import termios

    class _Terminal:
        """Standard input of a POSIX system."""

        def __init__(self, fd: int) -> None:
            self._fd = fd
            self._reader = Reader()
            self._before = termios.tcgetattr(fd)

        @contextlib.contextmanager
        def owned(self) -> Generator[None]:
            """Keys come at once and unseen within the block; keys nobody asked for are dropped."""
            try:
                self.take()
                yield
            finally:
                self.give_back()
                with contextlib.suppress(termios.error):
                    termios.tcflush(self._fd, termios.TCIFLUSH)

        def keys(self) -> list[str]:
            """See `Keys`. None while another program has the terminal."""
            if not self._is_ours():
                return []
            try:
                self.take()
                return self._reader.keys(os.read(self._fd, 1024))
            except (OSError, termios.error):  # hung up
                return []

        def give_back(self) -> None:
            """As it was. From the background it would stop us, and the shell has seen to it."""
            if self._is_ours():
                with contextlib.suppress(termios.error):
                    termios.tcsetattr(self._fd, termios.TCSANOW, self._before)

        def take(self) -> None:
            """Also after Ctrl-Z and fg, or bg and fg: a shell may have set it otherwise."""
            if not self._is_ours():
                return
            mode = termios.tcgetattr(self._fd)
            if mode[3] & termios.ICANON:
                mode[3] &= ~(termios.ICANON | termios.ECHO)
                mode[6][termios.VMIN] = mode[6][termios.VTIME] = 0  # read never waits
                termios.tcsetattr(self._fd, termios.TCSANOW, mode)

        def _is_ours(self) -> bool:
            """Whether we are in the foreground: who reads in the background is stopped."""
            try:
                return os.tcgetpgrp(self._fd) == os.getpgrp()
            except OSError:  # no terminal of a shell
                return True

    @contextlib.contextmanager
    def _stoppable(
        terminal: _Terminal, stopping: Callable[[], object], resumed: Callable[[], object]
    ) -> Generator[None]:
        """Ctrl-Z leaves the shell a usable terminal."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(_: int, __: FrameType | None) -> None:
            stopping()
            terminal.give_back()
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            signal.raise_signal(signal.SIGTSTP)  # here we stand until somebody continues us
            signal.signal(signal.SIGTSTP, stop)
            terminal.take()
            resumed()

        before = signal.getsignal(signal.SIGTSTP)
        if before is not signal.SIG_IGN:
            signal.signal(signal.SIGTSTP, stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGTSTP, before)


def _of_console(waiting: Callable[[], bool], read: Callable[[], str]) -> list[str]:
    """The keys that wait in a Windows console; arrows and F-keys come as two characters."""
    names: list[str] = []
    while waiting():
        char = read()
        if char in "\0\xe0":
            read()
        elif (name := _NAMES.get(char, char)).isprintable():
            names.append(name)
    return names
