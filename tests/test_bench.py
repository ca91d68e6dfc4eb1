"""The figures of `vivant bench`."""

import argparse
import json

import numpy as np
import pytest

from streamer.bench import STAGES, Spread, measure, peak_memory_mb, process_age_s
from streamer.bundled import clip_path, portrait_path
from streamer.commands.bench import add_parser
from streamer.config import Config
from streamer.errors import ConfigError


def parsed(*arguments):
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    return parser.parse_args(["bench", *arguments])


def test_median_and_p95_are_in_milliseconds():
    """A hundred durations of 1 to 100 ms."""
    spread = Spread.of(np.arange(1, 101) * 1_000_000)
    assert (spread.median_ms, spread.p95_ms) == pytest.approx((50.5, 95.05))


def test_every_stage_is_timed_and_the_path_is_their_sum():
    """A few frames of the bundled clip: all stages, positive, in a plausible relation."""
    ticks = []
    config = Config.model_validate({"generator": {"size": 128}})
    report = measure(portrait_path("mei"), clip_path("demo"), config, 5, lambda: ticks.append(1))
    assert tuple(report.stages) == STAGES
    assert all(0 < spread.median_ms <= spread.p95_ms for spread in report.stages.values())
    assert report.path.p95_ms >= report.stages["track"].median_ms
    assert (report.frames, max(report.width, report.height)) == (5, 128)
    assert len(ticks) > report.frames


def test_the_process_has_an_age_and_a_memory():
    """Where the system tells: the age grows, the peak is that of a Python with numpy at least."""
    first, second = process_age_s(), process_age_s()
    assert first is None or 0 < first <= second
    memory = peak_memory_mb()
    assert memory is None or memory > 20


def test_the_command_prints_a_table_and_writes_json(tmp_path, capsys):
    """One table for the eye, the same figures for programs."""
    target = tmp_path / "bench.json"
    args = parsed("--portrait", "mei", "--size", "128", "--frames", "3", "--json", str(target))
    assert args.func(args) == 0
    figures = json.loads(target.read_text())
    assert set(figures["stages"]) == set(STAGES)
    assert figures["fps"] > 0
    assert "generate" in capsys.readouterr().out


def test_no_frames_cannot_be_timed():
    """Zero frames is a mistake in the arguments."""
    args = parsed("--frames", "0")
    with pytest.raises(ConfigError, match="at least one frame"):
        args.func(args)
