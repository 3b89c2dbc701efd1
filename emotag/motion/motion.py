"""What the motion network says about each frame."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class MotionPart:
    """One branch's motion: δ_face = (expression, jaw), and the code of δ_mouth."""

    expression: Tensor  # (..., E) offsets of Ψ to the person's neutral expression
    jaw: Tensor  # (..., 3) axis-angle, radians
    mouth: Tensor  # (..., C) code for the mouth decoder

    def map(self, function: Callable[[Tensor], Tensor]) -> "MotionPart":
        """Apply a function to every tensor."""
        return MotionPart(function(self.expression), function(self.jaw), function(self.mouth))


@dataclass(frozen=True)
class Motion:
    """The motion of a batch of windows (B, T, ...) or of a sequence (T, ...), with the parts it is fused from."""

    base: MotionPart
    """δ_b: from the audio alone."""
    residual: MotionPart
    """δ_r: from audio and expression features, through the emotion latent."""
    gate: Tensor  # (...)
    """g ∈ [0, 1]."""
    emotion_logits: Tensor  # (..., 7)
    """The emotion latent's part that is matched with the teacher (Eq. 12), in the order angry … neutral."""
    style: Tensor  # (..., S)
    """The emotion latent's other part."""

    units: Tensor  # (..., E)
    """δ_u: expression that the action units give directly, ungated; 0 without such a path."""

    @property
    def expression(self) -> Tensor:  # (..., E)
        """Offsets of Ψ, δ = δ_b + g · δ_r (Eq. 6) + δ_u; unbounded."""
        return self.base.expression + self.gate[..., None] * self.residual.expression + self.units

    @property
    def jaw(self) -> Tensor:  # (..., 3)
        """Jaw rotation, δ = δ_b + g · δ_r (Eq. 6): axis-angle, radians."""
        return self.base.jaw + self.gate[..., None] * self.residual.jaw

    @property
    def mouth_base(self) -> Tensor:  # (..., C)
        """Code of the base branch's mouth offsets."""
        return self.base.mouth

    @property
    def mouth_residual(self) -> Tensor:  # (..., C)
        """Code of the residual branch's mouth offsets."""
        return self.residual.mouth

    def map(self, function: Callable[[Tensor], Tensor]) -> "Motion":
        """Apply a function to every tensor (each has the frame axes first)."""
        return Motion(
            self.base.map(function),
            self.residual.map(function),
            function(self.gate),
            function(self.emotion_logits),
            function(self.style),
            function(self.units),
        )

    def tensors(self) -> list[Tensor]:
        """Give every tensor; `of_tensors` puts them back."""
        parts = [tensor for part in (self.base, self.residual) for tensor in (part.expression, part.jaw, part.mouth)]
        return [*parts, self.gate, self.emotion_logits, self.style, self.units]

    @staticmethod
    def of_tensors(tensors: Sequence[Tensor]) -> "Motion":
        """Make the motion whose `tensors` these are."""
        return Motion(MotionPart(*tensors[:3]), MotionPart(*tensors[3:6]), *tensors[6:])

    def frames(self, index: Any) -> "Motion":
        """Pick frames: `index` indexes the leading axes: frames (K,) of a sequence, (windows, frames) of a batch."""
        return self.map(lambda values: values[index])
