"""Pictures that strangers send: checked before anything is decoded, and worked on elsewhere."""

import asyncio
import io
import json
import os
import struct
import sys
import zlib

import aiohttp
import numpy as np
import pytest
from PIL import Image as Pillow

from streamer.bundled import PORTRAITS, portrait_path
from streamer.portrait import load_portrait
from streamer.web import child
from streamer.web.kinds import MAX_SIDE, check_picture
from streamer.web.portraits import Catalogue
from streamer.web.refusal import Refusal
from streamer.web.uploads import Upload, Uploads
from streamer.web.visitors import Visitor
from tests.webs import serve, until


def picture(kind="JPEG", size=(320, 240), **options):
    """A plain picture."""
    buffer = io.BytesIO()
    Pillow.new("RGB", size, (90, 120, 150)).save(buffer, kind, **options)
    return buffer.getvalue()


def png(width, height, body=b""):
    """A PNG that says it is so large."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def code(data):
    """Why it is refused; None when it is taken."""
    try:
        check_picture(data)
    except Refusal as refusal:
        return refusal.code
    return None


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_pictures_are_known_by_their_first_bytes(kind):
    """Whatever they are called; also with much before the picture, and lossless."""
    assert check_picture(picture(kind)) == kind.lower()
    assert check_picture(picture("JPEG", exif=b"Exif\0\0" + bytes(60_000))) == "jpeg"
    assert check_picture(picture("JPEG", progressive=True)) == "jpeg"
    assert check_picture(picture("WEBP", lossless=True)) == "webp"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty"),
        (b"PK\x03\x04" + bytes(100), "kind"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "kind"),
        (b"%PDF-1.7", "kind"),
        (b"\0\0\0\x18ftypheic" + bytes(100), "kind"),
        (picture("GIF"), "kind"),
        (picture("TIFF"), "kind"),
        (os.urandom(1000), "kind"),
        (png(30_000, 30_000), "pixels"),
        (png(30_000, 1), "pixels"),
        (png(9_000, 9_000), "pixels"),
        (png(0, 10), "damaged"),
        (picture("PNG")[:20], "damaged"),
        (picture("JPEG")[:30], "damaged"),
        (picture("WEBP")[:20], "damaged"),
        (b"\xff\xd8\xff\xe0\x00\x01" + bytes(50), "damaged"),
        (b"\xff\xd8" + b"\xff" * 100_000, "damaged"),
    ],
)
def test_what_is_no_picture_or_too_large_is_refused_before_decoding(data, why):
    """The sentence says what to do."""
    assert code(data) == why


def test_heic_is_named():
    """What telephones make; they can make JPEG, too."""
    with pytest.raises(Refusal, match="HEIC; export it as JPEG"):
        check_picture(b"\0\0\0\x18ftypheic" + bytes(100))


def test_random_heads_never_break_the_check():
    """A thousand mutations are taken or refused, and nothing else."""
    dice = np.random.default_rng(0)
    seeds = [picture(kind) for kind in ("JPEG", "PNG", "WEBP")]
    for i in range(1000):
        data = bytearray(seeds[i % 3][: dice.integers(1, 600)])
        for _ in range(dice.integers(0, 8)):
            data[dice.integers(len(data))] = dice.integers(256)
        code(bytes(data))


def form(data, consent="yes", **fields):
    """An upload's body."""
    body = aiohttp.FormData(default_to_multipart=True)
    if consent is not None:
        body.add_field("consent", consent)
    for name, value in fields.items():
        body.add_field(name, value)
    if data is not None:
        body.add_field("file", io.BytesIO(data), filename="holiday.jpg", content_type="image/jpeg")
    return body


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (lambda: form(picture(), consent=None), (422, "consent")),
        (lambda: form(picture(), consent="no"), (422, "consent")),
        (lambda: form(None), (400, "file")),
        (lambda: form(b"PK\x03\x04 a zip called holiday.jpg"), (415, "kind")),
        (lambda: form(png(30_000, 30_000)), (413, "pixels")),
        (lambda: form(bytes(1_200_000)), (413, "size")),
        (lambda: {"file": "x"}, (415, "form")),
        (lambda: b"nonsense", (415, "form")),
        (lambda: form(picture(), name="x" * 5000), (413, "size")),
    ],
)
def test_what_is_wrong_with_an_upload_is_told(body, answer):
    """A code and a sentence."""

    async def story(world):
        code, _, told = await world.ask("POST", "/api/portraits", data=body())
        assert (code, told["error"]) == answer
        assert told["message"]

    serve(story, upload_mb=1)


def test_a_form_that_breaks_off_is_refused():
    """Its beginning promised more, or something else."""

    async def story(world):
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        for body in (
            b"",
            b"--x",
            b"--x\r\n\r\n",
            b"--y--",
            b"--x\r\nContent-Type: \0\r\n\r\na\r\n--x--",
        ):
            code, _, told = await world.ask("POST", "/api/portraits", data=body, headers=headers)
            assert code in (400, 422), (body, told)
        headers = {"Content-Type": "multipart/form-data"}
        assert (await world.ask("POST", "/api/portraits", data=b"a", headers=headers))[0] == 400
        headers = {"Content-Encoding": "gzip", "Content-Type": "multipart/form-data; boundary=x"}
        assert (await world.ask("POST", "/api/portraits", data=b"a", headers=headers))[0] == 415

    serve(story)


