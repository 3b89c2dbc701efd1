"""A head without one of its regions."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from emotag.head.model import HeadModel, LandmarkEmbedding


def without(
    model: HeadModel,
    region: str,
) -> HeadModel:
    """Give the model without the faces of a region and the vertices that then have none; bases are kept exactly.

    Used to cut the shoulders of the open head off: a tracked head turns as one, shoulders do not. Raises ValueError
    when landmarks or joints lie on what goes.
    """
    if not len(model.regions.get(region, ())):
        return model
    going = torch.zeros(model.n_vertices, dtype=torch.bool)
    going[model.regions[region]] = True
    keep_face = ~going[model.faces].any(dim=1)
    kept = torch.unique(model.faces[keep_face])
    new = torch.full((model.n_vertices,), -1, dtype=torch.int64)
    new[kept] = torch.arange(len(kept))
    gone = new < 0
    if model.joint_regressor[:, gone].abs().max() > 0:
        raise ValueError(f"a joint of head '{model.name}' is placed by vertices of its region '{region}'")
    regions = {name: new[ids] for name, ids in model.regions.items() if name != region}
    return replace(
        model,
        template=model.template[kept],
        shape_basis=model.shape_basis[:, kept],
        expression_basis=model.expression_basis[:, kept],
        pose_basis=model.pose_basis[:, kept],
        joint_regressor=model.joint_regressor[:, kept],
        skinning=model.skinning[kept],
        faces=new[model.faces[keep_face]],
        landmarks68=_moved(model.landmarks68, keep_face, model.name, region),
        landmarks468=_moved(model.landmarks468, keep_face, model.name, region),
        regions={name: ids[ids >= 0] for name, ids in regions.items()},
        uvs=None if model.uvs is None else model.uvs[kept],
    )


def _moved(embedding: LandmarkEmbedding, keep_face: Tensor, head: str, region: str) -> LandmarkEmbedding:
    if not keep_face[embedding.triangles].all():
        raise ValueError(f"a landmark of head '{head}' lies on its region '{region}'")
    row = torch.from_numpy(np.cumsum(keep_face.numpy()) - 1)
    return LandmarkEmbedding(row[embedding.triangles], embedding.weights)
