"""The cheek that the photo hides."""

from functools import cache

import numpy as np
import pytest

from engines.fill import atlas
from engines.geometry import Pose, canonical, from_euler_deg
from engines.mesh import build_mesh
from engines.raster import rasterise
from tests.faces import portrait

SIZE = 300
BASE = np.array([180, 120, 90, 255])


@cache
def turned(yaw):
    """A face in the pose of a photo: mesh, pose, places, and a texture of even skin on grey."""
    face = portrait().points[:468]
    pose = Pose(from_euler_deg(yaw, 3, 0), np.float32([SIZE / 2, SIZE / 2, 0]), 130.0)
    mesh = build_mesh(face, pose, (SIZE, SIZE))
    uv = np.ascontiguousarray(pose.to_picture(mesh.points)[:, :2])
    texture = np.empty((SIZE, SIZE, 4), np.uint8)
    texture[:] = [90, 90, 90, 255]
    inner = uv[:468]
    y, x = np.mgrid[:SIZE, :SIZE]
    middle, reach = (inner.max(0) + inner.min(0)) / 2, np.ptp(inner, axis=0) / 2 + 6
    texture[np.hypot((x - middle[0]) / reach[0], (y - middle[1]) / reach[1]) < 1] = BASE
    return mesh, pose, uv, texture


def seen(drawn, texture, mesh, yaw):
    """(SIZE, SIZE, 4) the drawn mesh at some yaw, looked up in one of its textures."""
    pose = Pose(from_euler_deg(yaw, 3, 0), np.float32([SIZE / 2, SIZE / 2, 0]), 130.0)
    vertices = pose.to_picture(mesh.points)[drawn.source][None]
    out = np.zeros((1, SIZE, SIZE, 2), np.float32)
    depth = np.zeros((SIZE, SIZE), np.float32)
    rasterise(np.ascontiguousarray(vertices), drawn.triangles, drawn.uv, mesh.holes, out, depth)
    at = np.clip(np.round(out[0]).astype(int), 0, [texture.shape[1] - 1, texture.shape[0] - 1])
    return texture[at[..., 1], at[..., 0]]


def cheek_colours(drawn, texture, mesh):
    """Colours (N, 4) of both cheeks when the face is turned to the front."""
    x, y = canonical().points[:, 0], canonical().points[:, 1]
    cheeks = np.flatnonzero((np.abs(x) > 0.25) & (np.abs(x) < 0.42) & (np.abs(y) < 0.3))
    flat = Pose(from_euler_deg(0, 3, 0), np.float32([SIZE / 2, SIZE / 2, 0]), 130.0)
    at = np.round(flat.to_picture(mesh.points[cheeks])[:, :2]).astype(int)
    return seen(drawn, texture, mesh, 0)[at[:, 1], at[:, 0]].astype(int)


@pytest.mark.parametrize("yaw", [-30, 0, 30])
def test_photo_and_fill_are_sheets_of_one_size(yaw):
    """Every drawn vertex follows one of the mesh and has a place on the sheet."""
    mesh, pose, uv, texture = turned(yaw)
    drawn = atlas(texture, uv, mesh, pose)
    assert drawn.filled.shape == drawn.texture.shape
    assert len(drawn.uv) == len(drawn.source) >= len(uv)
    assert drawn.triangles.shape == mesh.triangles.shape
    assert np.array_equal(drawn.source[drawn.triangles], mesh.triangles)
    inner = drawn.uv[drawn.source < 468]
    assert (inner >= 0).all()
    assert (inner < [drawn.texture.shape[1], drawn.texture.shape[0]]).all()


@pytest.mark.parametrize("yaw", [-30, 0, 30])
def test_at_rest_the_photo_is_seen(yaw):
    """Without its fill the drawn mesh shows the photo as it is."""
    mesh, pose, uv, texture = turned(yaw)
    drawn = atlas(texture, uv, mesh, pose)
    away = np.abs(seen(drawn, drawn.texture, mesh, yaw).astype(int) - texture).max(2)
    assert (away < 4).mean() > 0.97


@pytest.mark.parametrize("yaw", [-30, 0, 30])
def test_blending_the_named_parts_shows_the_fill(yaw):
    """Where the two sheets differ elsewhere, nothing is looked up."""
    mesh, pose, uv, texture = turned(yaw)
    drawn = atlas(texture, uv, mesh, pose)
    blended = drawn.texture.copy()
    for part in drawn.parts:
        blended[part.rows, part.columns] = drawn.filled[part.rows, part.columns]
    for angle in (yaw, 0, -yaw):
        shown, wanted = (seen(drawn, t, mesh, angle) for t in (blended, drawn.filled))
        assert np.array_equal(shown, wanted)


@pytest.mark.parametrize("yaw", [-30, 30])
def test_the_far_cheek_has_skin_when_it_turns_into_view(yaw):
    """Turned back to the front, the cheek that the photo hid has the colour of the other one."""
    mesh, pose, uv, texture = turned(yaw)
    drawn = atlas(texture, uv, mesh, pose)
    assert np.abs(cheek_colours(drawn, drawn.filled, mesh) - BASE).max(1).mean() < 12


@pytest.mark.parametrize("yaw", [-30, 30])
def test_what_the_fill_changes_is_the_far_cheek(yaw):
    """Yaw > 0 turns the nose left and hides the left cheek; the near one stays the photo's."""
    mesh, pose, uv, texture = turned(yaw)
    drawn = atlas(texture, uv, mesh, pose)
    front, filled = (seen(drawn, t, mesh, 0).astype(int) for t in (drawn.texture, drawn.filled))
    changed = np.abs(front - filled).max(2) > 8
    far = changed[:, : SIZE // 2].sum() if yaw > 0 else changed[:, SIZE // 2 :].sum()
    assert far > 0.7 * changed.sum() > 0
