"""Where things are on a person's neutral head, from its landmarks and regions: what paint and hair are placed by."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import torch
from scipy.interpolate import PchipInterpolator

from emotag.actors.look.noise import smoothstep
from emotag.head.mesh_render import vertex_normals
from emotag.head.model import HeadModel
from emotag.head.surface import unique_edges


class Material(IntEnum):
    """What a face of the mesh is made of."""

    SKIN = 0  # of the head and neck
    TORSO = 1  # shoulders: cloth, and skin inside the collar
    LEFT_EYE = 2
    RIGHT_EYE = 3
    TEETH = 4
    GUMS = 5
    TONGUE = 6
    SOCKET = 7


MOUTH = (Material.TEETH, Material.GUMS, Material.TONGUE, Material.SOCKET)
RIGHT_BROW, LEFT_BROW = slice(17, 22), slice(22, 27)
RIGHT_EYE, LEFT_EYE = slice(36, 42), slice(42, 48)
_TRICHION = 0.780
"""Height of the hairline at the forehead, of chin to crown (Farkas 1994: vertex–trichion is about a fifth of it)."""
_EYE_SPACING = 0.062  # metres between the eyeballs' centres of an average adult


@dataclass(frozen=True)
class Anatomy:
    """A neutral head in the rest pose, metres."""

    vertices: np.ndarray  # (V, 3)
    normals: np.ndarray  # (V, 3)
    faces: np.ndarray  # (F, 3)
    material: np.ndarray  # (F,) Material
    landmarks: np.ndarray  # (68, 3) iBUG
    lips: np.ndarray  # (V,) soft membership
    ears: np.ndarray  # (V,) soft membership
    eye_centres: np.ndarray  # (2, 3) left, right
    eye_radius: float
    ear_front: float  # z
    ear_centre: np.ndarray  # (3,) of the person's left ear
    ear_top: float  # y
    ear_bottom: float  # y
    chin: np.ndarray  # (3,)
    crown: float  # y
    neck_axis: float  # z of the neck's middle at its base
    neck_base: float  # y of the line between neck and shoulders at the front
    head_centre: np.ndarray  # (3,) inside the skull, low and far back, so that jaw and neck lie in different directions

    @property
    def scale(self) -> float:
        """Size of this head over an average adult's."""
        return float(np.linalg.norm(self.eye_centres[0] - self.eye_centres[1]) / _EYE_SPACING)

    @property
    def outer(self) -> np.ndarray:
        """Faces of the outer skin, (F,) bool: no eyes and nothing in the mouth."""
        return self.material <= Material.TORSO

    def azimuth(self, points: np.ndarray) -> np.ndarray:  # (..., 3) -> (...)
        """Degrees around the vertical axis through the ears: 0 in front, 90 at the ear, 180 behind, both sides."""
        return np.degrees(np.arctan2(np.abs(points[..., 0]), points[..., 2] - self.ear_centre[2]))

    def hairline(self, receding: float) -> PchipInterpolator:
        """Give the height of the hairline over azimuth: forehead, temple, sideburn, over the ear, nape."""
        brow = self.landmarks[17:27, 1].mean()
        top = self.chin[1] + (_TRICHION + 0.022 * receding) * (self.crown - self.chin[1])
        s = self.scale
        bottom = self.ear_bottom
        line = [
            (0, top),
            (20, top - 0.001 * s),
            (38, top - (0.007 - 0.012 * max(receding, 0)) * s),
            (52, brow + (0.024 + 0.014 * receding) * s),
            (62, brow + 0.003 * s),
            (72, 0.45 * brow + 0.55 * self.ear_top),
            (77, 0.5 * (self.ear_top + bottom)),
            (82, 0.65 * self.ear_top + 0.35 * bottom),
            (90, self.ear_top + 0.001 * s),
            (104, self.ear_top - 0.002 * s),
            (118, 0.4 * self.ear_top + 0.6 * bottom),
            (130, bottom - 0.012 * s),
            (160, bottom - 0.030 * s),
            (180, bottom - 0.033 * s),
        ]
        degrees, heights = np.array(line).T
        return PchipInterpolator(degrees, heights)

    def scalp(self, points: np.ndarray, receding: float, softness: float) -> np.ndarray:  # (..., 3) -> (...)
        """How much a point of the skin lies within the hairline; `softness` is half the width of the border, metres."""
        azimuth = self.azimuth(points)
        ragged = np.sin(0.31 * azimuth + 1.3) + np.sin(0.83 * azimuth) + 0.6 * np.sin(170 * points[..., 0] / self.scale)
        above = points[..., 1] - self.hairline(receding)(azimuth) + 0.0009 * self.scale * ragged
        return smoothstep(above, -softness, softness)


