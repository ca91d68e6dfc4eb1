"""Named points and rigid pose."""

import numpy as np
import pytest

from engines.geometry import (
    LIP_LOWER,
    LIP_RINGS_LOWER,
    LIP_RINGS_UPPER,
    LIP_UPPER,
    OVAL,
    Pose,
    canonical,
    euler_deg,
    eyes,
    fit_pose,
    from_euler_deg,
    lip_contour,
    rigid_weights,
    rotation_matrix,
    rotation_vector,
)
from tests.faces import driver, mirrored

POSE = Pose(from_euler_deg(18, -9, 12), np.float32([300, 210, -40]), 140.0)


def angle_between(a, b):
    return float(np.degrees(np.linalg.norm(rotation_vector(a.T @ b))))


def test_the_canonical_face_is_one_face_width_wide_and_upright():
    """Units are face widths, x to the right, y down, z away from the viewer."""
    points = canonical().points
    assert np.linalg.norm(points[454] - points[234]) == pytest.approx(1, abs=1e-5)
    assert points[152, 1] > points[4, 1] > points[10, 1]
    assert points[4, 2] < points[234, 2]
    assert points[33, 0] < 0 < points[263, 0]


def test_the_canonical_face_equals_its_mirror_image():
    """Every point has its counterpart, and a counterpart's counterpart is the point itself."""
    face = canonical()
    assert (face.mirror[face.mirror] == np.arange(468)).all()
    assert np.allclose(face.points[face.mirror] * [-1, 1, 1], face.points, atol=1e-3)


def test_the_triangles_are_one_disk():
    """Vertices - edges + faces = 1, and its only rim is the outline named OVAL."""
    triangles = canonical().triangles
    edges = np.sort(
        np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), 1
    )
    unique, count = np.unique(edges, axis=0, return_counts=True)
    assert 468 - len(unique) + len(triangles) == 1
    assert set(unique[count == 1].ravel().tolist()) == set(OVAL)


def test_named_rows_lie_where_their_names_say():
    """Upper lids and lips above lower ones, brows above eyes, rows left to right or outside in."""
    y = canonical().points[:, 1]
    x = canonical().points[:, 0]
    for eye in eyes():
        assert (y[eye.upper] < y[eye.lower]).all()
        assert y[eye.brow].max() < y[eye.upper].min()
        assert (np.diff(np.abs(x[eye.upper])) < 0).all()
    assert (y[list(LIP_UPPER)] <= y[list(LIP_LOWER)]).all()
    assert (np.diff(x[list(LIP_UPPER)]) > 0).all()
    assert len(set(lip_contour().tolist())) == 20


@pytest.mark.parametrize("rows", [(LIP_UPPER, *LIP_RINGS_UPPER), (LIP_LOWER, *LIP_RINGS_LOWER)])
def test_rows_of_a_lip_are_aligned_and_symmetric(rows):
    """The points lie over each other, and the mirror image of a row is the row reversed."""
    x, mirror = canonical().points[:, 0], canonical().mirror
    for row in rows:
        assert np.abs(x[list(row)] - x[list(rows[0])]).max() < 0.06
        assert mirror[list(row)].tolist() == list(row)[::-1]


def test_the_right_eye_is_the_mirror_image_of_the_left():
    """Both have the same rows; the left one is the picture's left."""
    left, right = eyes()
    assert (canonical().mirror[left.contour] == right.contour).all()
    assert canonical().points[left.upper, 0].max() < 0 < canonical().points[right.upper, 0].min()
    assert (left.iris, right.iris) == (468, 473)


def test_pose_to_picture_and_back():
    """The two directions undo each other."""
    points = canonical().points
    assert np.allclose(POSE.to_head(POSE.to_picture(points)), points, atol=1e-5)


