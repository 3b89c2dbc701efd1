"""Splats as a .ply in the layout of 3D Gaussian Splatting, which the usual viewers and editors open."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from emotag.errors import InputError
from emotag.files import atomic
from emotag.splats.spherical_harmonics import COEFFICIENT_COUNTS

FLOAT = "<f4"
OPACITY_MARGIN = 1e-6
"""Opacities are stored as logits: they are kept this far from 0 and 1."""
SMALLEST_SCALE = 1e-12
"""Metres. Scales are stored as logarithms."""
LONGEST_HEADER = 1 << 16


@dataclass(frozen=True)
class SplatCloud:
    """Splats at rest, in the units that the rasterizer takes."""

    means: Tensor  # (N, 3) metres
    quaternions: Tensor  # (N, 4) w x y z
    scales: Tensor  # (N, 3) metres
    opacities: Tensor  # (N,) in [0, 1]
    sh: Tensor  # (N, K, 3)


def write_ply(
    path: Path | str,
    means: Tensor,  # (N, 3) metres
    quaternions: Tensor,  # (N, 4) w x y z, any norm
    scales: Tensor,  # (N, 3) metres
    opacities: Tensor,  # (N,) in [0, 1]
    sh: Tensor,  # (N, K, 3)
) -> None:
    """Write splats as a little-endian binary .ply: normals are 0, opacities logits, scales natural logarithms.

    Raises:
        ValueError: shapes that do not fit together.
    """
    count, coefficients = means.shape[0], sh.shape[-2]
    shapes = (means.shape, quaternions.shape, scales.shape, opacities.shape, sh.shape)
    if shapes != ((count, 3), (count, 4), (count, 3), (count,), (count, coefficients, 3)):
        raise ValueError(f"splats of different shapes: {[tuple(shape) for shape in shapes]}")
    opacity = _double(opacities).clip(OPACITY_MARGIN, 1 - OPACITY_MARGIN)
    columns = np.concatenate(
        (
            _double(means),
            np.zeros((count, 3)),
            _double(sh[:, 0]),
            _double(sh[:, 1:]).transpose(0, 2, 1).reshape(count, -1),  # all of red, then green, then blue
            np.log(opacity / (1 - opacity))[:, None],
            np.log(_double(scales).clip(SMALLEST_SCALE)),
            _double(torch.nn.functional.normalize(quaternions, dim=-1)),
        ),
        axis=1,
    )
    names = _property_names(coefficients)
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {count}"]
    header += [f"property float {name}" for name in names] + ["end_header", ""]
    with atomic(path) as partial, partial.open("wb") as file:
        file.write("\n".join(header).encode("ascii"))
        file.write(np.ascontiguousarray(columns, FLOAT).tobytes())


def read_ply(path: Path | str) -> SplatCloud:
    """Read splats that `write_ply`, or another tool of 3DGS, wrote: binary, little-endian, float properties.

    Raises:
        InputError: the file is missing, is no such .ply, lacks a property or is cut short.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give a .ply of Gaussian splats") from None
    count, names, start = _parse_header(path, content)
    rest = sum(name.startswith("f_rest_") for name in names)
    coefficients = rest // 3 + 1
    if rest % 3 or coefficients not in COEFFICIENT_COUNTS:
        raise InputError(
            f"{path}: {rest} f_rest properties make no spherical harmonics; export it again up to degree 3"
        )
    missing = [name for name in _property_names(coefficients) if name not in names and name not in ("nx", "ny", "nz")]
    if missing:
        raise InputError(f"{path}: no property {missing[0]}; this is not a .ply of Gaussian splats")
    if len(content) - start < count * len(names) * 4:
        raise InputError(f"{path}: cut short, {count} splats announced; export it again")
    values = np.frombuffer(content, FLOAT, count * len(names), start).reshape(count, len(names)).astype(np.float32)

    def take(*wanted: str) -> Tensor:  # (N, number of names)
        return torch.from_numpy(values[:, [names.index(name) for name in wanted]])

    higher = take(*(f"f_rest_{index}" for index in range(rest))).reshape(count, 3, coefficients - 1)
    return SplatCloud(
        means=take("x", "y", "z"),
        quaternions=torch.nn.functional.normalize(take("rot_0", "rot_1", "rot_2", "rot_3"), dim=-1),
        scales=take("scale_0", "scale_1", "scale_2").exp(),
        opacities=take("opacity")[:, 0].sigmoid(),
        sh=torch.cat((take("f_dc_0", "f_dc_1", "f_dc_2")[:, None], higher.transpose(1, 2)), dim=1),
    )


def _property_names(coefficients: int) -> list[str]:
    return [
        *("x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2"),
        *(f"f_rest_{index}" for index in range(3 * (coefficients - 1))),
        *("opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"),
    ]


def _parse_header(path: Path, content: bytes) -> tuple[int, list[str], int]:  # splats, properties, where data begin
    refusal = f"{path}: not a binary little-endian .ply of float properties; export it again as 3DGS does"
    end = content[:LONGEST_HEADER].find(b"end_header\n")
    if not content.startswith(b"ply\n") or end < 0:
        raise InputError(refusal)
    lines = [line.split() for line in content[:end].decode("ascii", "replace").splitlines()[1:]]
    lines = [line for line in lines if line and line[0] not in ("comment", "obj_info")]
    if not lines or lines[0] != ["format", "binary_little_endian", "1.0"]:
        raise InputError(refusal)
    elements = [line for line in lines if line[0] == "element"]
    properties = [line for line in lines if line[0] == "property"]
    if len(elements) != 1 or elements[0][1:2] != ["vertex"] or not elements[0][-1].isdigit():
        raise InputError(refusal)
    if any(len(line) != 3 or line[1] not in ("float", "float32") for line in properties):
        raise InputError(refusal)
    return int(elements[0][2]), [line[2] for line in properties], end + len(b"end_header\n")


def _double(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().double().numpy()
