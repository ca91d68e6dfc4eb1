"""Where in a picture there is nobody."""

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.frame import Image
from streamer.quiet import quiet_stderr
from streamer.solutions import solutions

_MARGIN = 0.04
"""What is left free around the person, in the picture's long side."""


def background_mask(picture: Image) -> NDArray[np.bool_]:
    """(H, W) true where there is surely no person (MediaPipe's selfie segmentation, widened)."""
    with quiet_stderr(), solutions.selfie_segmentation.SelfieSegmentation(0) as model:
        person = np.asarray(model.process(picture).segmentation_mask) > 0.1
    side = 2 * round(_MARGIN * max(picture.shape[:2])) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return cv2.dilate(person.astype(np.uint8), kernel) == 0
