"""MediaPipe's face models, loaded without what they never use.

`import mediapipe` also loads its drawing helpers, and with them all of matplotlib, and its task
interface, and with it an audio library: a third of a second, and on a new machine a font cache.
Empty modules stand in their places while the import runs, and are gone afterwards, so that whoever
wants the real ones in this process gets them.
"""

import importlib
import sys
from collections.abc import Generator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

_UNUSED = (
    "mediapipe.python.solutions.drawing_styles",
    "mediapipe.python.solutions.drawing_utils",
    "mediapipe.tasks.python",
)


def load_solutions() -> Any:  # noqa: ANN401  (an untyped library)
    """`mediapipe.solutions`: face_detection, face_mesh, selfie_segmentation and others."""
    with _left_out(_UNUSED):
        return importlib.import_module("mediapipe.python.solutions")


@contextmanager
def _left_out(names: tuple[str, ...]) -> Generator[None]:
    empty = {name: ModuleType(name) for name in names if name not in sys.modules}
    sys.modules.update(empty)
    try:
        yield
    finally:
        for name in empty:
            del sys.modules[name]
