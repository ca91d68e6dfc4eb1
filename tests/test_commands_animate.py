"""`vivant animate` as a person calls it: results, messages, exit codes, and what is left behind."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from streamer.bundled import clip_path, portrait_path
from streamer.cli import main
from streamer.video import Clip
from tests.media import make_counted, make_sound, make_video, truncated
from tests.test_file_sink import small_files

SHORT = ("--duration", "0.2", "--size", "96")
ADA = portrait_path("ada")


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def vivant(capsys):
    """Runs the command: exit code, output, errors."""

    def call(*args):
        code = main(["animate", *map(str, args)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def files():
    return sorted(str(path) for path in Path().rglob("*") if path.is_file())


def refused(result, *words, code=6):
    """One line that names what is wrong; nothing was made."""
    assert result[0] == code, result
    assert result[1] == ""
    lines = result[2].strip().splitlines()
    assert len(lines) == 1
    assert all(word in lines[0] for word in words), lines[0]


def test_one_call_makes_a_video(vivant):
    """A portrait and a clip give a file and one line about it."""
    code, said, complained = vivant("ada", "demo", "-o", "a.mp4", *SHORT)
    assert (code, complained) == (0, "")
    assert said.startswith("a.mp4: 96 x 96, 5 frames, 0.2 s, drawn at ")
    assert said.strip().endswith("face found in 5 of 5 frames")
    assert files() == ["a.mp4"]
    with Clip(Path("a.mp4")) as clip:
        assert (clip.info.width, clip.info.height) == (96, 96)


def test_without_inputs_the_bundled_ones_are_used(vivant):
    """ada and demo, into a file named after both; --quiet says nothing."""
    assert vivant("--quiet", *SHORT) == (0, "", "")
    assert files() == ["ada_demo.mp4"]


def test_size_crop_compare_and_loops(vivant):
    """The options change the frame, and add files."""
    assert vivant("bruno", "-o", "a.mp4", "--crop", "head", "--duration", "0.1")[0] == 0
    code, said, _ = vivant("-o", "b.mp4", *SHORT, "--compare", "--gif", "--webp")
    assert code == 0
    assert "b.gif, b.webp" in said
    assert files() == ["a.mp4", "b.gif", "b.mp4", "b.webp"]
    with Clip(Path("a.mp4")) as head, Clip(Path("b.mp4")) as both:
        assert (head.info.width, head.info.height) == (512, 512)
        assert both.info.width > 190


def test_a_window_a_neutral_frame_and_settings(vivant):
    """--start, --neutral, --mode, --gain, --config and --set reach the work."""
    Path("my.yaml").write_text("retarget:\n  gains:\n    head: 0.5\n")
    options = ("--start", "1", "--neutral", "0.1", "--mode", "absolute", "--gain", "mouth=1.2")
    settings = ("--config", "my.yaml", "--set", "retarget.gains.gaze=0")
    code, said, _ = vivant("-o", "a.mp4", *SHORT, *options, *settings)
    assert code == 0
    assert "5 frames" in said


def test_a_batch_has_a_table_and_goes_on(vivant):
    """Every portrait with every clip; what fails is told, the others are made."""
    Path("bad.jpg").write_text("no picture")
    code, said, complained = vivant("ada", "bad.jpg", "mei", "demo", "-o", "out", *SHORT)
    assert code == 6
    assert files() == ["bad.jpg", "out/ada_demo.mp4", "out/mei_demo.mp4"]
    assert said.count("96 x 96") == 2
    assert "not made" in said
    assert complained.startswith("vivant: bad.jpg: this is not a picture")


def test_a_clip_that_fails_does_not_stop_the_others(vivant):
    """One bad clip of two."""
    Path("bad.mp4").write_text("no video")
    code, _, complained = vivant("ada", "bad.mp4", "demo", "-o", "out", *SHORT)
    assert code == 6
    assert "bad.mp4: this is not a video" in complained
    assert files() == ["bad.mp4", "out/ada_demo.mp4"]


def test_bad_clips_are_refused(vivant):
    """Each kind of file that is no usable clip."""
    Path("text.mp4").write_text("hello, world\n" * 500)
    Path("zero.mp4").touch()
    make_sound(Path("sound.wav"))
    truncated(make_counted(Path("cut.mp4")), 0.3)
    make_counted(Path("nobody.mp4"))
    Path("folder").mkdir()
    for name, words in (
        ("text.mp4", "not a video"),
        ("zero.mp4", "empty"),
        ("sound.wav", "no video"),
        ("cut.mp4", "cut off"),
        ("nobody.mp4", "no face in any of its 10 frames"),
        ("none.mp4", "no such file"),
        ("folder", "not a file"),
    ):
        refused(vivant("ada", name, "-o", "out.mp4"), name, words)
        assert not Path("out.mp4").exists()


def test_windows_outside_the_clip_are_refused(vivant):
    """A start beyond the end, a negative one, no duration."""
    refused(vivant("-o", "a.mp4", "--start", "60"), "the video lasts 10.0 s")
    refused(vivant("-o", "a.mp4", "--start", "-1"), "start")
    refused(vivant("-o", "a.mp4", "--duration", "0"), "duration")
    refused(vivant("-o", "a.mp4", *SHORT, "--neutral", "7"), "no frame at 7 s")


def test_bad_portraits_are_refused(vivant):
    """No face, two faces, a small face, a damaged, a missing, a huge picture."""
    ada = Image.open(ADA).convert("RGB").resize((400, 400))
    Image.linear_gradient("L").save("nobody.png")
    pair = Image.new("RGB", (800, 400))
    pair.paste(ada, (0, 0))
    pair.paste(ada, (400, 0))
    pair.save("pair.png")
    small = Image.new("RGB", (400, 400), (90, 90, 90))
    small.paste(ada.resize((110, 110)), (150, 150))
    small.save("small.png")
    ada.save("cut.jpg")
    truncated(Path("cut.jpg"), 0.5)
    Image.new("1", (20000, 20000)).save("huge.png")
    Path("fake.portrait").write_text("hello")
    for name, words in (
        ("nobody.png", "no face"),
        ("pair.png", "two faces"),
        ("small.png", "px wide"),
        ("cut.jpg", "cut off"),
        ("huge.png", "a picture of 400 megapixels"),
        ("none.jpg", "no such file"),
        ("fake.portrait", "fake.portrait"),
    ):
        refused(vivant(name, "demo", "-o", "out.mp4"), Path(name).stem, words)
        assert not Path("out.mp4").exists()


def test_bad_places_are_refused_before_the_work(vivant):
    """A missing folder, an unknown ending, the input itself, one file for two results."""
    make_counted(Path("in.mp4"))
    before = Path("in.mp4").read_bytes()
    refused(vivant("-o", "none/a.mp4"), "there is no folder")
    refused(vivant("-o", "a.xyz"), ".mp4")
    refused(vivant("ada", "in.mp4", "-o", "in.mp4"), "this is the input")
    refused(vivant("ada", "mei", "-o", "a.mp4"), "need a folder", code=2)
    assert Path("in.mp4").read_bytes() == before
    assert files() == ["in.mp4"]


def test_bad_options_are_named(vivant):
    """Settings that cannot be are told with the option's name."""
    refused(vivant("--gain", "mouth"), "--gain mouth", "mouth=1.2", code=2)
    refused(vivant("--gain", "mouht=1"), "mouht", code=2)
    refused(vivant("--size", "3"), "size", code=2)
    refused(vivant("--set", "nonsense"), "nonsense", code=2)


