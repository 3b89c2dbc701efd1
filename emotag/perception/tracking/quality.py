"""How well a track explains its landmarks: error by group, jitter, openings."""

from dataclasses import dataclass

import torch
from torch import Tensor

from emotag.camera import project
from emotag.head.model import HeadModel
from emotag.perception.landmarks.ibug68 import IBUG68
from emotag.perception.tracking.initial import similarity
from emotag.perception.tracking.landmark_set import GROUPS, INNER_LIPS, MIDDLE_LIDS
from emotag.perception.tracking.observations import Observations, eye_distances
from emotag.perception.tracking.track import Track

_BATCH = 32


def reprojection_error(
    projected: Tensor,  # (T, 468 or 470, 2) pixels
    observations: Observations,
) -> Tensor:  # (T,) pixels, NaN where there are no landmarks
    """Mean distance between the detector's 68 landmarks and the model's same points, per frame."""
    index = torch.as_tensor(IBUG68, device=projected.device)
    error = (projected[:, index] - observations.points[:, index, :2]).norm(dim=-1).mean(dim=-1)
    return torch.where(observations.valid, error, torch.full_like(error, torch.nan))


def mesh_landmarks(
    head: HeadModel,
    track: Track,
    width: int,
    height: int,
    offset: Tensor | None = None,  # (V, 3) metres: PersonShape.static_offset
) -> tuple[Tensor, Tensor]:  # (T, 468, 2), (T, 68, 2) pixels
    """Project both embeddings of the posed mesh, exactly as any later stage sees it."""
    dense: list[Tensor] = []
    sparse: list[Tensor] = []
    focal = torch.as_tensor(track.focal_length)
    for start in range(0, len(track), _BATCH):
        vertices = track.vertices(head, slice(start, start + _BATCH), offset)
        for points, kept in ((head.landmarks468, dense), (head.landmarks68, sparse)):
            kept.append(project(points.points(vertices, head.faces), focal, width, height)[0])
    return torch.cat(dense), torch.cat(sparse)


@dataclass(frozen=True)
class Quality:
    """Errors in percent of the outer-eye distance of each frame, over valid frames."""

    error468: float  # detector's own 68 against the same points of the 468 embedding on the mesh
    error68: float  # detector's own 68 against the head's iBUG embedding
    worst_frame: float  # largest of error468 over frames
    by_group: dict[str, tuple[float, float]]  # group -> (468 embedding, iBUG embedding)
    raw_jitter: float  # mean acceleration of stabilised landmarks, pixels per frame²
    tracked_jitter: float
    mouth_correlation: float  # of the inner-lip opening, track against landmarks
    lid_correlation: float  # of the lids' opening, mean of both eyes
    lid_gain: float  # slope of the tracked lid opening on the landmarks' own


def measure(
    head: HeadModel,
    track: Track,
    observations: Observations,
    offset: Tensor | None = None,  # (V, 3) metres: PersonShape.static_offset
) -> Quality:
    """Compare a track with its landmarks."""
    good = observations.valid
    dense, sparse = mesh_landmarks(head, track, observations.width, observations.height, offset)
    index = torch.as_tensor(IBUG68)
    target = observations.points[good][:, index, :2]
    unit = eye_distances(observations.points[good])[:, None]
    error_dense = 100 * (dense[good][:, index] - target).norm(dim=-1) / unit  # (T, 68)
    error_sparse = 100 * (sparse[good] - target).norm(dim=-1) / unit
    raw, fitted = observations.points[good][..., :2], dense[good]
    raw_lids, fitted_lids = (
        torch.stack([opening(points, pair) for pair in MIDDLE_LIDS]).mean(dim=0) for points in (raw, fitted)
    )
    return Quality(
        float(error_dense.mean()),
        float(error_sparse.mean()),
        float(error_dense.mean(1).max()),
        {
            name: (float(error_dense[:, part].mean()), float(error_sparse[:, part].mean()))
            for name, part in GROUPS.items()
        },
        jitter(raw),
        jitter(fitted),
        correlation(opening(raw, INNER_LIPS), opening(fitted, INNER_LIPS)),
        correlation(raw_lids, fitted_lids),
        _slope(raw_lids, fitted_lids),
    )


def opening(
    points: Tensor,  # (T, 468, 2) pixels
    pair: tuple[int, int],
) -> Tensor:  # (T,)
    """Distance of two landmarks."""
    return (points[:, pair[0]] - points[:, pair[1]]).norm(dim=-1)


def jitter(points: Tensor) -> float:  # (T, 468, 2) pixels -> pixels per frame²
    """Mean acceleration of landmarks after the head's own motion (a similarity per frame) is taken out."""
    mean = points.mean(dim=0)
    flat = torch.nn.functional.pad(points, (0, 1))
    scale, rotation, shift = similarity(torch.nn.functional.pad(mean, (0, 1)), flat)
    still = ((flat - shift[:, None]) @ rotation / scale[:, None, None])[..., :2]
    return float((still[2:] - 2 * still[1:-1] + still[:-2]).norm(dim=-1).mean())


def correlation(a: Tensor, b: Tensor) -> float:
    """Pearson's correlation, 0 when either is constant."""
    a, b = a - a.mean(), b - b.mean()
    norm = a.norm() * b.norm()
    return float((a * b).sum() / norm) if norm > 0 else 0.0


def _slope(a: Tensor, b: Tensor) -> float:
    a, b = a - a.mean(), b - b.mean()
    square = float((a * a).sum())
    return float((a * b).sum()) / square if square > 0 else 0.0
