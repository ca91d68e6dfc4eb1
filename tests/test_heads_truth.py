"""What is exactly known about frames: depth, normals, what is seen, and the way to another."""

import numpy as np
import pytest

from tests.heads import soup
from tools.heads.raster import nearest
from tools.heads.truth import View, depth, flow, in_camera, labels, normals, visible

SIDE, ZOOM = 40, 0.3
SQUARES = np.int32([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])


def view(*squares):
    """Squares (x, y, half a side, distance, slope) seen by the rasteriser."""
    corners = np.float64([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    points = []
    for x, y, half, far, slope in squares:
        flat = corners * half + [x, y]
        points += [[*p, 1 / (far + slope * p[0])] for p in flat]
    vertices = np.float32(points)
    nothing = np.zeros((1, SIDE, SIDE), np.float32)
    mesh = soup(SQUARES[: 2 * len(squares)])
    _, which = nearest(mesh, vertices[None], SIDE, 0.5, 1, nothing)
    return View(np.where(which[0, 0] >= 0, which[0, 0] // 10, -1).astype(np.int32), vertices)


def test_flow_follows_the_square():
    """It moves by (5, 3) px and comes nearer: every pixel knows where to."""
    before, after = view((15, 15, 10, 8, 0)), view((20, 18, 12.5, 6.4, 0))
    found = flow(before, after, SQUARES)
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    inside = before.triangle >= 0
    assert np.allclose(found.to[inside, 0], ((x - 15) * 1.25 + 20)[inside], atol=1e-3)
    assert np.allclose(found.to[inside, 1], ((y - 15) * 1.25 + 18)[inside], atol=1e-3)
    assert found.seen[inside].all()
    assert np.isnan(found.to[~inside]).all()


def test_flow_is_right_in_perspective():
    """A slanted square: what is linear in space is not linear on the screen."""
    before, after = view((20, 20, 12, 4, 0.2)), view((20, 20, 12, 8, 0))
    found = flow(before, after, SQUARES)
    row, column = 20, 20
    corner = SQUARES[before.triangle[row, column]]
    share = np.linalg.solve(
        np.vstack([before.vertices[corner, :2].T, np.ones(3)]), [column + 0.5, row + 0.5, 1]
    )
    share = share * before.vertices[corner, 2]
    expected = (share / share.sum()) @ after.vertices[corner, :2]
    assert found.to[row, column] == pytest.approx(expected, abs=1e-3)
    assert abs(found.to[row, column, 0] - (column + 0.5)) > 1


def test_what_something_hides_is_not_seen():
    """The far square is behind the near one in the other frame only."""
    before = view((12, 20, 8, 9, 0), (30, 20, 8, 5, 0))
    after = view((12, 20, 8, 9, 0), (14, 20, 9, 5, 0))
    found = flow(before, after, SQUARES)
    far = before.triangle < 2
    hidden = (after.triangle >= 2) & far & (before.triangle >= 0)
    assert hidden.sum() > 100
    assert not found.seen[hidden].any()
    assert found.seen[(before.triangle >= 2)].all()
    shown = visible(after, SQUARES)
    assert shown.tolist() == [True, False, False, True, *[True] * 4]


def test_depth_is_the_distance():
    """Of a slope; infinite where there is nothing."""
    seen = view((20, 20, 12, 4, 0.1))
    far = depth(seen, SQUARES)
    assert np.isinf(far[0, 0])
    left, right = far[20, 9], far[20, 30]
    assert 4.7 < left < right < 7.3
    ends = seen.vertices[[0, 1], 2]
    assert 1 / far[20, 20] == pytest.approx(ends[0] + (ends[1] - ends[0]) * 12.5 / 24, rel=1e-4)


def test_normals_look_at_the_viewer():
    """A square across the view looks back along it; one whose right is farther looks left."""
    flat = normals(view((20, 20, 12, 6, 0)), SQUARES[:2], ZOOM, SIDE)
    assert flat[20, 20] == pytest.approx([0, 0, -1], abs=1e-4)
    slanted = normals(view((20, 20, 12, 4, 0.1)), SQUARES[:2], ZOOM, SIDE)
    assert slanted[20, 20, 0] > 0.5 or slanted[20, 20, 0] < -0.5
    assert slanted[20, 20, 2] < 0
    assert not slanted[0, 0].any()


def test_the_camera_and_the_screen_agree():
    """A vertex on the screen's right edge is `zoom` times its distance to the right."""
    place = in_camera(np.float32([[SIDE, SIDE / 2, 1 / 8]]), ZOOM, SIDE)
    assert place[0] == pytest.approx([8 * ZOOM, 0, 8])


def test_labels_are_those_of_the_triangles():
    """And 0 where there is none."""
    seen = view((12, 20, 8, 9, 0), (30, 20, 8, 5, 0))
    found = labels(seen, np.uint8([1, 1, 7, 7]))
    assert found[20, 12] == 1
    assert found[20, 30] == 7
    assert found[0, 0] == 0
