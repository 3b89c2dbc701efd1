"""ICT-FaceKit's files: the OBJ folder, or a tar archive of it that is read without unpacking."""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from emotag.errors import InputError
from emotag.head.obj import read_polygons, read_vertices, triangulate

NEUTRAL = "generic_neutral_mesh"
VERTICES = 26719
CENTIMETRE = 0.01
_LARGEST_FILE = 32 << 20
"""No OBJ of the kit is larger than 3 MB; a member of an archive that claims more is not one of them."""

REMEDY = (
    "put ICT-FaceKit's FaceXModel folder (https://github.com/ICT-VGL/ICT-FaceKit, MIT), or a .tar.xz of it, "
    "under models/ and name it in `head.source`"
)


@dataclass(frozen=True)
class IctSource:
    """The kit in metres, its own axes and origin (x to the person's left, y up, z out of the face)."""

    neutral: np.ndarray  # (V, 3)
    faces: np.ndarray  # (F, 3)
    identities: np.ndarray  # (S, V, 3) displacement of one standard deviation
    expressions: dict[str, np.ndarray]  # ARKit name -> (V, 3) displacement at 1


def read_source(path: Path, identity_modes: int) -> IctSource:
    """Read the kit. Raises InputError (one line) when it is missing, incomplete or something else."""
    neutral: np.ndarray | None = None
    faces: np.ndarray | None = None
    meshes: dict[str, np.ndarray] = {}
    for name, content in _objects(path):
        if name.startswith("identity") and not _wanted(name, identity_modes):
            continue
        vertices = read_vertices(content, f"{path}: {name}.obj")
        if len(vertices) != VERTICES:
            raise InputError(f"{path}: {name}.obj has {len(vertices)} vertices, ICT-FaceKit has {VERTICES}; {REMEDY}")
        if name == NEUTRAL:
            neutral = vertices * CENTIMETRE
            faces = triangulate(read_polygons(content, f"{path}: {name}.obj"), vertices)
        else:
            meshes[name] = vertices * CENTIMETRE
    if neutral is None or faces is None:
        raise InputError(f"{path}: no {NEUTRAL}.obj in it; {REMEDY}")
    identities = sorted(name for name in meshes if name.startswith("identity"))
    if not identities or "jawOpen" not in meshes:
        raise InputError(f"{path}: identityNNN.obj or jawOpen.obj is missing; {REMEDY}")
    return IctSource(
        neutral,
        faces,
        np.stack([meshes[name] - neutral for name in identities]),
        {name: meshes[name] - neutral for name in sorted(meshes) if not name.startswith("identity")},
    )


def _wanted(name: str, identity_modes: int) -> bool:
    number = name.removeprefix("identity")
    return number.isdigit() and int(number) < identity_modes


def _objects(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        for file in sorted(path.rglob("*.obj")):
            yield file.stem, file.read_bytes()
        return
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                name = PurePosixPath(member.name)
                if not member.isfile() or name.suffix != ".obj":
                    continue
                if member.size > _LARGEST_FILE:
                    raise InputError(f"{path}: {member.name} is {member.size} bytes, no file of ICT-FaceKit; {REMEDY}")
                stream = archive.extractfile(member)
                assert stream is not None
                yield name.stem, stream.read()
    except FileNotFoundError:
        raise InputError(f"{path}: no ICT-FaceKit there; {REMEDY}") from None
    except (tarfile.TarError, EOFError, OSError) as error:
        raise InputError(f"{path}: neither a folder nor a readable archive ({error}); {REMEDY}") from None
