"""The motion of a clip refined by its pictures, coarse to fine."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from emotag.head.model import HeadModel
from emotag.perception.tracking.gauss_newton import minimise
from emotag.perception.tracking.motion_problem import MotionProblem
from emotag.perception.tracking.photometric.light import fit_light, harmonics
from emotag.perception.tracking.photometric.pyramid import picture_level, sample
from emotag.perception.tracking.photometric.samples import sample_vertices, vertex_rig
from emotag.perception.tracking.photometric.settings import PhotometricSettings
from emotag.perception.tracking.photometric.term import Pictures, Skin, colour_errors, picture_rows, with_noise
from emotag.perception.tracking.photometric.visibility import normals, sight
from emotag.perception.tracking.rig import (
    EXPRESSION,
    EYES,
    JAW,
    N_POSE,
    ROTATION,
    TRANSLATION,
    LandmarkRig,
    project_landmarks,
)
from emotag.perception.tracking.track import PersonShape

_BATCH = 16  # frames whose Jacobian is held at once
_LIGHT_FRAMES = 24  # frames that a clip's light and noise are read off

Frames = Callable[[slice], Sequence[np.ndarray]]
"""Gives frames of a clip, each (H, W, 3) uint8 RGB."""


class MotionTerm:
    """A `FrameTerm`: the pictures of a chunk at one scale."""

    def __init__(
        self,
        rig: LandmarkRig,  # of a person's samples
        pictures: Pictures,
        seen: Tensor,  # (T, K) in [0, 1]
        skin: Skin,
        settings: PhotometricSettings,
    ) -> None:
        self._rig, self._pictures, self._seen, self._skin, self._settings = rig, pictures, seen, skin, settings
        self._frozen: list[tuple[Tensor, Tensor]] = []

    def linearise(self, x: Tensor) -> tuple[Tensor, Tensor, float]:  # (T, P)
        """Renew lights and weights; give Hessian blocks (T, P, P), gradient (T, P) and the cost."""
        blocks, gradients, cost = [], [], 0.0
        self._frozen = []
        for part in _batches(len(x)):
            rows = picture_rows(
                self._rig, x[part], self._pictures.select(part), self._seen[part], self._skin, self._settings,
                derivatives=True,
            )  # fmt: skip
            assert rows.jacobian is not None
            transposed = rows.jacobian.transpose(1, 2)
            blocks.append((transposed @ rows.jacobian).double())
            gradients.append((transposed @ rows.residual[..., None]).squeeze(-1))
            self._frozen.append(rows.frozen)
            cost += 0.5 * float(rows.residual.square().sum())
        return torch.cat(blocks), torch.cat(gradients), cost

    def cost(self, x: Tensor) -> float:  # (T, P)
        """Give the cost with the lights and weights of the last `linearise`."""
        total = 0.0
        for part, frozen in zip(_batches(len(x)), self._frozen, strict=True):
            rows = picture_rows(
                self._rig, x[part], self._pictures.select(part), self._seen[part], self._skin, self._settings,
                frozen=frozen,
            )  # fmt: skip
            total += 0.5 * float(rows.residual.square().sum())
        return total


class MotionRefinement:
    """Refines chunks of a clip against the person's albedo: a `Refinement` of `fit_track`."""

    def __init__(
        self,
        frames: Frames,
        head: HeadModel,
        person: PersonShape,  # with an albedo
        width: int,  # of the pictures, pixels
        height: int,
        settings: PhotometricSettings,
    ) -> None:
        if person.albedo is None or person.light is None:
            raise ValueError("the person has no albedo")
        self._frames, self._head, self._person, self._settings = frames, head, person, settings
        self._size = width, height
        known = person.albedo.isfinite().all(dim=1)
        ids = sample_vertices(head, settings.samples)
        self.ids = ids[known[ids]]
        self._rig = samples_of_person(head, person.shape, person.static_offset, self.ids)
        self._skin = Skin(person.albedo[self.ids], person.light)
        self._errors: list[tuple[int, float, float]] = []

    def __call__(self, frames: slice, problem: MotionProblem, motion: Tensor) -> Tensor:
        """Refine the motion (T, P) of a chunk."""
        pictures = self._frames(frames)
        before = motion
        for side in self._settings.levels:
            level, seen = self._level(pictures, side, motion), self.sight(motion)
            skin = Skin(self._skin.albedo, self._clip_light(level, motion, seen))
            errors = self._errors_of(level, motion, seen, skin, _spread(len(motion)))
            settings = with_noise(self._settings, errors, seen[_spread(len(motion))])
            term = MotionTerm(self._rig, level, seen, skin, settings)
            firmer = problem.with_terms(term, firmness=self._firmness(motion))
            motion = minimise(firmer, motion, settings.iterations, settings.tolerance).x
        self._errors.append((len(motion), self._error(level, before, seen), self._error(level, motion, seen)))
        return motion

    def _firmness(self, motion: Tensor) -> Tensor:  # (P,)
        """Pictures say nothing about gaze and lids: these stay as free as they are by landmarks."""
        factor = motion.new_full(motion.shape[1:], self._settings.smoothness)
        factor[EYES] = 1.0
        for index, name in enumerate(self._head.expression_names):
            if name.startswith(("eyeBlink", "eyeLook")):
                factor[N_POSE + index] = 1.0
        return factor

    def residuals(self) -> tuple[float, float]:
        """Give the root mean square error of brightness before and after, over all chunks refined, shares of white."""
        frames, before, after = np.array(self._errors).T

        def mean(errors: np.ndarray) -> float:
            return float(np.sqrt((frames * errors**2).sum() / frames.sum()))

        return mean(before), mean(after)

    def sight(self, motion: Tensor) -> Tensor:  # (T, K) in [0, 1]
        """Say how well each sample is seen."""
        parts = []
        for part in _batches(len(motion)):
            vertices = pose(self._head, self._person.shape, self._person.static_offset, motion[part])
            parts.append(sight(self._head, vertices, self.ids, self._person.focal_length, self._size))
        return torch.cat(parts)

    def _level(self, pictures: Sequence[np.ndarray], side: int, like: Tensor) -> Pictures:
        focal = self._person.focal_length * max(self._size)
        centre = like.new_tensor([self._size[0] / 2, self._size[1] / 2])
        return Pictures(picture_level(pictures, side).to(like.device), self._size[0], focal, centre)

    def _errors_of(self, level: Pictures, motion: Tensor, seen: Tensor, skin: Skin, frames: Tensor) -> Tensor:
        part = replace(level, level=level.level[frames])
        return colour_errors(self._rig, motion[frames], part, seen[frames], skin, self._settings)

    def _error(self, level: Pictures, motion: Tensor, seen: Tensor) -> float:
        """Root mean square of brightness around albedo times light over what is seen; outliers count in full."""
        skin, frames = Skin(self._skin.albedo, self._clip_light(level, motion, seen)), _spread(len(motion))
        square = self._errors_of(level, motion, seen, skin, frames)[..., 0].square()
        return float((square * seen[frames]).sum() / seen[frames].sum().clamp_min(1e-9)) ** 0.5

    def _clip_light(self, level: Pictures, motion: Tensor, seen: Tensor) -> Tensor:  # (9, 3)
        index = _spread(len(motion))
        projection = project_landmarks(self._rig, motion[index], motion.new_tensor(level.focal_pixels), level.centre)
        colours = sample(level.level[index], projection.pixels, level.width, slopes=False)[0]
        basis = harmonics((projection.blend @ self._rig.normals[..., None]).squeeze(-1))
        return fit_light(colours, self._skin.albedo, basis, seen[index])


