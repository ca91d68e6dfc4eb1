"""Synthetic heads: what they look like, that they are repeatable, and that they are exact."""

import numpy as np
import pytest
from scipy import ndimage

from engines.geometry import POINTS
from streamer.errors import MediaError
from streamer.tracker import FaceMesh
from tests.heads import ASSETS, both, frame, needs_assets, person, place
from tools.heads.assets import load
from tools.heads.dataset import read
from tools.heads.landmarks import landmarks_of, load_places
from tools.heads.moves import draw_moves
from tools.heads.packed import render_item, render_origin
from tools.heads.parts import Part
from tools.heads.render import frames
from tools.heads.truth import View, flow, labels, visible
from tools.render_heads import main

BARE, BEARDED = 6, 7
"""Seeds: cropped hair and no beard; a full beard."""


def label(shot, seed):
    rig = person(seed).rig
    return labels(View(shot.triangle, shot.vertices), rig.part)


def share(shot, seed, *parts):
    return float(np.isin(label(shot, seed), parts).mean())


@needs_assets
def test_lids_close_over_the_eyes():
    """At every stage of a blink there is less of the eye, and in the end nothing."""
    seen = [
        share(frame(BARE, side=192, units=both("eyeBlink", shut)), BARE, Part.EYE)
        for shut in (0, 0.3, 1)
    ]
    assert seen[0] > 1e-3
    assert seen[0] > seen[1] > seen[2]
    assert seen[2] < 0.03 * seen[0]


@needs_assets
def test_the_mouth_opens_on_teeth_and_a_dark_cavity():
    """Shut it shows neither; wide open both, and what is deep in it is darker than the lips."""
    inner = (Part.TEETH, Part.MOUTH, Part.TONGUE)
    shut = frame(BARE, side=192)
    wide = frame(BARE, side=192, units={"jawOpen": 0.8, **both("mouthUpperUp", 0.4)})
    assert share(wide, BARE, Part.TEETH) > 5e-4
    assert share(wide, BARE, *inner) > 4 * share(shut, BARE, *inner)
    found, bright = label(wide, BARE), wide.picture.mean(2)
    deep = np.percentile(bright[np.isin(found, inner)], 10)
    assert deep < 0.5 * np.median(bright[found == Part.LIPS])


@needs_assets
def test_there_are_no_holes_in_a_head():
    """Filling the outline adds nothing."""
    shot = frame(BARE, side=192, units={"jawOpen": 0.7}, turn=(0.3, 0.1, 0))
    there = shot.matte > 250
    inside = ndimage.binary_erosion(ndimage.binary_fill_holes(there), iterations=2)
    assert there.mean() > 0.2
    assert there[inside].all()


@needs_assets
def test_the_matte_is_the_person():
    """Where a pixel's middle shows something, the matte is not empty, and the reverse."""
    shot = frame(BEARDED)
    assert (shot.matte[shot.triangle >= 0] > 0).mean() > 0.999  # some hairs are thinner
    assert (shot.matte[ndimage.binary_erosion(shot.triangle < 0, iterations=2)] < 128).all()


@needs_assets
def test_flow_leads_visible_vertices_to_where_they_are():
    """Between two frames, vertices seen in both move as the flow at their pixels says."""
    a, b = frame(BARE), frame(BARE, units={"jawOpen": 0.5}, turn=(0.2, 0, 0.1))
    views = [View(one.triangle, one.vertices) for one in (a, b)]
    triangles = person(BARE).rig.triangles
    found = flow(views[0], views[1], triangles)
    both_seen = visible(views[0], triangles) & visible(views[1], triangles)
    both_seen[person(BARE).rig.skin_count :] = False
    place_ = a.vertices[both_seen, :2]
    x, y = place_.astype(int).T
    moved = found.to[y, x] - np.column_stack([x, y]) - 0.5
    true = b.vertices[both_seen, :2] - place_
    good = found.seen[y, x]
    assert good.mean() > 0.7
    assert np.median(np.abs(moved - true)[good]) < 0.15
    assert np.abs(true).max() > 5


