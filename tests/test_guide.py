"""The guide: matte and normals over the texture."""

import numpy as np
import pytest

from engines.contract import GUIDE
from engines.guide import guide, normals
from engines.subdivide import face_mesh
from tests.faces import generator


def test_normals_of_a_ball_point_away_from_its_middle():
    """Outwards, of length 1; a vertex without triangles faces the viewer."""
    turn, lift = np.meshgrid(np.linspace(0.3, 2.8, 12), np.linspace(0.3, 2.8, 12))
    out = np.stack([np.cos(turn), np.cos(lift), -np.sin(turn) * np.sin(lift)], -1).reshape(-1, 3)
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    square = np.arange(144).reshape(12, 12)
    a, b, c, d = (square[i : i + 11, j : j + 11].ravel() for i in (0, 1) for j in (0, 1))
    triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)]).astype(np.int32)
    points = np.concatenate([out, [[5, 5, 5]]]).astype(np.float32)
    for order in (triangles, triangles[:, ::-1]):
        for skin in (len(order), 0):
            found = normals(points, order, skin)
            assert (found[:-1] * out).sum(1).min() > 0.95
            assert found[-1] == pytest.approx([0, 0, -1])


def test_the_guide_knows_the_person_and_the_way_the_face_looks():
    """Matte as in the texture; the nose towards the viewer, each cheek to its own side."""
    g = generator("ada", 256)
    drawn = g.atlas
    facing = normals(g.rest, g.mesh.triangles, len(face_mesh().skin))[drawn.source]
    seen = guide(drawn.texture, drawn.uv, drawn.triangles, g.mesh.holes, facing)
    assert seen.shape == (GUIDE, GUIDE, 4)
    scale = GUIDE / np.array(drawn.texture.shape[1::-1])
    normal = {}
    for point in (4, 50, 280):
        x, y = ((drawn.uv[point] + 0.5) * scale).astype(int)
        assert seen[y, x, 0] == 255
        normal[point] = seen[y, x, 1:].astype(float) / 127.5 - 1
    assert normal[4][2] < -0.5
    assert normal[50][0] < -0.1 < 0.1 < normal[280][0]
    assert seen[..., 0].min() == 0
    assert (seen[..., 3] < 140).mean() > 0.99
