"""The pictures as a term of Gauss-Newton: colours at points of the surface against albedo times light."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from emotag.perception.tracking.photometric.light import frame_lights, harmonics, mean_albedo
from emotag.perception.tracking.photometric.pyramid import sample
from emotag.perception.tracking.photometric.settings import PhotometricSettings
from emotag.perception.tracking.rig import LandmarkRig, project_landmarks

CHANNELS = ((0.30, 0.59, 0.11), (1.0, -1.0, 0.0))
"""Brightness (Rec. 601) and redness: lips and nostrils, and what light cannot change."""

_DARKEST = 0.02  # least shading by which albedo is divided


@dataclass(frozen=True)
class Pictures:
    """T frames at one scale."""

    level: Tensor  # (T, h, w, 3) uint8
    width: int  # of the whole picture, pixels
    focal_pixels: float  # of the whole picture
    centre: Tensor  # (2,) pixels

    def select(self, frames: slice) -> "Pictures":
        """Give some of the frames."""
        return replace(self, level=self.level[frames])

    def with_focal(self, focal_pixels: float) -> "Pictures":
        """Give the same for another focal length."""
        return replace(self, focal_pixels=focal_pixels)


@dataclass(frozen=True)
class Skin:
    """What the points look like."""

    albedo: Tensor  # (K, 3)
    light: Tensor  # (9, 3)


@dataclass(frozen=True)
class PictureRows:
    """Weighted residuals, their Jacobians, and what is kept during a line search."""

    residual: Tensor  # (T, K · 2)
    jacobian: Tensor | None  # (T, K · 2, P)
    shape_jacobian: Tensor | None  # (T, K · 2, S + 1): shape, log focal length
    frozen: tuple[Tensor, Tensor]  # root weights (T, K, 1) and lights (T, 9, 3)


def picture_rows(
    rig: LandmarkRig,  # of a person, `normals` those of her surface
    motion: Tensor,  # (T, P)
    pictures: Pictures,
    seen: Tensor,  # (T, K) in [0, 1]
    skin: Skin,
    settings: PhotometricSettings,
    *,
    derivatives: bool = False,
    free_albedo: bool = False,
    frozen: tuple[Tensor, Tensor] | None = None,
) -> PictureRows:
    """Compare the colours of every point in every frame with what albedo and light make of it.

    Each frame's light is fitted near the clip's. With `free_albedo` the albedo is not the given one but the frames'
    own mean, and the shape's Jacobian is given too, as that of the deviation from the mean: only what frames show
    differently tells about the shape (variable projection, the coupling of the frames' motions left out).
    """
    focal = motion.new_tensor(pictures.focal_pixels)
    projection = project_landmarks(
        rig, motion, focal, pictures.centre, derivatives=derivatives, shape_derivatives=derivatives and free_albedo
    )
    colours, slopes = sample(pictures.level, projection.pixels, pictures.width, slopes=derivatives)
    basis = harmonics((projection.blend @ rig.normals[..., None]).squeeze(-1))
    mix = motion.new_tensor(CHANNELS) / motion.new_tensor(settings.sigma)[:, None]  # (2, 3)
    lights = (
        frozen[1]
        if frozen is not None
        else frame_lights(colours, skin.albedo, basis, seen / settings.sigma[0] ** 2, skin.light, settings.light_sigma)
    )
    shading = basis @ lights

    def error(weights: Tensor) -> Tensor:  # (T, K, 2) standard deviations
        albedo = mean_albedo(colours, shading.clamp_min(_DARKEST), weights) if free_albedo else skin.albedo
        return (albedo * shading - colours) @ mix.T

    root = frozen[0] if frozen is not None else _root_weights(error(seen), seen, settings)
    residual = (error(root.squeeze(-1).square()) * root).flatten(1)
    jacobian = shape_jacobian = None
    if derivatives:
        assert slopes is not None and projection.jacobian is not None
        pull = -(mix @ slopes) * root[..., None]  # (T, K, 2, 2)
        jacobian = (pull @ projection.jacobian).flatten(1, 2)
        if free_albedo:
            assert projection.shape_jacobian is not None
            by_focal = (projection.pixels - pictures.centre)[..., None]
            by_shape = pull @ torch.cat((projection.shape_jacobian, by_focal), dim=-1)
            weight = root[..., None]
            shared = (by_shape * weight).sum(dim=0) / weight.square().sum(dim=0).clamp_min(1e-9)
            shape_jacobian = (by_shape - weight * shared).flatten(1, 2)
    return PictureRows(residual, jacobian, shape_jacobian, (root, lights))


def colour_errors(
    rig: LandmarkRig,  # of a person
    motion: Tensor,  # (T, P)
    pictures: Pictures,
    seen: Tensor,  # (T, K) in [0, 1]
    skin: Skin,
    settings: PhotometricSettings,
) -> Tensor:  # (T, K, 2) brightness and redness, shares of white
    """Give what albedo and light leave unexplained."""
    projection = project_landmarks(rig, motion, motion.new_tensor(pictures.focal_pixels), pictures.centre)
    colours, _ = sample(pictures.level, projection.pixels, pictures.width, slopes=False)
    basis = harmonics((projection.blend @ rig.normals[..., None]).squeeze(-1))
    weights = seen / settings.sigma[0] ** 2
    lights = frame_lights(colours, skin.albedo, basis, weights, skin.light, settings.light_sigma)
    return (skin.albedo * (basis @ lights) - colours) @ motion.new_tensor(CHANNELS).T


def with_noise(settings: PhotometricSettings, errors: Tensor, seen: Tensor) -> PhotometricSettings:
    """Give the settings with the clip's own spread in their deviations: strands of hair, highlights, a coarse mesh."""
    spread = [_TO_SIGMA * float(errors[..., channel][seen > _WELL_SEEN].abs().median()) for channel in range(2)]
    sigma = tuple((least**2 + own**2) ** 0.5 for least, own in zip(settings.sigma, spread, strict=True))
    return settings.model_copy(update={"sigma": sigma})


_TO_SIGMA = 1.48  # standard deviations of a normal distribution in its median absolute value
_WELL_SEEN = 0.5


def _root_weights(error: Tensor, seen: Tensor, settings: PhotometricSettings) -> Tensor:  # (T, K, 1)
    count = settings.effective_samples / seen.shape[1]
    distance = error.square().mean(dim=-1)
    return (count * seen / (1 + distance / settings.cauchy**2)).sqrt()[..., None]