def test_fit_recovers_a_known_pose():
    """Rotation, scale and translation of a canonical face come back."""
    found = fit_pose(POSE.to_picture(canonical().points))
    assert angle_between(found.rotation, POSE.rotation) < 0.05
    assert found.scale == pytest.approx(POSE.scale, rel=1e-4)
    assert np.allclose(found.translation, POSE.translation, atol=0.05)


def test_fit_is_not_tilted_by_one_wild_point():
    """A point half a face width off its place turns the head by less than half a degree."""
    landmarks = POSE.to_picture(canonical().points)
    landmarks += np.random.default_rng(1).normal(0, 0.3, landmarks.shape).astype(np.float32)
    calm = fit_pose(landmarks)
    for wild in np.flatnonzero(rigid_weights()):
        bent = landmarks.copy()
        bent[wild] += [60, -30, 20]
        found = fit_pose(bent)
        assert angle_between(found.rotation, calm.rotation) < 1.0, wild
        assert found.scale == pytest.approx(calm.scale, rel=0.01)


def test_fit_takes_no_notice_of_mouth_brows_and_lids():
    """A shout with shut eyes leaves the pose as it is."""
    calm, wild = driver(turn=(10, 5, 3)), driver(turn=(10, 5, 3), lids=(0, 0), lips=0.6)
    assert angle_between(fit_pose(calm).rotation, fit_pose(wild).rotation) < 1e-3


def test_fit_against_another_reference():
    """A face fitted against itself has no turn."""
    face = driver()[:468]
    found = fit_pose(face, face)
    assert np.allclose(found.rotation, np.eye(3), atol=1e-5)
    assert found.scale == pytest.approx(1, abs=1e-5)


def test_fit_of_a_mirrored_face_is_a_rotation_with_yaw_and_roll_reversed():
    """Never a reflection."""
    landmarks = driver(turn=(14, 6, -8))
    yaw, pitch, roll = euler_deg(fit_pose(landmarks).rotation)
    other = fit_pose(mirrored(landmarks, 640)).rotation
    assert np.linalg.det(other) == pytest.approx(1, abs=1e-5)
    assert euler_deg(other) == pytest.approx((-yaw, pitch, -roll), abs=0.05)


@pytest.mark.parametrize("angles", [(0, 0, 0), (20, 0, 0), (0, -15, 0), (0, 0, 30), (25, 12, -20)])
def test_angles_and_vectors_are_undone_by_their_inverses(angles):
    """Euler angles and rotation vectors give the rotation back."""
    rotation = from_euler_deg(*angles)
    assert euler_deg(rotation) == pytest.approx(angles, abs=1e-3)
    assert np.allclose(rotation_matrix(rotation_vector(rotation)), rotation, atol=1e-5)


def test_small_turns_keep_their_direction():
    """A hundredth of a degree is not lost in rounding."""
    vector = np.float32([1e-4, -2e-4, 1e-4])
    assert np.allclose(rotation_vector(rotation_matrix(vector)), vector, atol=2e-7)


def test_positive_yaw_turns_the_nose_left_positive_pitch_lowers_it():
    """The signs that the docstring promises."""
    nose = canonical().points[4]
    assert (from_euler_deg(20, 0, 0) @ nose)[0] < nose[0] - 0.05
    assert (from_euler_deg(0, 15, 0) @ nose)[1] > nose[1]
    right = np.float32([1, 0, 0])
    assert (from_euler_deg(0, 0, 20) @ right)[1] > 0


def test_the_place_of_a_head_is_metric():
    """A face in the middle of the picture, and one half as large to its right."""
    near = Pose(np.eye(3, dtype=np.float32), np.float32([320, 240, 0]), 240.0)
    far = Pose(np.eye(3, dtype=np.float32), np.float32([440, 240, 0]), 120.0)
    x, y, z = near.position_cm((640, 480))
    assert (x, y) == (0, 0)
    assert z == pytest.approx(15.33 / np.tan(np.radians(31.5)), rel=1e-4)
    assert far.position_cm((640, 480)) == pytest.approx([15.33, 0, 2 * z], rel=1e-4)
