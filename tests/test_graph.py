"""The graph in torch: it changes nothing until it has learned something, then what it should."""

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from engines.contract import Contract, centres  # noqa: E402
from engines.graph import FromPicture, FromSource, over, softened, textured  # noqa: E402
from engines.model import Refiner, initial, probe  # noqa: E402
from engines.raster import blend_over, soften_breaks  # noqa: E402
from tests import neural  # noqa: E402


def tensors(arrays):
    """As the graph takes them."""
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def run(refiner: Refiner, contract, arrays):
    """What the graph makes of its inputs: the picture and its gates."""
    form = FromPicture if contract.form == "picture" else FromSource
    with torch.inference_mode():
        refined, gates = form(refiner.eval(), contract.side)(tensors(arrays))
    return refined.numpy(), gates.numpy()


def at(arrays, **changes):
    """The same inputs but for these, of a single portrait."""
    return arrays | {k: np.asarray(v, arrays[k].dtype)[None] for k, v in changes.items()}


ODD = Contract("xs", 128, 407, 391)


@pytest.mark.parametrize("contract", [ODD, Contract("s", 64, 90, 131, batch=2)])
def test_what_has_learned_nothing_changes_nothing(contract):
    """Bit for bit, in boxes of any size, of regions that reach beyond the picture."""
    arrays = neural.made_up(contract)
    refined, gates = run(initial(contract.size), contract, arrays)
    assert np.array_equal(refined, arrays["picture"])
    assert (gates == [0, 128, 0]).all()


@pytest.mark.parametrize(
    "region", [(0, 0, 1, 1), (0.9, 0.8, 0.5, 0.4), (-1.4, 0, 0.3, 0.3), (0, 0, 3, 4)]
)
def test_wherever_the_region_is_what_has_learned_nothing_changes_nothing(region):
    """Beside the picture or all around it."""
    arrays = at(neural.made_up(ODD), region=region)
    assert np.array_equal(run(initial("xs"), ODD, arrays)[0], arrays["picture"])


def test_nothing_changes_outside_the_region():
    """Not a bit, whatever the weights."""
    arrays = at(neural.made_up(ODD), region=(0.1, 0.2, 0.4, 0.5))
    refined, _ = run(probe("xs", "random"), ODD, arrays)
    inside = np.zeros(refined.shape[1:3], bool)
    x, y = centres(ODD.width), centres(ODD.height)
    inside[np.ix_(np.abs(y - 0.2) < 0.51, np.abs(x - 0.1) < 0.41)] = True
    changed = (refined != arrays["picture"]).any(3)[0]
    assert not changed[~inside].any()
    assert changed[inside].mean() > 0.5


def test_flow_fetches_from_as_far_as_it_says():
    """The middle of the region shows what was so many px of the net further right and down."""
    arrays = at(neural.made_up(ODD), region=(0, 0, 0.9, 0.9))
    refined, gates = run(probe("xs", "flow"), ODD, arrays)
    y, x = np.mgrid[180:220, 170:210].astype(np.float32)
    by = np.array([10, 4]) / ODD.side * 0.9 * [ODD.width, ODD.height]
    expected = _cubic(arrays["picture"][0], x + by[0], y + by[1])
    away = np.abs(refined[0, 180:220, 170:210].astype(float) - expected)
    assert away.max() < 1.6  # the fine head's share is sampled between values of 2 x 2
    length = np.hypot(10, 4) * 8
    assert gates[0, 64, 64].tolist() == pytest.approx([0, 128, length], abs=1)


def test_gain_brightens_and_paint_covers():
    """By the share that the probes are made for."""
    arrays = neural.made_up(ODD)
    arrays["picture"][:] = 100
    arrays = at(arrays, region=(0, 0, 1, 1))
    bright, gates = run(probe("xs", "gain"), ODD, arrays)
    assert bright[0, 200, 200].tolist() == [130] * 3
    assert gates[0, 64, 64].tolist() == pytest.approx([0, 128 + 0.3 * 127.5, 0], abs=1)
    red, gates = run(probe("xs", "rgb"), ODD, arrays)
    paint = 255 * np.tanh([0.5, -0.5, -0.5]) / 2
    assert red[0, 200, 200] == pytest.approx(100 + paint, abs=0.51)
    assert gates[0, 64, 64, 0] == pytest.approx(4 * paint[0], abs=0.51)


