"""What a moving portrait is worth, in numbers: measures of pictures, landmarks and their motion.

Pictures are (H, W, 3) uint8 RGB; landmarks are (478, 3) in pixels. Lengths that are compared
between people or clips are divided by a length of the face, and pictures of a region are compared
at one size, so that no number depends on how large a face was filmed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import metrics

from engines.geometry import OVAL, POINTS, Floats, fit_pose, rotation_vector
from engines.vision import Image, blurred, fill_hull, grey, laplacian, resized

Mask = NDArray[np.bool_]
Points = NDArray[np.float32]

REGION_PX = 256
"""Long side at which regions are compared."""

_LEFT_EYE = ((159, 145), (158, 153), (160, 144)), (33, 133)
_RIGHT_EYE = ((386, 374), (385, 380), (387, 373)), (362, 263)
_LIPS = (61, 291, 0, 17, 37, 267, 40, 270, 84, 314, 91, 321)
_EYE_BOXES = ((33, 133, 159, 145, 27, 23), (362, 263, 386, 374, 257, 253))


@dataclass(frozen=True, slots=True)
class Region:
    """The square around a face, cut at the border; an uncut side becomes `REGION_PX` long."""

    x0: int
    y0: int
    x1: int
    y1: int
    scale: float

    @classmethod
    def around(cls, landmarks: Points, shape: tuple[int, ...], factor: float = 1.6) -> "Region":
        """The square `factor` times the face's box, inside a picture of `shape` (H, W, ...)."""
        low, high = landmarks[:POINTS, :2].min(0), landmarks[:POINTS, :2].max(0)
        side = float((high - low).max()) * factor
        x0, y0 = (round(float(v)) for v in (low + high - side) / 2)
        length = max(round(side), 8)
        x1, y1 = min(x0 + length, shape[1]), min(y0 + length, shape[0])
        return cls(max(x0, 0), max(y0, 0), x1, y1, REGION_PX / length)

    def cut(self, image: Image) -> Image:
        """The region of `image`."""
        part = image[self.y0 : self.y1, self.x0 : self.x1]
        size = (
            max(round(part.shape[1] * self.scale), 8),
            max(round(part.shape[0] * self.scale), 8),
        )
        method = cv2.INTER_AREA if self.scale < 1 else cv2.INTER_LINEAR
        return resized(part, size, method)

    def place(self, landmarks: Points) -> Points:
        """(N, 2) picture coordinates -> coordinates of the cut region."""
        corner = np.array([self.x0 - 0.5, self.y0 - 0.5], np.float32)
        return ((landmarks[:, :2] - corner) * np.float32(self.scale) - np.float32(0.5)).astype(
            np.float32
        )


@dataclass(frozen=True, slots=True)
class PictureScores:
    """How near a picture is to the true one. L1 in 1/255, PSNR in dB."""

    ssim_crop: float
    ssim_face: float
    psnr_crop: float
    psnr_face: float
    l1_crop: float
    l1_face: float
    l1_mouth: float
    l1_eyes: float


def compare(output: Image, truth: Image, landmarks: Points) -> PictureScores:
    """Compare a picture with the true one, whose landmarks these are, around the face."""
    region = Region.around(landmarks, truth.shape)
    a, b = region.cut(output), region.cut(truth)
    points = region.place(landmarks)
    crop = np.ones(b.shape[:2], np.bool_)
    face = hull_mask(points, b.shape)
    similar = ssim_map(a, b)
    return PictureScores(
        ssim_crop=masked_mean(similar, crop),
        ssim_face=masked_mean(similar, face),
        psnr_crop=psnr(a, b, crop),
        psnr_face=psnr(a, b, face),
        l1_crop=l1(a, b, crop),
        l1_face=l1(a, b, face),
        l1_mouth=l1(a, b, mouth_mask(points, b.shape)),
        l1_eyes=l1(a, b, eyes_mask(points, b.shape)),
    )


