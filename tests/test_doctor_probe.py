"""What the doctor does about probes that break or hang, and how it reads its own advice."""

import errno
import threading
from dataclasses import replace

import pytest

from streamer.doctor.check import Check, steps
from streamer.doctor.machine import run, this_machine
from streamer.doctor.probe import Probe, look
from tests.doctor_machines import (
    container,
    look_at,
)


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("VIVANT_HOME", str(tmp_path / "home"))


def test_a_probe_that_raises_is_a_warning():
    """The others go on; a missing library is told with its remedy."""

    def fail():
        raise ValueError("odd\nmore")

    def lack():
        raise ModuleNotFoundError("no av", name="av")

    fine = Check("Sound", "fine", "ok", "yes")
    probes = [
        Probe("Camera", "odd", fail),
        Probe("Camera", "lacking", lack),
        Probe("Sound", "fine", lambda: [fine]),
    ]
    odd, lacking, last = look(probes)
    assert (odd.status, odd.found) == ("warn", "could not be checked: ValueError: odd")
    assert lacking.found == "could not be checked: the Python package av is missing"
    assert lacking.commands == ["python -m pip install ."]
    assert last == fine


def test_a_probe_that_hangs_is_left_behind():
    """It costs its own time, and nobody else's."""
    let_go = threading.Event()

    def hang():
        let_go.wait()
        return []

    fine = Check("Sound", "fine", "ok", "yes")
    probes = [Probe("Camera", "hung", hang, limit_s=0.01), Probe("Sound", "fine", lambda: [fine])]
    try:
        hung, last = look(probes)
    finally:
        let_go.set()
    assert hung.found == "could not be checked: no answer within 0.01 s"
    assert last == fine


def test_a_machine_where_everything_breaks(tmp_path):
    """Every program hangs, every question is refused: warnings, and no exception."""

    def refuse(*_):
        raise OSError(errno.EIO, "broken")

    broken = replace(
        container(tmp_path), run=refuse, free_bytes=refuse, may_write=refuse, distribution=refuse
    )
    checks = look_at(broken)
    assert "could not be checked" in checks["Python", "libraries"].found
    assert "could not be checked" in checks["Processor", "speed"].found
    assert all(check.status != "fail" for check in checks.values())


def test_a_program_that_takes_too_long_is_killed():
    """TimeoutError names it."""
    machine = this_machine()
    with pytest.raises(TimeoutError, match="sleep took more than"):
        run(["sleep", "60"], 0.01)
    assert machine.said(["sleep", "60"], 0.01) == ""
    assert machine.said(["no-such-program"]) == ""


def test_words_and_commands_of_a_fix_are_told_apart():
    """A command ends where the sentence goes on."""
    assert list(steps("run: a $(b c), then: d (and to keep it: e 'f' && g h); mind it")) == [
        ("a $(b c)", True),
        ("then:", False),
        ("d", True),
        ("and to keep it:", False),
        ("e 'f' && g h", True),
        ("mind it", False),
    ]
    assert list(steps("close it: --set a.b=1")) == [("close it: --set a.b=1", False)]
    assert list(steps("first look; run: apt install x-$(uname -r)")) == [
        ("first look", False),
        ("apt install x-$(uname -r)", True),
    ]
    assert list(steps("")) == []
