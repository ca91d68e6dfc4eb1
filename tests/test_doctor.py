"""The doctor on invented computers, and on this one."""

from dataclasses import replace

import pytest

from streamer.config import load
from streamer.doctor import examine
from streamer.doctor.check import TOPICS
from streamer.doctor.machine import Screen, this_machine
from tests.doctor_machines import (
    CAMERA,
    FILES,
    FLAGS,
    ask,
    bad,
    container,
    laptop,
    lines,
    look_at,
)


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("VIVANT_HOME", str(tmp_path / "home"))


def test_a_perfect_laptop_has_nothing_to_do(tmp_path):
    """Everything is there; what was found is told."""
    checks = look_at(laptop(tmp_path))
    assert bad(checks) == {}
    assert {check.topic for check in checks.values()} == set(TOPICS)
    assert checks["Processor", "instructions"].found == "AVX2, AVX-512, AVX-512 bf16, AMX bf16"
    assert checks["Processor", "speed"].found.startswith("30 fps at 512: yes;")
    assert checks["Camera", "webcam"].found == f"{CAMERA}, mjpeg, first image after 0.4 s"
    assert "0.15.0, loaded with exclusive_caps=Y,N,N" in checks["Virtual camera", "module"].found
    assert "AI portrait', 1280 x 720 at 30" in checks["Virtual camera", "device"].found
    assert checks["Inference", "GPU"].found.endswith("RTX 4070, 12 GB, compute capability 8.9")
    assert checks["Inference", "GPU driver"].found == "590.44.01, for CUDA up to 13.1"
    assert checks["Inference", "TensorRT"].found == "tensorrt_rtx 1.7.1"
    assert checks["Sound", "microphone"].found == "default, ALC257 Analog"


def test_checks_come_by_topic(tmp_path):
    """In the order in which they are shown."""
    checks = examine(load(), machine=laptop(tmp_path), ask=ask)
    order = [TOPICS.index(check.topic) for check in checks]
    assert order == sorted(order)


def test_a_bare_container_is_told_what_it_lacks(tmp_path):
    """Warnings, since a clip is replayed into a file; nothing breaks, nothing fails."""
    checks = look_at(container(tmp_path))
    assert {check.status for check in checks.values()} == {"ok", "warn"}
    assert checks["Camera", "webcam"].commands == [
        "docker run --device=/dev/video0 --group-add=video IMAGE"
    ]
    assert checks["Virtual camera", "problem"].status == "warn"
    assert not any("could not be checked" in check.found for check in checks.values())


def test_what_the_settings_ask_for_must_be_there(tmp_path):
    """Without a camera a run with camera.kind=webcam cannot work, nor one with a virtual camera."""
    checks = look_at(container(tmp_path), "camera.kind=webcam", "sink.kind=virtualcam")
    assert checks["Camera", "webcam"].status == "fail"
    assert checks["Virtual camera", "problem"].status == "fail"


def test_what_the_settings_do_not_ask_for_need_not_be_there(tmp_path):
    """A clip into a file."""
    settings = ("camera.kind=replay", "sink.kind=file", "record.microphone=false")
    checks = look_at(container(tmp_path), *settings)
    assert bad(checks) == {}


def test_a_full_disk(tmp_path):
    """Told before a recording fails."""
    checks = look_at(replace(laptop(tmp_path), free_bytes=lambda _: 1_900_000_000))
    names = ("own files", "recordings", "video")
    assert set(bad(checks)) == {("Disk and memory", name) for name in names}
    assert "1.9 GB free" in checks["Disk and memory", "recordings"].found


def test_an_unwritable_recording_folder(tmp_path):
    """A run goes on without it, unless the video is to go there."""
    machine = replace(laptop(tmp_path), may_write=lambda path: "locked" not in str(path))
    (tmp_path / "locked").mkdir()
    folder = f"record.folder={tmp_path / 'locked' / 'deeper'}"
    assert look_at(machine, folder)["Disk and memory", "recordings"].status == "warn"
    assert ("Disk and memory", "video") not in look_at(machine, folder)
    path = f"sink.path={tmp_path / 'locked' / 'a.mp4'}"
    assert look_at(machine, "sink.kind=file", path)["Disk and memory", "video"].status == "fail"


def test_a_file_in_a_folders_place(tmp_path):
    """No folder can be made there."""
    (tmp_path / "file").touch()
    checks = look_at(laptop(tmp_path), f"record.folder={tmp_path / 'file' / 'deeper'}")
    assert "is a file, and a folder is needed" in checks["Disk and memory", "recordings"].found


def test_nowhere_to_keep_compiled_code(tmp_path):
    """Every start would be slow."""
    machine = replace(laptop(tmp_path), may_write=lambda _: False)
    found = look_at(machine)["Python", "compiled code"]
    assert (found.status, found.commands) == ("warn", ["export NUMBA_CACHE_DIR=/tmp/vivant-numba"])


@pytest.mark.parametrize(
    "files",
    [
        {"sys/fs/cgroup/user.slice/cpu.max": "50000 100000"},
        {
            "proc/self/cgroup": "3:cpu,cpuacct:/docker/ab\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
        },
    ],
    ids=["cgroup 2", "cgroup 1"],
)
def test_half_a_core(tmp_path, files):
    """A quota counts for more than the cores there are."""
    found = look_at(laptop(tmp_path, files=files))["Processor", "cores"]
    assert found.status == "warn"
    assert found.found == "Good CPU, 0.5 cores of 8: the container's quota"
    assert found.commands == ["docker update --cpus 2 CONTAINER"]


