"""The rigid motion that lays one mesh over the picture of another."""

import torch
from torch import Tensor

from emotag.camera import project
from emotag.head.rotation import axis_angle_to_matrix

_STEPS = 6
_DAMPING = 1e-9
"""Share of its own size added to each diagonal entry of the normal equations: keeps a degenerate one solvable."""


def lay_over(
    points: Tensor,  # (B, N, 3) metres, world
    pivot: Tensor,  # (B, 3) metres: where `turn` turns about
    pixels: Tensor,  # (B, N, 2) where they should be seen
    focal_length: float,  # normalised
    width: int,
    height: int,
) -> tuple[Tensor, Tensor, Tensor]:  # turn (B, 3, 3), shift (B, 3) metres, what is left (B,) mean pixels
    """Find x → pivot + turn (x − pivot) + shift that brings the projected points nearest to the pixels.

    Gauss-Newton on six numbers a frame, in the camera of emotag.camera. Points that are there already do not move.
    """
    focal = torch.tensor(focal_length, dtype=points.dtype)
    turn = torch.eye(3).to(points).expand(len(points), 3, 3)
    shift = torch.zeros_like(pivot)
    arms = points - pivot[:, None]

    def moved() -> Tensor:
        return pivot[:, None] + shift[:, None] + arms @ turn.transpose(-1, -2)

    for _ in range(_STEPS):
        place = moved()
        seen, depth = project(place, focal, width, height)
        slope = _slope(place, depth, focal_length * max(width, height))  # (B, N, 2, 3)
        arm = place - (pivot + shift)[:, None]
        by_turn = torch.linalg.cross(arm[..., None, :].expand_as(slope), slope, dim=-1)  # d (s · (ω × a)) = ω · (a × s)
        jacobian = torch.cat((by_turn, slope), dim=-1).flatten(1, 2)  # (B, 2N, 6)
        residual = (pixels - seen).flatten(1)[..., None]
        normal = jacobian.transpose(-1, -2) @ jacobian
        normal = normal + _DAMPING * torch.diag_embed(normal.diagonal(dim1=-2, dim2=-1))
        step = torch.linalg.solve(normal, jacobian.transpose(-1, -2) @ residual).squeeze(-1)
        turn = axis_angle_to_matrix(step[:, :3]) @ turn
        shift = shift + step[:, 3:]
    left = (project(moved(), focal, width, height)[0] - pixels).norm(dim=-1).mean(dim=-1)
    return turn, shift, left


def _slope(place: Tensor, depth: Tensor, focal: float) -> Tensor:  # (B, N, 2, 3) pixels per metre
    """Derivative of emotag.camera.project by the point."""
    zero = torch.zeros_like(depth)
    inverse = focal / depth
    along_x = torch.stack((inverse, zero, inverse * place[..., 0] / depth), dim=-1)
    along_y = torch.stack((zero, -inverse, -inverse * place[..., 1] / depth), dim=-1)
    return torch.stack((along_x, along_y), dim=-2)
