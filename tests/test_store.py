"""Calibrations kept from run to run."""

import io
import json
import os
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from streamer.errors import MediaError
from streamer.retarget.calibration import Calibration
from streamer.retarget.store import CalibrationStore
from tests.faces import driver

HERE = ("ada", "HD Webcam")


@pytest.fixture
def store(tmp_path):
    return CalibrationStore(tmp_path / "vivant" / "calibrations")


def calibration(turn=4.0):
    return Calibration.of(driver(turn=(turn, 0, 0)))


def same(a, b):
    parts = [(a.points, b.points), (a.eye_open, b.eye_open), (a.eye_shut, b.eye_shut)]
    poses = [(a.pose.rotation, b.pose.rotation), (a.pose.translation, b.pose.translation)]
    more = [(a.gaze, b.gaze), (a.lips_touch, b.lips_touch), (a.pose.scale, b.pose.scale)]
    return all(np.allclose(x, y, atol=1e-6) for x, y in (*parts, *poses, *more))


def test_what_is_saved_is_loaded(store):
    """Every number, and the quality; in a folder that is made when needed."""
    path = store.save(*HERE, calibration(), 87)
    found, quality = store.load(*HERE)
    assert same(found, calibration())
    assert quality == 87
    assert path.name.startswith("ada-")
    assert "hd-webcam" in path.name


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_only_the_owner_may_read_it(store):
    """It tells the shape of a face."""
    assert store.save(*HERE, calibration(), 80).stat().st_mode & 0o077 == 0


def test_nothing_saved_is_nothing_found(store, caplog):
    """Without a warning, and without making a folder."""
    assert store.load(*HERE) is None
    assert not caplog.records
    assert not store._folder.exists()


def test_each_driver_and_camera_has_its_own(store):
    """Saving again replaces; nothing else changes."""
    others = [("ada", "Other"), ("bruno", "HD Webcam"), ("ada-hd", "Webcam"), ("", "")]
    for i, pair in enumerate([HERE, *others]):
        store.save(*pair, calibration(float(i)), i)
    store.save(*HERE, calibration(9.0), 99)
    assert store.load(*HERE)[1] == 99
    assert [store.load(*pair)[1] for pair in others] == [1, 2, 3, 4]