def test_a_full_disk_leaves_nothing(vivant):
    """The message says so; no partial file stays."""
    with small_files(3_000):
        refused(vivant("-o", "a.mp4", "--duration", "1", "--size", "512"), "a.mp4", "disk is full")
    assert files() == []


def test_an_existing_file_stays_until_the_new_one_is_whole(vivant):
    """A failure keeps it; success replaces it."""
    Path("a.mp4").write_text("old")
    Path("text.mp4").write_text("hello, world\n" * 500)
    assert vivant("ada", "text.mp4", "-o", "a.mp4")[0] == 6
    assert Path("a.mp4").read_text() == "old"
    assert vivant("-o", "a.mp4", *SHORT)[0] == 0
    assert Path("a.mp4").stat().st_size > 1000


def test_a_face_that_leaves_half_way(vivant):
    """The portrait is drawn in every frame, and the line says in how many a face was found."""
    with Clip(clip_path("demo"), 0.0, 1.6) as clip:
        images = [image for _, image in clip.frames()]
    images[15:25] = [np.full_like(images[0], 90)] * 10
    make_video(Path("leaves.mp4"), images)
    code, said, _ = vivant("ada", "leaves.mp4", "-o", "a.mp4", "--size", "96")
    assert code == 0
    found = int(said.split("found in ")[1].split()[0])
    assert 25 <= found <= 32
    with Clip(Path("a.mp4")) as clip:
        assert len(list(clip.frames())) == 40


def test_ctrl_c_removes_the_partial_file():
    """An interrupt in the middle of the work ends it with 130 and leaves nothing."""
    code = (
        "import signal, sys, threading\n"
        "from pathlib import Path\n"
        "import _thread, time\n"
        "from streamer.cli import main\n"
        "def stop():\n"
        "    while not list(Path().glob('.a.*.part.mp4')) or"
        " not sum(p.stat().st_size for p in Path().glob('.a.*')):\n"
        "        time.sleep(0.01)\n"
        "    signal.raise_signal(signal.SIGINT)\n"
        "threading.Thread(target=stop, daemon=True).start()\n"
        "sys.exit(main(['animate', '-o', 'a.mp4']))\n"
    )
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 130, done.stderr
    assert files() == []


def test_help_has_examples(capsys):
    """--help comes with calls to copy."""
    with pytest.raises(SystemExit) as ended:
        main(["animate", "--help"])
    assert ended.value.code == 0
    assert "vivant animate ada demo -o ada.mp4" in capsys.readouterr().out


def test_a_gate_without_a_refiner_is_an_error_of_one_line(vivant):
    """It says what is missing and what to do; nothing is written."""
    code, _, complaint = vivant(
        "-o", "a.mp4", *SHORT, "--show", "gate", "--set", "generator.refiner=off"
    )
    assert code == 4
    assert "generator.show gate: generator.refiner is off" in complaint
    assert complaint.count("\n") == 1
    assert files() == []
