"""Keys from a terminal: pseudo-terminals stand for real ones."""

import io
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from streamer.commands import keys
from streamer.commands.keys import listening

ROOT = Path(__file__).parent.parent
posix = pytest.mark.skipif(os.name != "posix", reason="a terminal of POSIX")

if os.name == "posix":
    import pty
    import termios


class Terminal:
    """What a person sits at: `type` presses keys, `mode` is how the program has set it."""

    def __init__(self):
        self.master, self.slave = pty.openpty()

    def type(self, data):
        os.write(self.master, data)

    def mode(self):
        flags = termios.tcgetattr(self.slave)[3]
        return tuple(bool(flags & f) for f in (termios.ICANON, termios.ECHO, termios.ISIG))


@pytest.fixture
def terminal(monkeypatch):
    """A terminal that is standard input."""
    made = Terminal()
    with os.fdopen(made.slave) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield made
    os.close(made.master)


@contextmanager
def pressed(terminal, *pieces):
    """The keys that each piece of what the terminal sends gives, looked at one after the other."""
    with listening() as poll:
        yield [(terminal.type(piece) if piece else None, poll())[1] for piece in pieces]


@posix
def test_keys_come_at_once(terminal):
    """No Enter is needed, and what was told once is not told again."""
    with pressed(terminal, b"n", b"", b" C", b"\t\n\x7f") as names:
        assert names == [["n"], [], ["space", "C"], ["tab", "enter", "backspace"]]


@posix
def test_nothing_is_echoed_and_ctrl_c_stays_a_signal(terminal):
    """Line by line and echo are off within the block; signals stay on, all is as before after."""
    before = terminal.mode()
    with listening():
        assert terminal.mode() == (False, False, True)
    assert terminal.mode() == before == (True, True, True)


@posix
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_the_terminal_is_restored_however_it_ends(terminal, error):
    """Also by an exception or Ctrl-C."""
    with pytest.raises(error), listening():
        raise error
    assert terminal.mode() == (True, True, True)


@posix
@pytest.mark.parametrize(
    "sequence",
    [
        b"\x1b[A",  # arrow up
        b"\x1b[C",  # arrow right; C is a command
        b"\x1bOC",  # arrow right in application mode
        b"\x1b[1;5C",  # Ctrl and arrow right
        b"\x1b[3~",  # Delete
        b"\x1b[[C",  # F3 of the Linux console
        b"\x1b[15~",  # F5
        b"\x1b\x1b[B",  # Alt and arrow down
        b"\x1bq",  # Alt and q
        b"\x1b]11;rgb:ffff/eeee/cccc\x07",  # the terminal's own colours, asked for by somebody
        b"\x1b]11;rgb:ffff/eeee/cccc\x1b\\",
        b"\x1b[<0;10;10M",  # a click
    ],
)
def test_escape_sequences_are_no_commands(terminal, sequence):
    """Whatever letters are in them, and wherever they are cut."""
    with pressed(terminal, sequence, b"n") as names:
        assert names == [[], ["n"]]
    for cut in range(1, len(sequence)):
        if sequence[:cut] != b"\x1b" or sequence[cut:][:1] in b"[O]":
            with pressed(terminal, sequence[:cut], sequence[cut:] + b"n") as names:
                assert names == [[], ["n"]], cut


@posix
def test_the_key_esc_swallows_nothing(terminal):
    """Pressed alone, it is not the beginning of anything."""
    with pressed(terminal, b"\x1b", b"", b"n", b"\x1b", b"n", b"\x1b\x1b", b"q") as names:
        assert names == [[], [], ["n"], [], ["n"], [], ["q"]]


@posix
def test_other_letters_are_themselves(terminal):
    """A letter of several bytes may come in pieces; bytes without sense and Ctrl-D are dropped."""
    with pressed(terminal, "é".encode(), b"\xc3", b"\xa9", b"\xff\x04n") as names:
        assert names == [["é"], [], ["é"], ["n"]]


@posix
def test_what_is_typed_last_does_not_reach_the_shell(terminal):
    """A key nobody asked for any more is no shell command."""
    with listening():
        terminal.type(b"rm *\n")
    os.set_blocking(terminal.slave, False)
    with pytest.raises(BlockingIOError):
        os.read(terminal.slave, 100)


