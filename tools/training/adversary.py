"""Critics of whole faces and of mouths, trained beside the refiner; only photos count as real."""

from typing import Any, cast

import torch
import torch.nn.functional as F  # noqa: N812  (its usual name)
from torch import Tensor, nn

from engines.critics import Judgement, PatchCritic, mouth_critic
from tools.training.augment import Batch
from tools.training.losses import Drawn
from tools.training.recipe import Recipe

_torch = cast("Any", torch)

_MOUTH_PX = 96
_MOUTH_PART = 0.34
"""Side of a mouth's crop in the region's."""


class Adversary:
    """Both critics with their optimiser; without weights it does nothing."""

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        self._strength = recipe.weights.get("adversarial", 0.0)
        self._matching = recipe.weights.get("features", 0.0)
        self.critics = nn.ModuleList([PatchCritic(), mouth_critic()]).to(device)
        self._optimiser = torch.optim.Adam(
            self.critics.parameters(), recipe.critic_rate, betas=(0.5, 0.99)
        )

    def judged(self, drawn: Drawn, batch: Batch) -> dict[str, Tensor]:
        """Let the critics learn from this batch; then what they hold against the refiner."""
        if not self._strength or not bool(batch.real.any()):
            return {}
        made, truth = drawn.picture / 127.5 - 1, batch.truth / 127.5 - 1
        made, truth = (_inside(one * batch.known, drawn.planes) for one in (made, truth))
        geometry = torch.cat([drawn.planes[:, 12:15], drawn.planes[:, 17:20]], 1).detach()
        pairs = [(made, truth, geometry)]
        if made.shape == drawn.picture.shape:  # not a window, in which there may be no mouth
            centres = _mouths(batch.given["marks"])
            fake, real, where = (_cut(one, centres) for one in pairs[0])
            pairs.append((fake, real, where))
        photos = batch.real  # of renders nothing is judged: their truth is not real
        pairs = [(fake[photos], real[photos], where[photos]) for fake, real, where in pairs]
        self._learn([(fake.detach(), real, where) for fake, real, where in pairs])
        total, match = made.new_zeros(()), made.new_zeros(())
        self.critics.requires_grad_(requires_grad=False)
        for critic, (fake, real, where) in zip(self.critics, pairs, strict=False):
            seen: Judgement = critic(fake, where)
            with torch.no_grad():
                wanted: Judgement = critic(real, where)
            total = total - seen.logits.mean()
            layers = zip(seen.seen, wanted.seen, strict=True)
            match = match + torch.stack([F.l1_loss(a, b) for a, b in layers]).mean()
        self.critics.requires_grad_(requires_grad=True)
        return {"adversarial": self._strength * total, "features": self._matching * match}

    def _learn(self, pairs: list[tuple[Tensor, Tensor, Tensor]]) -> None:
        """One step of the critics, by hinge on raw logits."""
        loss = torch.zeros((), device=pairs[0][0].device)
        for critic, (fake, real, where) in zip(self.critics, pairs, strict=False):
            loss = loss + F.relu(1 - critic(real, where).logits).mean()
            loss = loss + F.relu(1 + critic(fake, where).logits).mean()
        self._optimiser.zero_grad(set_to_none=True)
        _torch.autograd.backward(loss)
        cast("Any", self._optimiser).step()


def _inside(picture: Tensor, planes: Tensor) -> Tensor:
    """The part of the picture that the net sees."""
    edge = (picture.shape[2] - planes.shape[2]) // 2
    return picture[..., edge : picture.shape[2] - edge, edge : picture.shape[3] - edge]


def _mouths(marks: Tensor) -> Tensor:
    """(B, 2) middle of each mouth in the net's -1..1, from where the lips' distance is greatest."""
    inside = marks[..., 0].float()
    weight = torch.softmax(inside.flatten(1) / 2, 1)
    side = marks.shape[1]
    middle = (2 * torch.arange(side, device=marks.device) + 1) / side - 1
    across = weight.view(-1, side, side).sum(1) @ middle
    down = weight.view(-1, side, side).sum(2) @ middle
    return torch.stack([across, down], 1)


def _cut(picture: Tensor, centres: Tensor) -> Tensor:
    """(B, C, 96, 96) around the centres."""
    steps = (2 * torch.arange(_MOUTH_PX, device=picture.device) + 1) / _MOUTH_PX - 1
    steps = steps * _MOUTH_PART
    down, across = torch.meshgrid(steps, steps, indexing="ij")
    grid = torch.stack([across, down], -1)[None] + centres[:, None, None]
    return F.grid_sample(picture, grid, "bilinear", "border", align_corners=False)
