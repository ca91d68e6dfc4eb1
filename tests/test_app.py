"""The composition root: what the settings name is opened, joined and closed again."""

import asyncio
import time
from dataclasses import replace

import pytest

from streamer.app import open_live, open_portrait
from streamer.bundled import PORTRAITS
from streamer.config import Config, with_values
from streamer.errors import MediaError
from streamer.portrait import save_portrait
from tests.media import make_counted

pytestmark = pytest.mark.skipif(not PORTRAITS, reason="no bundled portrait")


@pytest.fixture(scope="module")
def portrait():
    """A bundled portrait, enrolled once."""
    return open_portrait(PORTRAITS[0])


def settings(**values):
    """The defaults, changed, with nothing written."""
    changes = {
        "camera.kind": "replay",
        "sink.kind": "none",
        "generator.size": 128,
        "latency.budget_ms": 10_000,
    }
    return with_values(Config(), changes | values)


def run(config):
    """The summary of a whole run."""
    with open_live(config) as live:
        asyncio.run(live.run())
    return live.metrics.summary()


def test_a_portrait_is_a_bundled_name_a_picture_or_a_file(portrait, tmp_path):
    """The three ways to name one."""
    assert portrait.name == PORTRAITS[0]
    path = tmp_path / "me.portrait"
    save_portrait(portrait, path)
    assert (open_portrait(path).picture == portrait.picture).all()


def test_an_unknown_portrait_is_told_with_the_bundled_names():
    """The line says what there is."""
    with pytest.raises(MediaError, match=rf"nobody: no such file, .*{PORTRAITS[0]}"):
        open_portrait("nobody")


def test_a_clip_without_a_face_still_moves_to_its_end(tmp_path):
    """The stages named in the settings run together; no face is no error."""
    clip = make_counted(tmp_path / "clip.mp4", 20)
    summary = run(settings(**{"camera.clip": str(clip)}))
    assert summary.sent > 0
    assert summary.stages["camera"].frames + summary.dropped.get("camera: behind", 0) == 20
    assert summary.chosen["portrait"] == f"{PORTRAITS[0]}, 128 x 128"


def test_a_missing_clip_leaves_no_output(tmp_path):
    """The sink was open before the camera failed; its file is gone again."""
    out = tmp_path / "out.mp4"
    config = settings(
        **{"camera.clip": str(tmp_path / "none.mp4"), "sink.kind": "file", "sink.path": str(out)}
    )
    with pytest.raises(MediaError, match="none"), open_live(config):
        pass
    assert list(tmp_path.iterdir()) == []


def test_an_automatic_choice_says_why(tmp_path, monkeypatch):
    """No virtual camera: a file, and the way to get one."""
    reason = "the Python package pyvirtualcam is not installed; run: pip install pyvirtualcam"
    monkeypatch.setattr("streamer.sink.diagnosis.unavailable", lambda _: reason)
    config = settings(**{"sink.kind": "auto", "sink.path": str(tmp_path / "o.mp4")})
    with open_live(config) as live:
        assert live.metrics.chosen["sink"] == f"{tmp_path / 'o.mp4'} ({reason})"
        assert live.config.sink.kind == "file"


def test_the_portraits_to_switch_between_begin_with_the_chosen_one():
    """Once each; the bundled ones where none are named."""
    with open_live(settings(portrait="mei")) as live:
        assert live.desk.controls.portraits == ("mei", "ada", "bruno")
    with open_live(settings(portraits=["bruno", "ada"])) as live:
        assert live.desk.controls.portraits == ("ada", "bruno")


def test_too_slow_a_generator_lowers_the_quality_and_says_so(caplog):
    """The latency budget at work, from figures to the desk to the generator."""

    class Slow:
        def __init__(self, generator):
            self._generator = generator

        def generate(self, shot):
            time.sleep(0.08)
            return self._generator.generate(shot)

    def change(stages):
        return replace(stages, generator=Slow(stages.generator))

    async def main(live):
        async with asyncio.TaskGroup() as group:
            group.create_task(live.run())
            while live.status().level == live.levels[0].name:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            live.desk.edit(lambda controls: replace(controls, quit=True))

    config = settings(**{"latency.budget_ms": 66, "camera.loop": True})
    with caplog.at_level("INFO"), open_live(config, change=change) as live:
        asyncio.run(main(live))
    assert "quality lowered to" in caplog.text


def test_the_engine_that_draws_is_told_when_it_arrives(caplog):
    """In the start-up table and in the log; a run that nobody governs, too."""
    config = settings(**{"camera.loop": True, "latency.adapt": False})

    async def main(live):
        async with asyncio.TaskGroup() as group:
            group.create_task(live.run())
            await asyncio.sleep(0.2)
            live._generator.library.steps.label = lambda name: f"refiner XS draws {name}"
            while "XS" not in live.status().chosen["generator"]:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            live.desk.edit(lambda controls: replace(controls, quit=True))

    with caplog.at_level("INFO"), open_live(config) as live:
        assert live.metrics.chosen["generator"].startswith("mesh warp on the CPU")
        asyncio.run(main(live))
    assert "drawn from now on by refiner XS draws" in caplog.text
