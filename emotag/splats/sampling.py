"""Where the splats stand at first: how many on which triangle, and how large (EmoTaG Eq. 3)."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from emotag.head.model import HeadModel
from emotag.splats.mouth_region import mouth_triangles, tooth_triangles
from emotag.splats.rig import to_local, triangle_frames
from emotag.splats.settings import SplatSettings
from emotag.splats.splats import Splats

_NEIGHBOURS = 3
_R2 = np.array([0.7548776662466927, 0.5698402909980532])  # 1/p, 1/p² of the plastic number p³ = p + 1
_LOCAL_SCALES = (1e-3, 10.0)  # units of the triangle: smallest and largest first size of a splat


@dataclass(frozen=True)
class Importance:
    """What a video shows of each triangle."""

    weight: Tensor  # (F,) ≥ 0: pixels of the triangle, those with detail counted more
    outside: Tensor  # (F,) 0-1: share of the weight that lies outside of the mesh, off its outline
    reach: Tensor  # (F,) metres: how far outside


def sample_splats(
    head: HeadModel,
    neutral: Tensor,  # (V, 3) the person's neutral head, metres
    settings: SplatSettings,
    excluded: Tensor | None = None,  # (F,) bool: triangles that carry no splats (never seen)
    importance: Importance | None = None,  # for `visible`; None: no video was looked at, area counts
) -> Splats:
    """Place the splats on the triangles as `settings.allocation` says, at barycentric places (EmoTaG Eq. 3).

    Sizes come from the distance to the nearest neighbours, as in 3D Gaussian Splatting. Colours start grey.
    """
    generator = np.random.default_rng(settings.seed)
    faces = head.faces.cpu()
    neutral = neutral.detach().cpu()
    corners = neutral[faces]  # (F, 3, 3)
    areas = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).norm(dim=-1).numpy() / 2
    allowed = np.ones(len(faces), dtype=bool) if excluded is None else ~excluded.cpu().numpy()
    triangles = torch.from_numpy(_allocate(areas, allowed & (areas > 0), settings, importance, generator))

    weights = torch.from_numpy(_barycentric(triangles.numpy())).to(neutral.dtype)
    frames = triangle_frames(neutral[None], faces[triangles])
    centres = (corners[triangles] * weights[..., None]).sum(dim=1)
    if importance is not None:
        centres = centres + _outwards(frames.rotation[0, :, :, 1], triangles, importance, generator)

    moved = mouth_triangles(head).cpu()
    if settings.rigid_teeth:
        moved &= ~tooth_triangles(head).cpu()
    mouth = moved[triangles].nonzero().squeeze(-1)
    splats = Splats(len(triangles), len(mouth), (settings.sh_degree + 1) ** 2)
    width = settings.initial_width * torch.from_numpy(_neighbour_distance(centres.numpy())).to(neutral.dtype)
    local_width = (width / frames.scale[0].clamp_min(1e-5)).clamp(*_LOCAL_SCALES)
    flat = torch.tensor([1.0, settings.flatness, 1.0])  # the second axis of a triangle's frame is its normal
    with torch.no_grad():
        splats.means.copy_(to_local(frames, centres))
        splats.log_scales.copy_(torch.log(local_width[:, None] * flat))
        splats.opacity_logits.fill_(float(np.log(settings.initial_opacity / (1 - settings.initial_opacity))))
        splats.binding.copy_(triangles)
        splats.mouth.copy_(mouth)
        splats.mouth_rest.copy_(centres[mouth])
    return splats


def _allocate(
    areas: np.ndarray,  # (F,)
    allowed: np.ndarray,  # (F,) bool
    settings: SplatSettings,
    importance: Importance | None,
    generator: np.random.Generator,
) -> np.ndarray:  # (N,) triangle of each splat, ascending
    candidates = np.flatnonzero(allowed)
    area = areas[candidates]
    if settings.allocation == "equal":
        return candidates[_equally(area, settings.count, generator)]
    weight = area / area.sum()
    if settings.allocation == "visible" and importance is not None:
        seen = importance.weight.cpu().double().numpy()[candidates]
        if seen.sum() > 0:
            weight = settings.unseen_share * weight + (1 - settings.unseen_share) * seen / seen.sum()
    return candidates[_systematic(weight, settings.count, generator)]


def _equally(areas: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Give every triangle the same number, and the remainder to triangles drawn by area.

    Fewer splats than triangles are shared out by the square root of the area: one a triangle would spend most of them
    on the small triangles inside the mouth, by area alone few would be left for lips and lids.
    """
    each, remainder = divmod(count, len(areas))
    if each == 0:
        return _systematic(np.sqrt(areas), count, generator)
    extra = generator.choice(len(areas), size=remainder, replace=False, p=areas / areas.sum())
    return np.sort(np.concatenate((np.repeat(np.arange(len(areas)), each), extra)))


def _systematic(weight: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Draw `count` places in proportion to their weight, no place off its due number by more than one."""
    cumulative = np.cumsum(weight)
    ticks = (np.arange(count) + generator.random()) / count * cumulative[-1]
    return np.searchsorted(cumulative, ticks).clip(max=len(weight) - 1)


def _outwards(
    normals: Tensor,  # (N, 3) of each splat's triangle
    triangles: Tensor,  # (N,)
    importance: Importance,
    generator: np.random.Generator,
) -> Tensor:  # (N, 3) metres
    """Carry the due share of an outline triangle's splats off the surface, to where the video shows hair."""
    chance, place = torch.from_numpy(generator.random((2, len(triangles)))).to(normals.dtype)
    leaves = chance < importance.outside.cpu().to(normals.dtype)[triangles]
    return (leaves * place * importance.reach.cpu().to(normals.dtype)[triangles])[:, None] * normals


def _barycentric(
    triangles: np.ndarray,  # (N,) ascending
) -> np.ndarray:  # (N, 3)
    """Spread the splats of each triangle evenly over it: the first at its middle, then the R2 sequence.

    Independent random places would leave holes and heaps. R2: the plane's additive recurrence with the plastic number;
    square to triangle: Heitz, A Low-Distortion Map Between Triangle and Square (2019).
    """
    first = np.searchsorted(triangles, triangles)  # where the triangle's own splats begin
    step = np.arange(len(triangles)) - first
    u, v = ((2 / 3 + step[:, None] * _R2) % 1).T
    less, more = np.minimum(u, v) / 2, np.maximum(u, v) - np.minimum(u, v) / 2
    first_weight = np.where(u < v, less, more)
    second_weight = np.where(u < v, more, less)
    return np.stack((first_weight, second_weight, 1 - first_weight - second_weight), axis=1)


def _neighbour_distance(points: np.ndarray) -> np.ndarray:
    """Root mean square distance to the nearest neighbours."""
    distances, _ = cKDTree(points).query(points, k=_NEIGHBOURS + 1)
    return np.sqrt((distances[:, 1:] ** 2).mean(axis=1))
