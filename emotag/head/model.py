"""One head model for every source: FLAME, ICT-FaceKit, the open head."""

import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from emotag.device import move
from emotag.errors import InputError
from emotag.files import atomic, sha256
from emotag.head.skinning import skin
from emotag.head.tree import JOINTS, PARENTS

__all__ = ["JOINTS", "PARENTS", "REGIONS", "HeadModel", "LandmarkEmbedding", "digest", "empty_region"]


@dataclass(frozen=True)
class LandmarkEmbedding:
    """Landmarks fixed to the surface: point = Σ weights · the corners of `faces[triangles]`."""

    triangles: Tensor  # (L,) int64, index into HeadModel.faces
    weights: Tensor  # (L, 3) barycentric, rows sum to 1

    def points(
        self,
        vertices: Tensor,  # (..., V, 3)
        faces: Tensor,  # (F, 3)
    ) -> Tensor:  # (..., L, 3)
        """Give the landmarks on posed vertices."""
        corners = vertices[..., faces[self.triangles], :]  # (..., L, 3, 3)
        return (corners * self.weights[:, :, None]).sum(dim=-2)


@dataclass(frozen=True)
class HeadModel:
    """A linear head with skinned joints: `M(shape β, expression Ψ, pose Θ) -> vertices` (EmoTaG §3.1; FLAME).

    Axes as in emotag.camera: metres, x to the image's right (so the person's left is +x), y up, z out of the face.
    The template's origin is near the middle of the head.
    """

    name: str  # "ict-facekit", "flame", "open"
    template: Tensor  # (V, 3) metres
    shape_basis: Tensor  # (S, V, 3) metres per unit; unit variance coefficients
    expression_basis: Tensor  # (E, V, 3) metres per unit; named shapes are in [0, 1]
    pose_basis: Tensor  # (9 * 4, V, 3): correctives for (R_j − I) of neck, jaw, left eye, right eye, row-major
    joint_regressor: Tensor  # (5, V): joints from shaped vertices, rows sum to 1
    skinning: Tensor  # (V, 5), rows sum to 1
    faces: Tensor  # (F, 3) int64, counter-clockwise seen from outside
    landmarks68: LandmarkEmbedding  # iBUG 68
    landmarks468: LandmarkEmbedding  # MediaPipe Face Mesh
    regions: dict[str, Tensor] = field(default_factory=dict)  # name -> sorted vertex ids, see REGIONS
    expression_names: tuple[str, ...] = ()  # (E,) ARKit names for named shapes, () when anonymous (FLAME)
    uvs: Tensor | None = None  # (V, 2) in [0, 1]

    @property
    def n_vertices(self) -> int:
        """V."""
        return self.template.shape[0]

    @property
    def n_shape(self) -> int:
        """S."""
        return self.shape_basis.shape[0]

    @property
    def n_expression(self) -> int:
        """E."""
        return self.expression_basis.shape[0]

    def to(self, device: torch.device | str) -> "HeadModel":
        """Give the model with every tensor on `device`."""

        return move(self, device)

    def shaped(
        self,
        shape: Tensor,  # (S,) or (B, S)
    ) -> Tensor:  # (V, 3) or (B, V, 3)
        """Give the person's neutral template in the rest pose."""
        return self.template + torch.einsum("...s,svc->...vc", shape, self.shape_basis)

    def vertices(
        self,
        shape: Tensor,  # (S,) or (B, S)
        expression: Tensor,  # (B, E)
        jaw_pose: Tensor,  # (B, 3) axis-angle, radians
        neck_pose: Tensor,  # (B, 3)
        eyes_pose: Tensor,  # (B, 6) left, right
        rotation: Tensor,  # (B, 3) of the root joint
        translation: Tensor,  # (B, 3) metres
        offset: Tensor | None = None,  # (V, 3) metres, rest pose: what a person's shape leaves out (hair, ears)
    ) -> Tensor:  # (B, V, 3)
        """Pose the head by linear blend skinning with pose correctives, FLAME's order of operations."""
        return skin(self, shape, expression, jaw_pose, neck_pose, eyes_pose, rotation, translation, offset)

    def save(self, path: Path | str) -> None:
        """Write one .npz of plain arrays, atomically."""
        arrays = {name: getattr(self, name).cpu().numpy() for name in _TENSORS}
        for name in ("landmarks68", "landmarks468"):
            embedding: LandmarkEmbedding = getattr(self, name)
            arrays[f"{name}.triangles"] = embedding.triangles.cpu().numpy()
            arrays[f"{name}.weights"] = embedding.weights.cpu().numpy()
        arrays |= {f"regions.{name}": ids.cpu().numpy() for name, ids in self.regions.items()}
        if self.uvs is not None:
            arrays["uvs"] = self.uvs.cpu().numpy()
        note = {"format": _FORMAT, "name": self.name, "expression_names": list(self.expression_names)}
        with atomic(path) as partial:
            np.savez(partial, note=np.array(json.dumps(note)), **arrays)

    @staticmethod
    def load(path: Path | str) -> "HeadModel":
        """Read what `save` wrote. Raises InputError when the file is missing or is something else."""
        remedy = "delete it and run `dvc repro head`"
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {key: file[key] for key in file.files}
            note = json.loads(str(arrays.pop("note")))
        except FileNotFoundError:
            raise InputError(f"{path}: no head model; run `dvc repro head`") from None
        except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
            raise InputError(f"{path}: not a head model ({error}); {remedy}") from None
        if note.get("format") != _FORMAT:
            raise InputError(f"{path}: a head model of another version; {remedy}")
        tensors = {key: torch.from_numpy(value) for key, value in arrays.items()}
        regions = {key.removeprefix("regions."): value for key, value in tensors.items() if key.startswith("regions.")}
        return HeadModel(
            name=note["name"],
            landmarks68=LandmarkEmbedding(tensors["landmarks68.triangles"], tensors["landmarks68.weights"]),
            landmarks468=LandmarkEmbedding(tensors["landmarks468.triangles"], tensors["landmarks468.weights"]),
            regions=regions,
            expression_names=tuple(note["expression_names"]),
            uvs=tensors.get("uvs"),
            **{name: tensors[name] for name in _TENSORS},
        )


_FORMAT = "emotag-head-1"

_TENSORS = (
    "template",
    "shape_basis",
    "expression_basis",
    "pose_basis",
    "joint_regressor",
    "skinning",
    "faces",
)

REGIONS = (
    "face",  # front of the head, ear to ear, brow to chin, without the interior
    "lips",  # both lips, outer ring to inner ring
    "mouth_interior",  # socket, gums, tongue, teeth: everything behind the inner lips
    "upper_teeth",
    "lower_teeth",
    "tongue",
    "left_eye",  # eyeball
    "right_eye",
    "scalp",
    "ears",
    "neck",
    "neck_bottom",  # the open boundary ring under the neck, ordered around
)
"""Names every head model gives (empty when it lacks the part). Some give more: `gums`; `shoulders` below the neck's
base, `upper_lid` and `lower_lid` (open head)."""


def digest(path: Path | str) -> str:
    """First 16 hex digits of the file's SHA-256: the name by which artifacts say which head they were made with."""
    return sha256(path)[:16]


def empty_region() -> Tensor:
    """Give the region that has no vertices."""
    return torch.from_numpy(np.zeros(0, dtype=np.int64))
