"""The finer face mesh."""

import numpy as np

from engines.geometry import OVAL, canonical, eyes, lip_contour
from engines.subdivide import face_mesh, hole_triangles


def edges_of(triangles):
    pairs = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    return np.unique(np.sort(pairs, 1), axis=0, return_counts=True)


def test_rows_sum_to_one_and_reproduce_constants():
    """A face that is moved as a whole is moved as a whole."""
    weights = face_mesh().weights
    assert np.allclose(weights.sum(1), 1, atol=1e-6)
    assert np.allclose(weights @ np.full((468, 3), 7.25, np.float32), 7.25, atol=1e-5)


def test_the_face_points_come_first_and_stay():
    """Vertex i < 468 is MediaPipe's point i."""
    points = canonical().points
    assert np.array_equal(face_mesh().weights[:468] @ points, points)


def test_no_weight_reaches_far():
    """A middle is made from its neighbourhood only, with weights that no noise is blown up by."""
    weights = face_mesh().weights
    assert np.diff(weights.indptr).max() <= 8
    assert np.abs(weights).sum(1).max() <= 1.5


def test_mirror_symmetry():
    """The finer mesh of a mirrored face is the mirrored finer mesh."""
    mesh, face = face_mesh(), canonical()
    random = np.random.default_rng(3).normal(0, 1, (468, 3)).astype(np.float32)
    one = mesh.weights @ random
    other = mesh.weights @ random[face.mirror]
    found = {tuple(row) for row in np.round(one, 3).tolist()}
    missing = [row for row in np.round(other, 3).tolist() if tuple(row) not in found]
    assert len(missing) <= 0.01 * len(one)  # rounding may separate a few


def test_each_triangle_becomes_four():
    """Skin and holes together are the canonical triangles, cut."""
    mesh = face_mesh()
    assert len(mesh.skin) + len(mesh.holes) == 4 * len(canonical().triangles)
    assert len(mesh.holes) == 4 * hole_triangles().sum() > 0


def test_the_holes_are_eyes_and_mouth():
    """Their rim consists of lid and lip lines; nothing of the skin is among them."""
    contours = np.concatenate([lip_contour(), *(eye.contour for eye in eyes())])
    assert set(canonical().triangles[hole_triangles()].ravel().tolist()) <= set(contours.tolist())
    edges, count = edges_of(canonical().triangles[hole_triangles()])
    assert set(edges[count == 1].ravel().tolist()) == set(contours.tolist())


def test_no_edge_is_torn():
    """Every edge has two triangles, except the outline's."""
    mesh = face_mesh()
    edges, count = edges_of(np.concatenate([mesh.skin, mesh.holes]))
    assert count.max() == 2
    rim = {frozenset(edge) for edge in edges[count == 1].tolist()}
    loop = mesh.oval.tolist()
    assert rim == {frozenset(pair) for pair in zip(loop, loop[1:] + loop[:1], strict=True)}


def test_the_outline_is_the_faces_own_with_middles():
    """Every second point is one of OVAL, in order around the face."""
    mesh = face_mesh()
    assert set(mesh.oval[::2].tolist()) == set(OVAL)
    assert (mesh.oval[1::2] >= 468).all()


def test_all_triangles_face_the_same_way():
    """The canonical face has no fold, coarse or fine."""
    points = face_mesh().weights @ canonical().points
    skin = face_mesh().skin
    a, b, c = (points[skin[:, i], :2] for i in range(3))
    area = np.cross(b - a, c - a)
    front = np.abs(area) > 1e-6
    assert (np.sign(area[front]) == np.sign(np.median(area))).mean() > 0.97


def test_a_wave_is_smoother_than_with_straight_middles():
    """Middles on a smooth surface lie nearer to it than the middles of the edges would."""
    mesh, points = face_mesh(), canonical().points

    def wave(p):
        return np.sin(4 * p[:, 0]) * np.cos(4 * p[:, 1])

    fine = mesh.weights @ points
    inner = np.diff(mesh.weights.indptr) == 8
    curved = np.abs(mesh.weights @ wave(points) - wave(fine))[inner]
    near = abs(mesh.weights).tolil()
    straight = np.array(
        [
            wave(
                points[[j for j, w in zip(near.rows[i], near.data[i], strict=True) if w > 0.4]]
            ).mean()
            for i in np.flatnonzero(inner)
        ]
    )
    assert curved.mean() < 0.8 * np.abs(straight - wave(fine)[inner]).mean()
