"""The camera of a tracked clip, in VHAP's terms."""

from dataclasses import dataclass

import torch
from torch import Tensor

CAMERA_DISTANCE = 1.0
"""The camera stands on the z axis at this distance (metres) and looks down −z (VHAP's fixed camera)."""


@dataclass(frozen=True)
class Camera:
    """A pinhole camera fixed at z = +1 m looking down −z; the head moves near the origin.

    World: metres, right-handed, x to the right of the image, y up, z towards the camera (OpenGL axes, as VHAP).
    Pixels: (x, y) continuous, the first pixel covers [0, 1), its centre is 0.5. The principal point is the centre.
    """

    focal_length: float  # normalised: pixels / max(height, width), as VHAP
    width: int
    height: int

    def intrinsics(self, device: torch.device | None = None) -> Tensor:
        """Give K (3, 3) float32 in pixels."""
        focal = self.focal_length * max(self.width, self.height)
        return torch.tensor(
            [[focal, 0.0, self.width / 2], [0.0, focal, self.height / 2], [0.0, 0.0, 1.0]], device=device
        )

    def view_matrix(self, device: torch.device | None = None) -> Tensor:
        """Give world → camera (4, 4) float32 with OpenCV axes (x right, y down, z forward), as gsplat expects."""
        matrix = torch.diag(torch.tensor([1.0, -1.0, -1.0, 1.0], device=device))
        matrix[2, 3] = CAMERA_DISTANCE
        return matrix

    def resized(self, width: int, height: int) -> "Camera":
        """Give the same camera for an image of another size (same aspect)."""
        return Camera(self.focal_length, width, height)

    def project(
        self,
        points: Tensor,  # (..., 3) metres, world
    ) -> tuple[Tensor, Tensor]:  # (..., 2) pixels, (...) depth in metres
        """Project world points to pixels; depth is the distance along the optical axis."""
        return project(points, torch.as_tensor(self.focal_length), self.width, self.height)


def project(
    points: Tensor,  # (..., 3) metres, world
    focal_length: Tensor,  # () or broadcastable to (...), normalised
    width: int,
    height: int,
) -> tuple[Tensor, Tensor]:  # (..., 2) pixels, (...) metres
    """Project world points with a focal length that may need a gradient (see Camera for the axes)."""
    depth = CAMERA_DISTANCE - points[..., 2]
    focal = focal_length.to(points) * max(width, height)
    x = focal * points[..., 0] / depth + width / 2
    y = height / 2 - focal * points[..., 1] / depth
    return torch.stack((x, y), dim=-1), depth
