"""Light as spherical harmonics of order 2 (Ramamoorthi, Hanrahan, SIGGRAPH 2001), and albedo under it."""

import torch
from torch import Tensor

HARMONICS = 9
_ROUNDS = 3  # of light and albedo in turn
_REWEIGHTINGS = 3
_OUTLIER = 0.08  # residual, share of white, at which a point's weight has fallen to one half
_RIDGE = 1e-3  # of the number of points: coefficients that the head's normals do not show stay small
_LEAST_SEEN = 1.0  # frames' worth of sight below which a point has no albedo


def harmonics(
    normals: Tensor,  # (..., 3) unit, world axes
) -> Tensor:  # (..., 9)
    """Evaluate the nine functions, scaled so that the first is 1."""
    x, y, z = normals.unbind(-1)
    one = torch.ones_like(x)
    return torch.stack((one, x, y, z, x * y, y * z, x * z, x * x - y * y, 3 * z * z - 1), dim=-1)


def fit_light(
    colours: Tensor,  # (T, K, 3)
    albedo: Tensor,  # (K, 3)
    basis: Tensor,  # (T, K, 9)
    weights: Tensor,  # (T, K)
) -> Tensor:  # (9, 3)
    """Fit one light to all frames, robustly, per colour channel."""
    light = colours.new_zeros(HARMONICS, 3)
    robust = weights[..., None].expand_as(colours)
    ridge = _RIDGE * torch.eye(HARMONICS).to(colours)
    ridge[0, 0] = 0
    for _ in range(_REWEIGHTINGS):
        columns = []
        for channel in range(3):
            rows = (basis * albedo[:, channel, None]).flatten(0, 1)  # (T K, 9)
            weighted = rows * robust[..., channel].reshape(-1, 1)
            total = robust[..., channel].sum().clamp_min(1e-6)
            normal = weighted.T @ rows / total + ridge
            columns.append(torch.linalg.solve(normal, weighted.T @ colours[..., channel].flatten() / total))
        light = torch.stack(columns, dim=1)
        error = colours - albedo * (basis @ light)
        robust = weights[..., None] / (1 + (error / _OUTLIER).square())
    return light


def frame_lights(
    colours: Tensor,  # (T, K, 3)
    albedo: Tensor,  # (K, 3)
    basis: Tensor,  # (T, K, 9)
    weights: Tensor,  # (T, K) 1/variance of a colour
    light: Tensor,  # (9, 3) of the clip
    sigma: float,  # how far a coefficient may leave it
) -> Tensor:  # (T, 9, 3)
    """Fit every frame's own light near the clip's (ridge regression)."""
    ridge = torch.eye(HARMONICS).to(colours) / sigma**2
    error = colours - albedo * (basis @ light)
    steps = []
    for channel in range(3):
        rows = basis * albedo[:, channel, None]  # (T, K, 9)
        weighted = (rows * weights[..., None]).transpose(1, 2)
        steps.append(torch.linalg.solve(weighted @ rows + ridge, weighted @ error[..., channel, None]))
    return light + torch.cat(steps, dim=-1)


def mean_albedo(
    colours: Tensor,  # (T, K, 3)
    shading: Tensor,  # (T, K, 3)
    weights: Tensor,  # (T, K) or (T, K, 3)
) -> Tensor:  # (K, 3), 0 where nothing is seen
    """Give the albedo that meets all frames best for this shading."""
    if weights.dim() == 2:
        weights = weights[..., None]
    square = (weights * shading.square()).sum(dim=0)
    return (weights * shading * colours).sum(dim=0) / square.clamp_min(1e-6)


def fit_albedo(
    colours: Tensor,  # (T, K, 3)
    normals: Tensor,  # (T, K, 3) unit
    weights: Tensor,  # (T, K) in [0, 1]
) -> tuple[Tensor, Tensor, Tensor]:  # (K, 3), (9, 3), (K,) bool: which points were seen
    """Part colours into albedo and light: the light explains what a face of one colour would show, albedo the rest.

    The scale between them is fixed by a mean shading of 1, so that albedo is the colour the camera mostly saw.
    """
    basis = harmonics(normals)
    seen = weights.sum(dim=0) >= min(_LEAST_SEEN, 0.5 * len(weights))
    weights = weights * seen
    albedo = torch.ones_like(colours[0])
    light = fit_light(colours, albedo, basis, weights)
    robust = weights[..., None].expand_as(colours)
    for _ in range(_ROUNDS):
        shading = (basis @ light).clamp_min(0.02)
        albedo = mean_albedo(colours, shading, robust)
        error = colours - albedo * shading
        robust = weights[..., None] / (1 + (error / _OUTLIER).square())
        light = fit_light(colours, albedo, basis, weights)
    scale = (weights[..., None] * (basis @ light)).sum(dim=(0, 1)) / weights.sum().clamp_min(1e-6)
    return albedo * scale, light / scale, seen
