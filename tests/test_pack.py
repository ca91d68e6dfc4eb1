"""Packs of training pictures: what goes in, what is left out, and what an interruption leaves."""

import json
import zipfile

import numpy as np
import pytest

from engines.geometry import fit_pose
from engines.vision import blurred
from streamer.bundled import clip_path, portrait_path
from streamer.errors import MediaError
from streamer.picture import write_png
from tests.faces import portrait
from tools.pack import main
from tools.packing import clips, split
from tools.packing.card import card
from tools.packing.clips import clip_item
from tools.packing.crop import AROUND, FACE_PX, LONG_SIDE, crop_of
from tools.packing.item import Item, Origin, encoded, items, read, written
from tools.packing.sources import origin, read_table
from tools.packing.split import LIST, chosen, held_out, identity_of
from tools.packing.stills import still_item
from tools.packing.store import PIECE_BYTES, Store, check, entries

WHO = Origin("someone", "still", "0123456789abcdef", "CC0-1.0", "here/there/photo.jpg")


def item(name="someone", frames=2, seed=0):
    random = np.random.default_rng(seed)
    smooth = np.add.outer(np.arange(60), np.arange(80))[..., None] * np.array([1, 0.5, 0.2])
    pictures = [(smooth + 20 * i).astype(np.uint8) for i in range(frames)]
    landmarks = random.uniform(0, 80, (frames, 478, 3)).astype(np.float32)
    return Item(
        origin=Origin(name, "still", WHO.identity, WHO.licence, WHO.source),
        frames=tuple(encoded(picture, "JPEG") for picture in pictures),
        landmarks=landmarks,
        times_ms=np.arange(frames, dtype=np.int64) * 40,
        sources=(1,),
        mattes=(encoded(np.full((60, 80), 200, np.uint8), "PNG"),),
        enrolled=landmarks[1:2],
    )


def test_an_item_comes_back_as_it_was():
    """Landmarks to 1/128 px, pictures as JPEG leaves them, mattes exactly."""
    before = item()
    after = read(written(before), "it")
    assert after.origin == before.origin
    assert after.frames == before.frames
    assert after.sources == (1,)
    assert np.abs(after.landmarks - before.landmarks).max() <= 1 / 128
    assert np.abs(after.enrolled - before.enrolled).max() <= 1 / 128
    assert after.picture(1).shape == (60, 80, 3)
    assert (after.matte(0) == 200).all()


@pytest.mark.parametrize("keep", [0, 10, 500, 2000])
def test_a_damaged_item_is_named(keep):
    """Cut off anywhere it is refused in one line that names it."""
    with pytest.raises(MediaError, match=r"bad\.npz"):
        read(written(item())[:keep], "bad.npz")


def test_an_item_of_another_version_is_refused(monkeypatch):
    """A pack of a newer program is not misread."""
    monkeypatch.setattr("tools.packing.item.VERSION", 2)
    data = written(item())
    monkeypatch.undo()
    with pytest.raises(MediaError, match="pack it again"):
        read(data, "new.npz")


def test_a_store_goes_on_where_it_was(tmp_path):
    """Items and refusals of an interrupted run are known to the next, and end up in a piece."""
    first = Store(tmp_path)
    first.add(tmp_path / "a.jpg", item("a"))
    first.skip(tmp_path / "b.jpg", None, "no face")
    with (tmp_path / "log.jsonl").open("a") as log:
        log.write('{"file": "c.jp')  # the power failed
    second = Store(tmp_path)
    assert second.known(tmp_path / "a.jpg").frames == 2
    assert second.known(tmp_path / "b.jpg").reason == "no face"
    assert second.known(tmp_path / "c.jpg") is None
    second.seal()
    assert [one.origin.name for one in items(tmp_path)] == ["a"]
    assert check(tmp_path) == (1, 2, [])


