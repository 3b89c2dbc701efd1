"""A person's shape refined by pictures and outlines, and what she looks like."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from emotag.head.model import HeadModel
from emotag.perception.geometry.surface import surface_faces
from emotag.perception.tracking.fit import track_of_motion
from emotag.perception.tracking.gauss_newton import minimise
from emotag.perception.tracking.photometric.light import fit_albedo, harmonics, mean_albedo
from emotag.perception.tracking.photometric.motion import pose, samples_of_person
from emotag.perception.tracking.photometric.outline import Outlines, fit_offset, outlines
from emotag.perception.tracking.photometric.pyramid import picture_level, sample
from emotag.perception.tracking.photometric.samples import sample_vertices, vertex_rig
from emotag.perception.tracking.photometric.settings import OutlineSettings, PhotometricSettings
from emotag.perception.tracking.photometric.term import Pictures, Skin, colour_errors, picture_rows, with_noise
from emotag.perception.tracking.photometric.visibility import sight
from emotag.perception.tracking.rig import EXPRESSION, JAW, LandmarkRig, project_landmarks
from emotag.perception.tracking.shape import Appearance, ShapeProblem, SharedRows
from emotag.perception.tracking.track import PersonShape, Track

_LEAST_SHADING = 0.05


Persons = Callable[[Sequence[np.ndarray]], list[np.ndarray]]
"""Gives the (H, W) uint8 alphas of the person in pictures."""


class ShapeTerm:
    """A `SharedTerm`: the pictures at one scale, with an albedo that always is their own mean."""

    def __init__(
        self,
        rig: LandmarkRig,  # of the head's samples, of nobody
        normals: Tensor,  # (K, 3) of the person's surface, rest pose
        pictures: Pictures,
        seen: Tensor,  # (F, K) in [0, 1]
        skin: Skin,
        settings: PhotometricSettings,
    ) -> None:
        self._rig, self._normals, self._pictures, self._seen = rig, normals, pictures, seen
        self._skin, self._settings = skin, settings
        self._frozen: tuple[Tensor, Tensor] | None = None

    def rows(self, motion: Tensor, shape: Tensor, focal_pixels: float, derivatives: bool) -> SharedRows:
        """Evaluate the pictures; with derivatives lights and weights are renewed."""
        rig = self._rig.of_person(shape).with_normals(self._normals)
        found = picture_rows(
            rig, motion, self._pictures.with_focal(focal_pixels), self._seen, self._skin, self._settings,
            derivatives=derivatives, free_albedo=True, frozen=None if derivatives else self._frozen,
        )  # fmt: skip
        self._frozen = found.frozen
        return SharedRows(found.residual, found.jacobian, found.shape_jacobian)


class PersonRefinement:
    """A `ShapeRefinement`: shape, focal length and motions by pictures, then albedo, light and the static offset."""

    def __init__(
        self,
        frames: Callable[[Sequence[int]], Sequence[np.ndarray]],  # frames of the clip, each (H, W, 3) uint8 RGB
        persons: Persons | None,  # None leaves the static offset out
        head: HeadModel,
        settings: PhotometricSettings,
        outline: OutlineSettings,
    ) -> None:
        self._frames, self._persons, self._head = frames, persons, head
        self._settings, self._outline = settings, outline
        self._pictures: Sequence[np.ndarray] = ()
        self.seen: Outlines | None = None  # what the offset was fitted to

    def fit(self, frames: Tensor, problem: ShapeProblem, x: Tensor) -> Tensor:
        """Refine motions, shape and focal length, coarse to fine."""
        self._pictures = self._frames(frames.tolist())
        ids = sample_vertices(self._head, self._settings.samples)
        rig = vertex_rig(self._head, ids)
        for side in self._settings.levels:
            motion, shape, focal = problem.split(x)
            level = self._level(side, focal, motion)
            seen = self._sight(motion, shape, None, ids, level)
            person = samples_of_person(self._head, shape, None, ids)
            albedo, light, _ = fit_albedo(*_colours(person, motion, level), seen)
            skin = Skin(albedo, light)
            settings = with_noise(
                self._settings, colour_errors(person, motion, level, seen, skin, self._settings), seen
            )
            term = ShapeTerm(rig, person.normals, level, seen, skin, settings)
            x = minimise(problem.with_term(term), x, settings.iterations, settings.tolerance).x
        return x

    def appearance(self, frames: Tensor, problem: ShapeProblem, x: Tensor) -> Appearance:
        """Fit the static offset, then light on the face and albedo wherever the camera looked."""
        motion, shape, focal = problem.split(x)
        level = self._level(self._settings.levels[-1], focal, motion)
        offset = self._offset(motion, shape, focal / max(self._size)) if self._persons is not None else None
        ids = sample_vertices(self._head, self._settings.samples)
        face = samples_of_person(self._head, shape, offset, ids)
        _, light, _ = fit_albedo(*_colours(face, motion, level), self._sight(motion, shape, offset, ids, level))
        skin = torch.from_numpy(np.unique(surface_faces(self._head.to("cpu")))).to(ids.device)
        whole = samples_of_person(self._head, shape, offset, skin)
        colours, normals = _colours(whole, motion, level)
        seen = self._sight(motion, shape, offset, skin, level)
        shading = (harmonics(normals) @ light).clamp_min(_LEAST_SHADING)
        albedo = torch.full_like(self._head.template, torch.nan)
        known = seen.sum(dim=0) > _LEAST_SIGHT
        albedo[skin[known]] = mean_albedo(colours, shading, seen)[known].clamp(0, 1)
        return Appearance(albedo, light, offset)

    @property
    def _size(self) -> tuple[int, int]:  # width, height
        height, width = self._pictures[0].shape[:2]
        return width, height

    def _level(self, side: int, focal: float, like: Tensor) -> Pictures:
        width, height = self._size
        return Pictures(
            picture_level(self._pictures, side).to(like.device), width, focal, like.new_tensor([width / 2, height / 2])
        )

    def _sight(self, motion: Tensor, shape: Tensor, offset: Tensor | None, ids: Tensor, level: Pictures) -> Tensor:
        vertices = pose(self._head, shape, offset, motion)
        return sight(self._head, vertices, ids, level.focal_pixels / max(self._size), self._size)

    def _offset(self, motion: Tensor, shape: Tensor, focal_length: float) -> Tensor:  # (V, 3)
        assert self._persons is not None
        head = self._head.to("cpu")
        chosen = torch.linspace(0, len(motion) - 1, min(self._outline.frames, len(motion))).round().long()
        track = _track(motion[chosen].cpu(), shape.cpu(), focal_length)
        persons = self._persons([self._pictures[frame] for frame in chosen.tolist()])
        self.seen = outlines(head, track, persons, self._outline.resolution)
        return fit_offset(head, self.seen, self._outline).to(motion)


_LEAST_SIGHT = 0.5  # frames' worth of sight below which a vertex has no albedo


def _track(motion: Tensor, shape: Tensor, focal_length: float) -> Track:
    nothing = torch.zeros(0)
    person = PersonShape(shape, focal_length, motion[0, EXPRESSION], motion[0, JAW], nothing)
    frames = len(motion)
    return track_of_motion(motion, person, motion.new_zeros(frames), torch.ones(frames, dtype=torch.bool))


def _colours(rig: LandmarkRig, motion: Tensor, level: Pictures) -> tuple[Tensor, Tensor]:  # (F, K, 3), (F, K, 3)
    """Colours of the samples in all frames, and their normals."""
    projection = project_landmarks(rig, motion, motion.new_tensor(level.focal_pixels), level.centre)
    colours = sample(level.level, projection.pixels, level.width, slopes=False)[0]
    return colours, (projection.blend @ rig.normals[..., None]).squeeze(-1)