def test_changes_fade_out_towards_the_border_of_the_region():
    """No seam can be seen there: the share falls in small steps to nothing."""
    arrays = neural.made_up(ODD)
    arrays["picture"][:] = 100
    arrays = at(arrays, region=(0, 0, 0.6, 0.6))
    line = run(probe("xs", "gain"), ODD, arrays)[0][0, 203, :, 0].astype(int)
    assert np.abs(np.diff(line)).max() <= 3
    assert line[0] == line[-1] == 100
    assert line[195] == 130


def test_the_refiner_sees_the_region():
    """Each map shows what the contract says, where it says."""
    contract = Contract("xs", 128, 300, 200)
    arrays = at(neural.made_up(contract), region=(0, 0, 0.5, 0.5), rotation=np.eye(3))
    y, x = np.mgrid[:300, :200].astype(np.float32)
    arrays = at(arrays, places=np.stack([x, y], 2) * [2, 1], extent=(400, 300))
    with torch.inference_mode():
        graph = FromPicture(initial("xs"), 128)
        planes = graph.planes(
            tensors(arrays)["picture"].float().permute(0, 3, 1, 2), tensors(arrays)
        )
    planes = planes[0].permute(1, 2, 0).numpy()
    steps = (2 * np.arange(128) + 1) / 128 - 1
    gx, gy = np.meshgrid((0.5 * steps + 1) * 100 - 0.5, (0.5 * steps + 1) * 150 - 0.5)
    seen = _linear(arrays["picture"][0], gx, gy)
    assert planes[..., :3] == pytest.approx(seen / 255, abs=4e-3)
    assert planes[..., 3:6] == pytest.approx(arrays["rest"][0] / 255, abs=1e-5)
    assert planes[..., 6:10] == pytest.approx(_linear(arrays["layers"][0], gx, gy) / 255, abs=4e-3)
    guide = _linear(
        arrays["guide"][0], (2 * gx + 0.5) / 400 * 256 - 0.5, (gy + 0.5) / 300 * 256 - 0.5
    )
    assert planes[..., 10] == pytest.approx(guide[..., 0] / 255, abs=3e-3)
    assert planes[..., 11] == pytest.approx(np.log(2), abs=1e-2)
    assert planes[..., 12:15] == pytest.approx(guide[..., 1:] / 127.5 - 1, abs=6e-3)
    assert planes[..., 15:17] == pytest.approx(0, abs=1e-6)
    assert planes[..., 17:19] == pytest.approx(arrays["marks"][0, ..., :2] / 128 - 1, abs=1e-5)
    assert planes[..., 19] == pytest.approx(arrays["marks"][0, ..., 2] / 255, abs=1e-5)


def test_a_turn_turns_the_normals():
    """Their change is told beside them."""
    contract = Contract("xs", 64, 80, 80)
    turn = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    arrays = at(neural.made_up(contract), rotation=turn)
    graph, own = FromPicture(initial("xs"), 64), at(arrays, rotation=np.eye(3))
    with torch.inference_mode():
        plain = torch.from_numpy(arrays["picture"]).float().permute(0, 3, 1, 2)
        turned, before = graph.planes(plain, tensors(arrays)), graph.planes(plain, tensors(own))
    rows = torch.from_numpy(turn).float() @ before[0, 12:15].flatten(1)
    assert turned[0, 12:15].flatten(1).numpy() == pytest.approx(rows.numpy(), abs=1e-5)
    change = (turned - before)[0, 12:14]
    assert turned[0, 15:17].numpy() == pytest.approx(change.numpy(), abs=1e-5)


