"""Depth and normals by the Sapiens networks (TorchScript), what the paper supervises geometry with (Eq. 14).

Both networks see the whole frame, resized without regard to its aspect to 1024×768 (H×W), standardised RGB; what they
give is resized back. Depth is relative (any scale and shift a frame, larger is farther) and, like the normals, means
something on the person only.

Axes. Sapiens' authors say "camera coordinates, XYZ" (facebookresearch/sapiens, issues 50 and 201) and no more. ECON,
which takes Sapiens' normals in the place of its own network's, compares them sign for sign with normals that it renders
in x right, y up, z to the camera: our world axes, since our camera looks straight down −z. A user's finding that
Metric3D's OpenCV normals are theirs with y and z reversed (issue 50) says the same. None of this is a specification, so
the result is also held against the tracked head: an axis that runs the other way is an error which names the setting.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from emotag.device import choose_device
from emotag.errors import InputError
from emotag.files import sha256
from emotag.perception.geometry.agreement import Agreement
from emotag.perception.geometry.estimator import Geometry
from emotag.perception.geometry.sapiens_settings import SapiensSettings
from emotag.perception.geometry.tracked_mesh import TrackedMesh

HEIGHT, WIDTH = 1024, 768
"""Input of the networks, pixels."""

MEAN, STD = (123.5, 116.5, 103.5), (58.5, 57.0, 57.5)
"""Standardisation of RGB in 0–255."""

EPSILON = 1e-5
"""Added to a normal's length before dividing by it."""

FLIPPED = -0.2
"""A correlation with the tracked head below this is no noise: the axis runs the other way."""


