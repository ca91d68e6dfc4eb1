"""Photos in, portrait out; what is wrong with a photo is said in one line."""

from functools import cache

import cv2
import numpy as np
import pytest

from engines.geometry import OVAL
from streamer.enroll import enroll, judge
from streamer.errors import MediaError
from tests.faces import demo, demo_frame, photo, portrait

NAMES = ("ada", "bruno", "mei")


@cache
def turned():
    """A frame of the bundled clip in which the driver looks aside, enrolled."""
    return enroll([demo_frame(2.4)], "aside")


def canvas(width=640, height=480, shade=90):
    return np.full((height, width, 3), shade, np.uint8)


def pasted(target, picture, x, y, size):
    """A picture, shrunk to `size`, laid over another."""
    target[y : y + size, x : x + size] = cv2.resize(
        picture, (size, size), interpolation=cv2.INTER_AREA
    )
    return target


def smiley():
    """A drawn face: circle, dots, bow."""
    picture = canvas(400, 400, 255)
    cv2.circle(picture, (200, 200), 150, (255, 220, 0), -1)
    for x in (150, 250):
        cv2.circle(picture, (x, 160), 18, (0, 0, 0), -1)
    cv2.ellipse(picture, (200, 220), (80, 60), 0, 20, 160, (0, 0, 0), 6)
    return picture


def refused(picture, *words):
    with pytest.raises(MediaError) as caught:
        enroll([picture], "photo")
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("photo:")
    assert all(word in message for word in words), message


@pytest.mark.parametrize("name", NAMES)
def test_the_bundled_portraits_are_good_ones(name):
    """Seen from the front, sharp, mouth shut, no glasses, nothing to advise."""
    report = portrait(name).report
    assert (report.mouth, report.glasses, report.advice) == ("shut", False, ())
    assert abs(report.yaw_deg) < 8
    assert report.face_width_px > 250
    assert report.quality == 100


@pytest.mark.parametrize("name", NAMES)
def test_all_parts_fit_the_picture(name):
    """Matte, colours and plate have its size; landmarks lie on the face."""
    p = portrait(name)
    assert np.array_equal(p.picture, photo(name))
    assert p.matte.shape == p.picture.shape[:2]
    assert p.foreground.shape == p.plate.shape == p.picture.shape
    assert (p.landmarks[:, :2] > 0).all()
    assert (p.landmarks[:, :2] < [p.width, p.height]).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_matte_holds_the_person(name):
    """The face wholly, the upper corners not at all."""
    p = portrait(name)
    mask = np.zeros(p.matte.shape, np.uint8)
    inner = p.landmarks[list(OVAL), :2]
    inner = inner.mean(0) + 0.9 * (inner - inner.mean(0))
    cv2.fillPoly(mask, [inner.astype(np.int32)], 1)
    assert p.matte[mask > 0].min() > 250
    assert p.matte[:20, :20].max() < 5
    assert p.matte[:20, -20:].max() < 5


@pytest.mark.parametrize("name", NAMES)
def test_the_plate_has_no_face(name):
    """Behind the person there is background: the face's colours are gone."""
    p = portrait(name)
    with pytest.raises(MediaError, match="no face"):
        enroll([p.plate], "plate")


def test_the_best_of_several_photos_is_taken():
    """The sharp one, wherever it stands; photos without a face are passed over."""
    blurred = cv2.GaussianBlur(photo(), (0, 0), 5)
    found = enroll([canvas(), blurred, photo()], "ada")
    assert np.array_equal(found.picture, photo())
    assert np.array_equal(found.landmarks, portrait().landmarks)


@pytest.mark.parametrize("kind", ["empty", "white", "noise", "smiley", "tiny", "thin"])
def test_a_picture_without_a_face_is_refused(kind):
    """Nothing, noise, a drawn smile, a few pixels: one line, no crash."""
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)
    pictures = {
        "empty": canvas(shade=0), "white": canvas(shade=255), "noise": noise, "smiley": smiley(),
        "tiny": canvas(3, 3), "thin": canvas(800, 20),
    }  # fmt: skip
    refused(pictures[kind], *([] if kind == "noise" else ["no face"]))


def test_two_equal_faces_are_refused():
    """Nobody knows which of them is meant."""
    both = pasted(pasted(canvas(800, 400), photo("ada"), 0, 0, 400), photo("mei"), 400, 0, 400)
    refused(both, "two faces", "crop")
    refused(np.hstack([photo("ada"), photo("ada")]), "two faces")


def test_a_second_smaller_face_does_no_harm():
    """Somebody in the background is nobody's rival."""
    picture = canvas(900, 600)
    pasted(pasted(picture, photo("ada"), 0, 0, 600), photo("mei"), 650, 50, 220)
    found = enroll([picture], "ada")
    assert found.landmarks[:, 0].max() < 600


