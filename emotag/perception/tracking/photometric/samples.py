"""The points of the surface whose colours are compared."""

import torch
from torch import Tensor

from emotag.head.model import HeadModel
from emotag.perception.tracking.rig import LandmarkRig, point_rig

REGIONS = ("face", "lips")
"""Regions that are compared: hair, ears and neck do not move with the face alone. Nor are eyeballs: their highlights
stand still while they turn, and on actors the gaze of the iris network was better than with them."""

_LID_STEP = 0.0005  # metres by which a blink moves what counts as a lid
_SEED = 0


def sample_vertices(
    head: HeadModel,
    most: int,
) -> Tensor:  # (K,) sorted vertex ids
    """Choose vertices of the face: all of them, or a fixed random choice of `most`.

    Lids are left out: an open eye hides their skin, so that its colour is not known when they close, and the iris
    network's contours tell more about them than colours do.
    """
    chosen = torch.zeros(head.n_vertices, dtype=torch.bool, device=head.template.device)
    for name in REGIONS:
        if name in head.regions:
            chosen[head.regions[name]] = True
    for name in ("mouth_interior", "left_eye", "right_eye", "upper_lid", "lower_lid"):
        if name in head.regions:
            chosen[head.regions[name]] = False
    blinks = [index for index, name in enumerate(head.expression_names) if name.startswith("eyeBlink")]
    chosen &= head.expression_basis[blinks].sum(dim=0).norm(dim=-1) < _LID_STEP
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
