"""Which inputs are faces and which are drivers, and where results go."""

from pathlib import Path

import pytest
from PIL import Image

from streamer.errors import ConfigError
from streamer.jobs import is_portrait, plan


def shape(jobs):
    return [(job.portrait, job.clip.name, [str(path) for path in job.outputs]) for job in jobs]


def test_names_tell_faces_from_drivers():
    """Bundled names, endings of pictures and .portrait are faces; all else drives."""
    faces = ("ada", "bruno", "mei", "a.jpg", "b.JPEG", "c.png", "d.webp", "e.portrait")
    drivers = ("demo", "a.mp4", "b.MOV", "c.mkv", "d.gif", "e.webm", "none")
    assert [name for name in (*faces, *drivers) if is_portrait(name)] == list(faces)


def test_content_tells_where_the_name_does_not(tmp_path):
    """A picture without an ending is known by how it begins."""
    for kind in ("PNG", "JPEG", "WEBP"):
        Image.new("RGB", (8, 8)).save(tmp_path / kind, format=kind)
        assert is_portrait(str(tmp_path / kind))
    (tmp_path / "text").write_text("hello, world")
    assert not is_portrait(str(tmp_path / "text"))


def test_what_is_not_named_is_bundled():
    """Without inputs there are ada and demo; with one kind, the other is filled in."""
    assert shape(plan([], None)) == [("ada", "demo.mp4", ["ada_demo.mp4"])]
    assert shape(plan(["me.jpg"], None)) == [("me.jpg", "demo.mp4", ["me_demo.mp4"])]
    assert shape(plan(["t.mov"], None)) == [("ada", "t.mov", ["ada_t.mp4"])]


def test_one_result_goes_where_it_is_told(tmp_path):
    """Into the file of that name, or into the folder under a name of its own."""
    assert shape(plan(["ada", "demo"], Path("o.mov")))[0][2] == ["o.mov"]
    assert shape(plan(["ada", "demo"], Path("out")))[0][2] == ["out/ada_demo.mp4"]
    assert shape(plan(["ada", "demo"], tmp_path))[0][2] == [str(tmp_path / "ada_demo.mp4")]


def test_several_results_are_all_pairs():
    """Each portrait with each clip, in a folder; clip by clip, so that each is tracked once."""
    jobs = plan(["ada", "x/me.jpg", "t.mp4", "demo"], Path("out"))
    assert [(job.portrait, job.clip.name) for job in jobs] == [
        ("ada", "t.mp4"),
        ("x/me.jpg", "t.mp4"),
        ("ada", "demo.mp4"),
        ("x/me.jpg", "demo.mp4"),
    ]
    assert [str(job.outputs[0]) for job in jobs][:2] == ["out/ada_t.mp4", "out/me_t.mp4"]


def test_several_results_do_not_go_into_one_file():
    """A file's name for several results is a mistake."""
    with pytest.raises(ConfigError, match="2 results need a folder"):
        plan(["ada", "mei", "demo"], Path("o.mp4"))


def test_equal_names_get_numbers():
    """Inputs of the same name from different folders do not overwrite each other."""
    jobs = plan(["x/me.jpg", "y/me.jpg", "z/me.png"], Path("out"))
    names = ["me_demo.mp4", "me_demo-2.mp4", "me_demo-3.mp4"]
    assert [job.outputs[0].name for job in jobs] == names


def test_loops_lie_beside_the_video():
    """--gif and --webp add files; a loop that is the output itself is not made twice."""
    assert shape(plan([], Path("a.mp4"), (".gif", ".webp")))[0][2] == ["a.mp4", "a.gif", "a.webp"]
    assert shape(plan([], Path("a.gif"), (".gif",)))[0][2] == ["a.gif"]
