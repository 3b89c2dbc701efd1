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

from emotag.perception.tracking.landmark_set import LIP_PAIRS, OUTER_EYES, WIDTH_PAIRS
from emotag.perception.tracking.observations import Observations
from emotag.perception.tracking.rig import N_LANDMARKS

FILE = "landmark_bias.npz"
_USUAL_SPAN, _MOTION_SPAN = 6.5, 8.0  # norms of codes that actors reach; real people go up to 20 and 16
_LIP_REACH = 0.2  # eye distances off the lips within which a landmark moves with them
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
        face: float = 1.0,  # share of what is missing of her usual face, and
        motion: float = 1.0,  # of her deviation from it, that is brought back
    ) -> Tensor:  # (T, 468, 3) pixels; depth stays
        """Move the landmarks to where the truth most likely was."""
        deviation = self.codes(points) - usual
        missing = _believed(usual, _USUAL_SPAN) * (self.constant + usual @ self.between)
        step = face * missing + motion * ((_believed(deviation, _MOTION_SPAN) * deviation) @ self.within)
        moved = points[..., :2] + EyeFrame.of(points).outside(step.reshape(len(points), N_LANDMARKS, 2))
        return torch.cat((moved, points[..., 2:]), dim=-1)

    def lips_follow(self) -> "LandmarkBias":
        """Give the map whose lips move as an affine map of the rest of the face does: their own part is left out."""
        points = self.mean.reshape(N_LANDMARKS, 3)
        near = torch.cdist(points[:, :2], points[lips_468(), :2]).amin(dim=1) / _LIP_REACH  # 0 on the lips
        own = (near.clamp(0, 1) ** 2 * (3 - 2 * near.clamp(0, 1)))[:, None]  # share of a landmark's own step
        design = torch.cat((points, points.new_ones(N_LANDMARKS, 1)), dim=1)
        affine = design @ torch.linalg.solve(design.T @ (own * design), (own * design).T)  # (468, 468)
        keep = torch.diag(own[:, 0]) + (1 - own) * affine
        mixed = torch.einsum("lm,kmc->klc", keep, self.within.reshape(-1, N_LANDMARKS, 2))
        return replace(self, within=mixed.flatten(1))


@lru_cache(maxsize=4)
def landmark_bias(device: torch.device | str = "cpu") -> LandmarkBias:
    """Load the map that comes with the package."""
    with files("emotag.perception.tracking").joinpath(FILE).open("rb") as file, np.load(file) as arrays:
        tensors = {name: torch.from_numpy(arrays[name].astype(np.float32)) for name in arrays.files}
    return LandmarkBias(**{name: tensor.to(device) for name, tensor in tensors.items()})


def unbiased(
    observations: Observations,
    usual: Tensor | None,  # (K,) of the person; None: leave them as they are
    face: float = 1.0,  # shares, see `LandmarkBias.corrected`
    motion: float = 1.0,
) -> Observations:
    """Give the observations with corrected landmarks; irises and lids stay."""
    if usual is None:
        return observations
    return replace(
        observations, points=_restricted(observations.points.device).corrected(observations.points, usual, face, motion)
    )


@lru_cache(maxsize=4)
def _restricted(device: torch.device) -> LandmarkBias:
    return landmark_bias(device).lips_follow()


def _believed(codes: Tensor, span: float) -> Tensor:  # (..., K) -> (..., 1)
    """Share of a correction that is made: all of it as far as the actors' faces span, and beyond no more than there."""
    return (span / codes.norm(dim=-1, keepdim=True).clamp_min(1e-6)).clamp(max=1)


def lips_468() -> list[int]:
    """Give the landmarks on the lips' rims and corners."""
    return sorted({index for pair in LIP_PAIRS + WIDTH_PAIRS for index in pair})
