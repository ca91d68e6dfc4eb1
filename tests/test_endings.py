"""However a live run ends: every device is closed, the recording is whole, the error is its own."""

import asyncio
from contextlib import contextmanager
from dataclasses import replace

import pytest

from streamer import app
from streamer.app import open_live
from streamer.bundled import PORTRAITS
from streamer.config import Config, with_values
from streamer.errors import DeviceError, EngineError, MediaError
from streamer.video import Clip
from tests.faces import portrait
from tests.media import make_counted

pytestmark = pytest.mark.skipif(not PORTRAITS, reason="no bundled portrait")

OPENERS = ("open_live_generator", "open_recorder", "open_sink", "open_live_retargeter")
CLOSING = ["open_camera", "open_live_retargeter", "open_sink", "open_recorder"]
"""The devices, in the order in which they are let go; the generator holds none."""
FRAMES = 12


class Failing:
    """A stage that works until something has been recorded."""

    def __init__(self, stage, error, folder):
        self._stage, self._error, self._folder = stage, error, folder

    def __getattr__(self, name):
        method = getattr(self._stage, name)
        if name not in ("read", "track", "retarget", "generate", "send"):
            return method

        def call(*args):
            if any(path.stat().st_size > 5000 for path in self._folder.iterdir()):
                raise self._error
            return method(*args)

        return call


@pytest.fixture
def closed(monkeypatch):
    """Names of what was opened by the composition root, in the order of closing."""
    order = []
    for name in (*OPENERS, "open_camera"):
        monkeypatch.setattr(app, name, noting(getattr(app, name), name, order))
    return order


def noting(opener, name, order):
    @contextmanager
    def opened(*args, **options):
        with opener(*args, **options) as it:
            yield it
        order.append(name)

    @contextmanager
    def watched(*args, **options):
        try:
            with opened(*args, **options) as it:
                yield it
        except BaseException:
            order.append(name)
            raise

    return watched


@pytest.fixture(autouse=True)
def enrolled(monkeypatch):
    """Enrolled once for all of these tests."""
    monkeypatch.setattr(app, "open_portrait", lambda _: portrait())


def settings(folder):
    """The bundled clip, looped; small pictures; a recording without sound."""
    values = {
        "camera.kind": "replay",
        "camera.loop": True,
        "generator.size": 128,
        "sink.kind": "none",
        "record.folder": str(folder),
        "record.path": str(folder / "take.mp4"),
        "record.microphone": False,
        "latency.budget_ms": 10_000.0,
    }
    return with_values(Config(), values)


def frames_of(path):
    with Clip(path) as clip:
        return sum(1 for _ in clip.frames())


async def until_recorded(live):
    """Wait until some pictures have been recorded."""
    while live.metrics.totals().sent < FRAMES or not live.status().recording:  # noqa: ASYNC110
        await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("stage", "error"),
    [
        ("camera", DeviceError("C920: gone for good")),
        ("tracker", RuntimeError("a bug")),
        ("retargeter", ValueError("another")),
        ("generator", EngineError("no memory")),
        ("sink", DeviceError("/dev/video10 was removed")),
    ],
)
def test_a_stage_that_fails_ends_it_with_its_own_error(stage, error, closed, tmp_path):
    """The camera is closed first; the recording is whole; the type, hence the exit code, stays."""

    def change(stages):
        return replace(stages, **{stage: Failing(getattr(stages, stage), error, tmp_path)})

    with (
        pytest.raises(type(error), match=str(error)),
        open_live(settings(tmp_path), recording=True, change=change) as live,
    ):
        asyncio.run(live.run())
    assert [name for name in closed if name in CLOSING] == CLOSING
    assert [path.name for path in tmp_path.iterdir()] == ["take.mp4"]
    assert frames_of(tmp_path / "take.mp4") >= 1


def test_cancelled_as_by_ctrl_c_it_ends_well(closed, tmp_path):
    """What asyncio does for SIGINT, and the command line for SIGTERM."""

    async def main(live):
        task = asyncio.create_task(live.run())
        await until_recorded(live)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with open_live(settings(tmp_path), recording=True) as live:
        asyncio.run(main(live))
    assert [name for name in closed if name in CLOSING] == CLOSING
    assert frames_of(tmp_path / "take.mp4") >= 1


def test_quit_from_the_desk_returns(closed, tmp_path):
    """A key or another program: no error, nothing left open."""

    async def main(live):
        async with asyncio.TaskGroup() as group:
            group.create_task(live.run())
            await until_recorded(live)
            live.desk.edit(lambda controls: replace(controls, quit=True))

    with open_live(settings(tmp_path), recording=True) as live:
        asyncio.run(main(live))
    assert [name for name in closed if name in CLOSING] == CLOSING
    assert frames_of(tmp_path / "take.mp4") >= 1


def test_the_end_of_the_clip_ends_it(closed, tmp_path):
    """Ending 3: everything was shown."""
    clip = make_counted(tmp_path / "clip.mp4", 20)
    config = with_values(settings(tmp_path), {"camera.loop": False, "camera.clip": str(clip)})
    with open_live(config) as live:
        asyncio.run(live.run())
    totals = live.metrics.totals()
    assert totals.frames["camera"] + totals.dropped.get("camera: behind", 0) == 20
    assert [name for name in closed if name in CLOSING] == CLOSING


def test_a_recording_folder_that_cannot_be_written_ends_nothing(tmp_path):
    """The call goes on; the person is told."""
    config = with_values(
        settings(tmp_path),
        {"record.path": None, "record.folder": str(tmp_path / "file")},
    )
    (tmp_path / "file").write_text("in the way")

    async def main(live):
        async with asyncio.TaskGroup() as group:
            group.create_task(live.run())
            while live.desk.controls.recording:  # noqa: ASYNC110 - another thread ends it
                await asyncio.sleep(0.02)
            live.desk.edit(lambda controls: replace(controls, quit=True))

    with open_live(config, recording=True) as live:
        asyncio.run(main(live))
        assert "file" in live.status().recording


def test_a_file_sink_that_cannot_be_written_is_an_error(tmp_path):
    """There, nobody would see anything."""
    config = with_values(
        settings(tmp_path), {"sink.kind": "file", "sink.path": str(tmp_path / "no" / "x.mp4")}
    )
    with pytest.raises(MediaError, match="there is no folder"), open_live(config):
        pass
