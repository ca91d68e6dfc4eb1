"""Native chatter on stderr, and what is not chatter."""

import os

import pytest

from streamer.quiet import quiet_stderr

CHATTER = (
    b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
    b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    b"W0000 00:00:1795359003.537275   10208 inference_feedback_manager.cc:114] Feedback manager\n"
)


def test_chatter_is_held_back(capfd):
    """The known lines of native libraries do not reach the terminal."""
    with quiet_stderr():
        os.write(2, CHATTER)
    assert capfd.readouterr().err == ""


def test_everything_else_is_passed_on(capfd):
    """An error among the chatter is seen, also when the block fails."""
    with pytest.raises(OSError, match="gone"), quiet_stderr():  # noqa: PT012
        os.write(2, CHATTER + b"E0000 00:00:1 1 graph.cc:1] no memory\nhelp\n" + CHATTER)
        raise OSError("gone")
    assert capfd.readouterr().err == "E0000 00:00:1 1 graph.cc:1] no memory\nhelp\n"


def test_blocks_can_be_nested(capfd):
    """After the outer block, stderr is what it was."""
    with quiet_stderr(), quiet_stderr():
        os.write(2, CHATTER + b"one\n")
    os.write(2, b"two\n")
    assert capfd.readouterr().err == "one\ntwo\n"


def test_the_tracker_starts_quietly(capfd):
    """FaceMesh's own lines are among the known ones."""
    mediapipe = pytest.importorskip("mediapipe")
    np = pytest.importorskip("numpy")
    with quiet_stderr():
        graph = mediapipe.solutions.face_mesh.FaceMesh(refine_landmarks=True)
        graph.process(np.zeros((64, 64, 3), np.uint8))
    graph.close()
    assert capfd.readouterr().err == ""