def test_pieces_stay_small(tmp_path, monkeypatch):
    """A full piece is sealed, and a new one begun."""
    assert PIECE_BYTES < 60_000_000
    monkeypatch.setattr("tools.packing.store.PIECE_BYTES", 40_000)
    store = Store(tmp_path)
    for i in range(6):
        store.add(tmp_path / f"{i}.jpg", item(str(i)))
    store.seal()
    pieces = sorted(tmp_path.glob("piece-*.zip"))
    assert len(pieces) > 1
    assert max(piece.stat().st_size for piece in pieces) < 2 * 40_000
    assert sorted(one.origin.name for one in items(tmp_path)) == list("012345")


def test_check_names_what_is_damaged(tmp_path):
    """One bad item does not hide the others."""
    with zipfile.ZipFile(tmp_path / "piece-000.zip", "w") as archive:
        archive.writestr("good.npz", written(item()))
        archive.writestr("bad.npz", written(item())[:700])
    count, frames, damaged = check(tmp_path)
    assert (count, frames) == (1, 2)
    assert "bad.npz" in damaged[0]
    (tmp_path / "piece-001.zip").write_bytes(b"nothing")
    assert "piece-001" in check(tmp_path)[2][-1]
    with pytest.raises(MediaError, match="piece-001"):
        list(_only(tmp_path, "piece-001.zip"))


def _only(folder, name):
    for piece in folder.glob("piece-*.zip"):
        if piece.name != name:
            piece.unlink()
    return items(folder)


def test_no_pack_is_told(tmp_path, capsys):
    """A folder without pieces ends with a sentence and the exit code for media."""
    assert main([str(tmp_path), "check"]) == 6
    assert "no pack" in capsys.readouterr().err
    assert main([str(tmp_path), "stills"]) == 2


def test_the_list_holds_hashes_alone():
    """Who is held out is written as 16 hexadecimal digits, once; nobody is named."""
    lines = [line for line in LIST.read_text().splitlines() if not line.startswith("#")]
    assert len(lines) == len(set(lines)) == len(held_out()) >= 20
    assert all(len(line) == 16 and int(line, 16) >= 0 for line in lines)


def test_chance_holds_out_a_share():
    """About as many as asked for, the same at every call, whoever else is there."""
    people = [identity_of(str(i)) for i in range(2000)]
    some = chosen(people, 0.15)
    assert 240 <= len(some) <= 360
    assert set(chosen(people[:1000], 0.15)) == set(some) & set(people[:1000])


def test_a_file_of_unknown_rights_is_left_out(tmp_path):
    """Neither in the table nor with a licence: not used."""
    table = tmp_path / "index.csv"
    table.write_text("file,licence,identity\na.jpg,CC0-1.0,x\nb.jpg,,y\nd.jpg,CC0-1.0,\n")
    known = read_table(table)
    for name in "abcd":
        (tmp_path / f"{name}.jpg").write_bytes(name.encode())
    assert origin(tmp_path / "a.jpg", "still", known).identity == identity_of("x")
    assert origin(tmp_path / "d.jpg", "still", known).identity == split.identity_of_file(b"d")
    for name in "bc":
        with pytest.raises(MediaError, match="no licence"):
            origin(tmp_path / f"{name}.jpg", "still", known)
    table.write_text("name,size\na,b\n")
    with pytest.raises(MediaError, match="columns"):
        read_table(table)


def test_a_crop_takes_its_landmarks_along():
    """A face stands in the crop where it stood in the picture, and is no larger than need be."""
    ada = portrait("ada")
    crop = crop_of([ada.landmarks], ada.picture.shape)
    small, face = crop.picture(ada.picture), crop.place(ada.landmarks)
    assert max(small.shape) <= LONG_SIDE
    assert fit_pose(face).scale <= FACE_PX * 1.01
    assert max(small.shape[:2]) <= AROUND * fit_pose(face).scale + 2
    dot = np.zeros_like(ada.picture)
    x, y = np.round(ada.landmarks[4, :2]).astype(int)
    dot[y - 6 : y + 7, x - 6 : x + 7] = 255
    weight = crop.picture(dot)[..., 0].astype(np.float64)
    rows, columns = np.mgrid[: weight.shape[0], : weight.shape[1]]
    seen = np.array([(weight * columns).sum(), (weight * rows).sum()]) / weight.sum()
    assert np.abs(seen - crop.place(np.array([[x, y, 0]], np.float32))[0, :2]).max() < 0.1


