"""The sink that is a file from the start."""

import logging

import pytest

from streamer.clock import MS, SECOND
from streamer.errors import MediaError
from streamer.sink.recording import open_file_sink
from tests.media import counted, times_ms
from tests.recordings import BLACK, noise, small_files

START = 5_000 * SECOND


def test_a_file_sink_is_named_and_stamped(tmp_path, caplog):
    """The sink of `sink.kind: file`; what was there under the name is replaced at the end."""
    caplog.set_level(logging.INFO)
    path = tmp_path / "a.mp4"
    path.write_text("old")
    instants = iter([START, START + 40 * MS, START + 250 * MS])
    with open_file_sink(str(path), 64, 48, 30, lambda: next(instants)) as sink:
        assert sink.label == str(path)
        for i in range(3):
            sink.send(counted(i))
        assert path.read_text() == "old"
    assert times_ms(path) == [0, 40, 250]
    assert f"{path} is finished: 0:00" in caplog.text


def test_a_file_sink_can_be_a_loop(tmp_path):
    """By the name's ending."""
    with open_file_sink(str(tmp_path / "a.gif"), 64, 48, 30) as sink:
        assert sink.label == str(tmp_path / "a.gif")
        sink.send(BLACK)
    assert (tmp_path / "a.gif").read_bytes().startswith(b"GIF")


def send_noise(path):
    with open_file_sink(str(path), 192, 144, 30) as sink:
        for image in noise(30) * 100:
            sink.send(image)


def test_a_file_sink_that_fails_says_so(tmp_path):
    """The run is to end: nobody would see that nothing is kept."""
    with small_files(100_000), pytest.raises(MediaError, match="disk is full"):
        send_noise(tmp_path / "a.mp4")


def test_a_file_sink_without_a_name_gets_one(tmp_path, monkeypatch):
    """From the date."""
    monkeypatch.chdir(tmp_path)
    with open_file_sink(None, 64, 48, 30) as sink:
        sink.send(BLACK)
    (path,) = tmp_path.iterdir()
    assert path.name.startswith("vivant-2")
