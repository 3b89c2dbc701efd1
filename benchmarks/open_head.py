"""The open head beside ICT-FaceKit: how near its identities come, and whether its expressions move as scans do.

    python -m benchmarks.open_head [--kit ../shared/assets/ict-facekit.tar.xz] [--people 20]

Identities: the open head is laid on each person by a similarity of the 68 landmarks, then by similarity and identity
modes together (nearest points, modes held near 0 by their prior); distances are from the open face to the surface.
Expressions: each vertex of the kit's skin that moves by over 10 % of its largest is compared with the point of the open
head nearest to it on the same lip and lid. The kit's motion of the skull is taken out first (see `stabilised`); the
column `raw` is the cosine without that. The pulls were adjusted by hand after reading residuals against this same kit:
the table tells how well they describe it, not how well they would do on other scans.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from emotag.head.ict import load_ict
from emotag.head.model import HeadModel
from emotag.head.open_head.assemble import neutral_surface, open_head
from emotag.head.open_head.fields import slit_height, smoothstep
from emotag.head.open_head.landmarks import embed68
from emotag.head.open_head.skin import neutral_skin
from emotag.head.open_head.surface import HeadSurface, Part
from emotag.head.surface import nearest_on_surface
from emotag.progress import track

KIT = Path("../shared/assets/ict-facekit.tar.xz")
KIT_VERTICES, KIT_MODES = 8000, 40
MOVING = 0.1
SKULL_MM = -20.0
ROUNDS = 8
LANDMARK_WEIGHT = 2.0
PRIOR_MM = 0.12
"""How many millimetres (root mean square over the face) a mode of one standard deviation costs."""
_LIDS = ((1, (42, (43, 47), (44, 46), 45)), (-1, (39, (38, 40), (37, 41), 36)))


def surface_of(model: HeadModel) -> HeadSurface:
    """Read a HeadSurface off ICT-FaceKit's neutral head: sides of the slit by who follows the jaw."""
    vertices, faces = model.template.double().numpy(), model.faces.numpy()
    regions = {name: ids.numpy() for name, ids in model.regions.items()}
    marks = model.landmarks68.points(model.template, model.faces).double().numpy()
    joints = (model.joint_regressor @ model.template).double().numpy()
    jaw = model.skinning[:, 2].double().numpy()
    part = np.full(len(vertices), int(Part.SKIN))
    part[regions["mouth_interior"]] = Part.SOCKET
    part[regions["ears"]] = np.where(vertices[regions["ears"], 0] > 0, Part.LEFT_EAR, Part.RIGHT_EAR)
    part[regions["gums"]] = np.where(jaw[regions["gums"]] < 0.5, Part.UPPER_GUMS, Part.LOWER_GUMS)
    for name in ("left_eye", "right_eye", "upper_teeth", "lower_teeth", "tongue"):
        part[regions[name]] = Part[name.upper()]
    radius = float(np.median(np.linalg.norm(vertices[regions["left_eye"]] - joints[3], axis=1)))
    blank = np.ones(len(vertices))
    surface = HeadSurface(
        vertices, faces, part, marks, blank, blank, joints[3:5], radius, joints[2] * (0, 1, 1), joints[1], joints[0]
    )
    mouth = np.where(vertices[:, 1] >= slit_height(surface, vertices[:, 0]), 1.0, -1.0)
    near = np.union1d(regions["lips"], regions["mouth_interior"])
    mouth[near] = np.where(jaw[near] < 0.5, 1.0, -1.0)
    return HeadSurface(**{**vars(surface), "mouth_side": mouth, "lid_side": _lid_sides(surface)})


def _lid_sides(surface: HeadSurface) -> np.ndarray:  # (V,)
    """Above or below the middle line of the nearer fissure, as seen from the eye's centre."""
    side = np.ones(len(surface.vertices))
    for (sign, marks), centre in zip(_LIDS, surface.eye_centres):
        line = np.stack([surface.landmarks[np.atleast_1d(mark)].mean(0) for mark in marks]) - centre
        offset = surface.vertices - centre
        middle = np.interp(sign * offset[:, 0], sign * line[:, 0], np.arctan2(line[:, 1], line[:, 2]))
        near = surface.vertices[:, 0] * sign > 0
        side[near] = np.where(np.arctan2(offset[:, 1], offset[:, 2]) >= middle, 1.0, -1.0)[near]
    return side


def similarity(
    source: np.ndarray,  # (N, 3)
    target: np.ndarray,  # (N, 3)
) -> tuple[float, np.ndarray, np.ndarray]:  # scale, (3, 3), (3,)
    """Least-squares similarity (S. Umeyama, 1991): target ≈ scale · source @ turn.T + shift."""
    a, b = source - source.mean(0), target - target.mean(0)
    u, values, vt = np.linalg.svd(b.T @ a)
    flip = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    turn = u @ (flip[:, None] * vt)
    scale = float((values * flip).sum() / (a**2).sum())
    return scale, turn, target.mean(0) - scale * source.mean(0) @ turn.T


