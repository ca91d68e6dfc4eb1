"""Lips that meet and lids that close."""

import numpy as np
import pytest

from engines.features import closed_lips, jaw_mask, lip_gaps, place_lids, place_lips
from engines.geometry import LIP_LOWER, LIP_UPPER, canonical, eyes
from streamer.retarget.measure import eye_ratio
from tests.faces import driver, portrait

NAMES = ("ada", "bruno", "mei")


def face(name="ada"):
    return portrait(name).points[:468]


def speaking():
    """A face with its mouth wide open."""
    return driver(lips=0.5, at=(0, 0, 0), size=1.0)[:468]


@pytest.mark.parametrize("name", NAMES)
def test_a_gap_of_zero_makes_every_pair_of_lips_coincide(name):
    """No line of dark between lips that touch, wherever the landmarks put them."""
    noisy = face(name) + np.random.default_rng(2).normal(0, 0.01, (468, 3)).astype(np.float32)
    assert np.abs(lip_gaps(place_lips(noisy, np.float32(0)))).max() < 1e-6


@pytest.mark.parametrize("gap", [0.01, 0.05, 0.15])
def test_lips_have_the_gap_they_are_given(gap):
    """At their middle exactly; elsewhere never beyond each other."""
    gaps = lip_gaps(place_lips(face(), np.float32(gap)))
    assert gaps[4] == pytest.approx(gap, abs=1e-6)
    assert gaps.min() > -0.02 * gap
    assert gaps.argmax() in {3, 4, 5}


def test_the_lips_meet_at_their_midline():
    """Both move by the same distance, and the corners stay."""
    before, after = speaking(), place_lips(speaking(), np.float32(0))
    upper, lower = list(LIP_UPPER), list(LIP_LOWER)
    assert np.allclose(
        (before[upper] + before[lower])[:, 1], (after[upper] + after[lower])[:, 1], atol=1e-6
    )
    assert np.array_equal(before[[61, 291, 78, 308]], after[[61, 291, 78, 308]])


def test_placing_lips_leaves_the_rest_of_the_face_alone():
    """Nose, eyes, cheeks and chin are not touched, nor is the given array."""
    before = face()
    kept = before.copy()
    moved = np.flatnonzero((place_lips(before, np.float32(0.1)) != before).any(1))
    assert np.array_equal(before, kept)
    assert np.abs(canonical().points[moved, 1] - canonical().points[13, 1]).max() < 0.25


def test_shut_faces_keep_their_shape():
    """Closing lips that touch already moves nothing by more than their small gap."""
    shut = closed_lips(face())
    assert np.abs(shut - face()).max() < 0.02
    assert np.abs(closed_lips(shut) - shut).max() < 1e-6


def test_an_open_mouth_is_shut_by_the_jaw():
    """The chin rises, the nose stays, the lips meet."""
    shut = closed_lips(speaking())
    assert np.abs(lip_gaps(shut)).max() < 1e-6
    assert shut[152, 1] < speaking()[152, 1] - 0.02
    assert shut[4, 1] == pytest.approx(speaking()[4, 1], abs=1e-6)


def test_the_jaw_carries_the_chin_and_not_the_eyes():
    """1 on chin and lower lip, 0 on the upper lip and above, the same on both halves."""
    mask = jaw_mask()
    assert mask[152] > 0.95
    assert (mask[list(LIP_LOWER)] == 1).all()
    assert (mask[list(LIP_UPPER)] == 0).all()
    assert mask[[4, 33, 263, 10, 1]].max() < 0.01
    assert np.allclose(mask, mask[canonical().mirror], atol=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_shut_lids_leave_no_gap(name):
    """The upper lid's line is on or past the lower one's, along the whole eye."""
    shut = place_lids(face(name), face(name), np.zeros(2, np.float32))
    for eye in eyes():
        assert (shut[eye.lower, 1] - shut[eye.upper, 1]).max() < 1e-6
        assert (shut[eye.upper, 2] <= shut[eye.lower, 2]).all()


def test_open_lids_stay_as_they_are():
    """Openness 1 on the portrait's own face changes nothing."""
    assert np.allclose(place_lids(face(), face(), np.ones(2, np.float32)), face(), atol=1e-6)


def test_openness_is_absolute():
    """Whatever the incoming lids do, the gap is the portrait's own times the openness."""
    own, squinting = face(), face() + 0
    for eye in eyes():
        squinting[eye.upper, 1] += 0.02
    for openness in (0.0, 0.3, 0.7, 1.0, 1.3):
        one = place_lids(own, own, np.full(2, openness, np.float32))
        other = place_lids(squinting, own, np.full(2, openness, np.float32))
        assert eye_gaps(one) == pytest.approx(eye_gaps(other), abs=1e-5)


def eye_gaps(points):
    return np.concatenate([points[eye.lower, 1] - points[eye.upper, 1] for eye in eyes()])


def test_more_openness_is_never_less_open():
    """From shut to wide the lids' distance grows all the way."""
    steps = np.linspace(0, 1.6, 17, dtype=np.float32)
    gaps = [eye_gaps(place_lids(face(), face(), np.full(2, o, np.float32))).mean() for o in steps]
    assert (np.diff(gaps) > 0).all()


def test_a_wink_moves_one_eye():
    """The other one keeps its place."""
    wink = place_lids(face(), face(), np.float32([0, 1]))
    left, right = eyes()
    assert eye_ratio(wink)[1] == pytest.approx(eye_ratio(face())[1], abs=1e-5)
    assert np.array_equal(wink[right.contour], face()[right.contour])
    assert wink[left.upper[3], 1] > face()[left.upper[3], 1] + 0.01


def test_the_upper_lid_does_most_of_the_way():
    """A blink comes from above, and the fold over the eye goes along with it."""
    shut = place_lids(face(), face(), np.zeros(2, np.float32))
    for eye in eyes():
        down = (shut - face())[eye.upper, 1].mean()
        up = (face() - shut)[eye.lower, 1].mean()
        assert down > 3 * max(up, 0)
        assert 0 < (shut - face())[eye.upper_ring, 1].mean() < down


def test_batches_equal_single_faces():
    """Lips and lids of many faces at once are those of each."""
    faces = np.stack([face(n) for n in NAMES])
    gaps, openness = np.float32([0, 0.05, 0.1]), np.float32([[0, 1], [0.5, 0.4], [1.2, 1]])
    lips, lids = place_lips(faces, gaps), place_lids(faces, face(), openness)
    for i in range(3):
        assert np.allclose(lips[i], place_lips(faces[i], gaps[i]), atol=1e-7)
        assert np.allclose(lids[i], place_lids(faces[i], face(), openness[i]), atol=1e-7)