def psnr(a: Image, b: Image, mask: Mask) -> float:
    """Peak signal-to-noise ratio in dB inside the mask; 100 for equal pictures."""
    difference = a.astype(np.float64) - b
    error = float((difference**2)[mask].mean()) if mask.any() else float("nan")
    return 100.0 if error <= 255**2 * 1e-10 else float(10 * np.log10(255**2 / error))


def ssim_map(a: Image, b: Image) -> Floats:
    """(H, W) structural similarity, mean of the colours; Gaussian window of 1.5 px."""
    measure = cast("Any", metrics).structural_similarity
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    result = measure(a, b, data_range=255, channel_axis=-1, full=True, **options)
    return np.asarray(result[1], np.float64).mean(axis=-1)


def l1(a: Image, b: Image, mask: Mask) -> float:
    """Mean absolute difference inside the mask, in 1/255."""
    return masked_mean(np.abs(a.astype(np.float64) - b).mean(axis=-1), mask)


def masked_mean(values: Floats, mask: Mask) -> float:
    """The mean of `values` inside the mask; NaN when it is empty."""
    return float(values[mask].mean()) if mask.any() else float("nan")


def hull_mask(points: Points, shape: tuple[int, ...]) -> Mask:
    """The inside of the face's outline."""
    outline = points[list(OVAL), :2]
    mask = np.zeros(shape[:2], np.uint8)
    fill_hull(mask, np.round(outline).astype(np.int32))
    return mask.astype(np.bool_)


def mouth_mask(points: Points, shape: tuple[int, ...]) -> Mask:
    """A box around the lips with a margin of a sixth of their width."""
    return _boxes(points, (_LIPS,), 1 / 6, shape)


def eyes_mask(points: Points, shape: tuple[int, ...]) -> Mask:
    """A box around each eye with its lids, with a margin of a fifth of its width."""
    return _boxes(points, _EYE_BOXES, 1 / 5, shape)


def _boxes(
    points: Points, groups: Sequence[Sequence[int]], margin: float, shape: tuple[int, ...]
) -> Mask:
    mask = np.zeros(shape[:2], np.bool_)
    for group in groups:
        low, high = points[list(group), :2].min(0), points[list(group), :2].max(0)
        pad = margin * float(high[0] - low[0])
        x0, y0 = (max(int(v), 0) for v in np.floor(low - pad))
        x1, y1 = (max(int(v), 0) for v in np.ceil(high + pad))
        mask[y0:y1, x0:x1] = True
    return mask


def landmark_error(output: Points, truth: Points) -> float:
    """Mean distance of the mesh points, over that of the truth's outer eye corners."""
    distance = np.linalg.norm(output[:POINTS, :2] - truth[:POINTS, :2], axis=1).mean()
    return float(distance / np.linalg.norm(truth[33, :2] - truth[263, :2]))


def eye_aperture(landmarks: Points) -> float:
    """Height of the eyes over their width, mean of both (EAR; retargeting.md, section 4)."""
    return float(np.mean([_aspect(landmarks, *_LEFT_EYE), _aspect(landmarks, *_RIGHT_EYE)]))


def _aspect(landmarks: Points, heights: Sequence[tuple[int, int]], width: tuple[int, int]) -> float:
    return float(np.mean([_distance(landmarks, *pair) for pair in heights])) / _distance(
        landmarks, *width
    )


def lip_aperture(landmarks: Points, width: float | None = None) -> float:
    """Distance of the inner lips over the mouth's width: the present one, or `width` in pixels."""
    return _distance(landmarks, 13, 14) / (mouth_width(landmarks) if width is None else width)


def mouth_width(landmarks: Points) -> float:
    """Distance of the mouth's corners in pixels."""
    return _distance(landmarks, 61, 291)


def _distance(landmarks: Points, a: int, b: int) -> float:
    return float(np.linalg.norm(landmarks[a, :2] - landmarks[b, :2]))


