"""No library reports to its makers that it is used."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
USES = {
    "engine": "import streamer.engine.openvino",
    "doctor": "from streamer.doctor import child; list(child._openvino())",
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_openvino_reports_to_nobody(use, tmp_path):
    """It starts no sender of statistics and leaves no file behind."""
    said = subprocess.run(
        [sys.executable, "-c", f"{use}; import sys; print(sys.modules['openvino_telemetry'])"],
        check=True,
        capture_output=True,
        text=True,
        env={"HOME": str(tmp_path), "PATH": "", "PYTHONPATH": str(ROOT)},
    )
    assert said.stdout.split() == ["None"]
    assert not [*tmp_path.iterdir()]
