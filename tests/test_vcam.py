"""The tool that checks the real drivers: what needs none of them."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tools.vcam.checks import Table, as_line, load, must
from tools.vcam.pictures import CARD, card, compare, number_of, numbered

TOOLS = Path(__file__).parents[1] / "tools"


def pictures(count: int) -> np.ndarray:
    """Plain ones, as the avatar's."""
    plain = [np.full((512, 512, 3), 10 * n, np.uint8) for n in range(count)]
    return np.stack([numbered(image, n) for n, image in enumerate(plain, CARD + 1)])


def test_a_picture_tells_its_number_at_both_ends():
    """Also after a lossy conversion; a torn one tells none."""
    image = numbered(card(), 1234)
    assert number_of(image) == 1234
    assert number_of(image // 2 + 60) == 1234
    image[256:] = numbered(card(), 1235)[256:]
    assert number_of(image) is None


def test_pictures_are_compared_with_their_originals():
    """In whatever order they come; one is torn."""
    sent = pictures(4)
    torn = sent[0].copy()
    torn[256:] = sent[1][256:]
    result = compare([sent[3], sent[0], sent[3], card(), torn], sent, 4)
    assert (result.count, result.distinct, result.torn, result.overtaken) == (5, 3, 1, 0)
    assert result.difference == 0
    assert compare([np.clip(sent[2], 40, 215)], sent, 4).difference > 3


def test_a_late_reader_is_told_from_a_torn_picture():
    """The driver writes over what it reads: one round of its buffers later, to either side."""
    sent = pictures(12)

    def mixed(upper: int, lower: int) -> np.ndarray:
        image = sent[upper].copy()
        image[256:] = sent[lower][256:]
        return image

    late = compare([mixed(0, 4), mixed(6, 2), mixed(10, 2)], sent, 4)
    assert (late.overtaken, late.torn, late.distinct) == (3, 0, 0)
    torn = compare([mixed(0, 1), mixed(0, 3), mixed(0, 5)], sent, 4)
    assert (torn.overtaken, torn.torn) == (0, 3)


def test_a_failed_check_is_a_row_and_hides_no_other(tmp_path, capsys):
    """With what was seen; the file has all of it."""
    table = Table("0.15")
    table.add("wrong", lambda: must([], "x" * 500) or "")
    table.add("right", lambda: "seen")
    table.save(tmp_path / "checks.json")
    wrong, right = load(tmp_path / "checks.json")
    assert (wrong.ok, right.ok) == (False, True)
    assert "x" * 500 in wrong.seen
    assert as_line(wrong).startswith("FAIL  0.15")
    assert as_line(wrong).endswith("...")
    assert "seen" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_without_a_virtual_machine_the_test_is_skipped_with_a_reason():
    """Exit code 77, as test harnesses know it."""
    done = subprocess.run(
        ["bash", TOOLS / "vm_test.sh"],
        env={"PATH": "/usr/bin:/bin", "VCAM_VM": "/nowhere/vm.sh"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 77
    assert "no runner of a virtual machine at /nowhere/vm.sh" in done.stderr
