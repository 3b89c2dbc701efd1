"""The points of the surface whose colours are compared."""

import torch
from torch import Tensor

from emotag.head.model import HeadModel
from emotag.perception.tracking.rig import LandmarkRig, point_rig

REGIONS = ("face", "lips", "upper_lid", "lower_lid", "left_eye", "right_eye")
"""Regions that are compared: hair, ears and neck do not move with the face alone."""

_SEED = 0


def sample_vertices(
    head: HeadModel,
    most: int,
) -> Tensor:  # (K,) sorted vertex ids
    """Choose vertices of the face and the eyes' fronts: all of them, or a fixed random choice of `most`."""
    chosen = torch.zeros(head.n_vertices, dtype=torch.bool, device=head.template.device)
    for name in REGIONS:
        if name in head.regions:
            chosen[head.regions[name]] = True
    for name in ("left_eye", "right_eye"):
        ball = head.regions.get(name)
        if ball is not None and len(ball):
            depth = head.template[ball, 2]
            chosen[ball[depth < depth.mean()]] = False
    interior = head.regions.get("mouth_interior")
    if interior is not None:
        chosen[interior] = False
    ids = chosen.nonzero().squeeze(1)
    if len(ids) > most:
        generator = torch.Generator().manual_seed(_SEED)
        ids = ids[torch.randperm(len(ids), generator=generator)[:most].to(ids.device)].sort().values
    return ids


def vertex_rig(
    head: HeadModel,
    ids: Tensor,  # (K,)
) -> LandmarkRig:
    """Give vertices as the points of a rig."""
    corners = ids[:, None].expand(-1, 3)
    weights = head.template.new_tensor([1.0, 0.0, 0.0]).expand(len(ids), 3)
    return point_rig(head, corners, weights)
