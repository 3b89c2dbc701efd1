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
class Outline:
    """Places off the mesh that the video shows as the head's: hair, mostly."""

    triangles: Tensor  # (P,) the triangle that each place rides on
    places: Tensor  # (P, 3) in the triangle's frame, in its units
    weight: float  # of all of them together, in the unit of Importance.weight


@dataclass(frozen=True)
class Importance:
    """What a video shows of each triangle."""

    weight: Tensor  # (F,) ≥ 0: pixels of the triangle, those with detail counted more
    outline: Outline


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
    allowed &= areas > 0
    off = _off_the_mesh(allowed, settings, importance)
    on = torch.from_numpy(_allocate(areas, allowed, settings.count - len(off[0]), settings, importance, generator))
    triangles = torch.cat((on, off[0]))
    weights = torch.from_numpy(_barycentric(on.numpy())).to(neutral.dtype)
    frames = triangle_frames(neutral[None], faces[triangles])
    inside = (corners[on] * weights[..., None]).sum(dim=1)
    turned = (frames.rotation[0, len(on) :] @ off[1].to(neutral.dtype)[..., None]).squeeze(-1)
    centres = torch.cat((inside, frames.centre[0, len(on) :] + frames.scale[0, len(on) :, None] * turned))

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
    count: int,
    settings: SplatSettings,
    importance: Importance | None,
    generator: np.random.Generator,
) -> np.ndarray:  # (count,) triangle of each splat, ascending
    candidates = np.flatnonzero(allowed)
    area = areas[candidates]
    if settings.allocation == "equal":
        return candidates[_equally(area, count, generator)]
    weight = area / area.sum()
    if settings.allocation == "visible" and importance is not None:
        seen = importance.weight.cpu().double().numpy()[candidates]
        if seen.sum() > 0:
            weight = settings.unseen_share * weight + (1 - settings.unseen_share) * seen / seen.sum()
    return candidates[_systematic(weight, count, generator)]


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


def _off_the_mesh(
    allowed: np.ndarray,  # (F,) bool
    settings: SplatSettings,
    importance: Importance | None,
) -> tuple[Tensor, Tensor]:  # (M,) triangles, (M, 3) places in their frames
    """Choose the due number of places beside the mesh, where the video shows hair."""
    if importance is None or settings.allocation != "visible":
        return torch.zeros(0, dtype=torch.int64), torch.zeros(0, 3)
    outline = importance.outline
    usable = torch.from_numpy(allowed)[outline.triangles.cpu()].nonzero().squeeze(-1)
    weight = outline.weight * len(usable) / max(1, len(outline.triangles))
    whole = weight + float(importance.weight.cpu()[torch.from_numpy(allowed)].sum())
    share = weight / whole if whole > 0 else 0.0
    count = min(round(settings.count * (1 - settings.unseen_share) * share), len(usable))
    chosen = usable[torch.linspace(0, max(0, len(usable) - 1), count).round().long()]
    return outline.triangles.cpu()[chosen], outline.places.cpu()[chosen]


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
