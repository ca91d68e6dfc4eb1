"""`vivant run`, as a shell sees it."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from streamer.bundled import PORTRAITS, clip_path
from streamer.video import Clip
from tests.media import make_counted

ROOT = Path(__file__).parent.parent
COMMAND = [sys.executable, "-m", "streamer", "run"]
FAST = ["--set", "generator.size=128", "--set", "latency.budget_ms=10000"]

pytestmark = pytest.mark.skipif(not PORTRAITS, reason="no bundled portrait")


def test_a_clip_goes_through_to_a_file(tmp_path):
    """Start-up table, age table, figures as JSON, and a video; nothing on stderr."""
    clip, out, figures = make_counted(tmp_path / "clip.mp4", 25), tmp_path / "o.mp4", tmp_path / "j"
    command = [*COMMAND, "--clip", str(clip), "-o", str(out), "--json", str(figures), *FAST]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "portrait" in done.stdout
    assert "retarget" in done.stdout
    summary = json.loads(figures.read_text())
    with Clip(out) as made:
        assert sum(1 for _ in made.frames()) == summary["sent"] + summary["held"]


def test_an_unwritable_place_for_the_figures_is_told_first(tmp_path):
    """Not after a run of an hour."""
    figures = tmp_path / "none" / "j.json"
    done = subprocess.run(
        [*COMMAND, "--json", str(figures)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 6
    assert "there is no folder" in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("kind", ["SIGINT", "SIGTERM"])
def test_asked_to_stop_it_leaves_a_whole_file(tmp_path, kind):
    """Ending 1: Ctrl-C is how a live run ends, so it is exit 0, with the table and the file."""
    if not clip_path("demo").exists():
        pytest.skip("the bundled clip is not here")
    out = tmp_path / "o.mp4"
    command = [*COMMAND, "-o", str(out), "--set", "camera.loop=true", *FAST]
    child = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        pause = threading.Event()
        while child.poll() is None and not any(p.stat().st_size for p in tmp_path.iterdir()):
            pause.wait(0.02)
        child.send_signal(getattr(signal, kind))
        stdout, stderr = child.communicate(timeout=60)
    finally:
        child.kill()
    assert (child.returncode, stderr) == (0, "")
    assert "age p50" in stdout
    with Clip(out) as made:
        assert next(made.frames())[0] == 0
