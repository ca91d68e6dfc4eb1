"""The composition root: what the settings name is opened, joined and closed again."""

import asyncio

import pytest

from streamer.app import open_pipeline, open_portrait
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
    changes = {"sink.kind": "null", "generator.size": 128, "latency.budget_ms": 10_000}
    return with_values(Config(), changes | values)


def run(config, portrait):
    """The summary of a whole run."""
    with open_pipeline(config, portrait) as pipeline:
        asyncio.run(pipeline.run())
    return pipeline.metrics.summary()


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


def test_a_clip_without_a_face_still_moves_to_its_end(portrait, tmp_path):
    """The stages named in the settings run together; no face is no error."""
    clip = make_counted(tmp_path / "clip.mp4", 20)
    summary = run(settings(**{"camera.clip": str(clip)}), portrait)
    assert summary.sent > 0
    assert summary.stages["camera"].frames == 20
    assert summary.chosen["portrait"] == PORTRAITS[0]
    assert "128" in summary.chosen["generator"]


def test_a_missing_clip_leaves_no_output(portrait, tmp_path):
    """The sink was open before the camera failed; its file is gone again."""
    out = tmp_path / "out.mp4"
    config = settings(
        **{"camera.clip": str(tmp_path / "none.mp4"), "sink.kind": "file", "sink.path": str(out)}
    )
    with pytest.raises(MediaError, match="none"), open_pipeline(config, portrait):
        pass
    assert list(tmp_path.iterdir()) == []
