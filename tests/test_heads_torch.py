"""The path of synthetic heads for a GPU, on the processor: equal to the path for processors."""

import numpy as np
import pytest

from streamer.errors import EngineError
from tests.heads import assets, needs_assets, person, place, scattered, soup
from tools.heads.moves import draw_moves
from tools.heads.paths import path_of
from tools.heads.raster import nearest
from tools.heads.render import frames, studio

torch = pytest.importorskip("torch")

from tools.heads.bulk import TorchLibrary, nearest_torch  # noqa: E402  (torch may be missing)

SIDE, BEARDED = 48, 7


@pytest.mark.parametrize("seed", range(3))
def test_torch_finds_the_same_triangles(seed):
    """Coverage, order of layers and depth are equal to the last bit, holes included."""
    points, triangles = scattered(seed, count=90, frames_=2)
    mesh, library = soup(triangles, clear_from=15, seed=seed), TorchLibrary.on("cpu")
    floor = np.full((2, SIDE, SIDE), 0.05, np.float32)
    floor[:, :9] = 0
    near, which = nearest(mesh, points, SIDE, 0.2, 4, floor)
    same = type(mesh)(*(library.put(getattr(mesh, name)) for name in mesh.__slots__))
    found, number = nearest_torch(
        same, torch.from_numpy(points), SIDE, 0.2, 4, torch.from_numpy(floor)
    )
    assert (which[:, 1] >= 0).any()
    assert np.array_equal(number.numpy(), which)
    assert np.array_equal(found.numpy(), near)


@needs_assets
def test_torch_draws_the_same_pictures():
    """Labels, depth and colours of a person with a beard."""
    moves = draw_moves(BEARDED, 2)
    library = TorchLibrary.on("cpu")
    other = studio(assets(), person(BEARDED), library, nearest_torch, 96)
    pairs = zip(frames(place(BEARDED), moves), frames(other, moves, at_once=2), strict=True)
    for one, two in pairs:
        same = one.triangle == two.triangle
        assert same.mean() > 0.998
        assert ((one.triangle >= 0) == (two.triangle >= 0)).mean() > 0.9995
        assert np.allclose(one.near[same], two.near[same], rtol=1e-4)
        assert np.abs(one.picture.astype(int) - two.picture).mean() < 0.3


def test_a_device_that_is_not_there_is_named():
    """One line says which."""
    with pytest.raises(EngineError, match="abacus: torch cannot compute there"):
        path_of("abacus")