def _spread(frames: int) -> Tensor:
    return torch.linspace(0, frames - 1, min(_LIGHT_FRAMES, frames)).round().long()


def samples_of_person(
    head: HeadModel,
    shape: Tensor,  # (S,)
    offset: Tensor | None,  # (V, 3)
    ids: Tensor,  # (K,)
) -> LandmarkRig:
    """Give vertices of a person as a rig, with the normals of her neutral surface."""
    rest = head.shaped(shape) if offset is None else head.shaped(shape) + offset
    rig = vertex_rig(head, ids).of_person(shape, None if offset is None else offset[ids])
    return rig.with_normals(normals(rest[None], head.faces)[0, ids])


def pose(head: HeadModel, shape: Tensor, offset: Tensor | None, motion: Tensor) -> Tensor:  # (T, V, 3)
    """Pose the mesh by motion vectors (T, P)."""
    neck = torch.zeros_like(motion[:, ROTATION])
    return head.vertices(
        shape, motion[:, EXPRESSION], motion[:, JAW], neck, motion[:, EYES], motion[:, ROTATION],
        motion[:, TRANSLATION], offset,
    )  # fmt: skip


def _batches(frames: int) -> list[slice]:
    return [slice(start, min(start + _BATCH, frames)) for start in range(0, frames, _BATCH)]
