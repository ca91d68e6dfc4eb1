"""The control mesh: whole, still where it must be, moved with the head where it must be."""

from functools import cache

import numpy as np
import pytest

from engines.geometry import Pose, canonical, from_euler_deg
from engines.mesh import build_mesh, deform
from engines.raster import rasterise
from engines.subdivide import face_mesh
from tests.faces import portrait

NAMES = ("ada", "bruno", "mei")
STILL = np.zeros((1, 468, 3), np.float32)


@cache
def mesh(name="ada"):
    p = portrait(name)
    return build_mesh(p.points[:468], p.pose, (p.width, p.height))


def moved(name, rotation, displacement=STILL):
    """Vertices in px when the head turns about its middle."""
    pose = portrait(name).pose
    target = (
        (pose.rotation @ rotation)[None],
        pose.translation[None],
        np.float32([pose.scale]),
    )
    return deform(mesh(name), displacement, pose, target)[0]


def rest(name="ada"):
    return portrait(name).pose.to_picture(mesh(name).points)


def drawn(vertices, uv, name="ada"):
    """(H, W, 2) the uv seen at each pixel of the picture."""
    p, m = portrait(name), mesh(name)
    out = np.full((1, p.height, p.width, 2), -999, np.float32)
    depth = np.zeros((p.height, p.width), np.float32)
    rasterise(vertices[None], m.triangles, np.ascontiguousarray(uv), m.holes, out, depth)
    return out[0]


@pytest.mark.parametrize("name", NAMES)
def test_at_rest_every_pixel_comes_from_its_own_place(name):
    """No gap and no shift anywhere in the picture: within a hundredth of a pixel."""
    places = drawn(rest(name), rest(name)[:, :2], name)
    y, x = np.mgrid[: portrait(name).height, : portrait(name).width]
    assert np.abs(places[..., 0] - x).max() < 0.01
    assert np.abs(places[..., 1] - y).max() < 0.01


@pytest.mark.parametrize("angles", [(20, 0, 0), (-20, 0, 0), (0, 12, 0), (0, -12, 0), (15, 8, 25)])
def test_a_turned_head_leaves_no_gap(angles):
    """Inside the limits every pixel of the picture is covered."""
    vertices = moved("ada", from_euler_deg(*angles))
    assert (drawn(vertices, rest()[:, :2]) != -999).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_mesh_has_no_seam(name):
    """Every edge joins two triangles, but for the rim, which lies outside the picture."""
    m, p = mesh(name), portrait(name)
    t = m.triangles
    edges = np.sort(np.concatenate([t[:, [0, 1]], t[:, [1, 2]], t[:, [2, 0]]]), 1)
    unique, count = np.unique(edges, axis=0, return_counts=True)
    assert count.max() == 2
    rim = rest(name)[unique[count == 1].ravel()][:, :2]
    inside = ((rim > 0) & (rim < [p.width, p.height])).all(1)
    assert not inside.any()


def test_holes_come_first_and_the_skin_last():
    """The order the rasteriser and the fill rely on."""
    m, fine = mesh(), face_mesh()
    assert np.array_equal(m.triangles[: m.holes], fine.holes)
    assert np.array_equal(m.triangles[-len(fine.skin) :], fine.skin)


@pytest.mark.parametrize("name", NAMES)
def test_at_rest_nothing_moves(name):
    """The portrait's own pose and no displacement give the photo's own places."""
    assert np.abs(moved(name, np.eye(3, dtype=np.float32)) - rest(name)).max() < 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_shoulders_and_border_stand_still_under_a_turn(name):
    """Its lower edge keeps its place; what lies left, right and below too, but for a trace."""
    p = portrait(name)
    places = rest(name)[:, :2]
    away = np.abs(moved(name, from_euler_deg(20, 10, 0))[:, :2] - places).max(1)
    beyond = (places[:, 0] < 0) | (places[:, 0] > p.width) | (places[:, 1] > p.height)
    low = places[:, 1] > 0.95 * p.height
    assert away[beyond & (places[:, 1] > 0)].max() < 0.005 * p.width
    assert away[low].max() < 0.5


def test_the_whole_face_turns_with_the_head():
    """Every face vertex is where the rigid turn puts it."""
    rotation, pose = from_euler_deg(15, -8, 5), portrait().pose
    turned = Pose(pose.rotation @ rotation, pose.translation, pose.scale)
    inner = face_mesh().weights.shape[0]
    expected = turned.to_picture(mesh().points[:inner])
    assert np.abs(moved("ada", rotation)[:inner] - expected).max() < 1e-2


