"""What pretraining does to standardised input features, so that few voices teach a network about other voices."""

import torch
from torch import Tensor


def vary_channels(
    features: Tensor,  # (B, T, D)
    strength: float,
) -> Tensor:  # (B, T, D)
    """Give each channel of each window its own gain 1 + N(0, strength) and offset N(0, strength)."""
    batch, _, channels = features.shape
    gain, offset = strength * torch.randn(2, batch, 1, channels, device=features.device, dtype=features.dtype)
    return features * (1 + gain) + offset


def mask_channels(
    features: Tensor,  # (B, T, D)
    share: float,
) -> Tensor:  # (B, T, D)
    """Set a random share of the channels of each window to the mean (zero)."""
    batch, _, channels = features.shape
    return features * (torch.rand(batch, 1, channels, device=features.device) >= share)


def mask_frames(
    features: Tensor,  # (B, T, D)
    share: float,
) -> Tensor:  # (B, T, D)
    """Set a random share of the frames of each window to the mean (zero)."""
    batch, length, _ = features.shape
    return features * (torch.rand(batch, length, 1, device=features.device) >= share)


def add_noise(features: Tensor, deviation: float) -> Tensor:
    """Add white noise."""
    return features + deviation * torch.randn_like(features)