@dataclass(frozen=True)
class Fit:
    """An open head laid on a person."""

    vertices: np.ndarray  # (V, 3)
    coefficients: np.ndarray  # (S,)
    before: np.ndarray  # (N,) metres, face to surface after the landmarks' similarity
    after: np.ndarray  # (N,) with identity modes


def fit_identity(
    head: HeadModel,
    target: np.ndarray,  # (V', 3) metres, the person
    target_faces: np.ndarray,  # (F', 3) of the skin
    target_marks: np.ndarray,  # (68, 3)
) -> Fit:
    """Lay the open head on a person by alternating nearest points and a regularised linear solve."""
    neutral, modes = head.template.double().numpy(), head.shape_basis.double().numpy()
    faces = head.faces.numpy()
    corners, weights = faces[head.landmarks68.triangles], head.landmarks68.weights.double().numpy()
    face = head.regions["face"].numpy()
    coefficients = np.zeros(len(modes))

    def marks(values: np.ndarray) -> np.ndarray:  # (..., 68, 3)
        return (values[..., corners, :] * weights[:, :, None]).sum(-2)

    def foot(points: np.ndarray) -> np.ndarray:
        triangles, share = nearest_on_surface(points, target, target_faces)
        return (target[target_faces[triangles]] * share[:, :, None]).sum(1)

    def rows(values: np.ndarray) -> np.ndarray:
        return np.concatenate((values[..., face, :], mark_weight * marks(values)), axis=-2)

    mark_weight = LANDMARK_WEIGHT
    scale, turn, shift = similarity(marks(neutral), target_marks)
    laid = scale * neutral @ turn.T + shift
    before = np.linalg.norm(laid[face] - foot(laid[face]), axis=1)
    for _ in range(ROUNDS):
        wanted = np.concatenate((foot(laid[face]), mark_weight * target_marks))
        weight = np.concatenate((np.ones(len(face)), np.full(68, mark_weight)))[:, None]
        local = ((wanted / weight - shift) @ turn / scale) * weight - rows(neutral)
        system = rows(modes).reshape(len(modes), -1)
        prior = len(face) * (PRIOR_MM / 1e3) ** 2 * np.eye(len(modes))
        coefficients = np.linalg.solve(system @ system.T + prior, system @ local.ravel())
        shaped = neutral + np.tensordot(coefficients, modes, 1)
        both = np.concatenate((shaped[face], *[marks(shaped)] * 4))
        scale, turn, shift = similarity(both, np.concatenate((wanted[: len(face)], *[target_marks] * 4)))
        laid = scale * shaped @ turn.T + shift
    return Fit(laid, coefficients, before, np.linalg.norm(laid[face] - foot(laid[face]), axis=1))


def stabilised(
    surface: HeadSurface,
    displacement: np.ndarray,  # (V, 3)
    name: str,
) -> np.ndarray:  # (V, 3)
    """Take out the mean motion of the back of the skull, which no action of the face moves (each side its own)."""
    x = surface.vertices[:, 0]
    side = {"L": 1.0, "R": -1.0}.get(name.rpartition("_")[2], 0.0)
    skull = (surface.part == Part.SKIN) & (surface.vertices[:, 2] < SKULL_MM / 1e3) & (surface.vertices[:, 1] > -0.02)
    skull &= side * x >= abs(side) * 0.02
    share = smoothstep(side * x, -0.01, 0.01) if side else np.ones(len(x))
    moved = displacement - share[:, None] * displacement[skull].mean(0)
    moved[surface.part != Part.SKIN] = displacement[surface.part != Part.SKIN]
    return moved


@dataclass(frozen=True)
class Agreement:
    """How one expression agrees with the kit's."""

    cosine: float  # mean over moving vertices
    peak: float  # largest displacement over the kit's largest
    overlap: float  # moving in both over moving in either


def agreement(
    truth: np.ndarray,  # (N, 3) displacements of skin
    found: np.ndarray,  # (N, 3)
) -> Agreement:
    """Compare two displacement fields at the same points."""
    size, other = np.linalg.norm(truth, axis=1), np.linalg.norm(found, axis=1)
    moving, moves = size > MOVING * size.max(), other > MOVING * other.max()
    cosine = (truth * found).sum(1)[moving] / np.maximum(size * other, 1e-12)[moving]
    return Agreement(
        float(cosine.mean()), float(other.max() / size.max()), float((moving & moves).sum() / (moving | moves).sum())
    )


