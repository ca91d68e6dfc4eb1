"""The measures give the answers that can be known without them."""

import cv2
import numpy as np
import pytest

from engines import scores
from engines.geometry import canonical, from_euler_deg

SHAPE = (320, 320, 3)


def face(scale=150.0, turn=None, shift=(160.0, 150.0)):
    """The canonical face as landmarks, irises in the corners' middle."""
    points = canonical().points @ (np.eye(3) if turn is None else turn).T
    irises = np.repeat([(points[33] + points[133]) / 2, (points[362] + points[263]) / 2], 5, axis=0)
    whole = np.vstack([points, irises]) * scale + [*shift, 0]
    return whole.astype(np.float32)


def texture(seed=0):
    random = np.random.default_rng(seed)
    return np.repeat(np.repeat(random.integers(0, 255, (80, 80, 3), np.uint8), 4, 0), 4, 1)


def test_a_picture_equals_itself():
    """Identical pictures: SSIM 1, PSNR at its cap, no L1 in any region."""
    result = scores.compare(texture(), texture(), face())
    assert (result.ssim_crop, result.ssim_face) == pytest.approx((1, 1))
    assert (result.psnr_crop, result.psnr_face) == (100, 100)
    assert (result.l1_crop, result.l1_face, result.l1_mouth, result.l1_eyes) == (0, 0, 0, 0)


def test_a_known_difference_gives_its_psnr_and_l1():
    """Ten steps brighter everywhere: L1 is 10 and PSNR 20 log10(25.5)."""
    grey = np.full(SHAPE, 100, np.uint8)
    result = scores.compare(grey + np.uint8(10), grey, face())
    assert result.l1_face == pytest.approx(10)
    assert result.psnr_crop == pytest.approx(20 * np.log10(25.5))


def test_a_change_of_the_mouth_is_seen_in_the_mouth_alone():
    """What changes on the lips leaves the eye region at zero."""
    points, grey = face(), np.full(SHAPE, 100, np.uint8)
    changed = grey.copy()
    x, y = points[13, :2].astype(int)
    changed[y - 3 : y + 3, x - 3 : x + 3] = 200
    result = scores.compare(changed, grey, points)
    assert result.l1_mouth > 0.5
    assert result.l1_eyes == 0


def test_a_shifted_picture_scores_lower_the_further_it_is_shifted():
    """SSIM falls with the shift."""
    picture = texture()
    shifted = [scores.compare(np.roll(picture, n, 1), picture, face()).ssim_face for n in (0, 1, 3)]
    assert shifted[0] > shifted[1] > shifted[2]


def test_a_region_is_compared_at_one_size_whatever_the_picture():
    """Twice the picture, the same cut; and its landmarks follow."""
    large = scores.Region.around(face(scale=80), SHAPE)
    cut = large.cut(texture())
    assert abs(max(cut.shape[:2]) - scores.REGION_PX) <= 1
    inside = large.place(face(scale=80))[:468]
    assert inside.min() > 0
    assert inside.max() < scores.REGION_PX


def test_a_region_is_cut_at_the_border():
    """A face at the corner has a smaller region, not one with invented pixels."""
    region = scores.Region.around(face(shift=(10, 10)), SHAPE)
    assert (region.x0, region.y0) == (0, 0)
    assert max(region.cut(texture()).shape[:2]) < scores.REGION_PX


def test_landmark_error_is_in_eye_distances():
    """All points off by a tenth of the distance of the outer eye corners."""
    points = face()
    eyes = np.linalg.norm(points[33, :2] - points[263, :2])
    moved = points + np.float32([0.1 * eyes, 0, 0])
    assert scores.landmark_error(moved, points) == pytest.approx(0.1, rel=1e-4)


def test_apertures_do_not_depend_on_the_size_of_the_face():
    """The same face filmed larger has the same eyes and lips."""
    assert scores.eye_aperture(face(80)) == pytest.approx(scores.eye_aperture(face(200)), rel=1e-4)
    assert scores.lip_aperture(face(80)) == pytest.approx(scores.lip_aperture(face(200)), abs=1e-4)


def test_lips_apart_by_half_the_mouth_have_aperture_one_half():
    """Aperture is the inner lips' distance over the mouth's width."""
    points = face()
    width = scores.mouth_width(points)
    points[14, :2] = points[13, :2] + [0, width / 2]
    assert scores.lip_aperture(points) == pytest.approx(0.5, rel=1e-4)
    assert scores.lip_aperture(points, 2 * width) == pytest.approx(0.25, rel=1e-4)


