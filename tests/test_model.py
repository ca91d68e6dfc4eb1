"""The networks cost what was planned, start as nothing, and learn with every layer they have."""

import pytest

torch = pytest.importorskip("torch")

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402  (torch may be missing)

from engines import contract, model, weights  # noqa: E402
from engines.graph import COARSE as COARSE_PX  # noqa: E402
from engines.graph import FINE as FINE_PX  # noqa: E402
from engines.model import Embedder, Refiner, folded, initial, into, probe, weights_of  # noqa: E402
from engines.weights import PARAMS  # noqa: E402

SIDE = 64


def planes(batch=1, side=SIDE, seed=0):
    return torch.rand((batch, 20, side, side), generator=torch.Generator().manual_seed(seed))


def film(size, batch=1, strength=0.0, seed=0):
    chance = torch.Generator().manual_seed(seed)
    return strength * torch.randn((batch, contract.FILM[size]), generator=chance)


def millions(module):
    return sum(parameter.numel() for parameter in module.parameters()) / 1e6


def gmac(module, *shapes):
    """Multiplications of one forward pass, counted without doing any."""
    with FlopCounterMode(display=False) as counter:
        module.to("meta")(*(torch.empty(shape, device="meta") for shape in shapes))
    return counter.get_total_flops() / 2e9