@posix
def test_a_terminal_that_is_gone_gives_nothing(terminal):
    """The window was closed: the run ends by SIGHUP, not by an error here."""
    with listening() as poll:
        os.close(terminal.master)
        assert poll() == []
        assert poll() == []
    terminal.master = os.open(os.devnull, os.O_RDONLY)


@posix
def test_it_works_away_from_the_main_thread(terminal):
    """Signals are not its business there."""
    names = []

    def work():
        with listening() as poll:
            terminal.type(b"n")
            names.extend(poll())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert names == ["n"]


@posix
def test_handlers_are_put_back(terminal):
    """Ctrl-Z does what it did before."""
    before = signal.getsignal(signal.SIGTSTP)
    with listening():
        assert signal.getsignal(signal.SIGTSTP) is not before
    assert signal.getsignal(signal.SIGTSTP) is before


@pytest.mark.parametrize("kind", ["none", "text", "closed", "null"])
def test_without_a_terminal_no_key_comes(monkeypatch, kind):
    """In a service, a pipe or a window without console."""
    with Path(os.devnull).open() as null:
        closed = io.StringIO()
        closed.close()
        stdin = {"none": None, "text": io.StringIO("q"), "closed": closed, "null": null}[kind]
        monkeypatch.setattr(sys, "stdin", stdin)
        with listening() as poll:
            assert poll() == []


def test_a_windows_console():
    """Arrows and F-keys are two characters, of which the second looks like a letter."""
    waiting = list("n\xe0Hq\0;\r \x03")
    names = keys._of_console(lambda: bool(waiting), lambda: waiting.pop(0))
    assert names == ["n", "q", "enter", "space"]


_PROGRAM = """
import os, sys, time
from streamer.commands.keys import listening
say = lambda text: os.write(1, text.encode() + b"\\n")
with listening(lambda: say("stopping"), lambda: say("resumed")) as poll:
    say("ready")
    while "q" not in (names := poll()):
        for name in names:
            say(name)
        time.sleep(0.002)
"""

_SHELL = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
reader, writer = os.pipe()
child = os.fork()
if child == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpgrp())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.dup2(writer, 1)
    os.execv(sys.executable, [sys.executable, "-c", sys.argv[1]])
os.close(writer)
told = os.fdopen(reader)
canonical = lambda: bool(termios.tcgetattr(0)[3] & termios.ICANON)
def tell(text):
    print(text, canonical(), flush=True)
def hear():
    return told.readline().strip()
def typed():
    print("type", flush=True)
def resume():
    os.kill(child, signal.SIGCONT)
    tell(hear())
def stopped():
    _, status = os.waitpid(child, os.WUNTRACED)
    os.tcsetpgrp(0, os.getpgrp())
    tell("stopped" if os.WIFSTOPPED(status) else "ended")
tell(hear())                # ready
typed(); tell(hear())       # n
typed(); hear(); stopped()  # Ctrl-Z
os.tcsetpgrp(0, child)
resume()                    # fg
typed(); tell(hear())       # C
typed(); hear(); stopped()  # Ctrl-Z
resume()                    # bg
os.tcsetpgrp(0, child)      # fg
typed(); tell(hear())       # p
typed(); stopped()          # q
"""


@posix
def test_ctrl_z_leaves_a_usable_terminal_and_fg_takes_it_again():
    """A shell of a few lines stops the program with Ctrl-Z and continues it.

    The second time in the background, where who touches the terminal would be stopped for good.
    """
    terminal = Terminal()
    shell = subprocess.Popen(
        [sys.executable, "-c", _SHELL, _PROGRAM],
        cwd=ROOT,
        stdin=terminal.slave,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        lines = []
        for typed in (b"n", b"\x1a", b"C", b"\x1a", b"p", b"q"):
            lines += iter(lambda: shell.stdout.readline().strip(), "type")
            terminal.type(typed)
        lines += shell.stdout.read().split("\n")
        shell.wait(60)
    finally:
        shell.kill()
        shell.wait()
        shell.stdout.close()
        os.close(terminal.master)
        os.close(terminal.slave)
    assert lines == [
        *("ready False", "n False"),
        *("stopped True", "resumed False", "C False"),
        *("stopped True", "resumed True", "p False"),
        *("ended True", ""),
    ]