def test_the_slope_of_scaled_apertures_is_the_scale():
    """Output = 0.7 driver + 0.1: slope 0.7 and r 1."""
    driver = [0.0, 0.1, 0.3, 0.2]
    fit = scores.fit_line(driver, [0.7 * x + 0.1 for x in driver])
    assert (fit.r, fit.slope, fit.n) == pytest.approx((1, 0.7, 4))


def test_a_line_through_a_still_driver_says_nothing():
    """A driver who does not move gives no slope; an output that does not move has slope and r 0."""
    assert np.isnan(scores.fit_line([0.2, 0.2, 0.2], [0.1, 0.2, 0.3]).slope)
    assert np.isnan(scores.fit_line([0.2, 0.21, 0.2], [0.1, 0.2, 0.3], least_std=0.05).r)
    assert scores.fit_line([0.1, 0.2, 0.3], [0.5, 0.5, 0.5]).slope == 0


def test_frames_without_a_face_are_left_out_of_the_line():
    """NaN pairs do not count."""
    fit = scores.fit_line([0, 1, float("nan"), 2], [0, 2, 7, 4])
    assert (fit.slope, fit.n) == (pytest.approx(2), 3)


def test_a_turn_is_found_in_degrees_whatever_the_neutral_pose():
    """Seven degrees of yaw from a head that was already tilted."""
    tilted = from_euler_deg(0, 5, 10)
    turned = scores.turn(face(turn=tilted @ from_euler_deg(7, 0, 0)), face(turn=tilted))
    assert scores.angle_deg(turned, from_euler_deg(7, 0, 0)) < 0.1
    assert scores.angle_deg(turned, np.eye(3, dtype=np.float32)) == pytest.approx(7, abs=0.1)


def test_blur_lowers_sharpness_and_size_does_not_change_it():
    """Sharpness belongs to the face, not to the pixels it was filmed with."""
    picture = cv2.GaussianBlur(texture(), (0, 0), 3)
    large = cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    blurred = cv2.GaussianBlur(picture, (0, 0), 3)
    crisp = scores.sharpness(picture, face(200))
    assert scores.sharpness(blurred, face(200)) < 0.5 * crisp
    assert scores.sharpness(large, face(400, shift=(320, 300))) == pytest.approx(crisp, rel=0.15)


def test_steady_motion_has_no_jitter_and_noise_has_its_own():
    """Constant speed has no second difference; noise of sigma s has sqrt(12) s in two axes."""
    points = face()
    width = np.linalg.norm(points[234] - points[454])
    steady = [points + np.float32([3 * i, 0, 0]) for i in range(30)]
    random = np.random.default_rng(0)
    noisy = [points + random.normal(0, 0.5, points.shape).astype(np.float32) for _ in range(60)]
    assert scores.jitter(steady) < 1e-5
    assert scores.jitter(noisy) == pytest.approx(0.5 * np.sqrt(12) / width, rel=0.03)


def test_jitter_does_not_look_across_a_gap():
    """A face that jumps while it is not seen adds nothing; two frames alone say nothing."""
    points = face()
    far = points + np.float32([50, 0, 0])
    assert scores.jitter([points, points, points, None, far, far, far]) == 0
    assert np.isnan(scores.jitter([points, None, far, far]))


def test_tremble_hears_fast_motion_only():
    """Swaying at 1 Hz is silent above 5 Hz; shaking at 10 Hz of amplitude a has a / sqrt(2)."""
    points, seconds = face(), np.arange(60) / 30

    def moving(hz):
        return [points + np.float32([2 * np.sin(2 * np.pi * hz * t), 0, 0]) for t in seconds]

    assert scores.tremble(moving(1), 30) < 1e-3
    assert scores.tremble(moving(10), 30) == pytest.approx(2 / np.sqrt(2), rel=0.02)


def test_a_moving_background_is_measured_where_nobody_is():
    """A still background has no motion, a shifted one has, and the person does not count."""
    picture = cv2.GaussianBlur(texture(), (0, 0), 2)
    background = np.ones(SHAPE[:2], bool)
    background[:, 100:220] = False
    person = picture.copy()
    person[:, 100:220] = 0
    assert scores.background_motion(person, picture, background) == 0
    moved = np.roll(picture, 4, 1)
    assert scores.background_motion(moved, picture, background) > 5
    flow = scores.background_flow(moved, picture, background)
    assert flow == pytest.approx(4 * 1000 / 320, rel=0.3)