def corresponding(
    kit: HeadSurface,
    ours: HeadSurface,
    laid: np.ndarray,  # (V, 3) our vertices on the kit's head
    ids: np.ndarray,  # (N,) vertices of the kit
) -> tuple[np.ndarray, np.ndarray]:  # (N, 3) our vertices, (N, 3) weights
    """Our nearest surface points on the same lip and lid."""
    corners = np.zeros((len(ids), 3), dtype=np.int64)
    weights = np.zeros((len(ids), 3))
    skin = ours.faces[(ours.part[ours.faces] == Part.SKIN).all(1)]
    below = kit.vertices[ids, 1] < kit.landmarks[33, 1]  # around the mouth; the others go by the lids
    for low, side, own in ((True, kit.mouth_side, ours.mouth_side), (False, kit.lid_side, ours.lid_side)):
        for sign in (1, -1):
            here = (below == low) & (np.sign(side[ids]) == sign)
            faces = skin[(own[skin] * sign >= 0).all(1)]
            triangles, weights[here] = nearest_on_surface(kit.vertices[ids[here]], laid, faces)
            corners[here] = faces[triangles]
    return corners, weights


def expression_table(
    kit: HeadModel,
    head: HeadModel,
    ours: HeadSurface,
    stable: bool = True,
) -> dict[str, Agreement]:
    """Compare every expression of the open head with the kit's, with or without the kit's motion of the skull."""
    theirs = surface_of(kit)
    ids = np.flatnonzero(theirs.part == Part.SKIN)
    scale, turn, shift = similarity(ours.landmarks, theirs.landmarks)
    corners, weights = corresponding(theirs, ours, scale * ours.vertices @ turn.T + shift, ids)
    result = {}
    for name in kit.expression_names:
        truth = kit.expression_basis[kit.expression_names.index(name)].double().numpy()
        field = head.expression_basis[head.expression_names.index(name)].double().numpy()
        found = scale * (field[corners] * weights[:, :, None]).sum(1) @ turn.T
        result[name] = agreement((stabilised(theirs, truth, name) if stable else truth)[ids], found)
    return result


def main(
    kit: Annotated[Path, typer.Option(help="ICT-FaceKit.")] = KIT,
    people: Annotated[int, typer.Option(help="Random identities beside the neutral.")] = 20,
    seed: Annotated[int, typer.Option(help="Of the identities.")] = 0,
) -> None:
    """Print both tables."""
    model, _ = load_ict(kit, KIT_VERTICES, KIT_MODES)
    head, skin = open_head(), neutral_skin()
    ours = neutral_surface(skin, embed68(skin))
    console = Console()
    console.print(_identity_table(model, head, people, seed))
    table = Table(
        "expression", "cosine", "peak", "overlap", "raw", title="expressions of the open head against the kit's"
    )
    found = expression_table(model, head, ours)
    raw = {name: row.cosine for name, row in expression_table(model, head, ours, stable=False).items()}
    for name, row in found.items():
        table.add_row(name, f"{row.cosine:.2f}", f"{row.peak:.2f}", f"{row.overlap:.2f}", f"{raw[name]:.2f}")
    rows = found.values()
    mean = [np.mean([getattr(row, key) for row in rows]) for key in ("cosine", "peak", "overlap")]
    table.add_section()
    table.add_row("mean", *(f"{value:.2f}" for value in (*mean, np.mean(list(raw.values())))))
    table.add_row(
        "lowest",
        f"{min(row.cosine for row in rows):.2f}",
        f"{min(row.peak for row in rows):.2f}",
        "",
        f"{min(raw.values()):.2f}",
    )
    console.print(table)


def _identity_table(model: HeadModel, head: HeadModel, people: int, seed: int) -> Table:
    table = Table("person", "before", "p95", "with modes", "p95", "largest |σ|", title="face to surface, mm")
    skin = surface_of(model).part
    faces = model.faces.numpy()
    faces = faces[np.isin(skin[faces], (Part.SKIN, Part.LEFT_EAR, Part.RIGHT_EAR)).all(1)]
    basis, template = model.shape_basis.double().numpy(), model.template.double().numpy()
    drawn = np.random.default_rng(seed).standard_normal((people, len(basis)))
    ids = model.faces[model.landmarks68.triangles].numpy()
    means = []
    for index, shape in enumerate(track(np.concatenate((np.zeros((1, len(basis))), drawn)), "identities")):
        person = template + np.tensordot(shape, basis, 1)
        marks = (person[ids] * model.landmarks68.weights.double().numpy()[:, :, None]).sum(1)
        fit = fit_identity(head, person, faces, marks)
        row = [1e3 * value for part in (fit.before, fit.after) for value in (part.mean(), np.percentile(part, 95))]
        means.append([*row, np.abs(fit.coefficients).max()])
        table.add_row("neutral" if index == 0 else f"person {index}", *(f"{value:.2f}" for value in means[-1]))
    if not people:
        return table
    table.add_section()
    table.add_row("mean of people", *(f"{value:.2f}" for value in np.mean(means[1:], axis=0)))
    table.add_row("worst of people", *(f"{value:.2f}" for value in np.max(means[1:], axis=0)))
    return table


if __name__ == "__main__":
    typer.run(main)
