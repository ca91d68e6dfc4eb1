"""The critics cost what was planned and give raw scores that can be learned from."""

import pytest

torch = pytest.importorskip("torch")

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402  (torch may be missing)

from engines.critics import Attention, PatchCritic, ProjectionCritic, mouth_critic  # noqa: E402
from engines.model import folded  # noqa: E402


def cost(critic, side, *kinds):
    """Millions of parameters that see, and GMAC, of the critic with its norms folded."""
    plain = folded(critic).to("meta")
    inputs = [torch.zeros(kind if kind == (1,) else (1, kind[0], side, side)) for kind in kinds]
    with FlopCounterMode(display=False) as counter:
        plain(*(x.long().to("meta") if x.ndim == 1 else x.to("meta") for x in inputs))
    seeing = [p.numel() for name, p in plain.named_parameters() if not name.startswith("people")]
    return sum(seeing) / 1e6, counter.get_total_flops() / 2e9


def pictures(side, geometry=6, batch=2, seed=0):
    chance = torch.Generator().manual_seed(seed)
    return torch.rand((batch, 3 + geometry, side, side), generator=chance).split([3, geometry], 1)


def test_critics_cost_what_was_planned():
    """Patches 1.72 M and 1.49 GMAC at 256; mouths 0.67 M and 0.17 at 96."""
    assert cost(PatchCritic(), 256, (3,), (6,)) == pytest.approx((1.718, 1.494), abs=1e-3)
    assert cost(mouth_critic(), 96, (3,), (6,)) == pytest.approx((0.669, 0.173), abs=1e-3)


def test_the_projection_critic_is_as_large_as_the_paper_s():
    """19.63 M where it sees, 16.0 GMAC at 256, as rebuilt from the paper."""
    critic = cost(ProjectionCritic(3), 256, (3,), (3,), (1,))
    assert critic == pytest.approx((19.627, 15.997), abs=2e-3)


def test_patches_are_judged_by_raw_logits_of_both_signs():
    """Nothing squeezes them, and each layer hands out what it saw, finest first."""
    judged = PatchCritic()(*pictures(128))
    assert judged.logits.shape == (2, 7, 7)
    assert [x.shape[1:] for x in judged.seen] == [
        (64, 64, 64),
        (128, 32, 32),
        (256, 16, 16),
        (256, 8, 8),
    ]
    assert judged.logits.min() != judged.logits.max()


def test_a_mouth_has_three_layers_to_match():
    judged = mouth_critic()(*pictures(96))
    assert judged.logits.shape == (2, 11, 11)
    assert len(judged.seen) == 3


@pytest.mark.parametrize("critic", [PatchCritic, mouth_critic])
def test_a_hinge_reaches_every_layer_and_the_picture(critic):
    """Both the critic and whoever drew the picture learn from one score."""
    critic, (picture, geometry) = critic(), pictures(96)
    picture.requires_grad_()
    torch.relu(1 - critic(picture, geometry).logits).mean().backward()
    assert picture.grad.any()
    assert all(p.grad.any() for p in critic.parameters())


def test_every_layer_of_a_critic_has_a_norm_of_one():
    critic = PatchCritic()
    for _ in range(20):  # each pass in training sharpens the estimate
        critic(*pictures(64))
    for layer in folded(critic).layers:
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), ord=2).item() == pytest.approx(
            1, abs=0.1
        )


@pytest.fixture(scope="module")
def narrow():
    """A projection critic as deep as the real one, with few channels."""
    torch.manual_seed(0)
    return ProjectionCritic(4, (8, 8, 16, 16, 16, 16))


def test_the_score_is_the_paper_s(narrow):
    """score = v . (W_i + w0) + b, with v what the last block saw, rectified and summed."""
    person = torch.tensor([1, 3])
    with torch.no_grad():
        narrow.anyone.fill_(0.5)
        narrow.bias.fill_(0.25)
        narrow.eval()
        judged = narrow(*pictures(256, 3), person)
        v = torch.relu(judged.seen[-1]).sum((2, 3))
        asked = [v[i] @ (narrow.people[p] + 0.5) + 0.25 for i, p in enumerate(person)]
    assert judged.logits.numpy() == pytest.approx(torch.stack(asked).numpy(), abs=1e-5)


def test_each_person_has_a_score_of_their_own(narrow):
    """The same picture is judged otherwise as another person's, and only that person learns."""
    picture, geometry = pictures(256, 3, batch=1)
    narrow.zero_grad()
    first, second = (narrow(picture, geometry, torch.tensor([i])).logits for i in (0, 2))
    assert first.item() != second.item()
    (first - second).backward()
    assert [bool(row.any()) for row in narrow.people.grad] == [True, False, True, False]


def test_the_last_block_of_the_projection_critic_keeps_the_side(narrow):
    sides = [x.shape[-1] for x in narrow(*pictures(256, 3, batch=1), torch.tensor([0])).seen]
    assert sides == [128, 64, 32, 32, 16, 8, 4, 4]


def test_attention_adds_nothing_at_first_and_can_learn_to():
    attention, x = Attention(16), torch.rand(1, 16, 6, 6)
    assert torch.equal(attention(x), x)
    attention(x).square().sum().backward()
    assert attention.share.grad.any()


def test_attention_mixes_what_all_places_tell():
    """Where all ask the same, each place hears the mean of all."""
    attention, x = Attention(16), torch.rand(1, 16, 6, 6)
    with torch.no_grad():
        attention.share.fill_(1)
        attention.ask.weight.zero_()
        attention.ask.bias.zero_()
        heard = attention(x) - x
    mean = attention.tell(x).mean((2, 3), keepdim=True).expand_as(x)
    torch.testing.assert_close(heard, mean, atol=1e-5, rtol=1e-5)