def test_uploads_can_be_switched_off():
    """The page is told so."""

    async def story(world):
        assert (await world.ask("GET", "/api/setup"))[2]["maxUploadBytes"] == 0
        assert (await world.ask("POST", "/api/portraits", data=form(picture())))[0] == 403

    serve(story, uploads=False)


class Bench:
    """Uploads with another program in the decoder's place."""

    def __init__(self, folder, script, seconds=60):
        self.folder = folder
        self.catalogue = Catalogue(["ada"], lambda name: None)
        self.ready = []
        self.visitor = Visitor("somebody")
        self._script, self._seconds = script, seconds

    def command(self, *arguments):
        return [sys.executable, "-c", self._script, *map(str, arguments)]

    def run(self, story):
        async def main():
            async with asyncio.TaskGroup() as group:
                self.uploads = Uploads(
                    *(self.folder, self.catalogue, group.create_task, self.ready.append),
                    seconds=self._seconds,
                    command=self.command,
                )
                return await story(self)

        return asyncio.run(main())

    async def outcome(self):
        """What became of one upload."""
        name = self.uploads.accept(self.visitor, Upload(picture(), "Me"))
        await until(lambda: self.catalogue.state(name) in ("ready", "failed"))
        await until(lambda: not self.uploads._jobs)
        return self.catalogue.find(name, "somebody")


GOOD = """
import sys, json
data = sys.stdin.buffer.read()
open(sys.argv[2], "wb").write(b"portrait"); open(sys.argv[3], "wb").write(b"small")
print(json.dumps({"step": "saving"}), flush=True)
print(json.dumps({"quality": 71, "advice": ["more light"]}), flush=True)
"""


def test_a_portrait_that_is_made_is_ready_for_who_brought_it(tmp_path):
    """With its quality, advice and small picture; nobody else sees it."""

    async def story(bench):
        entry = await bench.outcome()
        assert (entry.state, entry.quality, entry.advice) == ("ready", 71, ("more light",))
        assert bench.catalogue.thumbnail(entry.name) == b"small"
        assert bench.ready == [entry.name]
        assert bench.catalogue.find(entry.name, "another") is None
        assert entry.name not in bench.catalogue.ready("another")
        bench.uploads.delete(entry.name)
        assert list(bench.folder.iterdir()) == []
        assert bench.catalogue.state(entry.name) is None

    Bench(tmp_path, GOOD).run(story)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("import os; os.abort()", "cannot be read"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "cannot be read"),
        ("raise SystemExit(3)", "cannot be read"),
        ('print(\'{"problem": "no face found"}\')', "no face found"),
        ("print('{nonsense')", "no room"),
        ("print('{' + 'a' * 1_000_000)", "no room"),
        ("", "cannot be read"),
    ],
)
def test_a_decoder_that_crashes_takes_nothing_along(tmp_path, script, message, caplog):
    """The next upload works; nothing of the picture is left; the visitor sees no inside."""

    async def story(bench):
        entry = await bench.outcome()
        assert entry.state == "failed"
        assert message in entry.message
        assert list(bench.folder.iterdir()) == []

    Bench(tmp_path, script).run(story)
    assert "Traceback" not in caplog.text


def test_a_decoder_that_takes_too_long_is_ended(tmp_path):
    """And its process is gone."""

    async def story(bench):
        entry = await bench.outcome()
        assert "longer than 1 s" in entry.message

    Bench(tmp_path, "import time; time.sleep(3600)", seconds=1).run(story)


def test_deleting_a_portrait_ends_what_makes_it(tmp_path):
    """At any moment: waiting, or being made."""

    async def story(bench):
        names = [bench.uploads.accept(bench.visitor, Upload(picture(), "")) for _ in range(3)]
        await until(lambda: bench.catalogue.state(names[0]) == "enrolling")
        for name in names:
            bench.uploads.delete(name)
        await until(lambda: not bench.uploads._jobs)
        assert list(bench.folder.iterdir()) == []

    Bench(tmp_path, "import time; time.sleep(3600)").run(story)


def test_few_may_wait_and_a_visitor_may_bring_few(tmp_path):
    """The refusal says which of the two it is."""

    async def story(bench):
        upload = Upload(picture(), "Me")
        for _ in range(8):
            bench.uploads.accept(bench.visitor, upload)
        with pytest.raises(Refusal, match="of your own"):
            bench.uploads.accept(bench.visitor, upload)
        with pytest.raises(Refusal, match="try again in a minute"):
            bench.uploads.accept(Visitor("another"), upload)
        for name in list(bench.visitor.brought):
            bench.uploads.delete(name)

    Bench(tmp_path, "import time; time.sleep(3600)").run(story)


def test_the_consent_is_logged_without_anything_personal(tmp_path, caplog):
    """Neither title nor name nor address."""

    async def story(bench):
        bench.uploads.accept(bench.visitor, Upload(picture(), "Aunt Martha\n\x1b[31m"))
        (name,) = bench.visitor.brought
        assert bench.catalogue.find(name, "somebody").title == "Aunt Martha [31m"
        bench.uploads.delete(name)

    with caplog.at_level("INFO"):
        Bench(tmp_path, "").run(story)
    assert "stated consent" in caplog.text
    assert "Martha" not in caplog.text
    assert "somebody" not in caplog.text


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