def test_a_container_with_little_memory(tmp_path):
    """Its limit counts, not the computer's memory."""
    limit = {"sys/fs/cgroup/user.slice/memory.max": "500000000"}
    found = look_at(laptop(tmp_path, files=limit))["Disk and memory", "memory of the container"]
    assert (found.status, found.found) == ("warn", "0.5 GB, 0.5 GB free")


@pytest.mark.parametrize(
    ("file", "content", "name"),
    [
        ("proc/cpuinfo", FILES["proc/cpuinfo"].replace(FLAGS, "fpu sse"), "instructions"),
        ("proc/loadavg", "9.50 1 1 1/1 1", "load"),
        (
            "sys/devices/system/cpu/cpu0/cpufreq/energy_performance_preference",
            "power",
            "power",
        ),
        ("sys/devices/system/cpu/cpu0/cpufreq/energy_performance_preference", None, "power"),
    ],
    ids=["no AVX2", "busy", "saves power", "governor powersave"],
)
def test_a_slow_processor(tmp_path, file, content, name):
    """Each reason is told, with a remedy."""
    problems = bad(look_at(laptop(tmp_path, files={file: content})))
    assert [check.name for check in problems.values()] == [name]
    assert problems["Processor", name].fix


def test_too_slow_for_30_pictures(tmp_path):
    """How many there will be, and what helps."""
    slow = lines({"frames": 9, "track": 20.0, "retarget": 5.0, "generate": 25.0})
    found = look_at(laptop(tmp_path, jobs={"speed": slow}))["Processor", "speed"]
    assert found.found.startswith("30 fps at 512: no, about 20;")
    assert "--set generator.size=384" in found.fix


def test_a_library_that_cannot_be_loaded(tmp_path):
    """The command that mends it; the others are looked at all the same."""
    problem = "the system library libGL.so.1 is missing; run: sudo apt-get install -y libgl1"
    found = [
        *({"begin": "numpy"}, {"end": "numpy", "problem": ""}),
        *({"begin": "opencv"}, {"end": "opencv", "problem": problem}),
        {"begin": "mediapipe"},
    ]
    answer = replace(lines(*found), code=-4)
    checks = look_at(laptop(tmp_path, jobs={"libraries": answer}))
    assert checks["Python", "opencv"].status == "fail"
    assert checks["Python", "opencv"].commands == ["sudo apt-get install -y libgl1"]
    assert "exit code -4" in checks["Python", "mediapipe"].found
    assert "scipy" in checks["Python", "libraries"].found


def test_an_unsupported_python(tmp_path):
    """The detector is not made for it."""
    found = look_at(laptop(tmp_path, python=(3, 13, 0)))["Python", "Python"]
    assert (found.status, found.commands) == ("fail", ["python3.12 -m venv .venv"])


def test_no_terminal(tmp_path):
    """Into a file or a program: nothing to say about letters and colours."""
    screen = Screen(is_terminal=False, encoding="ascii", columns=80)
    checks = look_at(laptop(tmp_path, screen=screen))
    assert bad(checks) == {}
    assert [name for topic, name in checks if topic == "Terminal"] == ["terminal"]


def test_a_poor_terminal(tmp_path):
    """Narrow, without colours, in another encoding."""
    screen = Screen(is_terminal=True, encoding="iso8859-1", columns=60)
    problems = bad(look_at(laptop(tmp_path, screen=screen, environment={"TERM": "dumb"})))
    assert {name for topic, name in problems if topic == "Terminal"} == {
        *("letters", "colours", "width")
    }


def test_a_portrait_that_is_not_there(tmp_path):
    """A run could not start."""
    found = look_at(laptop(tmp_path), "portrait=gone.jpg")["Settings", "portrait"]
    assert found.status == "fail"
    assert "ada" in found.fix


@pytest.mark.parametrize("platform", ["darwin", "win32", "freebsd14"])
def test_other_systems_are_looked_at_too(tmp_path, platform):
    """Programs of theirs are asked; those that are missing make no check break."""
    machine = laptop(tmp_path, programs={}, platform=platform)
    checks = look_at(machine)
    assert not any("could not be checked" in check.found for check in checks.values())
    assert checks["Virtual camera", "problem"].status == "warn"


def test_a_mac_and_a_windows_that_answer(tmp_path):
    """Memory, model and power plan, in their own words."""
    mac = {
        "sysctl": "17179869184",
        "pmset": " lowpowermode         1",
    }
    checks = look_at(laptop(tmp_path / "mac", programs=mac, platform="darwin"))
    assert checks["Disk and memory", "memory"].found.startswith("17.2 GB")
    assert checks["Processor", "power"].commands == ["sudo pmset -a lowpowermode 0"]
    windows = {
        "powershell": "16000000\n9000000",
        "powercfg": "Power Scheme GUID: a1841308-3541-4fab-bc81-f71556f20b4a  (Power saver)",
    }
    checks = look_at(laptop(tmp_path / "windows", programs=windows, platform="win32"))
    assert checks["Disk and memory", "memory"].found == "16.4 GB, 9.2 GB free"
    assert checks["Processor", "power"].commands == ["powercfg /setactive SCHEME_BALANCED"]


def test_this_very_computer(tmp_path):
    """Whatever is here, every probe has an answer of its own, and the libraries work."""
    checks = look_at(this_machine(), ask=ask)
    assert {topic for topic, _ in checks} == set(TOPICS)
    late = ("took more than", "no answer")  # on a machine that is very busy just now
    answers = {p: c for p, c in checks.items() if not any(words in c.found for words in late)}
    assert not any("could not be checked" in check.found for check in answers.values())
    assert all(check.status != "fail" for check in answers.values())
