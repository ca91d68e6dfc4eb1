"""The gallery's poses and its sheet."""

import cv2
import numpy as np

from engines.geometry import canonical
from tools.gallery import main, shared_pictures
from tools.sheet import contain, grid, labelled, square_around


def cell(value, side=40):
    return np.full((side, side, 3), value, np.uint8)


def test_a_grid_fills_short_rows():
    """Two cells over one: the missing one is paper."""
    sheet = grid([[cell(200), cell(200)], [cell(200)]], gap=2)
    assert sheet.shape == (84, 84, 3)
    assert sheet[60, 60, 0] < 50


def test_a_label_stands_above_its_cell():
    """The cell itself is untouched."""
    out = labelled(cell(10), "yaw +20")
    assert (out[-40:] == 10).all()
    assert out[:-40].max() > 200


def test_a_face_is_cut_to_the_middle_of_its_cell():
    """The face's box is centred and as large as asked; outside the picture is paper."""
    points = (canonical().points * 100 + [60, 60, 0]).astype(np.float32)
    picture = cell(200, 120)
    out = square_around(picture, points, 4.0, 64)
    assert out.shape == (64, 64, 3)
    assert out[32, 32, 0] == 200
    assert out[0, 0, 0] < 50


def test_a_picture_is_contained_whole():
    """A wide picture keeps its shape."""
    out = contain(np.full((20, 80, 3), 200, np.uint8), 40)
    assert (out == 200).all(axis=-1).sum() == 40 * 10


def test_no_shared_folder_means_no_shared_pictures(tmp_path):
    """The fixed list shrinks to what is there."""
    assert shared_pictures(None) == []
    assert shared_pictures(tmp_path) == []


def test_the_gallery_draws_a_row_per_usable_picture(tmp_path, capsys):
    """One bundled portrait and one file that is no picture: one row, the other named."""
    bad, out = tmp_path / "bad.png", tmp_path / "sheet.png"
    bad.write_text("not a picture")
    columns = ["yaw +20", "eyes shut"]
    assert main(["mei", str(bad), "-o", str(out), "--cell", "96", "--columns", *columns]) == 0
    sheet = cv2.imread(str(out))
    assert sheet.shape == (96 + 22 + 2, 3 * 98, 3)
    assert "bad.png" in capsys.readouterr().err


def test_the_poses_of_the_gallery_differ_from_the_source(tmp_path):
    """A turned head is not the head at rest."""
    out = tmp_path / "sheet.png"
    main(["ada", "-o", str(out), "--cell", "128", "--columns", "yaw +20", "yaw -20"])
    sheet = cv2.imread(str(out)).astype(int)
    source, left, right = (sheet[22:150, i * 130 : i * 130 + 128] for i in range(3))
    assert np.abs(left - source).mean() > 2
    assert np.abs(left - right).mean() > 2


def test_an_unknown_column_is_named(tmp_path, capsys):
    """A typing mistake is told with the columns there are."""
    assert main(["ada", "-o", str(tmp_path / "a.png"), "--columns", "yaw 99"]) == 2
    assert "yaw +20" in capsys.readouterr().err
