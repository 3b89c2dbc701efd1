"""FLAME 2020, 2023 and 2023 Open from the user's own files (Li et al., *Learning a model of facial shape and expression
from 4D scans*, SIGGRAPH Asia 2017). All three have one structure. Teeth are added by emotag.head.teeth."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.sparse import issparse
from torch import Tensor

from emotag.errors import InputError
from emotag.head.flame_pickle import read_npy, read_pickle
from emotag.head.model import HeadModel, LandmarkEmbedding
from emotag.head.regions import eye_framed_face
from emotag.head.settings import HeadSettings
from emotag.head.surface import boundary_loops
from emotag.head.tree import JOINTS, PARENTS

EXPRESSION_COLUMN = 300
"""`shapedirs` holds identity before this column and expression from it."""
_KEYS = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table", "f")
_REMEDY = "download FLAME 2023 (Open) or 2020 from https://flame.is.tue.mpg.de and name its pickle in `head.source`"
_RIGID = 0.5
"""A vertex belongs to an eyeball when the eye's joint has more than this weight."""
_SAME_EYE = 0.5
"""Least overlap (intersection over union) of an eyeball by its mask with the eyeball by its joint."""


def load_flame(settings: HeadSettings) -> HeadModel:
    """Read FLAME's pickle, its region masks and 68 landmarks where given. Without teeth; landmarks468 is empty.

    Joint order, pose correctives and the order of operations are FLAME's own, so tracked parameters (VHAP) apply.
    Raises InputError when a file is missing, is not FLAME's, or its arrays do not fit together.
    """
    assert settings.source is not None
    path = settings.source
    arrays = _arrays(path)
    count = len(arrays["v_template"])
    directions = arrays["shapedirs"]
    shape = directions[..., : min(settings.identity_modes, EXPRESSION_COLUMN)]
    expression = directions[..., EXPRESSION_COLUMN : EXPRESSION_COLUMN + settings.expression_modes]
    faces = torch.from_numpy(arrays["f"].astype(np.int64))
    model = HeadModel(
        name="flame",
        template=_float(arrays["v_template"]),
        shape_basis=_float(shape.transpose(2, 0, 1)),
        expression_basis=_float(expression.transpose(2, 0, 1)),
        pose_basis=_float(arrays["posedirs"].reshape(count, 3, 36).transpose(2, 0, 1)),
        joint_regressor=_float(arrays["J_regressor"]),
        skinning=_float(arrays["weights"]),
        faces=faces,
        landmarks68=_landmarks68(settings.flame_landmarks, len(faces)),
        landmarks468=LandmarkEmbedding(torch.zeros(0, dtype=torch.int64), torch.zeros(0, 3)),
    )
    model.regions.update(_regions(model, settings.flame_masks))
    return model


def _float(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))


