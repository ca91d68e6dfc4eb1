"""MediaPipe's face models, loaded without what they never use.

Importing mediapipe also loads its drawing helpers, and with them all of matplotlib, and its task
interface, and with that an audio library: a third of a second, and a font cache on a new machine.
Empty modules stand in their places during the import and are gone after it: whoever needs the
real ones gets them. `solutions` is `mediapipe.solutions`.
"""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

_UNUSED = (
    "mediapipe.python.solutions.drawing_styles",
    "mediapipe.python.solutions.drawing_utils",
    "mediapipe.tasks",
    "mediapipe.tasks.python",
)


@contextmanager
def _left_out(names: tuple[str, ...]) -> Generator[None]:
    empty = {name: ModuleType(name) for name in names if name not in sys.modules}
    sys.modules.update(empty)
    try:
        yield
    finally:
        for name in empty:
            del sys.modules[name]


with _left_out(_UNUSED):
    from mediapipe.python import solutions as _solutions

solutions: Any = _solutions
"""face_detection, face_mesh, selfie_segmentation and others; the library has no types."""
