"""The tool that fits the head's shape."""

from streamer.bundled import clip_path
from tools.fit_proxy import main


def test_it_scores_a_clip(capsys):
    """Without a round of search it prints the score of the shape in use, and that shape."""
    arguments = ["--seconds", "1", "--frames", "2", "--rounds", "0"]
    assert main([str(clip_path("demo")), *arguments]) == 0
    printed = capsys.readouterr().out
    assert 0.5 < float(printed.split()[0]) < 1
    assert printed.count("Proxy(") == 2


def test_a_clip_without_a_face_is_named(tmp_path, capsys):
    """It is left out, and nothing is left to fit on."""
    assert main([str(tmp_path / "none.mp4")]) == 6
    assert "none.mp4" in capsys.readouterr().out
