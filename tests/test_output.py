"""Files that appear whole or not at all."""

import errno
from pathlib import Path

import pytest

from streamer.errors import MediaError
from streamer.output import cannot_write, check_place, make_folder, replacing


def test_the_file_takes_its_name_at_the_end(tmp_path):
    """Until the block ends the old content stays; then it is replaced, and nothing else is left."""
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replacing(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def fail_in(path, error):
    with replacing(path) as part:
        part.write_text("new")
        raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_everything_as_it_was(tmp_path, error):
    """An error or Ctrl-C removes the partial file and keeps the old one."""
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(error):
        fail_in(path, error)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_said_to_be_full(tmp_path):
    """ENOSPC in the block becomes the sentence for it."""
    with pytest.raises(MediaError, match="disk is full"), replacing(tmp_path / "a.txt"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert not list(tmp_path.iterdir())


def test_places_that_cannot_be_written_are_named(tmp_path):
    """A missing folder, a folder, a device and a path below a file are told apart."""
    (tmp_path / "file").touch()
    for path, words in (
        (tmp_path / "none" / "a.mp4", "there is no folder"),
        (tmp_path, "a folder"),
        (Path("/dev/null"), "not an ordinary file"),
        (tmp_path / "file" / "a.mp4", "there is no folder"),
    ):
        with pytest.raises(MediaError, match=words):
            check_place(path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_link_is_written_through(tmp_path):
    """A symbolic link stays one; what it points to changes."""
    target, link = tmp_path / "target.txt", tmp_path / "link.txt"
    target.write_text("old")
    link.symlink_to(target)
    with replacing(link) as part:
        part.write_text("new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_forbidden_places_are_said_to_be_so():
    """No permission and a read-only disk ask for another place."""
    for number in (errno.EACCES, errno.EROFS):
        assert "no permission" in str(cannot_write(Path("a.mp4"), OSError(number, "x")))


def test_a_folder_is_made_with_those_above_it(tmp_path):
    """A file in its place is named."""
    make_folder(tmp_path / "a" / "b")
    (tmp_path / "file").touch()
    with pytest.raises(MediaError, match="this is a file"):
        make_folder(tmp_path / "file")