def test_stills_are_packed_and_bad_ones_listed(tmp_path, capsys):
    """A damaged picture, one without a face and one without a licence stop nothing."""
    ada = tmp_path / "ada.png"
    ada.write_bytes(portrait_path("ada").read_bytes())
    (tmp_path / "torn.png").write_bytes(ada.read_bytes()[:5000])
    (tmp_path / "grey.png").write_bytes(encoded(np.full((200, 200, 3), 90, np.uint8), "PNG"))
    (tmp_path / "whose.png").write_bytes(b"")
    rows = "\n".join(f"{name}.png,CC0-1.0" for name in ("ada", "torn", "grey"))
    (tmp_path / "index.csv").write_text(f"file,licence\n{rows}\n")
    files = [str(path) for path in sorted(tmp_path.glob("*.png"))]
    assert main([str(tmp_path / "pack"), "stills", *files]) == 0
    said = capsys.readouterr().out
    assert "Left out: 3 of 4 files" in said
    assert "torn.png: the picture is damaged" in said or "torn.png" in said
    assert "no face" in said
    assert (tmp_path / "pack" / "card.md").read_text() in said
    assert main([str(tmp_path / "pack"), "stills", *files]) == 0  # nothing is done twice
    assert check(tmp_path / "pack") == (1, 1, [])
    (one,) = items(tmp_path / "pack")
    assert one.origin.kind == "still"
    assert one.matte(0).shape == one.picture(0).shape[:2]


def test_a_clip_gives_frames_and_portraits(monkeypatch):
    """Frames apart from each other, each with its landmarks; some serve as portraits."""
    monkeypatch.setattr(clips, "SECONDS", 1.5)
    monkeypatch.setattr(clips, "FRAMES", 8)
    monkeypatch.setattr(clips, "EXTREMES", 2)
    monkeypatch.setattr(clips, "SOURCES", 2)
    packed = clip_item(clip_path("demo"), Origin("demo", "clip", WHO.identity, "CC0-1.0", ""))
    assert 8 <= len(packed.frames) <= 18
    assert len(packed.landmarks) == len(packed.frames) == len(packed.times_ms)
    assert (np.diff(packed.times_ms) > 0).all()
    assert 1 <= len(packed.sources) <= 2
    apart = np.linalg.norm(packed.enrolled[0] - packed.landmarks[packed.sources[0]], axis=1)
    assert np.median(apart) < 0.03 * fit_pose(packed.enrolled[0]).scale


def test_a_turned_or_blurred_face_is_left_out(tmp_path):
    """What would teach wrong things is refused, and why is said."""
    path = tmp_path / "soft.png"
    write_png(path, blurred(portrait("ada").picture, 12.0))
    with pytest.raises(MediaError, match=r"blurred|no face"):
        still_item(path, WHO)


def test_the_card_counts_both_parts_of_the_split(tmp_path):
    """People for validation are counted by themselves; what is left out says why."""
    store, out = Store(tmp_path), min(held_out())
    one, two = item("one"), item("two")
    store.add(tmp_path / "one.jpg", one)
    other = Origin("two", "clip", out, "CC-BY 4.0", "corpus")
    store.add(tmp_path / "two.mp4", Item(other, *(getattr(two, n) for n in _PARTS)))
    store.skip(tmp_path / "three.jpg", None, "three.jpg: no face found")
    text = card(entries(tmp_path))
    assert "| training | still | 1 | 1 | 2 | 1 |" in text
    assert "| validation | clip | 1 | 1 | 2 | 1 |" in text
    assert "- three.jpg: no face found" in text
    assert "CC-BY 4.0" in text
    assert json.loads((tmp_path / "log.jsonl").read_text().splitlines()[0])["frames"] == 2


_PARTS = ("frames", "landmarks", "times_ms", "sources", "mattes", "enrolled")
