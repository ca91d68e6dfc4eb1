"""`vivant doctor` as a person and a script see it."""

import argparse
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from streamer.commands import doctor
from streamer.doctor.check import TOPICS, Check

ROOT = Path(__file__).parent.parent
COMMAND = (
    "modprobe v4l2loopback devices=1 video_nr=10 card_label='Vivant AI portrait' exclusive_caps=1"
)
CHECKS = [
    Check("Camera", "webcam", "ok", "Cam\x1b[2J (/dev/video0)"),
    Check("Virtual camera", "problem", "warn", "not loaded", f"run: sudo {COMMAND}; or wait"),
    Check("Network", "control port", "fail", "127.0.0.1:1 is taken", "another: --set a.b=0"),
]


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("VIVANT_HOME", str(tmp_path / "home"))


def vivant_doctor(*args):
    """The exit code."""
    parser = argparse.ArgumentParser()
    doctor.add_parser(parser.add_subparsers())
    parsed = parser.parse_args(["doctor", "--set", "control.port=0", *args])
    return parsed.func(parsed)


def told(checks, encoding="utf-8", width=80):
    """What is printed."""
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    doctor.tell(checks, Console(file=file, width=width, highlight=False))
    file.flush()
    return raw.getvalue().decode(encoding)


def test_the_table_goes_by_topic_and_the_worst_is_to_be_done_first():
    """Marks, names, and what to do at the end."""
    text = told(CHECKS)
    assert "\nVirtual camera\n ! problem      not loaded\n" in text
    table, _, to_do = text.partition("What to do")
    assert [mark for mark in table if mark in "✓!✗"] == ["✓", "!", "✗"]
    assert to_do.index("is taken") < to_do.index("not loaded")
    assert text.endswith(
        "1 ok, 1 warning, 1 failed. `vivant run` cannot work with these settings.\n"
    )


@pytest.mark.parametrize("width", [40, 80])
def test_a_command_is_on_one_line_to_be_copied(width):
    """However long it is; all else fits."""
    lines = told(CHECKS, width=width).splitlines()
    assert f"     sudo {COMMAND}" in lines
    assert all(len(line) <= width for line in lines if COMMAND not in line)


@pytest.mark.parametrize("encoding", ["ascii", "iso8859-1", "cp437"])
def test_a_poor_terminal_gets_plain_marks(encoding):
    """Nothing breaks when letters are missing."""
    text = told([*CHECKS, Check("Sound", "microphone", "ok", "Mikrofon ─ Ω")], encoding)
    assert " + webcam" in text
    assert " x control port" in text


def test_names_of_devices_do_not_command_the_terminal():
    """Whatever a camera is called."""
    assert "\x1b" not in told(CHECKS)


def test_nothing_to_do():
    """Then there is no such heading."""
    text = told(CHECKS[:1])
    assert "What to do" not in text
    assert text.endswith("1 ok, 0 warnings, 0 failed. `vivant run` can work with these settings.\n")


def test_json_has_every_check_and_the_summary(capsys):
    """One object, and nothing else on stdout."""
    code = vivant_doctor("--json", "--quick")
    said = json.loads(capsys.readouterr().out)
    assert set(said) == {"checks", "summary"}
    fields = {"topic", "name", "status", "found", "fix", "commands"}
    for check in said["checks"]:
        assert set(check) == fields
        assert check["topic"] in TOPICS
        assert check["status"] in ("ok", "warn", "fail")
        assert all(isinstance(check[field], str) for field in fields - {"commands"})
        assert check["commands"] == [c for c in check["commands"] if c in check["fix"]]
    summary = said["summary"]
    assert set(summary) == {"ok", "warn", "fail", "runs"}
    assert summary["ok"] + summary["warn"] + summary["fail"] == len(said["checks"])
    assert summary["runs"] == (summary["fail"] == 0) == (code == 0)


def test_what_stops_a_run_is_exit_1(capsys):
    """A script can tell."""
    assert vivant_doctor("--quick", "--set", "portrait=gone.jpg") == 1
    assert "gone.jpg: there is no such file" in capsys.readouterr().out


def test_the_whole_of_it_in_a_process_of_its_own(tmp_path):
    """No terminal, and an empty environment but for the path: nothing on stderr."""
    code = (
        "import argparse, sys; from streamer.commands import doctor;"
        "p = argparse.ArgumentParser(); doctor.add_parser(p.add_subparsers());"
        "a = p.parse_args(['doctor', '--json', '--set', 'control.port=0']); sys.exit(a.func(a))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "VIVANT_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["summary"]["runs"]
