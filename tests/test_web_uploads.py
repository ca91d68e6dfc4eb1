"""Pictures that strangers send: checked before anything is decoded, and worked on elsewhere."""

import asyncio
import sys

import pytest

from streamer.web.portraits import Catalogue
from streamer.web.refusal import Refusal
from streamer.web.uploads import Upload, Uploads
from streamer.web.visitors import Visitor
from tests.pictures import form, picture, png
from tests.webs import own_portrait, serve, until


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


def test_a_portrait_that_is_deleted_while_it_is_shown_gives_way_to_the_first():
    """In the session that shows it, in the next one of its visitor, and nobody can ask for it."""

    async def story(world):
        opened = await world.begin()
        (session,) = world.sessions.all
        name = own_portrait(world, session.visitor)
        path = f"/api/sessions/{opened['id']}/controls"

        async def show():
            return await world.ask("PATCH", path, key=opened["key"], json={"portrait": name})

        assert (await show())[0] == 200
        assert (await world.ask("DELETE", f"/api/portraits/{name}"))[0] == 204
        assert session.desk.controls.portrait == "ada"
        assert (await show())[0] == 422
        assert (await world.status(opened))["state"] == "running"
        assert (await world.ask("DELETE", f"/api/portraits/{name}"))[0] == 404
        await world.ask("DELETE", f"/api/sessions/{opened['id']}", key=opened["key"])
        await until(lambda: not world.sessions.all)
        _, _, setup = await world.ask("GET", "/api/setup")
        assert setup["controls"]["portrait"] == "ada"
        assert name not in [portrait["name"] for portrait in setup["portraits"]]

    serve(story)