def test_form_source_is_a_drawing_and_then_form_picture():
    """With the drawn picture as input, form `picture` says the same to the last bit."""
    contract = Contract("xs", 64, 90, 110, 2, "source", (100, 120))
    arrays, refiner = neural.made_up(contract), probe("xs", "random")
    whole, gates = run(refiner, contract, arrays)
    plain, _ = run(initial("xs"), contract, arrays)
    again = Contract("xs", 64, 90, 110, 2)
    both, same_gates = run(refiner, again, arrays | {"picture": plain})
    assert np.array_equal(whole, both)
    assert np.array_equal(gates, same_gates)
    assert (whole != plain).mean() > 0.5


def test_layers_and_breaks_are_as_the_processor_draws_them():
    """To the last bit, where places jump and where they do not."""
    random = np.random.default_rng(0)
    person, plate = neural.covered(random, 60, 80), neural.picture(random, 60, 80)
    places = random.uniform(0, 20, (60, 80, 2)).astype(np.float32)
    ours = np.empty_like(plate)
    blend_over(person, plate, ours)
    soften_breaks(places, ours)
    laid = over(*(torch.from_numpy(a[None]).float().permute(0, 3, 1, 2) for a in (person, plate)))
    theirs = softened(laid, torch.from_numpy(places[None]))[0].permute(1, 2, 0).numpy()
    assert np.array_equal(theirs, ours)


def test_places_outside_the_texture_are_its_border_or_nowhere():
    """A mesh stretched beyond the texture goes on as its border; nowhere there is the plate."""
    contract = Contract("xs", 64, 40, 40, 1, "source", (30, 30))
    arrays = neural.made_up(contract)
    arrays["texture"][:] = [9, 99, 199, 255]
    arrays["layers"][:] = 0
    arrays["places"][:, :20] = 5e3
    arrays["places"][:, 20:] = neural.NOWHERE
    drawn, _ = run(initial("xs"), contract, arrays)
    assert (drawn[:, :20] == [9, 99, 199]).all()
    assert np.array_equal(drawn[:, 20:], arrays["plate"][:, 20:])


def test_gradients_reach_all_that_can_learn():
    """At the very start, but for the gate: there is no paint that it could hold back; then all."""
    contract = Contract("xs", 64, 70, 70)
    arrays, refiner = tensors(neural.made_up(contract)), initial("xs")
    graph = FromPicture(refiner, 64)
    picture = arrays["picture"].float().permute(0, 3, 1, 2)
    for learns in ([0, 1, 2, 4, 5, 6], range(7)):
        refiner.zero_grad()
        refined, _ = graph.refined(picture, arrays)
        (refined * torch.linspace(-1, 1, 70)).sum().backward()
        grown = [refiner.fine.weight.grad, refiner.coarse.weight.grad]
        assert all(g is not None and torch.isfinite(g).all() for g in grown)
        maps = refiner.fine.weight.grad.view(7, 4, -1).abs().amax((1, 2))
        assert (maps[list(learns)] > 0).all()
        assert refiner.coarse.weight.grad.abs().max() > 0
        with torch.no_grad():
            refiner.fine.weight -= 1e-4 * refiner.fine.weight.grad.sign()


def test_texture_coordinates_are_those_of_its_outer_edges():
    """The first pixel's centre lies half a pixel inside."""
    places = torch.tensor([[0.0, 0.0], [9.0, 19.0]]).T[None, :, None]
    grid = textured(places, {"extent": torch.tensor([[10.0, 20.0]])})
    assert grid[0, 0].numpy() == pytest.approx(np.array([[-0.9, -0.95], [0.9, 0.95]]))


def _linear(picture, x, y):
    maps = (np.float32(x), np.float32(y))
    source = picture.astype(np.float32)
    return cv2.remap(source, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _cubic(picture, x, y):
    source = picture.astype(np.float32)
    return cv2.remap(source, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
