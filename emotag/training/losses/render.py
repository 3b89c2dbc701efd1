"""L_render: what the splats look like against the frame (EmoTaG Eq. 11)."""

from torch import Tensor

from emotag.training.losses.photometric import Difference, difference
from emotag.training.losses.reduce import weighted_mean

LAMBDA_DSSIM = 0.2
"""λ_dssim of the paper."""


def render_loss(
    image: Tensor,  # (B, H, W, 3) in 0…1
    truth: Tensor,  # (B, H, W, 3) in 0…1
    dssim: float = LAMBDA_DSSIM,
    mask: Tensor | None = None,  # (B, H, W), bool or weights: where the loss is taken
) -> Tensor:  # ()
    """L1 + λ_dssim · (1 − SSIM) (EmoTaG Eq. 11), over the region of interest when given.

    Raises ValueError when the images disagree in shape or are smaller than SSIM's window.
    """
    if mask is not None and mask.shape != image.shape[:3]:
        raise ValueError(f"mask is {tuple(mask.shape)}, expected {tuple(image.shape[:3])}")
    if dssim == 0:
        return weighted_mean((image - truth).abs(), None if mask is None else mask[..., None])
    return weigh(difference(image, truth, mask), dssim)


def weigh(apart: Difference, dssim: float = LAMBDA_DSSIM) -> Tensor:  # ()
    """Give L_render of pictures that were compared already."""
    return apart.absolute + dssim * (1 - apart.similarity)
