"""The splats of one person, bound to the triangles of the head (EmoTaG §3.1)."""

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor, nn

from emotag.head.model import HeadModel
from emotag.head.rotation import axis_angle_to_matrix, quaternion_multiply
from emotag.motion.mouth import MouthOffsets
from emotag.splats.mouth_region import mouth_triangles
from emotag.splats.rig import to_local, to_world, triangle_frames
from emotag.splats.settings import SplatSettings

SH_DC = 0.28209479177387814
"""The constant of the degree-0 spherical harmonic: colour = SH_DC · coefficient + 0.5."""


class Splats(nn.Module):
    """Positions, rotations, sizes, opacities and colours, stored in the frames of the triangles they ride on."""

    binding: Tensor  # (N,) triangle of each splat
    mouth: Tensor  # (M,) indices of the mouth splats
    mouth_rest: Tensor  # (M, 3) their positions on the person's neutral head, metres

    def __init__(self, count: int, mouth_count: int, sh_coefficients: int) -> None:
        super().__init__()
        self.means = nn.Parameter(torch.zeros(count, 3))
        self.quaternions = nn.Parameter(torch.tensor([1.0, 0, 0, 0]).repeat(count, 1))
        self.log_scales = nn.Parameter(torch.zeros(count, 3))
        self.opacity_logits = nn.Parameter(torch.zeros(count))
        self.sh = nn.Parameter(torch.zeros(count, sh_coefficients, 3))
        self.register_buffer("binding", torch.zeros(count, dtype=torch.int64))
        self.register_buffer("mouth", torch.zeros(mouth_count, dtype=torch.int64))
        self.register_buffer("mouth_rest", torch.zeros(mouth_count, 3))

    @property
    def opacities(self) -> Tensor:
        """(N,) in [0, 1]."""
        return self.opacity_logits.sigmoid()

    @property
    def scales(self) -> Tensor:
        """(N, 3) in units of the triangle."""
        return self.log_scales.exp()

    def pose(
        self,
        vertices: Tensor,  # (B, V, 3) metres
        faces: Tensor,  # (F, 3)
        rotation: Tensor,  # (B, 3) axis-angle of the head: the frame of the mouth offsets
        offsets: MouthOffsets | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:  # means (B, N, 3), quaternions (B, N, 4), scales (B, N, 3), world
        """Carry the splats to posed heads (Eq. 7) and add the predicted offsets to the mouth splats (Eq. 8)."""
        frames = triangle_frames(vertices, faces[self.binding])
        unit = nn.functional.normalize(self.quaternions, dim=-1)
        means, quaternions, scales = to_world(frames, self.means, unit, self.scales)
        if offsets is None or len(self.mouth) == 0:
            return means, quaternions, scales
        turn = axis_angle_to_matrix(rotation)[:, None]  # (B, 1, 3, 3)
        shift = (turn @ offsets.position[..., None]).squeeze(-1)
        means = means.index_add(1, self.mouth, shift)
        # Δr acts in the splat's own frame, so that it does not depend on how the head is turned.
        identity = torch.tensor([1.0, 0, 0, 0], device=means.device, dtype=means.dtype)
        turn_by = nn.functional.normalize(identity + offsets.rotation, dim=-1)
        turned = quaternion_multiply(quaternions[:, self.mouth], turn_by)
        grown = scales[:, self.mouth] * offsets.scale.exp()
        return means, quaternions.index_copy(1, self.mouth, turned), scales.index_copy(1, self.mouth, grown)


def sample_splats(
    head: HeadModel,
    neutral: Tensor,  # (V, 3) the person's neutral head, metres
    settings: SplatSettings,
    excluded: Tensor | None = None,  # (F,) bool: triangles that carry no splats (never seen)
) -> Splats:
    """Place the splats: the same number on every triangle, the remainder by area; barycentric centres (EmoTaG Eq. 3).

    Fewer splats than triangles are shared out by the square root of the area.
    Sizes come from the distance to the nearest neighbours, as in 3D Gaussian Splatting. Colours start grey.
    """
    generator = np.random.default_rng(settings.seed)
    faces = head.faces.cpu()
    corners = neutral.detach().cpu()[faces]  # (F, 3, 3)
    areas = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).norm(dim=-1).numpy() / 2
    allowed = np.ones(len(faces), dtype=bool) if excluded is None else ~excluded.cpu().numpy()
    binding = _allocate(areas, allowed, settings.count, generator)

    weights = torch.from_numpy(_barycentric(len(binding), generator)).to(neutral.dtype)
    triangles = torch.from_numpy(binding)
    centres = (corners[triangles] * weights[..., None]).sum(dim=1)

    in_mouth = mouth_triangles(head).cpu()[triangles]
    mouth = in_mouth.nonzero().squeeze(-1)
    splats = Splats(len(binding), len(mouth), (settings.sh_degree + 1) ** 2)
    frames = triangle_frames(neutral.detach().cpu()[None], faces[triangles])
    local_scale = frames.scale[0].clamp_min(1e-5)
    width = torch.from_numpy(_neighbour_distance(centres.numpy())).to(neutral.dtype)
    flat = torch.tensor([1.0, settings.flatness, 1.0])  # the second axis of a triangle's frame is its normal
    with torch.no_grad():
        splats.means.copy_(to_local(frames, centres))
        splats.log_scales.copy_(torch.log((width / local_scale).clamp(1e-3, 10.0)[:, None] * flat))
        splats.opacity_logits.fill_(float(np.log(settings.initial_opacity / (1 - settings.initial_opacity))))
        splats.binding.copy_(triangles)
        splats.mouth.copy_(mouth)
        splats.mouth_rest.copy_(centres[mouth])
    return splats


def _allocate(areas: np.ndarray, allowed: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    candidates = np.flatnonzero(allowed & (areas > 0))
    each, remainder = divmod(count, len(candidates))
    if each == 0:
        return candidates[_spread_by_size(areas[candidates], count, generator)]
    odds = areas[candidates] / areas[candidates].sum()
    extra = generator.choice(candidates, size=remainder, replace=False, p=odds)
    return np.sort(np.concatenate((np.repeat(candidates, each), extra))).astype(np.int64)


def _spread_by_size(areas: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Share out fewer splats than triangles: by the square root of the area, evenly (systematic sampling).

    One a triangle would spend most of them on the small triangles inside the mouth, by area alone few would be left for
    lips and lids.
    """
    cumulative = np.cumsum(np.sqrt(areas))
    ticks = (np.arange(count) + generator.random()) / count * cumulative[-1]
    return np.searchsorted(cumulative, ticks).clip(max=len(areas) - 1)


def _barycentric(count: int, generator: np.random.Generator) -> np.ndarray:
    """Uniform points on a triangle: the square-root map of two uniform numbers."""
    first, second = generator.random((2, count))
    root = np.sqrt(first)
    return np.stack((1 - root, root * (1 - second), root * second), axis=1)


def _neighbour_distance(points: np.ndarray) -> np.ndarray:
    """Half the root mean square distance to the three nearest neighbours."""
    distances, _ = cKDTree(points).query(points, k=4)
    return 0.5 * np.sqrt((distances[:, 1:] ** 2).mean(axis=1))
