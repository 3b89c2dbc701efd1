"""A network of Sapiens' signature, in a module of its own: TorchScript compiles its source."""

import torch
from torch import Tensor, nn


class Bulge(nn.Module):
    """Sees in any picture a ball that comes out of its middle; a little brighter is a little nearer.

    Depth (one channel) is relative and grows with distance; normals (three) are x right, y up, z to the camera, of any
    length.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:  # (B, 3, 1024, 768) -> (B, channels, 512, 384)
        assert x.shape[1] == 3 and x.shape[2] == 1024 and x.shape[3] == 768
        small = torch.nn.functional.avg_pool2d(x, 2)
        height, width = small.shape[2], small.shape[3]
        down = torch.linspace(-1.0, 1.0, height, device=x.device)[:, None].expand(height, width)
        right = torch.linspace(-1.0, 1.0, width, device=x.device)[None, :].expand(height, width)
        if self.channels == 1:
            far = (right.square() + down.square())[None, None]
            return 3.0 * far - 0.1 * small.mean(dim=1, keepdim=True)
        out = (1 - 0.5 * (right.square() + down.square())).clamp(min=0.1)
        ball = torch.stack((right, -down, out))[None].expand(x.shape[0], -1, -1, -1)
        return 2.0 * ball