def test_the_share_of_the_head_fades_without_a_step():
    """Neighbouring vertices differ little, so that hair bends and does not tear."""
    m = mesh()
    assert (m.head >= 0).all()
    assert (m.head <= 1).all()
    edges = np.concatenate([m.triangles[:, [0, 1]], m.triangles[:, [1, 2]]])
    assert np.abs(m.head[edges[:, 0]] - m.head[edges[:, 1]]).max() < 0.6


def test_no_triangle_of_the_surroundings_folds_at_a_turn():
    """Where the photo holds, hair and neck keep their orientation, but for a sliver."""
    m = mesh()
    outer = m.triangles[m.holes : -len(face_mesh().skin)]

    def area(vertices):
        a, b, c = (vertices[outer[:, i], :2] for i in range(3))
        return np.cross(b - a, c - a)

    before, after = area(rest()), area(moved("ada", from_euler_deg(18, 0, 0)))
    folded = np.sign(before) != np.sign(after)
    assert np.abs(after[folded]).sum() < 0.03 * np.abs(before).sum()


def test_expression_moves_the_skin_near_it_and_fades():
    """A dropped chin takes the skin below with it; the far background feels nothing."""
    drop = STILL.copy()
    drop[0, :, 1] = np.where(canonical().points[:, 1] > 0.4, 0.1, 0)
    away = (moved("ada", np.eye(3, dtype=np.float32), drop) - rest())[:, 1]
    chin = rest()[152]
    distance = np.hypot(*(rest()[:, :2] - chin[:2]).T) / portrait().pose.scale
    assert away[152] > 0.09 * portrait().pose.scale
    outer = np.arange(len(away)) >= face_mesh().weights.shape[0]
    assert away[outer & (distance < 0.12)].max() > 0.03 * portrait().pose.scale
    assert np.abs(away[outer & (distance > 2.0)]).max() < 0.2


def test_a_displacement_of_the_whole_face_carries_its_surroundings():
    """Weights of the surroundings are positive shares, at most 1."""
    weights = mesh().weights
    outer = np.asarray(weights[face_mesh().weights.shape[0] :].sum(1)).ravel()
    assert outer.min() > -1e-3
    assert outer.max() < 1 + 1e-3
    assert np.allclose(weights[: face_mesh().weights.shape[0]].sum(1), 1, atol=1e-5)


def test_batches_equal_single_frames():
    """Deforming several frames at once gives what one by one gives."""
    random = np.random.default_rng(0)
    displacement = random.normal(0, 0.02, (3, 468, 3)).astype(np.float32)
    pose = portrait().pose
    turns = np.stack(
        [pose.rotation @ from_euler_deg(*random.uniform(-15, 15, 3)) for _ in range(3)]
    )
    shifts = (pose.translation + random.normal(0, 5, (3, 3))).astype(np.float32)
    scales = (pose.scale * random.uniform(0.9, 1.1, 3)).astype(np.float32)
    many = deform(mesh(), displacement, pose, (turns, shifts, scales))
    for i in range(3):
        part = slice(i, i + 1)
        one = deform(mesh(), displacement[part], pose, (turns[part], shifts[part], scales[part]))
        assert np.allclose(one[0], many[i], atol=1e-3)


@pytest.mark.parametrize("size", [(300, 900), (900, 300), (260, 260)])
def test_any_framing_gives_a_whole_mesh(size):
    """Tall, wide, and a face that touches or leaves the border."""
    p = portrait()
    pose = Pose(p.pose.rotation, np.float32([size[0] / 2, size[1] / 2, 0]), 240.0)
    m = build_mesh(p.points[:468], pose, size)
    assert np.isfinite(m.points).all()
    out = np.full((1, size[1], size[0], 2), -999, np.float32)
    places = pose.to_picture(m.points)
    depth = np.zeros((size[1], size[0]), np.float32)
    uv = np.ascontiguousarray(places[:, :2])
    rasterise(places[None], m.triangles, uv, m.holes, out, depth)
    y, x = np.mgrid[: size[1], : size[0]]
    assert np.abs(out[0] - np.stack([x, y], -1)).max() < 0.05


@pytest.mark.parametrize("yaw", [-35, 35])
def test_a_photo_that_is_turned_gives_a_whole_mesh(yaw):
    """The far cheek folds behind the near one; every pixel is covered and in its place."""
    face = portrait().points[:468]
    pose = Pose(from_euler_deg(yaw, 5, 0), np.float32([250, 250, 0]), 200.0)
    m = build_mesh(face, pose, (500, 500))
    places = pose.to_picture(m.points)
    out, depth = np.full((1, 500, 500, 2), -999, np.float32), np.zeros((500, 500), np.float32)
    uv = np.ascontiguousarray(places[:, :2])
    rasterise(places[None], m.triangles, uv, m.holes, out, depth)
    y, x = np.mgrid[:500, :500]
    assert np.abs(out[0] - np.stack([x, y], -1)).max() < 0.05
