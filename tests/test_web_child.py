"""The process that makes portraits of strangers' pictures."""

import asyncio
import io
import json
import zlib

import pytest
from PIL import Image as Pillow

from streamer.bundled import PORTRAITS, portrait_path
from streamer.portrait import load_portrait
from streamer.web import child
from streamer.web.kinds import MAX_SIDE
from tests.pictures import form, png
from tests.webs import serve


def with_metadata():
    """A photo that says more than it shows."""
    photo = Pillow.open(portrait_path("ada")).convert("RGB")
    buffer = io.BytesIO()
    exif = Pillow.Exif()
    exif[0x010E] = "secret place"
    photo.save(buffer, "JPEG", quality=95, exif=exif, comment=b"secret comment")
    return buffer.getvalue()


async def followed(world, path):
    """A portrait that is done with, and the steps on its way."""
    steps = set()
    while True:
        _, _, entry = await world.ask("GET", path)
        steps.add(entry["step"])
        if entry["state"] in ("ready", "failed"):
            return entry, steps
        await asyncio.sleep(0.1)


@pytest.mark.skipif(not PORTRAITS, reason="no bundled portrait")
def test_a_true_photo_becomes_a_portrait_without_its_metadata(tmp_path, monkeypatch):
    """By the real process, through HTTP: progress, quality, small picture; saved by the owner."""
    original = with_metadata()

    async def story(world):
        body = form(original, name="Ada")
        code, headers, told = await world.ask("POST", "/api/portraits", data=body)
        assert (code, headers["Location"]) == (202, f"/api/portraits/{told['name']}")
        path = headers["Location"]
        entry, steps = await followed(world, path)
        assert (entry["state"], entry["own"], entry["title"]) == ("ready", True, "Ada"), entry
        assert entry["quality"] > 50
        assert len(steps) > 1
        code, headers, small = await world.ask("GET", f"{path}/thumbnail")
        assert (code, headers["Content-Type"]) == (200, "image/jpeg")
        assert Pillow.open(io.BytesIO(small)).size == (160, 160)
        code, _, kept = await world.ask("POST", f"{path}/keep")
        assert (code, kept["own"]) == (200, False)
        assert (await world.ask("DELETE", path))[0] == 403
        return told["name"]

    monkeypatch.setenv("VIVANT_HOME", str(tmp_path))
    name = serve(story)
    file = tmp_path / "portraits" / f"{name}.portrait"
    assert load_portrait(file).landmarks.shape == (478, 3)
    assert b"secret" not in file.read_bytes()


def test_a_bomb_ends_its_own_process_only(tmp_path):
    """A small file that unpacks to much: refused, or ended by the limit of memory."""
    row = b"\0" + bytes(3 * MAX_SIDE)
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(row) for _ in range(5_000)) + packer.flush()
    bomb = png(MAX_SIDE, 5_000, body)
    assert len(bomb) < 1_000_000
    paths = [tmp_path / name for name in ("a.png", "a.portrait", "a.thumbnail")]

    async def main():
        process = await asyncio.create_subprocess_exec(
            *child.command(*paths, 60),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=child.environment(),
        )
        out, _ = await process.communicate(bomb)
        return out

    said = [json.loads(line) for line in asyncio.run(main()).splitlines()]
    assert not any("quality" in line for line in said)


def test_the_child_knows_no_secret(monkeypatch):
    """Its environment is ours without our tokens."""
    monkeypatch.setenv("VIVANT_TOKEN", "secret")
    monkeypatch.setenv("VIVANT_TURN_SECRET", "secret")
    assert "secret" not in child.environment().values()
    assert "PATH" in child.environment()
