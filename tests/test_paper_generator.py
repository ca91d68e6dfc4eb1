"""The baseline is the seed paper's generator, as far as its figures can tell."""

import pytest

torch = pytest.importorskip("torch")

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402  (torch may be missing)

from engines.model import spectral  # noqa: E402
from tools.paper_generator import (  # noqa: E402
    Form,
    PaperGenerator,
    adapted,
    folded,
    paper_generator,
)

SMALL = Form(residuals=2, attention=True, channels=(8, 16, 16, 32))


def gmac(generator, side):
    with FlopCounterMode(display=False) as counter, torch.device("meta"):
        generator(torch.empty(1, 3, side, side), torch.empty(1, 512))
    return counter.get_total_flops() / 2e9


@pytest.mark.parametrize(
    ("form", "parameters", "at_256", "at_512"),
    [("slim", 37.917, 47.222, 188.868), ("full", 43.852, 53.984, 277.520)],
)
def test_the_generator_costs_what_is_known_of_it(form, parameters, at_256, at_512):
    """38 M parameters as the paper says; attention grows with the fourth power of the side."""
    generator = paper_generator(form).to("meta")
    count = sum(p.numel() for p in generator.parameters()) / 1e6
    assert count == pytest.approx(parameters, abs=1e-3)
    assert gmac(generator, 256) == pytest.approx(at_256, abs=1e-3)
    assert gmac(generator, 512) == pytest.approx(at_512, abs=1e-2)


def test_a_raster_and_a_person_give_a_picture():
    """Another person's numbers give another picture of the same side, within -1..1."""
    generator, raster = folded(spectral(PaperGenerator(SMALL))), torch.rand(1, 3, 64, 64)
    one, other = (generator(raster, torch.full((1, 512), value)) for value in (0.5, -0.5))
    assert one.shape == raster.shape
    assert one.abs().max() <= 1
    assert (one - other).abs().max() > 1e-3


def test_folding_keeps_the_picture():
    """Spectral norm costs nothing when the generator runs."""
    torch.manual_seed(0)
    generator = spectral(PaperGenerator(SMALL)).eval()
    inputs = torch.rand(1, 3, 64, 64), torch.rand(1, 512)
    plain = folded(generator)
    assert not any("parametrizations" in name for name in plain.state_dict())
    torch.testing.assert_close(generator(*inputs), plain(*inputs), atol=1e-5, rtol=1e-4)


def test_features_get_the_mean_and_deviation_they_are_given():
    """AdaIN, whatever came in."""
    x = adapted(5 + 3 * torch.rand(1, 2, 16, 16), torch.tensor([[2.0, 0.5, -1.0, 4.0]]))
    assert x.mean((2, 3))[0].tolist() == pytest.approx([-1, 4], abs=1e-3)
    assert x.std((2, 3))[0].tolist() == pytest.approx([2, 0.5], abs=1e-2)
