"""The enrolled portrait's file: made whole, opened without trust."""

import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from engines.features import lip_gaps
from streamer.errors import MediaError
from streamer.portrait import FORMAT, VERSION, load_portrait, save_portrait
from tests.faces import portrait
from tests.media import truncated


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "ada.portrait"
    save_portrait(small(), path)
    return path


def small():
    """A portrait of few pixels."""
    p = portrait()
    arrays = {k: np.ascontiguousarray(getattr(p, k)[::6, ::6])
              for k in ("picture", "matte", "foreground", "plate")}  # fmt: skip
    return replace(p, landmarks=(p.landmarks / 6).astype(np.float32), **arrays)


def changed(path, **entries):
    """The same file with other entries; None leaves one out."""
    with np.load(path) as data:
        kept = {name: data[name] for name in data.files} | entries
    with path.open("wb") as file:
        np.savez(file, **{name: value for name, value in kept.items() if value is not None})
    return path


def manifest(path, **changes):
    """The file's manifest with other values, as an entry."""
    with np.load(path) as data:
        content = json.loads(bytes(data["manifest"]))
    return np.frombuffer(json.dumps(content | changes).encode(), np.uint8)


def refused(path, *words):
    """The message with which the file is refused: one line that names it."""
    with pytest.raises(MediaError) as caught:
        load_portrait(path)
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message
    assert all(word in message for word in words), message
    return message


