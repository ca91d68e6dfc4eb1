"""The rasteriser against a slow and obvious one."""

import numpy as np
import pytest

from engines.raster import blend_over, rasterise

NOWHERE = -5.0


def drawn(vertices, triangles, uv, holes=0, size=24):
    out = np.full((1, size, size, 2), NOWHERE, np.float32)
    rasterise(
        np.float32(vertices)[None],
        np.int32(triangles),
        np.float32(uv),
        holes,
        out,
        np.zeros((size, size), np.float32),
    )
    return out[0]


def slowly(vertices, triangles, uv, holes=0, size=24):
    """The same in float64, pixel by pixel; also which pixels are too near an edge to tell."""
    out, depth = np.full((size, size, 2), NOWHERE), np.full((size, size), np.inf)
    doubt = np.zeros((size, size), bool)
    for t, triangle in enumerate(triangles):
        corners = np.vstack([np.float64(vertices)[triangle][:, :2].T, np.ones(3)])
        if abs(np.linalg.det(corners)) < 1e-6:
            continue
        for y, x in np.ndindex(size, size):
            share = np.linalg.solve(corners, [x, y, 1])
            z = share @ np.float64(vertices)[triangle][:, 2] + 1e6 * (t < holes)
            doubt[y, x] |= abs(share.min()) < 1e-3
            if share.min() >= 0 and z < depth[y, x]:
                doubt[y, x] |= depth[y, x] - z < 1e-3
                depth[y, x], out[y, x] = z, share @ np.float64(uv)[triangle]
    return out, doubt


@pytest.mark.parametrize("seed", range(4))
def test_it_draws_what_a_slow_one_draws(seed):
    """Random triangles, some behind others, some partly outside, one of them a hole."""
    random = np.random.default_rng(seed)
    vertices = random.uniform([-6, -6, -3], [30, 30, 3], (9, 3))
    triangles, uv = random.permutation(9).reshape(3, 3), random.uniform(0, 100, (9, 2))
    expected, doubt = slowly(vertices, triangles, uv, holes=1)
    found = drawn(vertices, triangles, uv, holes=1)
    assert (expected != NOWHERE).any()
    assert np.abs(found - expected)[~doubt].max() < 0.01


def test_the_nearer_surface_wins_whatever_the_order():
    """Depth decides, not the list."""
    square = [[0, 0], [23, 0], [23, 23], [0, 23]]
    vertices = [[*p, 1.0] for p in square] + [[*p, -1.0] for p in square]
    uv = [[10, 10]] * 4 + [[20, 20]] * 4
    far, near = [[0, 1, 2], [0, 2, 3]], [[4, 5, 6], [4, 6, 7]]
    assert np.allclose(drawn(vertices, far + near, uv), 20)
    assert np.allclose(drawn(vertices, near + far, uv), 20)


def test_holes_lie_behind_everything():
    """A hole that is nearer than the skin shows only where no skin is."""
    vertices = [[0, 0, -9], [23, 0, -9], [0, 23, -9], [0, 0, 5], [11, 0, 5], [0, 11, 5]]
    uv = [[1, 1]] * 3 + [[2, 2]] * 3
    out = drawn(vertices, [[0, 1, 2], [3, 4, 5]], uv, holes=1)
    assert out[2, 2, 0] == pytest.approx(2)
    assert out[12, 8, 0] == pytest.approx(1)


def test_neighbours_leave_no_gap():
    """A fan of triangles around odd points covers every pixel, either way round."""
    random = np.random.default_rng(5)
    middle = random.uniform(8, 16, 2)
    rim = [[-1, -1], [9.3, -1], [25, -1], [25, 13.7], [25, 25], [4.1, 25], [-1, 25], [-1, 6.2]]
    vertices = np.column_stack([[middle, *rim], np.zeros(9)])
    fan = [[0, i, i % 8 + 1] if i % 2 else [0, i % 8 + 1, i] for i in range(1, 9)]
    out = drawn(vertices, fan, vertices[:, :2])
    y, x = np.mgrid[:24, :24]
    assert np.abs(out[..., 0] - x).max() < 1e-3
    assert np.abs(out[..., 1] - y).max() < 1e-3


def test_thin_and_outer_triangles_are_harmless():
    """No area, far away, one pixel: nothing is written where nothing is covered."""
    vertices = [[3, 3, 0], [9, 9, 0], [15, 15, 0], [900, 900, 0], [950, 900, 0], [900, 950, 0]]
    out = drawn(vertices, [[0, 1, 2], [3, 4, 5], [1, 1, 1]], np.ones((6, 2)))
    assert (out == NOWHERE).all()


def test_batches_equal_single_frames():
    """Each frame of a batch has its own depth."""
    random = np.random.default_rng(7)
    vertices = random.uniform(-4, 28, (3, 9, 3)).astype(np.float32)
    triangles, uv = np.arange(9, dtype=np.int32).reshape(3, 3), random.uniform(0, 9, (9, 2))
    out = np.full((3, 24, 24, 2), NOWHERE, np.float32)
    rasterise(vertices, triangles, np.float32(uv), 0, out, np.zeros((24, 24), np.float32))
    for one, target in zip(vertices, out, strict=True):
        assert np.array_equal(drawn(one, triangles, uv), target)


def test_blending_is_exact_at_both_ends_and_rounds_between():
    """Opaque shows the person, clear shows the plate, half mixes; nothing overflows."""
    plate = np.full((1, 4, 3), 100, np.uint8)
    person = np.uint8([[[50, 60, 70, 255], [0, 0, 0, 0], [100, 50, 0, 128], [250, 250, 250, 10]]])
    out = np.zeros_like(plate)
    blend_over(person, plate, out)
    assert out[0, 0].tolist() == [50, 60, 70]
    assert out[0, 1].tolist() == [100, 100, 100]
    assert out[0, 2].tolist() == [150, 100, 50]
    assert out[0, 3].tolist() == [255, 255, 255]