def _arrays(path: Path) -> dict[str, np.ndarray]:
    content = read_pickle(path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: not a FLAME model; {_REMEDY}")
    lacking = [key for key in _KEYS if key not in content]
    if lacking:
        raise InputError(f"{path}: not a FLAME model (no {', '.join(lacking)}); {_REMEDY}")
    arrays = {key: _dense(content[key]) for key in _KEYS}
    count, joints = len(arrays["v_template"]), len(JOINTS)
    wanted = {
        "v_template": (count, 3),
        "posedirs": (count, 3, 36),
        "J_regressor": (joints, count),
        "weights": (count, joints),
        "kintree_table": (2, joints),
    }
    for key, shape in wanted.items():
        if arrays[key].shape != shape:
            raise InputError(f"{path}: {key} has shape {arrays[key].shape}, FLAME has {shape}; {_REMEDY}")
    directions, faces = arrays["shapedirs"], arrays["f"]
    if directions.shape[:2] != (count, 3) or directions.shape[-1] <= EXPRESSION_COLUMN:
        raise InputError(f"{path}: shapedirs has shape {directions.shape}, FLAME has ({count}, 3, 400); {_REMEDY}")
    if faces.ndim != 2 or faces.shape[1] != 3 or faces.min() < 0 or faces.max() >= count:
        raise InputError(f"{path}: f has shape {faces.shape} or points outside of the vertices; {_REMEDY}")
    if tuple(arrays["kintree_table"][0, 1:].astype(np.int64)) != PARENTS[1:]:
        raise InputError(f"{path}: kintree_table is not FLAME's (root, neck, jaw, eyes); {_REMEDY}")
    return arrays


def _dense(value: Any) -> np.ndarray:
    return value.toarray() if issparse(value) else np.asarray(value)


def _landmarks68(path: Path | None, triangles: int) -> LandmarkEmbedding:
    """The static 68 points of landmark_embedding.npy; none when it is not given."""
    if path is None:
        return LandmarkEmbedding(torch.zeros(0, dtype=torch.int64), torch.zeros(0, 3))
    content = read_npy(path)
    remedy = "use the landmark_embedding.npy of FLAME's own fitting code, or leave `head.flame_landmarks` empty"
    if not isinstance(content, dict) or not {"full_lmk_faces_idx", "full_lmk_bary_coords"} <= content.keys():
        raise InputError(f"{path}: no full_lmk_faces_idx and full_lmk_bary_coords in it; {remedy}")
    chosen = np.asarray(content["full_lmk_faces_idx"]).astype(np.int64).reshape(-1)[:68]
    weights = np.asarray(content["full_lmk_bary_coords"], dtype=np.float32).reshape(-1, 3)[:68]
    if len(chosen) != 68 or weights.shape != (68, 3) or chosen.min() < 0 or chosen.max() >= triangles:
        raise InputError(f"{path}: {len(chosen)} landmarks on {triangles} triangles do not fit; {remedy}")
    return LandmarkEmbedding(torch.from_numpy(chosen), torch.from_numpy(weights))


_MASKS = {
    "face": ("face",),
    "lips": ("lips",),
    "scalp": ("scalp",),
    "ears": ("left_ear", "right_ear"),
    "neck": ("neck",),
    "left_eye": ("left_eyeball",),
    "right_eye": ("right_eyeball",),
}
"""Our region -> FLAME_masks.pkl's."""


def _regions(model: HeadModel, masks: Path | None) -> dict[str, Tensor]:
    """FLAME's own masks; without them the eyeballs (by skinning), the neck's border, and the face as the eyes frame it.

    emotag.head.regions.complete adds the rest once the landmarks are known.
    """
    eyes = {
        name: torch.nonzero(model.skinning[:, JOINTS.index(name)] > _RIGID)[:, 0] for name in ("left_eye", "right_eye")
    }
    loops = boundary_loops(model.faces.numpy())
    if not loops or any(len(ids) == 0 for ids in eyes.values()):
        raise InputError(f"the FLAME model has no open neck or no eyeballs; {_REMEDY}")
    lowest = min(loops, key=lambda loop: float(model.template[loop, 1].mean()))
    empty = torch.zeros(0, dtype=torch.int64)
    regions = {**eyes, "neck_bottom": torch.from_numpy(lowest), "mouth_interior": empty}
    if masks is None:
        return {**regions, "face": eye_framed_face(model.template, *eyes.values()), "ears": empty}
    content = read_pickle(masks)
    remedy = "use FLAME_masks.pkl of FLAME's own site, or leave `head.flame_masks` empty"
    if not isinstance(content, dict):
        raise InputError(f"{masks}: no table of masks; {remedy}")
    for name, parts in _MASKS.items():
        lacking = [part for part in parts if part not in content]
        if lacking:
            raise InputError(f"{masks}: no mask '{lacking[0]}'; {remedy}")
        ids = np.unique(np.concatenate([np.asarray(content[part]).astype(np.int64) for part in parts]))
        if len(ids) and (ids[0] < 0 or ids[-1] >= model.n_vertices):
            raise InputError(f"{masks}: '{name}' points outside of the model's {model.n_vertices} vertices; {remedy}")
        if name in eyes and _overlap(ids, eyes[name].numpy()) < _SAME_EYE:
            raise InputError(
                f"{masks}: '{parts[0]}' is not where the model's {name} is: masks of another mesh; {remedy}"
            )
        regions[name] = torch.from_numpy(ids)
    return regions


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    return len(np.intersect1d(a, b)) / max(len(np.union1d(a, b)), 1)
