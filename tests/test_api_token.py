"""The secret in its file."""

import os

import pytest

from streamer.api import token as tokens
from streamer.api.token import load_token
from streamer.errors import ConfigError

POSIX = pytest.mark.skipif(os.name != "posix", reason="file modes of POSIX")
READABLE = pytest.mark.skipif(
    os.name != "posix" or os.geteuid() == 0, reason="root may read and write everything"
)


@pytest.fixture(autouse=True)
def _no_token_in_the_environment(monkeypatch):
    monkeypatch.delenv(tokens.VARIABLE, raising=False)


def test_a_token_is_made_once(tmp_path):
    """Long, and the same from then on; the folder is made."""
    folder = tmp_path / "a" / "b"
    token = load_token(folder)
    assert len(token) >= 32
    assert load_token(folder) == token
    assert load_token(tmp_path) != token
    assert [path.name for path in folder.iterdir()] == [tokens.FILE]


@POSIX
def test_nobody_else_can_read_the_token(tmp_path):
    """From the first moment on; a file that others could read is closed to them."""
    token = load_token(tmp_path)
    path = tmp_path / tokens.FILE
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    assert load_token(tmp_path) == token
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"two words", b"\xff\x00\xfe", b"x" * 4096, b"abc"]
)
def test_a_useless_file_is_replaced(tmp_path, content):
    """Empty, cut off or something else."""
    (tmp_path / tokens.FILE).write_bytes(content)
    token = load_token(tmp_path)
    assert load_token(tmp_path) == token
    assert len(token) >= 32


def test_a_token_of_ones_own_is_used(tmp_path, monkeypatch):
    """In the file, or in the environment, which leaves the file alone."""
    (tmp_path / tokens.FILE).write_text("my-own-token\n")
    assert load_token(tmp_path) == "my-own-token"
    monkeypatch.setenv(tokens.VARIABLE, "another-token")
    assert load_token(tmp_path) == "another-token"
    assert (tmp_path / tokens.FILE).read_text() == "my-own-token\n"


@pytest.mark.parametrize("given", ["short", "with some spaces", "t\u00f6ken-t\u00f6ken"])
def test_a_token_that_cannot_be_sent_is_a_wrong_setting(tmp_path, monkeypatch, given):
    """Told at the start, not at the first request."""
    monkeypatch.setenv(tokens.VARIABLE, given)
    with pytest.raises(ConfigError, match="VIVANT_TOKEN"):
        load_token(tmp_path)


def test_a_folder_that_cannot_be_written_is_told(tmp_path, caplog):
    """The run goes on with a token of its own."""
    (tmp_path / "file").write_text("no folder")
    assert len(load_token(tmp_path / "file" / "vivant")) >= 32
    assert "the token is new at each start" in caplog.text


@READABLE
def test_an_unreadable_token_is_replaced(tmp_path):
    """As after a copy by another user."""
    token = load_token(tmp_path)
    (tmp_path / tokens.FILE).chmod(0)
    assert load_token(tmp_path) != token
