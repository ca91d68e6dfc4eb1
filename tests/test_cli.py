"""The command line as a shell sees it."""

import argparse
import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from streamer import cli
from streamer.errors import DeviceError, MediaError

ROOT = Path(__file__).parent.parent
COMMAND = [sys.executable, "-m", "streamer"]
posix = pytest.mark.skipif(os.name != "posix", reason="signals and named pipes of POSIX")


def vivant(*args, **environment):
    """Run the program to its end."""
    env = {**os.environ, **environment}
    return subprocess.run(
        [*COMMAND, *args], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )


def guarded(error, *, debug=False):
    """The exit code when a command raises."""

    def fail(_):
        raise error

    return cli._guarded(argparse.Namespace(func=fail, debug=debug))


def test_help_names_every_command():
    """`vivant --help` is the table of contents."""
    done = vivant("--help")
    assert done.returncode == 0
    assert all(
        f"\n    {c} " in done.stdout
        for c in ("animate", "enroll", "run", "bench", "doctor", "config", "forget", "serve")
    )
    assert done.stderr == ""


@pytest.mark.parametrize(
    "command", ["animate", "enroll", "run", "bench", "doctor", "config", "forget", "serve"]
)
def test_every_command_has_examples(command):
    """Each command's help says what to type."""
    done = vivant(command, "--help")
    assert done.returncode == 0
    assert f"\n  vivant {command}" in done.stdout
    assert "--debug" in done.stdout


def test_help_needs_nothing_heavy():
    """Help comes at once, and also when opencv or mediapipe cannot be loaded."""
    code = (
        "import sys; from streamer.__main__ import main; sys.argv[1:] = []; assert main() == 2;"
        "print({'numpy', 'cv2', 'mediapipe', 'av', 'numba', 'pydantic', 'rich'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"
    assert done.stderr.startswith("usage: vivant")


def test_version():
    """One line for a bug report."""
    assert vivant("--version").stdout.startswith("vivant ")


def test_config_prints_the_settings_in_effect():
    """Defaults, changed by --set."""
    done = vivant("config", "--set", "latency.budget_ms=80")
    assert done.returncode == 0
    assert "budget_ms: 80.0\n" in done.stdout


def test_a_wrong_key_is_one_line_and_exit_2():
    """What is wrong, and what was probably meant."""
    done = vivant("config", "--set", "latency.budget=80")
    assert done.returncode == 2
    assert done.stderr == (
        "vivant: --set: latency.budget: no such key; did you mean latency.budget_ms?\n"
    )


def test_wrong_arguments_are_exit_2():
    """As for every program."""
    assert vivant("fly").returncode == 2


def test_a_missing_system_library_is_named(tmp_path):
    """opencv without libGL: the line says what to install, and no traceback."""
    gone = "libGL.so.1: cannot open shared object file: No such file or directory"
    (tmp_path / "cv2.py").write_text(f"raise ImportError({gone!r})")
    (tmp_path / "mediapipe.py").write_text("import cv2")
    done = vivant("run", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("vivant: the system library libGL.so.1 is missing; run: sudo ")
    assert done.stderr.count("\n") == 1


def test_a_missing_package_is_named(tmp_path):
    """An installation without mediapipe."""
    text = "raise ModuleNotFoundError(\"No module named 'mediapipe'\", name='mediapipe')"
    (tmp_path / "mediapipe.py").write_text(text)
    done = vivant("run", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("vivant: the Python package mediapipe is missing; run: python")


@pytest.mark.parametrize(
    ("error", "code"), [(DeviceError("gone\nmore"), 3), (MediaError("gone"), 6)]
)
def test_our_errors_are_one_line_with_their_own_code(error, code, capsys):
    """A script can tell them apart."""
    assert guarded(error) == code
    assert capsys.readouterr().err == "vivant: gone\n"


def test_an_unexpected_error_is_one_line_with_advice(capsys):
    """No traceback unless asked for; the stage's note stays."""
    error = ValueError("odd\nmore")
    error.add_note("in stage 'track', frame 3")
    assert guarded(error) == 1
    assert capsys.readouterr().err == (
        "vivant: unexpected ValueError: odd (in stage 'track', frame 3);"
        " run `vivant --debug ...` for the traceback\n"
    )


def test_debug_shows_the_traceback(capsys):
    """For whoever repairs it."""
    assert guarded(ValueError("odd"), debug=True) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_debug_can_be_given_before_or_after_the_command():
    """Where one thinks of it."""
    parser = cli._parser()
    assert parser.parse_args(["--debug", "config"]).debug
    assert parser.parse_args(["config", "--debug"]).debug
    assert not parser.parse_args(["config"]).debug


def test_an_old_python_is_told():
    """Python 3.13 has no mediapipe: the line says which to use."""
    code = (
        "import sys; from streamer.__main__ import main; sys.version_info = (3, 13, 0);"
        "sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("vivant: Python 3.13 cannot run this")


@posix
def test_a_closed_pipe_is_no_error():
    """`vivant config | true` says nothing."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*COMMAND, "config"], cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


@posix
@pytest.mark.parametrize("kind", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("background", [False, True])
def test_a_signal_interrupts(tmp_path, kind, background):
    """Ctrl-C, kill and a closed terminal: one line, exit 130. Background jobs hear no Ctrl-C."""
    pipe = tmp_path / "settings.yaml"
    os.mkfifo(pipe)
    before = (lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)) if background else None
    child = subprocess.Popen(
        [*COMMAND, "config", "--config", str(pipe)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        preexec_fn=before,  # noqa: PLW1509
    )
    try:
        writer = _open_when_read(pipe)
        child.send_signal(getattr(signal, kind))
        if background and kind == "SIGINT":
            child.send_signal(signal.SIGTERM)
        os.close(writer)  # a signal just before the read would else be heard only after it
        _, errors = child.communicate(timeout=60)
    finally:
        child.kill()
    assert (child.returncode, errors) == (130, b"vivant: interrupted\n")


def _open_when_read(pipe):
    """The writing end, as soon as somebody reads."""
    pause = threading.Event()
    while True:
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            pause.wait(0.01)
