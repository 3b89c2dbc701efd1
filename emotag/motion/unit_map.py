"""Action units → expression, straight: what the upper face was seen to do, the face does."""

import torch
from torch import Tensor, nn

SHRINKAGE = 0.02
"""Ridge of the fit, as a share of a standardised feature's variance: units that go together share what they explain."""


class UnitMap(nn.Module):
    """A linear map from a frame's action units, and their square roots, to the upper face's expression.

    The gate scales the residual branch by how emotional a frame is (Eq. 13), so a calm face could neither blink nor
    raise a brow by it, and a frown has to pass through a latent that a few people taught. A measured unit needs no
    such guess. It starts as the least-squares fit of the corpus, which holds for a person never seen, and is trained
    on. Square roots, because a unit's first traces move the face more than its last ones: engines saturate. The lower
    face is left to the branches, whose modulation learns a new person's way of speaking.
    """

    channels: Tensor  # (E,) 1 where an expression is the upper face's, else 0

    def __init__(self, units: int, n_expression: int) -> None:
        super().__init__()
        self.linear = nn.Linear(2 * units, n_expression)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        self.register_buffer("channels", torch.ones(n_expression))

    def forward(
        self,
        units: Tensor,  # (..., De) intensities
        mean: Tensor,  # (De,) of the corpus
        std: Tensor,  # (De,)
    ) -> Tensor:  # (..., E) on a unit scale
        """Give the expression that the units show."""
        found: Tensor = self.linear(unit_features(units, mean, std)) * self.channels
        return found

    @torch.no_grad()
    def fit(
        self,
        features: Tensor,  # (2 De, 2 De) Σ f fᵀ over frames, f = unit_features
        feature_sum: Tensor,  # (2 De,) Σ f
        products: Tensor,  # (2 De, E) Σ f yᵀ, y = expression on a unit scale
        target_sum: Tensor,  # (E,) Σ y
        frames: int,
    ) -> None:
        """Set the map to the ridge regression whose sums these are; they add up over clips and processes."""
        mean, target = feature_sum / frames, target_sum / frames
        covariance = features / frames - torch.outer(mean, mean)
        ridge = SHRINKAGE * torch.eye(len(mean), dtype=covariance.dtype, device=covariance.device)
        slopes = torch.linalg.solve(covariance + ridge, products / frames - torch.outer(mean, target))
        self.linear.weight.copy_(slopes.T)
        self.linear.bias.copy_(target - mean @ slopes)


def unit_features(
    units: Tensor,  # (..., De) intensities, 0 and above
    mean: Tensor,  # (De,)
    std: Tensor,  # (De,)
) -> Tensor:  # (..., 2 De)
    """Standardise units, and set their square roots beside them."""
    return torch.cat(((units - mean) / std, (units.clamp_min(0) / std).sqrt()), dim=-1)