@needs_assets
def test_topology_is_one_for_all_frames():
    """The same vertices and triangles, and rest is where nothing moves."""
    shots = list(frames(place(BARE), draw_moves(BARE, 3)))
    assert len({one.vertices.shape for one in shots}) == 1
    assert all(one.triangle.max() < len(person(BARE).rig.triangles) for one in shots)


@needs_assets
def test_the_tracker_finds_the_faces_where_they_are():
    """Four people at ease; the points of the mesh are near those that the tracker finds."""
    mesh, places, away = FaceMesh(0.5), load_places(), []
    for seed in range(1_000_000, 1_000_004):
        shot = next(frames(place(seed, side=256), draw_moves(seed, 1)))
        mesh.forget()
        found = mesh.settle(shot.picture)
        assert found is not None
        points = landmarks_of(places, shot.vertices, person(seed).camera, 256)
        width = float(np.ptp(found[:, 0]))
        away.append(np.linalg.norm((points - found)[:POINTS, :2], axis=1).mean() / width)
    mesh.close()
    assert np.mean(away) < 0.03


@needs_assets
def test_the_same_seed_gives_the_same_bytes(tmp_path):
    """And another seed another person; what is there already is left alone."""
    options = ["--assets", str(ASSETS), "--frames", "2", "--side", "64", "--people", "1"]
    for name in ("a", "b"):
        assert main([str(tmp_path / name), *options]) == 0
    first = tmp_path / "a" / "person-000000.npz"
    assert first.read_bytes() == (tmp_path / "b" / first.name).read_bytes()
    written = first.stat().st_mtime_ns
    assert main([str(tmp_path / "a"), *options, "--seed", "1"]) == 0
    assert main([str(tmp_path / "a"), *options]) == 0
    assert first.stat().st_mtime_ns == written
    files = sorted(file.name for file in (tmp_path / "a").iterdir())
    assert files == ["person-000000.npz", "person-000001.npz"]
    assert read(first).about["traits"] != read(first.with_name(files[1])).about["traits"]


@needs_assets
def test_a_person_becomes_an_item_that_is_marked(tmp_path):
    """Frames, landmarks and the portrait's matte; its kind says that it is no photo."""
    options = ["--assets", str(ASSETS), "--frames", "3", "--side", "192", "--people", "1"]
    assert main([str(tmp_path), *options, "--seed", "1000000", "--pictures-only"]) == 0
    path = tmp_path / "person-1000000.npz"
    item = render_item(path, render_origin(path))
    assert item.origin.kind == "render"
    assert item.sources == (0,)
    assert len(item.frames) == len(item.landmarks) >= 2
    assert item.matte(0).shape == item.picture(0).shape[:2]
    assert len(read(path).triangles) == 0


def test_missing_assets_are_named(tmp_path, capsys):
    """In one line, with what to do."""
    assert main([str(tmp_path / "out"), "--assets", str(tmp_path)]) == MediaError.exit_code
    said = capsys.readouterr().err.strip()
    assert "\n" not in said
    assert "head.npz: there is no such file" in said
    assert "--assets" in said


def test_damaged_assets_are_named(tmp_path):
    """Bytes that are none of NumPy's."""
    (tmp_path / "head.npz").write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(MediaError, match=r"head\.npz: damaged"):
        load(tmp_path)


@needs_assets
def test_a_missing_and_a_damaged_picture_are_named(tmp_path):
    """The rest of the folder is whole."""
    for file in ("head.npz", "env.npz"):
        (tmp_path / file).symlink_to(ASSETS / file)
    (tmp_path / "tex").mkdir()
    with pytest.raises(MediaError, match=r"mask_lips\.png: cannot be read"):
        load(tmp_path)
    (tmp_path / "tex" / "mask_lips.png").write_bytes(b"no picture")
    with pytest.raises(MediaError, match=r"mask_lips\.png: the picture is damaged"):
        load(tmp_path)


def test_a_damaged_person_is_named(tmp_path):
    """A file that was cut off."""
    path = tmp_path / "person-000001.npz"
    path.write_bytes(b"PK")
    with pytest.raises(MediaError, match="render it again"):
        read(path)
