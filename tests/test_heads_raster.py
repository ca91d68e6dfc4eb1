"""The rasterisers of synthetic heads: against a slow and obvious one, and against each other."""

import numpy as np
import pytest

from tests.heads import scattered, soup
from tools.heads.raster import nearest

SIDE = 48


def drawn(mesh, points, least=0.5, layers=1, floor=None):
    behind = np.zeros((len(points), SIDE, SIDE), np.float32) if floor is None else floor
    return nearest(mesh, points, SIDE, least, layers, behind)


def slowly(triangles, points):
    """The number of the nearest triangle in float64, and where an edge is too near to tell."""
    near, which = np.zeros((SIDE, SIDE)), np.full((SIDE, SIDE), -1)
    doubt = np.zeros((SIDE, SIDE), bool)
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    for number, corners in enumerate(np.float64(points)[triangles]):
        matrix = np.vstack([corners[:, :2].T, np.ones(3)])
        share = np.einsum("ij,jyx->iyx", np.linalg.inv(matrix), np.stack([x, y, np.ones_like(x)]))
        inverse = np.einsum("i,iyx->yx", corners[:, 2], share)
        doubt |= np.abs(share.min(0)) < 1e-3
        wins = (share.min(0) >= 0) & (inverse > near)
        doubt |= (share.min(0) >= 0) & (np.abs(inverse - near) < 1e-5)
        near[wins], which[wins] = inverse[wins], number
    return near, which, doubt


@pytest.mark.parametrize("seed", range(3))
def test_it_finds_what_a_slow_one_finds(seed):
    """Random triangles before and behind one another, some partly outside."""
    points, triangles = scattered(seed)
    near, which, doubt = slowly(triangles, points[0])
    found, number = drawn(soup(triangles), points)
    assert (which >= 0).mean() > 0.3
    assert (number[0, 0] == np.where(which >= 0, which * 10, -1))[~doubt].all()
    assert np.abs(found[0, 0] - near)[~doubt].max() < 1e-5


def test_layers_are_in_order_and_none_is_lost():
    """Four squares one behind the other come out nearest first, whatever their order."""
    corners = np.float32([[-1, -1], [60, -1], [60, 60], [-1, 60]])
    depths = np.float32([0.3, 0.5, 0.2, 0.4])
    points = np.concatenate([np.column_stack([corners, np.full(4, d)]) for d in depths])
    squares = [[4 * i + a, 4 * i + b, 4 * i + c] for i in range(4) for a, b, c in
               ((0, 1, 2), (0, 2, 3))]  # fmt: skip
    near, which = drawn(soup(np.array(squares)), points[None].astype(np.float32), layers=5)
    inside = near[0, :, 5, 20]  # beside the diagonal, where two triangles meet
    assert np.allclose(inside, [0.5, 0.4, 0.3, 0.2, 0])
    assert [n // 20 for n in which[0, :4, 5, 20]] == [1, 3, 0, 2]
    assert which[0, 4, 5, 20] == -1


def test_holes_of_a_texture_show_what_is_behind():
    """A clear triangle is there only where its texel is opaque enough."""
    points = np.float32([[[0, 0, 0.3], [90, 0, 0.3], [0, 90, 0.3]]])
    mesh = soup(np.array([[0, 1, 2]]), clear_from=0)
    mesh.level[:] = 0
    mesh.texels[:] = [[0, 0], [90 / 48 * 32, 0], [0, 90 / 48 * 32]]
    _, which = drawn(mesh, points)
    y, x = np.mgrid[:SIDE, :SIDE]
    texel = mesh.clear[((y + 0.5) / 48 * 32).astype(int), ((x + 0.5) / 48 * 32).astype(int)]
    inside = (x + y < 80) & (x % 3 == 0) & (y % 3 == 0)  # their middles are inside texels
    assert ((which[0, 0] >= 0) == (texel / 255 >= 0.5))[inside].all()


def test_what_is_behind_the_floor_is_not_drawn():
    """The floor hides half of a triangle that is cut by it."""
    points = np.float32([[[-5, -5, 0.1], [120, -5, 0.1], [-5, 120, 0.3]]])
    floor = np.full((1, SIDE, SIDE), 0.15, np.float32)
    near, which = drawn(soup(np.array([[0, 1, 2]])), points, floor=floor)
    assert (near[0, 0][which[0, 0] >= 0] >= 0.15).all()
    assert 0.2 < (which[0, 0] >= 0).mean() < 0.95