@pytest.mark.parametrize(
    ("size", "parameters", "costs"),
    [
        ("m", 7.227, {256: 12.302}),
        ("s", 4.673, {256: 6.270}),
        ("xs", 1.048, {256: 2.311, 192: 1.300, 128: 0.578}),
    ],
)
def test_each_size_costs_what_the_table_says(size, parameters, costs):
    """The table leaves the coarse head out, which adds a few thousand weights."""
    refiner = Refiner(PARAMS[size])
    assert millions(refiner) - millions(refiner.coarse) == pytest.approx(parameters, abs=6e-4)
    for side, cost in costs.items():
        coarse = 2 * 9 * PARAMS[size].channels[1] * (side // 4) ** 2 / 1e9
        whole = gmac(refiner, (1, 20, side, side), (1, contract.FILM[size]))
        assert whole - coarse == pytest.approx(cost, abs=6e-4)
        assert coarse < 0.01


@pytest.mark.parametrize("size", contract.SIZES)
def test_the_film_numbers_are_as_many_as_the_contract_says(size):
    assert sum(Refiner(PARAMS[size]).films) == contract.FILM[size]


@pytest.mark.parametrize("size", contract.SIZES)
def test_the_embedder_costs_what_was_planned(size):
    """3.2 M for what sees, beside what turns it into FiLM numbers; 0.9 GMAC a photo."""
    embedder = Embedder(PARAMS[size])
    assert millions(embedder.trunk) == pytest.approx(3.205, abs=6e-4)
    assert millions(embedder.project) == pytest.approx(257 * contract.FILM[size] / 1e6)
    assert gmac(embedder, (1, 1, 6, 128, 128)) == pytest.approx(0.890, abs=1e-3)


@pytest.mark.parametrize("side", [256, 192, 128])
def test_the_heads_have_the_sides_the_graph_expects(side):
    fine, coarse = initial("xs")(planes(2, side), film("xs", 2))
    assert fine.shape == (2, 7, side, side)
    assert coarse.shape == (2, 2, side // 4, side // 4)


@pytest.mark.parametrize("size", contract.SIZES)
def test_what_has_learned_nothing_says_nothing(size):
    """Whatever the planes and the portrait, the heads give exactly 0."""
    fine, coarse = initial(size)(planes(), film(size, strength=1.0))
    assert not fine.any()
    assert not coarse.any()
    assert not model.initial_embedder(size)(torch.rand(1, 2, 6, 128, 128)).any()


def test_one_seed_gives_one_refiner():
    first, again, other = (initial("xs", seed).stem.weight for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_values_stay_moderate_through_the_deepest_refiner():
    """Half precision ends at 65,504: without training nothing comes near."""
    refiner, strongest = initial("m"), []
    for layer in refiner.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.register_forward_hook(lambda *x: strongest.append(x[2].abs().max().item()))
    refiner(planes(side=128), film("m", strength=0.1))
    assert max(strongest) < 100


def test_heads_at_zero_still_learn_and_then_all_else_does():
    """The first step reaches the heads alone; the second reaches every weight but unused ones."""
    refiner = initial("xs")
    optimiser = torch.optim.SGD(refiner.parameters(), lr=0.01)
    for step in range(2):
        optimiser.zero_grad()
        fine, coarse = refiner(planes(), film("xs", strength=0.1))
        ((fine - 1) ** 2).mean().add(((coarse - 1) ** 2).mean()).backward()
        moved = {name for name, p in refiner.named_parameters() if p.grad.any()}
        heads = {name for name in moved if name.startswith(("fine", "coarse"))}
        assert len(heads) == 4
        assert step or moved == heads
        optimiser.step()
    assert moved == {name for name, _ in refiner.named_parameters()}


def test_the_portrait_learns_through_its_numbers():
    """With heads that say something, the loss reaches FiLM and through it the embedder."""
    embedder, photos = model.initial_embedder("xs"), torch.rand(1, 2, 6, 128, 128)
    fine, _ = probe("xs", "random")(planes(), embedder(photos))
    fine.square().mean().backward()
    assert embedder.project.weight.grad.any()


def test_film_scales_by_one_more_than_its_first_half_and_shifts_by_its_second():
    """All zero is neutral; the numbers act between the first convolution and its rectifier."""
    block, x = model.FilmBlock(3), torch.rand(1, 3, 8, 8)
    for scale, shift in ((0.0, 0.0), (0.5, 0.0), (-1.0, 0.7)):
        film = torch.tensor([[scale] * 3 + [shift] * 3])
        inside = block.first(x) * (1 + scale) + shift
        inside = torch.where(inside > 0, inside, 0.1 * inside)
        torch.testing.assert_close(block(x, film), x + block.second(inside))


def test_film_changes_what_comes_out():
    refiner = probe("xs", "random")
    neutral, other = (refiner(planes(), film("xs", strength=s)) for s in (0.0, 0.3))
    assert all((a - b).abs().max() > 0.01 for a, b in zip(neutral, other, strict=True))


def test_a_batch_gives_what_each_gives_alone():
    """Nothing is normalised over pictures, so neighbours do not matter."""
    refiner, both, films = probe("xs", "random"), planes(2), film("xs", 2, 0.2)
    whole = refiner(both, films)
    for i in range(2):
        alone = refiner(both[i : i + 1], films[i : i + 1])
        for a, b in zip(whole, alone, strict=True):
            torch.testing.assert_close(a[i], b[0], atol=1e-5, rtol=1e-5)


def test_photos_are_averaged_whatever_their_order():
    """The numbers of several photos are the mean of what each gives."""
    embedder, photos = model.initial_embedder("xs"), torch.rand(1, 3, 6, 128, 128)
    chance = torch.Generator().manual_seed(0)
    torch.nn.init.normal_(embedder.project.weight, generator=chance)
    together, turned = embedder(photos), embedder(photos.flip(1))
    each = torch.stack([embedder(photos[:, i : i + 1]) for i in range(3)]).mean(0)
    torch.testing.assert_close(together, turned, atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(together, each, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("size", contract.SIZES)
@pytest.mark.parametrize(
    ("what", "changed"), [("flow", [5, 6]), ("gain", [4]), ("rgb", [0, 1, 2, 3])]
)
def test_each_probe_moves_its_own_path_alone(size, what, changed):
    """Only its maps differ from 0, by the same everywhere; the coarse flow goes with `flow`."""
    fine, coarse = probe(size, what)(planes(), film(size, strength=0.3))
    moved = [i for i in range(7) if fine[0, i].any()]
    assert moved == ([6] if what == "flow" else changed)
    assert bool(coarse.any()) == (what == "flow")
    assert fine.std((2, 3)).max() < 1e-6


def test_the_flow_probe_fetches_from_where_it_says():
    """10 px by the coarse head, 4 px by the fine one, in the graph's ranges."""
    fine, coarse = probe("xs", "flow")(planes(), film("xs"))
    assert (COARSE_PX * torch.tanh(coarse[0, :, 3, 3])).tolist() == pytest.approx([10, 0])
    assert (FINE_PX * torch.tanh(fine[0, 5:, 3, 3])).tolist() == pytest.approx([0, 4])


@pytest.mark.parametrize("size", contract.SIZES)
def test_the_random_probe_is_different_everywhere_and_moderate(size):
    fine, coarse = probe(size, "random", seed=4)(planes(side=128, seed=9), film(size))
    assert (fine.std((0, 2, 3)) > 0.02).all()
    assert (coarse.std((0, 2, 3)) > 0.02).all()
    assert fine.abs().max() < 8
    assert coarse.abs().max() < 2


def test_folding_keeps_what_comes_out():
    """With every norm inside the weights the outputs stay, and only plain layers are left."""
    refiner = model.spectral(probe("xs", "random"))
    refiner(planes(), film("xs"))  # in training each pass sharpens the estimate of the norm
    plain = folded(refiner)
    assert set(plain.state_dict()) == set(weights.shapes("xs"))
    assert {type(layer) for layer in plain.modules() if hasattr(layer, "weight")} == {
        torch.nn.Conv2d
    }
    refiner.eval()
    for a, b in zip(refiner(planes(), film("xs")), plain(planes(), film("xs")), strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-5)


def test_norms_of_one_leave_heads_at_zero_alone():
    """Dividing a zero weight by its norm would give no number at all."""
    fine, coarse = model.spectral(initial("xs"))(planes(), film("xs"))
    assert not fine.any()
    assert not coarse.any()


def test_each_layer_has_a_norm_of_one():
    plain = folded(model.spectral(initial("xs")))
    weight = plain.encoder[2].blocks[0].first.weight.flatten(1)
    assert torch.linalg.matrix_norm(weight, ord=2).item() == pytest.approx(1, abs=0.05)


def test_weights_come_back_within_half_precision():
    """What is kept and loaded again gives almost the same; kept once more, exactly the same."""
    refiner = probe("xs", "random")
    kept = weights_of(model.spectral(probe("xs", "random")), note="a test")
    assert kept.note == "a test"
    again = into(weights_of(refiner))
    for a, b in zip(refiner(planes(), film("xs")), again(planes(), film("xs")), strict=True):
        torch.testing.assert_close(a, b, atol=2e-2, rtol=1e-2)
    assert weights_of(again).digest == weights_of(refiner).digest


def test_an_embedder_travels_with_its_refiner():
    embedder = model.initial_embedder("xs", 5)
    chance = torch.Generator().manual_seed(0)
    torch.nn.init.normal_(embedder.project.weight, generator=chance)
    kept = weights_of(initial("xs"), embedder)
    photos = torch.rand(1, 1, 6, 128, 128, generator=chance)
    again = model.into_embedder(kept)
    torch.testing.assert_close(again(photos), embedder(photos), atol=0.3, rtol=0.01)
    assert model.into_embedder(weights_of(initial("xs"))) is None


@pytest.mark.parametrize("size", contract.SIZES)
def test_names_known_without_torch_are_those_of_the_networks(size):
    """`weights` checks files by a table of its own."""
    state, more = (
        {name: tuple(t.shape) for name, t in network(PARAMS[size]).state_dict().items()}
        for network in (Refiner, Embedder)
    )
    assert state == weights.shapes(size)
    assert more == weights.embedder_shapes(size)