def test_a_small_face_is_refused_with_its_size():
    """Under 60 px there is nothing to animate; the message says how many there are."""
    refused(pasted(canvas(), photo(), 300, 200, 120), "px wide", "60")


def test_a_modest_face_is_taken_and_told():
    """A hundred pixels work, and the report says what would look better."""
    found = enroll([pasted(canvas(), photo(), 100, 60, 330)], "small")
    assert 60 < found.report.face_width_px < 150
    assert any("px wide" in line and "250" in line for line in found.report.advice)
    assert found.report.quality < 90


def test_a_small_face_in_a_large_picture_is_found():
    """Group photos at full resolution: the detector sees them small, the tiles do not."""
    found = enroll([pasted(canvas(1400, 1000), photo(), 1150, 700, 240)], "far")
    assert found.landmarks[:, 0].min() > 1150
    assert found.landmarks[:, 1].min() > 700


def test_a_very_large_photo_is_made_smaller():
    """Its long side is 2048 at most, its proportions are kept."""
    found = enroll([pasted(canvas(2800, 700), photo(), 900, 0, 700)], "large")
    assert (found.width, found.height) == (2048, 512)


@pytest.mark.parametrize("gain", [0.02, 0.15, 0.4])
def test_a_dark_photo_is_taken_or_refused(gain):
    """Whichever: a portrait with finite landmarks, or one line."""
    dark = (photo() * gain).astype(np.uint8)
    message = ""
    try:
        assert np.isfinite(enroll([dark], "photo").landmarks).all()
    except MediaError as error:
        message = str(error)
    assert "\n" not in message


def test_a_grey_photo_gives_the_same_face():
    """Colour is not needed to find it."""
    grey = np.repeat(photo().mean(2, keepdims=True).astype(np.uint8), 3, 2)
    found = enroll([grey], "grey")
    away = np.linalg.norm(found.landmarks - portrait().landmarks, axis=1)[:468]
    assert away.mean() < 0.02 * portrait().report.face_width_px


def test_a_face_at_the_border_is_taken():
    """Cropped hair and shoulders: everything still fits the picture."""
    low, high = portrait().landmarks[:, :2].min(0), portrait().landmarks[:, :2].max(0)
    (x0, y0), (x1, y1) = low.astype(int) - 12, high.astype(int) + 12
    found = enroll([np.ascontiguousarray(photo()[y0:y1, x0:x1])], "close")
    assert found.matte.shape == (y1 - y0, x1 - x0)
    assert abs(found.report.face_width_px - portrait().report.face_width_px) < 25


def test_a_blurred_face_is_told():
    """The advice names it, and sharpness falls with the blur."""
    sharp = [
        judge(cv2.GaussianBlur(photo(), (0, 0), s) if s else photo(), portrait().landmarks)
        for s in (0, 2, 5)
    ]
    assert sharp[0].sharpness > sharp[1].sharpness > sharp[2].sharpness
    assert any("blurred" in line for line in sharp[2].advice)
    assert sharp[2].quality < sharp[0].quality


def test_a_turned_head_is_told():
    """With the angle, and the remedy."""
    report = turned().report
    assert abs(report.yaw_deg) > 12
    assert any("turned by" in line and "camera" in line for line in report.advice)


def test_an_open_mouth_is_told():
    """The report says open, and what moves best."""
    report = enroll([demo_frame(7.2)], "talking").report
    assert report.mouth == "open"
    assert any("mouth is open" in line for line in report.advice)


def test_shut_eyes_are_told():
    """A photo taken in a blink."""
    report = enroll([demo_frame(6.6)], "blink").report
    assert any("eyes are almost shut" in line for line in report.advice)


def test_glasses_are_seen():
    """A dark frame across the nose is seen; a bare nose is not one."""
    picture, marks = photo().copy(), portrait().landmarks[:, :2].astype(int)
    for inner, outer in ((133, 33), (362, 263)):
        middle = (marks[inner] + marks[outer]) // 2
        radius = int(0.75 * np.linalg.norm(marks[inner] - marks[outer]))
        cv2.circle(picture, middle.tolist(), radius, (25, 25, 25), 6)
    cv2.line(picture, marks[133].tolist(), marks[362].tolist(), (25, 25, 25), 7)
    report = judge(picture, portrait().landmarks)
    assert report.glasses
    assert any("glasses" in line for line in report.advice)


def test_the_most_useful_advice_comes_first():
    """What costs most quality is named first; the quality stays between 0 and 100."""
    blurred = cv2.GaussianBlur(cv2.resize(demo_frame(7.2), (250, 250)), (0, 0), 8)
    marks = (demo().near(7.2) * 250 / 384).astype(np.float32)
    report = judge(blurred, marks)
    assert "px wide" in report.advice[0]
    assert "mouth is open" in report.advice[-1]
    assert len(report.advice) >= 3
    assert 0 <= report.quality < 60
