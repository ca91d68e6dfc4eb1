"""What is left to be moved: from the warp's picture to the truth, as optical flow finds it.

Only where moving so brings the picture nearer to the truth is it to be believed.
"""

from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.contract import Bytes

_cv2 = cast("Any", cv2)

EVERY = 4
"""One value for so many px across and down."""
STEPS = 4.0
"""Values are in parts of a px; -128 is where nothing is known."""
UNKNOWN = -128
_BETTER, _NEAR = 1.0, 9
"""Levels by which the picture must become better, in so many px around."""


def flow_left(picture: Bytes, truth: Bytes) -> NDArray[np.int8]:
    """(N/4, N/4, 2) quarters of a px from (N, N, 3) each: how far away things are to be fetched."""
    side = picture.shape[0]
    seen = [
        _cv2.cvtColor(np.ascontiguousarray(one), cv2.COLOR_RGB2GRAY) for one in (truth, picture)
    ]
    finder = _cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow: NDArray[np.float32] = finder.calc(*seen, None)
    y, x = np.mgrid[:side, :side].astype(np.float32)
    moved = _cv2.remap(seen[1], x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR)
    before, after = (
        _cv2.blur(_cv2.absdiff(one, seen[0]).astype(np.float32), (_NEAR, _NEAR))
        for one in (seen[1], moved)
    )
    better = (before - after > _BETTER).astype(np.float32)
    small = (side // EVERY, side // EVERY)
    share: NDArray[np.float32] = _cv2.resize(better, small, interpolation=cv2.INTER_AREA)
    mean: NDArray[np.float32] = _cv2.resize(
        flow * better[..., None], small, interpolation=cv2.INTER_AREA
    )
    found = mean / np.maximum(share, 1e-3)[..., None]
    values: NDArray[np.int8] = np.clip(np.round(found * STEPS), -127, 127).astype(np.int8)
    # where nothing is wrong, nothing is to be moved
    values[share < 0.5] = UNKNOWN
    values[_cv2.resize(before, small, interpolation=cv2.INTER_AREA) < _BETTER] = 0
    return values
