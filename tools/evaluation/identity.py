"""Likeness under a recognition network that the project neither ships nor trains on."""

import importlib
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.errors import ConfigError, EngineError
from streamer.frame import Image, Landmarks

_PLACES = ((38.29, 51.70), (73.53, 51.50), (56.03, 71.74), (41.55, 92.37), (70.73, 92.20))
"""Where the usual networks expect irises, nose and mouth corners in a picture of 112 px."""
_POINTS = (468, 473, 1, 61, 291)


class Identity:
    """A network that maps an aligned face (1, 3, 112, 112), RGB in -1 to 1, to a vector."""

    def __init__(self, model: Path) -> None:
        try:
            runtime: Any = importlib.import_module("onnxruntime")
        except ImportError as error:
            raise ConfigError("--identity needs onnxruntime: pip install onnxruntime") from error
        if not model.is_file():
            raise ConfigError(f"--identity {model}: there is no such file")
        self._session = runtime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
        self._input: str = self._session.get_inputs()[0].name
        shape = self._session.get_inputs()[0].shape
        if list(shape[1:]) != [3, 112, 112]:
            raise EngineError(f"--identity {model}: takes {shape}, not (1, 3, 112, 112)")

    def embed(self, picture: Image, landmarks: Landmarks) -> NDArray[np.float32]:
        """The unit vector of a face."""
        places = np.array(_PLACES, np.float32)
        matrix = cast("Any", cv2.estimateAffinePartial2D(landmarks[list(_POINTS), :2], places))[0]
        face = cv2.warpAffine(picture, matrix, (112, 112), flags=cv2.INTER_AREA)
        tensor = (np.asarray(face, np.float32).transpose(2, 0, 1)[None] - 127.5) / 127.5
        vector = np.asarray(self._session.run(None, {self._input: tensor})[0], np.float32)[0]
        return vector / np.linalg.norm(vector)
