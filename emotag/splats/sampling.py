"""Where the splats stand at first: how many on which triangle, and how large (EmoTaG Eq. 3)."""

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from emotag.head.model import HeadModel
from emotag.splats.mouth_region import mouth_triangles
from emotag.splats.rig import to_local, triangle_frames
from emotag.splats.settings import SplatSettings
from emotag.splats.splats import Splats


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
