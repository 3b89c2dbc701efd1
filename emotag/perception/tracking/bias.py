"""What Face Mesh holds back: it draws every face towards its usual one, and here that is undone.

A landmark network has a prior: it shows a third of a raised brow and three quarters of a nod. How much of what happened
is missing is nearly linear in what it does show, and synthetic actors tell the truth, so that the map can be learnt:
`python -m benchmarks.landmark_bias` films actors who are in no example, runs Face Mesh on them and fits it (ridge
regression on principal components; no real person is involved).
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files

import numpy as np
import torch
from torch import Tensor

from emotag.perception.tracking.landmark_set import OUTER_EYES
from emotag.perception.tracking.observations import Observations
from emotag.perception.tracking.rig import N_LANDMARKS

FILE = "landmark_bias.npz"
INNER_EYES = (133, 362)
"""Inner corners of the person's right and left eye."""


@dataclass(frozen=True)
class EyeFrame:
    """The similarity that puts the eyes' middle to (0, 0) and their outer corners one apart, per frame."""

    middle: Tensor  # (T, 2) pixels
    axis: Tensor  # (T, 2) from the image's left outer corner to its right one, pixels

    @staticmethod
    def of(points: Tensor) -> "EyeFrame":  # (T, 468, >=2) pixels
        """Read it off landmarks."""
        right, left = OUTER_EYES
        corners = points[:, [*OUTER_EYES, *INNER_EYES], :2]
        return EyeFrame(corners.mean(dim=1), points[:, left, :2] - points[:, right, :2])

    def inside(self, points: Tensor) -> Tensor:  # (T, L, 2 or 3) pixels -> eye distances, upright
        """Go into the frame; depth is only scaled."""
        unit = self.axis.norm(dim=1)[:, None, None]
        cosine, sine = (self.axis / self.axis.norm(dim=1, keepdim=True))[:, None].unbind(-1)
        x, y = (points[..., :2] - self.middle[:, None]).unbind(-1)
        turned = torch.stack((cosine * x + sine * y, cosine * y - sine * x), dim=-1)
        return torch.cat((turned, points[..., 2:]), dim=-1) / unit

    def outside(self, steps: Tensor) -> Tensor:  # (T, L, 2) eye distances -> pixels
        """Bring displacements back to pixels."""
        a, b = self.axis[:, None].unbind(-1)
        x, y = steps.unbind(-1)
        return torch.stack((a * x - b * y, b * x + a * y), dim=-1)


@dataclass(frozen=True)
class LandmarkBias:
    """Displacement = constant + usual · between + (shown − usual) · within, all codes on K principal components."""

    mean: Tensor  # (1404,) the usual face: x, y, depth in eye distances
    basis: Tensor  # (1404, K) landmarks -> codes of unit variance
    within: Tensor  # (K, 936) what is missing of a person's deviation from her own usual face
    between: Tensor  # (K, 936) what is missing of a person's usual face
    constant: Tensor  # (936,)

    def codes(self, points: Tensor) -> Tensor:  # (T, 468, 3) pixels -> (T, K)
        """Describe the landmarks of every frame."""
        shown = EyeFrame.of(points).inside(points).flatten(1)
        return (shown - self.mean) @ self.basis

    def usual(self, points: Tensor) -> Tensor:  # (T, 468, 3) -> (K,)
        """Describe a person's usual face, from a clip of hers."""
        return self.codes(points).mean(dim=0)

    def corrected(
        self,
        points: Tensor,  # (T, 468, 3) pixels
        usual: Tensor,  # (K,) of the person
    ) -> Tensor:  # (T, 468, 3) pixels; depth stays
        """Move the landmarks to where the truth most likely was."""
        step = self.constant + usual @ self.between + (self.codes(points) - usual) @ self.within
        moved = points[..., :2] + EyeFrame.of(points).outside(step.reshape(len(points), N_LANDMARKS, 2))
        return torch.cat((moved, points[..., 2:]), dim=-1)


@lru_cache(maxsize=1)
def landmark_bias() -> LandmarkBias:
    """Load the map that comes with the package."""
    with files("emotag.perception.tracking").joinpath(FILE).open("rb") as file, np.load(file) as arrays:
        return LandmarkBias(**{name: torch.from_numpy(arrays[name].astype(np.float32)) for name in arrays.files})


def unbiased(
    observations: Observations,
    usual: Tensor | None,  # (K,) of the person; None: leave them as they are
) -> Observations:
    """Give the observations with corrected landmarks; irises and lids stay."""
    if usual is None:
        return observations
    return replace(observations, points=landmark_bias().corrected(observations.points, usual))