def anatomy(head: HeadModel, shape: torch.Tensor) -> Anatomy:
    """Measure the person `shape` (S,) of a head model."""
    vertices = head.shaped(shape.to(head.template)).detach().cpu().double().numpy()
    faces = head.faces.cpu().numpy()
    landmarks = head.landmarks68.points(torch.from_numpy(vertices), head.faces.cpu()).numpy()
    regions = {name: ids.cpu().numpy() for name, ids in head.regions.items()}
    eyes = [vertices[regions[name]] for name in ("left_eye", "right_eye")]
    centres = np.array([_sphere_centre(eye) for eye in eyes])
    ears = vertices[regions["ears"]]
    left_ear = ears[ears[:, 0] > 0]
    ring = vertices[regions["neck_bottom"]]
    chin, crown = landmarks[8], float(vertices[:, 1].max())
    material = materials(head)
    torso = vertices[np.unique(faces[material == Material.TORSO])] if (material == Material.TORSO).any() else None
    return Anatomy(
        vertices=vertices,
        normals=vertex_normals(vertices, faces),
        faces=faces,
        material=material,
        landmarks=landmarks,
        lips=soft_mask(head, "lips", 1),
        ears=soft_mask(head, "ears", 2),
        eye_centres=centres,
        eye_radius=float(np.linalg.norm(eyes[0] - centres[0], axis=1).mean()),
        ear_front=float(left_ear[:, 2].max()),
        ear_centre=left_ear.mean(0),
        ear_top=float(left_ear[:, 1].max()),
        ear_bottom=float(left_ear[:, 1].min()),
        chin=chin,
        crown=crown,
        neck_axis=float(0.5 * (ring[:, 2].min() + ring[:, 2].max())),
        neck_base=float(vertices[:, 1].min()) if torso is None else float(torso[:, 1].max()),
        head_centre=np.array([0.0, 0.45 * chin[1], left_ear[:, 2].mean() - 0.006]),
    )


def materials(head: HeadModel) -> np.ndarray:  # (F,) int64
    """Give each face its Material, by the regions all its vertices belong to."""
    faces = head.faces.cpu().numpy()
    material = np.full(len(faces), int(Material.SKIN))
    painted = (
        ("shoulders", Material.TORSO),
        ("mouth_interior", Material.SOCKET),
        ("gums", Material.GUMS),
        ("tongue", Material.TONGUE),
        ("upper_teeth", Material.TEETH),
        ("lower_teeth", Material.TEETH),
        ("left_eye", Material.LEFT_EYE),
        ("right_eye", Material.RIGHT_EYE),
    )
    for name, kind in painted:
        if name in head.regions:
            inside = np.zeros(head.n_vertices, dtype=bool)
            inside[head.regions[name].cpu().numpy()] = True
            material[inside[faces].all(axis=1)] = kind
    return material


def soft_mask(head: HeadModel, region: str, rounds: int) -> np.ndarray:  # (V,) in [0, 1]
    """A region's membership averaged over neighbours, so that its 0.5 line is smooth where the mesh is not."""
    edges = unique_edges(head.faces.cpu().numpy())
    mask = np.zeros(head.n_vertices)
    if region in head.regions:
        mask[head.regions[region].cpu().numpy()] = 1
    return smoothed(mask, edges, rounds)


def smoothed(values: np.ndarray, edges: np.ndarray, rounds: int) -> np.ndarray:  # (V,), (E, 2) -> (V,)
    """Average vertex values with their neighbours'."""
    degree = np.maximum(np.bincount(edges.ravel(), minlength=len(values)), 1)
    for _ in range(rounds):
        total = np.bincount(edges[:, 0], values[edges[:, 1]], len(values))
        total += np.bincount(edges[:, 1], values[edges[:, 0]], len(values))
        values = 0.5 * values + 0.5 * total / degree
    return values


def _sphere_centre(points: np.ndarray) -> np.ndarray:  # (N, 3) -> (3,)
    """Least-squares centre of a sphere through points."""
    system = np.concatenate((2 * points, np.ones((len(points), 1))), axis=1)
    return np.linalg.lstsq(system, (points**2).sum(1), rcond=None)[0][:3]