def test_a_portrait_survives_its_file(file):
    """Every picture, every landmark, the name and the report come back exactly."""
    one, other = small(), load_portrait(file)
    for name in ("picture", "matte", "foreground", "plate", "landmarks"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    assert (one.name, one.report, one.digest) == (other.name, other.report, other.digest)


def test_the_file_is_an_npz_of_documented_entries(file):
    """Readable without this program, and without pickle."""
    with np.load(file, allow_pickle=False) as data:
        names = {"manifest", "landmarks", "picture", "foreground", "plate", "matte"}
        assert set(data.files) == names
        content = json.loads(bytes(data["manifest"]))
    assert (content["format"], content["version"]) == (FORMAT, VERSION)


def test_saving_replaces_the_file_at_once(file):
    """Nothing but the portrait is left in the folder, also when it was there before."""
    save_portrait(replace(small(), name="Ada the second"), file)
    assert load_portrait(file).name == "Ada the second"
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_failed_save_leaves_the_old_file(file, tmp_path):
    """A folder in the way, a folder that is missing: one line, no remains."""
    before = file.read_bytes()
    (tmp_path / "taken.portrait").mkdir()
    for target in (tmp_path / "taken.portrait", tmp_path / "no" / "where.portrait"):
        with pytest.raises(MediaError, match=target.name):
            save_portrait(small(), target)
    assert file.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ada.portrait", "taken.portrait"]


def test_a_missing_file_is_named(tmp_path):
    """And nothing else is said."""
    refused(tmp_path / "none.portrait", "no such file")


@pytest.mark.parametrize("keep", [0, 0.01, 0.5, 0.98])
def test_a_truncated_file_is_refused(file, keep):
    """Wherever it was cut."""
    refused(truncated(file, keep), "damaged")


@pytest.mark.parametrize("seed", range(12))
def test_a_file_with_flipped_bytes_is_refused_or_read(file, seed):
    """Damage inside gives the message, never another error."""
    random = np.random.default_rng(seed)
    data = bytearray(file.read_bytes())
    for at in random.integers(0, len(data), 20):
        data[at] ^= int(random.integers(1, 256))
    file.write_bytes(data)
    message = ""
    try:
        load_portrait(file)
    except MediaError as error:
        message = str(error)
    assert "\n" not in message


@pytest.mark.parametrize("content", [b"hello\n", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04" + bytes(64)])
def test_a_foreign_file_is_refused(file, content):
    """A text, a picture, something that only begins like an archive."""
    file.write_bytes(content)
    refused(file, "not a portrait")


def test_an_archive_of_something_else_is_refused(file):
    """Any other zip or npz, or a bare npy."""
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readme.txt", "hello")
    refused(file)
    with file.open("wb") as target:
        np.savez(target, a=np.zeros(3))
    refused(file)
    with file.open("wb") as target:
        np.save(target, np.zeros(3))
    refused(file)


def test_a_folder_is_refused(tmp_path):
    """Named like a portrait."""
    (tmp_path / "a.portrait").mkdir()
    refused(tmp_path / "a.portrait")


class Trap:
    """Runs when it is unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was opened",))


@pytest.mark.parametrize("entry", ["landmarks", "picture", "manifest"])
def test_pickles_are_refused(file, entry):
    """A file that brings code with it is not opened."""
    trap = np.array([Trap()], object)
    refused(changed(file, **{entry: trap}))


@pytest.mark.parametrize("version", [VERSION + 1, 0, "1", None])
def test_another_version_is_named(file, version):
    """A newer file asks for a newer program."""
    refused(changed(file, manifest=manifest(file, version=version)), "version", str(version))


@pytest.mark.parametrize(
    "entry", ["manifest", "landmarks", "picture", "foreground", "plate", "matte"]
)
def test_a_missing_entry_is_refused(file, entry):
    """Every part is needed."""
    refused(changed(file, **{entry: None}))


@pytest.mark.parametrize(
    "text", ["[]", "null", "1", "{}", '{"format": "other"}', "{", "\ufeff", "[" * 5000]
)
def test_a_strange_manifest_is_refused(file, text):
    """Valid JSON of another shape, or none."""
    refused(changed(file, manifest=np.frombuffer(text.encode(), np.uint8)))


@pytest.mark.parametrize("report", [None, [], {}, {"advice": []}, "text"])
def test_a_strange_report_is_refused(file, report):
    """Its fields are those of this version."""
    refused(changed(file, manifest=manifest(file, report=report)))


@pytest.mark.parametrize(
    "landmarks",
    [
        np.zeros((468, 3), np.float32),
        np.full((478, 3), np.nan, np.float32),
        np.full((478, 3), np.inf, np.float32),
        np.zeros(5),
        np.array("text"),
    ],
)
def test_strange_landmarks_are_refused(file, landmarks):
    """Of another number, not finite, not numbers."""
    refused(changed(file, landmarks=landmarks))


def test_pictures_of_different_sizes_are_refused(file):
    """Parts of two portraits do not make one."""
    with np.load(file) as data:
        other = dict(data)
    save_portrait(portrait(), file)
    refused(changed(file, plate=other["plate"]), "fit")


def test_a_picture_of_another_kind_is_refused(file):
    """A grey one where colours are due; a text where a picture is due."""
    with np.load(file) as data:
        grey = data["matte"]
    refused(changed(file, picture=grey))


@pytest.mark.parametrize("noise", [b"", b"hello", b"\x89PNG\r\n\x1a\n"])
def test_a_picture_that_is_none_is_refused(file, noise):
    """No PNG where one is due."""
    refused(changed(file, picture=np.frombuffer(noise, np.uint8)))


def test_a_compressed_giant_is_refused(file):
    """A small file that unpacks to gigabytes is not unpacked."""
    header = (
        b"\x93NUMPY\x01\x00v\x00{'descr': '|u1', 'fortran_order': False, 'shape': (40000000000,), }"
    )
    header = header.ljust(127) + b"\n"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.npy", header + bytes(1000))
    assert file.stat().st_size < 10_000
    refused(file)


def test_a_picture_of_too_many_pixels_is_refused(file):
    """A PNG of a few bytes that claims to be 60,000 px wide is not decoded."""
    with np.load(file) as data:
        png = bytearray(data["picture"].tobytes())
    png[16:24] = (60_000).to_bytes(4, "big") * 2
    refused(changed(file, picture=np.frombuffer(bytes(png), np.uint8)))


def test_the_face_with_closed_lips():
    """What a driver's neutral face is laid on: the photo's own points, lips together."""
    p = portrait()
    assert np.abs(lip_gaps(p.shut)).max() < 1e-6
    assert np.abs(p.shut - p.points[:468]).max() < 0.02
    assert np.allclose(p.pose.to_picture(p.points), p.landmarks, atol=0.01)