class Sapiens:
    """Runs both networks over a clip."""

    engine = "sapiens"
    version = "1"
    relative = True

    def __init__(
        self,
        settings: SapiensSettings,
        person: Iterable[np.ndarray],  # of every frame (H, W) uint8 alpha; read along with the frames
        tracked: TrackedMesh | None = None,  # to hold the axes against
    ) -> None:
        """Load the networks. Raises InputError on a file that is not TorchScript."""
        self.settings = settings
        self.device = choose_device(settings.device)
        self._depth, self._normal = (load_script(path, self.device) for path in (settings.depth, settings.normal))
        self._person, self._tracked = person, tracked
        self._agreement = Agreement()

    def metadata(self) -> dict[str, Any]:
        """Give engine, version, digests of the networks, and how well they agree with the tracked head."""
        files = {"depth": sha256(self.settings.depth), "normal": sha256(self.settings.normal)}
        note = {"engine": self.engine, "version": self.version, "weights": "+".join(files.values())}
        return note | {"signs": [self.settings.depth_sign, *self.settings.normal_signs], "agreement": self.agreement()}

    def agreement(self) -> dict[str, float]:
        """Give the correlation of x, y, z and depth with the tracked head's, of the frames looked at so far."""
        return self._agreement.mean()

    def sequence(self, images: Iterable[np.ndarray]) -> Iterator[Geometry]:
        """See GeometryEstimator.sequence; reads `batch` frames ahead.

        Raises InputError when frames and person alphas disagree, or an axis runs against the tracked head's.
        """
        frame = 0
        person = iter(self._person)
        stream = iter(images)
        while batch := list(islice(stream, self.settings.batch)):
            alphas = [next(person, None) for _ in batch]
            for number, (image, alpha) in enumerate(zip(batch, alphas), frame):
                if alpha is None or alpha.shape != image.shape[:2]:
                    told = "ends" if alpha is None else f"is {alpha.shape}"
                    raise InputError(f"frame {number}: the matte {told}, the crop is {image.shape[:2]}; run `matte`")
            found = self.estimate(np.stack(batch), np.stack([alpha for alpha in alphas if alpha is not None]))
            for image, geometry in zip(batch, found):
                if self._tracked is not None and frame % self.settings.check_every == 0:
                    self._agreement.add(geometry, self._tracked.estimate(frame, image))
                frame += 1
                yield geometry
        self._check_axes()

    @torch.inference_mode()
    def estimate(
        self,
        images: np.ndarray,  # (B, H, W, 3) uint8 RGB
        alphas: np.ndarray,  # (B, H, W) uint8
    ) -> list[Geometry]:
        """Run both networks on some frames."""
        inputs = preprocess(images).to(self.device)
        size = (images.shape[1], images.shape[2])
        depth = restore(self._run(self._depth, self.settings.depth, inputs, 1), size) * self.settings.depth_sign
        raw = restore(self._run(self._normal, self.settings.normal, inputs, 3), size)
        normal = unit_normals(raw) * torch.tensor(self.settings.normal_signs, device=raw.device)[:, None, None]
        depths, normals = depth[:, 0].cpu().numpy(), normal.permute(0, 2, 3, 1).cpu().numpy()
        masks = (alphas > 255 * self.settings.person_alpha) & np.isfinite(depths)
        masks &= np.linalg.norm(normals, axis=-1) > 0.5  # a vanishing output has no direction
        return [
            Geometry(np.where(mask, d, 0).astype(np.float32), np.where(mask[..., None], n, 0).astype(np.float32), mask)
            for d, n, mask in zip(depths, normals, masks)
        ]

    def _run(self, network: Any, path: Path, inputs: Tensor, channels: int) -> Tensor:  # (B, channels, h, w)
        try:
            result = network(inputs)
        except RuntimeError as error:
            reason = str(error).strip().rpartition("\n")[2]
            raise InputError(
                f"{path}: fails on (B, 3, {HEIGHT}, {WIDTH}) pictures ({reason}); is it Sapiens?"
            ) from None
        shape = tuple(result.shape) if isinstance(result, Tensor) else type(result).__name__
        if not isinstance(result, Tensor) or result.ndim != 4 or result.shape[:2] != (len(inputs), channels):
            raise InputError(f"{path}: gives {shape}, not (B, {channels}, h, w); are depth and normal mixed up?")
        return result.float()

    def _check_axes(self) -> None:
        flipped = [axis for axis, value in self.agreement().items() if value < FLIPPED]
        if not flipped:
            return
        told = ", ".join(f"{axis} (r = {self.agreement()[axis]:.2f})" for axis in flipped)
        depth = -self.settings.depth_sign if "depth" in flipped else self.settings.depth_sign
        signs = [-sign if axis in flipped else sign for axis, sign in zip("xyz", self.settings.normal_signs)]
        raise InputError(
            f"the geometry of {self.settings.depth.parent} runs against the tracked head in {told}; if the track is "
            f"right, set geometry.sapiens.depth_sign to {depth} and normal_signs to {signs}"
        )


def load_script(path: Path, device: torch.device) -> Any:
    """Load a TorchScript network (its own graph is all that it can run). Raises InputError on another file."""
    try:
        return torch.jit.load(str(path), map_location=device).eval()
    except (RuntimeError, ValueError, OSError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(
            f"{path}: not a TorchScript network ({reason}); take the file named …_torchscript.pt2"
        ) from None


def preprocess(
    images: np.ndarray,  # (B, H, W, 3) uint8 RGB
) -> Tensor:  # (B, 3, 1024, 768) float32
    """Resize without regard to the aspect and standardise, as Sapiens was trained."""
    resized = np.stack([cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR) for image in images])
    scaled = (torch.from_numpy(resized).float() - torch.tensor(MEAN)) / torch.tensor(STD)
    return scaled.permute(0, 3, 1, 2).contiguous()


def restore(
    result: Tensor,  # (B, C, h, w)
    size: tuple[int, int],  # (H, W)
) -> Tensor:  # (B, C, H, W)
    """Bring a network's output to the size of the frame, bilinearly."""
    return F.interpolate(result, size=size, mode="bilinear", align_corners=False)


def unit_normals(
    raw: Tensor,  # (B, 3, H, W)
) -> Tensor:  # (B, 3, H, W)
    """Divide by the length."""
    return raw / (torch.linalg.vector_norm(raw, dim=1, keepdim=True) + EPSILON)
