"""MediaPipe without what it drags in."""

import subprocess
import sys

CODE = """
import sys
from streamer.solutions import solutions
assert solutions.face_mesh.FaceMesh and solutions.selfie_segmentation.SelfieSegmentation
assert not {"matplotlib", "jax", "sounddevice", "torch"} & set(sys.modules), sorted(sys.modules)
"""
AFTERWARDS = """
from mediapipe.python.solutions.drawing_utils import draw_landmarks
from mediapipe.tasks.python.vision import FaceLandmarker
"""


def python(code):
    """What a new process says on stderr about it."""
    command = [sys.executable, "-W", "ignore", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_face_models_load_without_drawing_and_audio():
    """No matplotlib, hence no font cache on a new machine, and no sound library."""
    done = python(CODE)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_was_left_out_can_be_had_afterwards():
    """The empty modules are gone after the import."""
    done = python(CODE + AFTERWARDS)
    assert done.returncode == 0, done.stderr