NAMES = [
    "../../etc/passwd", "/abs", "a/b\\c", "nul", "CON", "x" * 500, "Åsa Öström", "李雷",
    "\U0001f600", "a\x00b", "line\nbreak", " ", "", ".", "..", "\udcff", "*?<>|:", "-rf",
    "#1: /dev/video0",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_a_safe_file_name(store, name):
    """Of letters, figures and dashes, in the folder, short; and found again."""
    path = store.save(name, name, calibration(), 50)
    assert path.parent == store._folder
    assert set(path.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")
    assert len(path.name) < 120
    assert store.load(name, name)[1] == 50


def test_both_spellings_of_a_letter_are_one_name(store):
    """File systems and keyboards differ in how they write é."""
    store.save("Ren\u00e9", "cam", calibration(), 50)
    assert store.load("Rene\u0301", "cam") is not None
    assert store.load("Rene", "cam") is None


def test_forgetting_a_driver(store):
    """With every camera, and nobody else; the number of files is told."""
    for pair in (HERE, ("ada", "Other"), ("bruno", "HD Webcam")):
        store.save(*pair, calibration(), 50)
    assert store.forget("ada") == 2
    assert store.load(*HERE) is None
    assert store.load("bruno", "HD Webcam") is not None
    assert store.forget("ada") == 0


def test_forgetting_everybody(store):
    """What a killed program left half-written goes, too; foreign files stay."""
    store.save(*HERE, calibration(), 50)
    foreign = store._folder / "notes.npz"
    half = store._folder / ".ada-0123.89abcdef.part.npz"
    foreign.touch()
    half.touch()
    assert store.forget() == 2
    assert [path.name for path in store._folder.iterdir()] == ["notes.npz"]
    foreign.unlink()
    store.forget()
    assert not store._folder.exists()
    assert store.forget() == 0


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    """One line that names it."""
    (tmp_path / "file").touch()
    with pytest.raises(MediaError, match="file") as caught:
        CalibrationStore(tmp_path / "file").save(*HERE, calibration(), 50)
    assert "\n" not in str(caught.value)


def test_a_save_that_fails_leaves_the_old_one(store, monkeypatch):
    """The disk is full: what was there stays, and nothing half-written with it."""
    store.save(*HERE, calibration(), 60)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(MediaError, match="disk is full"):
        store.save(*HERE, calibration(9.0), 99)
    assert store.load(*HERE)[1] == 60
    assert len(list(store._folder.iterdir())) == 1


def rewritten(store, **changes):
    """A saved file with other entries; None leaves one out. Manifest keys begin with m_."""
    path = store.save(*HERE, calibration(), 50)
    with np.load(path) as data:
        entries = dict(data)
    manifest = json.loads(entries["manifest"].tobytes())
    manifest |= {key[2:]: value for key, value in changes.items() if key.startswith("m_")}
    entries["manifest"] = np.frombuffer(json.dumps(manifest).encode(), np.uint8)
    entries |= {key: value for key, value in changes.items() if not key.startswith("m_")}
    np.savez(path, **{key: value for key, value in entries.items() if value is not None})
    return path


F = np.float32
WRONG = {
    "another format": {"m_format": "vivant.portrait"},
    "a newer version": {"m_version": 2},
    "another driver": {"m_driver": "bruno"},
    "another camera": {"m_camera": "x"},
    "no quality": {"m_quality": None},
    "endless quality": {"m_quality": float("inf")},
    "a list": {"manifest": np.frombuffer(b"[1]", np.uint8)},
    "no JSON": {"manifest": np.frombuffer(b"\xff\xfe{", np.uint8)},
    "no manifest": {"manifest": None},
    "no points": {"points": None},
    "few points": {"points": np.zeros((468, 3), F)},
    "doubles": {"points": np.zeros((478, 3))},
    "words": {"points": np.array(["a", "b"])},
    "NaN": {"points": np.full((478, 3), np.nan, F)},
    "infinite": {"gaze": F([np.inf, 0])},
    "far points": {"points": np.full((478, 3), 1e6, F)},
    "no rotation": {"rotation": np.zeros((3, 3), F)},
    "no size": {"scale": F(0)},
    "shut above open": {"eye_shut": F([9, 9])},
    "open lips": {"lips_touch": F(3)},
    "much too large": {"extra": np.zeros(200_000, np.uint8)},
}


@pytest.mark.parametrize("what", WRONG)
def test_a_file_that_is_not_right_is_told_and_not_used(store, caplog, what):
    """One line with the file and the key to press; the file stays."""
    path = rewritten(store, **WRONG[what])
    assert store.load(*HERE) is None
    message = caplog.records[-1].getMessage()
    assert caplog.records[-1].levelname == "WARNING"
    assert str(path) in message
    assert "press c" in message
    assert "\n" not in message
    assert path.exists()


def test_pickles_are_never_opened(store, caplog):
    """An object array in the file is damage, not code."""
    entry = np.array([replace(calibration())], object)
    rewritten(store, points=entry)
    assert store.load(*HERE) is None
    assert "press c" in caplog.text


def test_a_file_that_unpacks_to_too_much_is_not_unpacked(store, caplog):
    """A small file that claims a large content."""
    path = store.save(*HERE, calibration(), 50)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.npy", bytes(5_000_000))
    assert path.stat().st_size < 100_000
    assert store.load(*HERE) is None
    assert "too much" in caplog.text


def test_a_folder_in_the_place_of_the_file(store, caplog):
    """Told, not crashed on."""
    path = store.save(*HERE, calibration(), 50)
    path.unlink()
    path.mkdir()
    assert store.load(*HERE) is None
    assert "press c" in caplog.text


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(40))
def test_damage_of_any_kind_is_survived(store, seed):
    """Bytes changed, cut off or put in: None or the same numbers, never an exception."""
    random = np.random.default_rng(seed)
    path = store.save(*HERE, calibration(), 50)
    whole = path.read_bytes()
    for _ in range(25):
        data = bytearray(whole)
        match int(random.integers(3)):
            case 0:
                del data[int(random.integers(len(data))) :]
            case 1:
                for at in random.integers(len(data), size=3):
                    data[int(at)] = int(random.integers(256))
            case _:
                at = int(random.integers(len(data)))
                data[at:at] = random.integers(0, 256, 50, np.uint8).tobytes()
        path.write_bytes(data)
        store.load(*HERE)


def test_the_file_is_small(store):
    """It holds no picture."""
    assert store.save(*HERE, calibration(), 50).stat().st_size < 20_000
    with np.load(io.BytesIO(store.save(*HERE, calibration(), 50).read_bytes())) as data:
        assert max(value.size for value in data.values()) == 478 * 3