@dataclass(frozen=True, slots=True)
class Fit:
    """A straight line through (driver, output) by least squares, and how well it fits."""

    r: float
    slope: float
    n: int


def fit_line(driver: Sequence[float], output: Sequence[float], least_std: float = 0.0) -> Fit:
    """Fit output = slope * driver + constant.

    NaN where the driver varies by less than `least_std` or there are fewer than three pairs: a line
    through noise says nothing.
    """
    x, y = np.asarray(driver, np.float64), np.asarray(output, np.float64)
    both = np.isfinite(x) & np.isfinite(y)
    x, y = x[both], y[both]
    n = len(x)
    if n < 3 or x.std() <= max(least_std, 1e-9):
        return Fit(float("nan"), float("nan"), n)
    slope = float(((x - x.mean()) * (y - y.mean())).mean() / x.var())
    r = slope * float(x.std() / y.std()) if y.std() > 1e-12 else 0.0
    return Fit(r, slope, n)


def turn(landmarks: Points, neutral: Points) -> Points:
    """(3, 3) rotation of the head since `neutral`, in the neutral head's own frame."""
    own = fit_pose(neutral).rotation
    return (own.T @ fit_pose(landmarks, neutral).rotation @ own).astype(np.float32)


def angle_deg(a: Points, b: Points) -> float:
    """The angle between two rotations in degrees."""
    return float(np.degrees(np.linalg.norm(rotation_vector((a.T @ b).astype(np.float32)))))


def sharpness(image: Image, landmarks: Points) -> float:
    """Energy of the Laplacian inside the face, at the scale of 1/200 of the face's width in space.

    The Gaussian of that size takes the place of resampling faces to one size (which would itself
    blur), and the factor sigma**2 makes the response the same for the same face filmed larger.
    """
    width = float(np.linalg.norm(landmarks[234] - landmarks[454]))
    sigma = max(width / 200, 0.8)
    response = laplacian(blurred(grey(image), sigma)) * sigma**2
    return masked_mean(response.astype(np.float64) ** 2, hull_mask(landmarks, image.shape))


def jitter(track: Sequence[Points | None]) -> float:
    """RMS second difference of the mesh points in time, over the face's width."""
    triples = zip(track, track[1:], track[2:], strict=False)
    squares = [
        _second_difference(a, b, c)
        for a, b, c in triples
        if a is not None and b is not None and c is not None
    ]
    return float(np.sqrt(np.mean(squares))) if squares else float("nan")


def _second_difference(a: Points, b: Points, c: Points) -> float:
    width = float(np.linalg.norm(b[234] - b[454]))
    second = (a - 2 * b + c)[:POINTS, :2] / width
    return float((second**2).sum(axis=1).mean())


def tremble(track: Sequence[Points], fps: float, above_hz: float = 5.0) -> float:
    """RMS movement of the mesh points in pixels at frequencies above `above_hz`."""
    series = np.stack([points[:POINTS, :2] for points in track]).astype(np.float64)
    spectrum = np.fft.rfft(series - series.mean(0), axis=0)
    spectrum[np.fft.rfftfreq(len(series), 1 / fps) <= above_hz] = 0
    fast = np.fft.irfft(spectrum, n=len(series), axis=0)
    return float(np.sqrt((fast**2).sum(axis=-1).mean()))


def background_motion(output: Image, source: Image, background: Mask) -> float:
    """Mean absolute difference from the source where there is no person, in 1/255."""
    return l1(output, source, background)


def background_flow(output: Image, source: Image, background: Mask) -> float:
    """Mean flow from the source where there is no person, in 1/1000 of the picture's long side."""
    before, after = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (source, output))
    finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    flow = finder.calc(before, after, cast("Any", None))
    length = np.linalg.norm(np.asarray(flow, np.float64), axis=-1)
    return masked_mean(length, background) * 1000 / max(source.shape[:2])
