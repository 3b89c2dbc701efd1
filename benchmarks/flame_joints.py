"""What it costs that our joints follow the shape alone, and FLAME's released code's the expression and offset too.

    python -m benchmarks.flame_joints models/head/head.npz

Poses a FLAME head as VHAP does, then as we do with the same parameters, with the same root joint, and laid over the
picture as the conversion of tracks does; pixels at 512², 64 random poses, coefficients of unit variance.
"""

import sys
from dataclasses import dataclass

import torch
from torch import Tensor

from emotag.camera import project
from emotag.head.flame_pose import FlamePose
from emotag.head.model import JOINTS, HeadModel
from emotag.head.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from emotag.perception.tracking.vhap.convert import _double
from emotag.perception.tracking.vhap.rigid import lay_over

SIDE, FOCAL, POSES = 512, 1.9, 64
SPREAD = {"jaw_pose": (0.15, 0.03, 0.02), "neck_pose": (0.1, 0.1, 0.05), "rotation": (0.2, 0.3, 0.1),
          "translation": (0.02, 0.02, 0.03), "eyes_pose": (0.15, 0.2, 0.0) * 2}  # fmt: skip
HAIR, HAIRLINE = 0.1, 0.05  # static offset, of a vertex' distance from the middle; metres above the eyes


@dataclass(frozen=True)
class Errors:
    """Distances of all vertices from where VHAP shows them."""

    pixels: Tensor  # (POSES, V)
    face: Tensor  # vertex ids

    def __str__(self) -> str:
        face = self.pixels[:, self.face]
        return f"face {face.mean():.3f} (worst {face.max():.2f}), worst of the head {self.pixels.max():.2f} px"


def measure(name: str, head: HeadModel) -> None:
    torch.manual_seed(0)
    head = _double(head)
    shape, expression = 0.8 * torch.randn(head.n_shape).double(), torch.randn(POSES, head.n_expression).double()
    pose = {key: torch.randn(POSES, len(spread)).double() * torch.tensor(spread) for key, spread in SPREAD.items()}
    pose["jaw_pose"][:, 0].abs_()
    offset = torch.zeros_like(head.template)
    high = head.template[:, 1] > head.template[head.regions["left_eye"], 1].mean() + HAIRLINE
    offset[high] = HAIR * head.template[high]
    theirs, focal = FlamePose.of(head, offset), torch.tensor(FOCAL).double()
    seen = project(theirs.vertices(shape, expression, **pose), focal, SIDE, SIDE)[0]
    moved = head.joint_regressor @ (torch.einsum("be,evc->bvc", expression, head.expression_basis) + offset)

    def errors(**changed: Tensor) -> Errors:
        vertices = head.vertices(shape, expression, **(pose | changed), offset=offset)
        return Errors((project(vertices, focal, SIDE, SIDE)[0] - seen).norm(dim=-1), head.regions["face"])

    pivot = theirs.root(shape, expression) - head.joint_regressor[0] @ head.shaped(shape) + pose["translation"]
    mesh = head.vertices(shape, expression, **(pose | {"translation": pivot}), offset=offset)
    face, root = head.regions["face"], theirs.root(shape, expression) + pose["translation"]
    turn, shift, _ = lay_over(mesh[:, face], root, seen[:, face], FOCAL, SIDE, SIDE)
    turned = matrix_to_axis_angle(turn @ axis_angle_to_matrix(pose["rotation"]))
    millimetres = 1000 * moved.norm(dim=-1).mean(dim=0)
    print(f"{name}: joints move by", ", ".join(f"{j} {m:.2f}" for j, m in zip(JOINTS, millimetres.tolist())), "mm")
    print(f"  parameters as they are  {errors()}")
    print(f"  the same root joint     {errors(translation=pivot)}")
    print(f"  laid over (the track's) {errors(rotation=turned, translation=pivot + shift)}")


if __name__ == "__main__":
    for path in sys.argv[1:]:
        measure(path, HeadModel.load(path))
