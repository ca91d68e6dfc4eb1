"""Landmarks as another look at the same face would find them."""

import numpy as np

from engines.geometry import POINTS
from streamer.frame import Landmarks

_NOISE = 0.003
"""Of landmarks, in face widths."""


def shaken(landmarks: Landmarks, rng: np.random.Generator) -> Landmarks:
    """The landmarks as another look would find them: partly each by itself, partly together."""
    size = _NOISE * float(np.ptp(landmarks[:POINTS, 0]))
    alone = rng.normal(0, 0.5 * size, landmarks.shape)
    flat = (landmarks[:, :2] - landmarks[:, :2].mean(0)) / np.ptp(landmarks[:, 0])
    together = np.zeros(landmarks.shape)
    for _ in range(3):
        wave = np.sin(flat @ rng.normal(0, 6, 2) + rng.uniform(0, 6.3))[:, None]
        together += wave * rng.normal(0, 0.7 * size, 3)
    return (landmarks + alone + together).astype(np.float32)
