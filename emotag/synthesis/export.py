"""The resting avatar as a .ply that usual splat viewers open."""

from pathlib import Path

import torch

from emotag.avatar import Person, neutral_head
from emotag.head.model import HeadModel
from emotag.splats.ply import write_ply
from emotag.splats.splats import Splats


@torch.no_grad()
def write_resting_ply(path: Path, head: HeadModel, person: Person, splats: Splats) -> None:
    """Write the splats on the person's resting face, in metres, in the head's own frame."""
    zero = torch.zeros(1, 3, device=person.shape.device)
    means, quaternions, scales = splats.pose(neutral_head(head, person)[None], head.faces, zero)
    write_ply(path, means[0], quaternions[0], scales[0], splats.opacities, splats.sh)
