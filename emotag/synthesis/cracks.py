"""Cracks of a render: where jaw and neck part further than in the seconds that the avatar learnt from."""

import torch
from torch import Tensor
from torch.nn import functional as F

from emotag.splats.rasterize import Render
from emotag.synthesis.settings import CompositionSettings

_FAINT = 0.02  # alpha below which a render has no colour to fill a crack with
_FIRM = (0.6, 0.95)  # alpha of what lies above and below a crack: from the first on it is filled, from the second whole


def fill_cracks(
    render: Render,  # B whole frames
    settings: CompositionSettings,
) -> Render:
    """Make thin gaps between opaque parts above and below each other opaque, in the colour that they have.

    A grey-scale closing of alpha along the columns: an outline, and the gaps between hanging strands, stay as they are.
    """
    reach = round(settings.crack_share * max(render.colour.shape[1:3]) / 2)
    if reach < 1:
        return render
    alpha = render.alpha
    closed = _closed(alpha, reach)
    low, high = _FIRM
    wanted = torch.lerp(alpha, closed, ((closed - low) / (high - low)).clamp(0, 1))
    scale = (wanted / alpha.clamp_min(_FAINT)).clamp_min(1.0)
    return Render(render.colour * scale, alpha * scale)


def _closed(alpha: Tensor, reach: int) -> Tensor:  # (B, H, W, 1)
    """Give the greatest alpha within reach above and below, and of that the least."""
    columns = alpha.permute(0, 3, 1, 2)
    return -_greatest(-_greatest(columns, reach), reach).permute(0, 2, 3, 1)


def _greatest(columns: Tensor, reach: int) -> Tensor:  # (B, 1, H, W)
    return F.max_pool2d(columns, kernel_size=(2 * reach + 1, 1), stride=1, padding=(reach, 0))
