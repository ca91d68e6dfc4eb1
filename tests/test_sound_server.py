"""A recording with a real sound server; skipped where there is none."""

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from streamer.errors import DeviceError
from streamer.sink import sounddevice
from tests.recordings import clicks, flashes, wait

CLAP = """
import os, sys, threading, time
from dataclasses import replace
import numpy as np
from streamer.config import GainsConfig, RecordConfig
from streamer.control import Controls, Desk
from streamer.metrics import Metrics
from streamer.sink.recorder import open_recorder
AGE_S = 0.06
fifo = os.open(sys.argv[1], os.O_RDWR | os.O_NONBLOCK)
os.set_blocking(fifo, True)
begin = time.monotonic()
over = False
def microphone():
    done = 0
    while not over:
        due = int((time.monotonic() - begin) * 48000)
        at = np.arange(done, due)
        loud = (at >= 96000) & (at % 48000 < 240)
        noise = (at * 7919) % 13
        os.write(fifo, np.where(loud, 20000 * np.sin(at * 0.3), noise).astype(np.int16).tobytes())
        done = due
        time.sleep(0.002)
threading.Thread(target=microphone, daemon=True).start()
desk = Desk(Controls(("ada",), "ada", GainsConfig(), recording=True))
black, white = np.zeros((48, 64, 3), np.uint8), np.full((48, 64, 3), 255, np.uint8)
config = RecordConfig(path=sys.argv[2])
with open_recorder(config, 64, 48, 100, desk, Metrics(), lambda: int(AGE_S * 1e9)) as recorder:
    while (now := time.monotonic() - begin) < 7:
        captured = now - AGE_S
        recorder.offer(white if captured > 2 and captured % 1 < 0.1 else black)
        time.sleep(0.005)
over = True
"""
ASOUND = """
</usr/share/alsa/alsa.conf>
pcm.!default { type pulse }
ctl.!default { type pulse }
"""


@contextmanager
def pulse(folder):
    """A PulseAudio whose only microphone says what is written to a pipe; its environment."""
    socket, fifo, home = folder / "socket", folder / "mic", folder / "home"
    home.mkdir()
    (folder / "asound.conf").write_text(ASOUND)
    env = {
        **os.environ,
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(home),
        "PULSE_SERVER": f"unix:{socket}",
        "ALSA_CONFIG_PATH": str(folder / "asound.conf"),
        "PYTHONPATH": str(Path(__file__).parent.parent),
    }
    modules = (
        f"module-native-protocol-unix socket={socket} auth-anonymous=1",
        f"module-pipe-source source_name=mic file={fifo} rate=48000 channels=1 format=s16le",
    )
    command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"]
    command += [part for text in modules for part in ("-L", text)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, env=env, stdout=quiet, stderr=quiet) as server:
        try:
            wait(lambda: (socket.exists() and fifo.exists()) or server.poll() is not None)
            if server.poll() is not None:
                pytest.skip("PulseAudio does not start here")
            yield env, fifo
        finally:
            server.terminate()


@pytest.mark.skipif(shutil.which("pulseaudio") is None, reason="needs pulseaudio")
def test_a_clap_through_a_real_sound_server_is_in_step(tmp_path):
    """PulseAudio, ALSA, PortAudio and the recorder, with claps that are timed by this program."""
    try:
        sounddevice.load()
    except DeviceError:
        pytest.skip("there is no PortAudio")
    if not list(Path("/usr/lib").glob("*/alsa-lib/libasound_module_pcm_pulse.so")):
        pytest.skip("needs libasound2-plugins")
    path = tmp_path / "a.mp4"
    with pulse(tmp_path) as (env, fifo):
        child = [sys.executable, "-c", CLAP, str(fifo), str(path)]
        result = subprocess.run(child, env=env, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "no sound" not in result.stderr
    seen, sounds = flashes(path), clicks(path)
    offsets = [min((s - at for s in sounds), key=abs) for at in seen]
    print("sound after picture, ms:", [round(offset * 1000, 1) for offset in offsets])
    assert len(offsets) >= 3
    assert abs(np.median(offsets)) < 0.05, "its pipe alone holds up to 40 ms"
