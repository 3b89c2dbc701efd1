"""How far the lips stand apart: a linear table of what parts them, and `mouthClose` that closes them again.

ARKit's mouthClose raises the lower lip whatever the jaw does, so it closes a mouth only when it is in proportion to
the opening: alone, it drives the lower lip through the upper one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from emotag.errors import InputError
from emotag.head.ibug68 import LOWER_INNER_LIP, UPPER_INNER_LIP
from emotag.head.model import HeadModel

Curves = dict[str, np.ndarray]
"""Expression name (with _L or _R) or "jaw" (radians) -> its value per frame, (T,)."""

CLOSE = "mouthClose"

_UPPER_MM = {"mouthUpperUp": 8.0, "noseSneer": 7.0, "mouthShrugUpper": 5.0, "mouthFunnel": 5.5}
_LOWER_MM = {
    "mouthFunnel": 8.5, "mouthLowerDown": 7.0, "mouthRollLower": -3.7, "mouthPress": -2.0, "mouthShrugLower": -6.5,
    "jawForward": 1.3, "cheekPuff": -0.5,
}  # fmt: skip
_JAW_MM = 88.0  # per radian, at the middle of the mouth
_CLOSE_MM = 42.0


@dataclass(frozen=True)
class LipGap:
    """Millimetres of lip opening that each expression gives (both sides together), at the middle of the mouth."""

    upper: Mapping[str, float] = field(default_factory=lambda: dict(_UPPER_MM))  # the upper lip goes up
    lower: Mapping[str, float] = field(default_factory=lambda: dict(_LOWER_MM))  # the lower lip goes down
    jaw: float = _JAW_MM  # mm per radian
    close: float = _CLOSE_MM  # mm by which mouthClose raises the lower lip

    @staticmethod
    def of(head: HeadModel, shape: torch.Tensor | None = None) -> "LipGap":
        """Measure a head (its template, or one of `shape` (S,)).

        Raises InputError when mouthClose is missing or does nothing.
        """
        names = head.expression_names
        if CLOSE not in names:
            raise InputError(f"head {head.name}: no expression {CLOSE}; the lips of an actor could not close")
        columns: dict[str, list[int]] = {}
        for index, name in enumerate(names):
            if name.startswith(_AROUND_MOUTH):
                columns.setdefault(name.removesuffix("_L").removesuffix("_R"), []).append(index)
        expression = torch.zeros(len(columns) + 2, head.n_expression)  # rest, expressions, jaw
        for row, where in enumerate(columns.values(), start=1):
            expression[row, where] = 1
        jaw = torch.zeros(len(expression), 3)
        jaw[-1, 0] = _SMALL_JAW
        raised, dropped = _lip_motion(head, shape, expression, jaw)
        upper, lower = (_that_move(columns, motion[1:-1]) for motion in (raised, dropped))
        close = -(upper.pop(CLOSE, 0.0) + lower.pop(CLOSE, 0.0))
        if close <= 0:
            raise InputError(f"head {head.name}: {CLOSE} does not bring the lips together")
        return LipGap(upper, lower, (raised[-1] + dropped[-1]) / _SMALL_JAW, close)

    def opening(self, curves: Curves) -> np.ndarray:  # (T,) mm, negative where the lips would cross
        """Sum what parts the lips and what closes them."""
        return self.raised(curves) + self.dropped(curves) - self.close * mean_of_sides(curves, CLOSE)

    def raised(self, curves: Curves) -> np.ndarray:  # (T,) mm
        """How far the upper lip is raised."""
        return _sum(self.upper, curves)

    def dropped(self, curves: Curves) -> np.ndarray:  # (T,) mm
        """How far the lower lip is lowered by jaw and lips, without mouthClose."""
        return _sum(self.lower, curves) + self.jaw * curves["jaw"]


def _lip_motion(
    head: HeadModel,
    shape: torch.Tensor | None,  # (S,)
    expression: torch.Tensor,  # (B, E); row 0 is the rest
    jaw: torch.Tensor,  # (B, 3)
) -> tuple[list[float], list[float]]:  # (B,), (B,) mm
    """How far the middle of the upper lip goes up and that of the lower lip down."""
    still, eyes = torch.zeros(len(jaw), 3), torch.zeros(len(jaw), 6)
    who = torch.zeros(head.n_shape) if shape is None else shape
    posed = head.vertices(who, expression, jaw, still, eyes, still, still)
    y = head.landmarks68.points(posed, head.faces)[..., 1] * 1000
    moved = y - y[0]
    return moved[:, UPPER_INNER_LIP[1]].tolist(), (-moved[:, LOWER_INNER_LIP[1]]).tolist()


def _that_move(names: Iterable[str], motion: list[float]) -> dict[str, float]:
    return {name: mm for name, mm in zip(names, motion) if abs(mm) > _NOTHING_MM}


_AROUND_MOUTH = ("mouth", "jaw", "cheek", "nose")
_SMALL_JAW = 0.1  # radians: about the middle of what speech uses
_NOTHING_MM = 0.05


def _sum(table: Mapping[str, float], curves: Curves) -> np.ndarray:
    total = np.zeros_like(curves["jaw"])
    for name, millimetres in table.items():
        total += millimetres * mean_of_sides(curves, name)
    return total


def mean_of_sides(curves: Curves, name: str) -> np.ndarray:  # (T,)
    """Give an expression's value, for a paired one the mean of left and right; 0 when nothing moves it."""
    sides = [curves[side] for side in (name, f"{name}_L", f"{name}_R") if side in curves]
    return np.mean(sides, axis=0) if sides else np.zeros_like(curves["jaw"])


def close_lips(
    curves: Curves,
    seal: np.ndarray,  # (T,) in [0, 1]
    bite: np.ndarray,  # (T,) in [0, 1]
    gap: LipGap,
) -> None:
    """Bring the lips together where `seal` is, the lower lip to the upper teeth where `bite` is, whatever they do else.

    What parts the lips is weakened first (a funnel cannot stay while they meet); mouthClose takes the rest away. Lips
    that would cross are parted by as much, so that no expression pushes one lip through the other. In place.
    """
    for name, left in _WEAKENED.items():
        for side in _sides(curves, name):
            curves[side] = curves[side] * (1 - (1 - left) * np.maximum(seal, _BITE_WEAKENS.get(name, 0.0) * bite))
    for side in _sides(curves, "mouthPress"):
        curves[side] = np.maximum(curves[side], _PRESSED * seal**2)
    curves["jaw"] = np.minimum(curves["jaw"], _SEALED_JAW + (1 - np.maximum(seal, bite)) * curves["jaw"])
    raised, dropped = gap.raised(curves), gap.dropped(curves)
    to_seal = seal * np.clip(raised + dropped + _TOUCH_MM, 0, None)
    to_bite = bite * np.clip(dropped - _TEETH_BELOW_LIP_MM, 0, None)
    curves[CLOSE] = np.clip(np.maximum(to_seal, to_bite) / gap.close, 0, 1)
    crossing = np.clip(-gap.opening(curves) - _PRESSED_FLESH_MM, 0, None)
    curves["jaw"] = curves["jaw"] + crossing / gap.jaw


def limit_opening(curves: Curves, gap: LipGap) -> None:
    """Keep an emotion that bares the teeth from tearing a speaking mouth open: lips give in before the jaw. In place.

    Beyond _WIDE_MM the opening is compressed, approaching _WIDEST_MM.
    """
    opening = gap.raised(curves) + gap.dropped(curves)
    room = _WIDEST_MM - _WIDE_MM
    wanted = np.where(opening > _WIDE_MM, _WIDE_MM + room * np.tanh((opening - _WIDE_MM) / room), opening)
    lips = np.maximum(opening - gap.jaw * curves["jaw"], 1e-6)
    left = np.clip(1 - (opening - wanted) / lips, 0, 1)
    for name in ("mouthUpperUp", "mouthLowerDown", "noseSneer", "mouthFunnel"):
        for side in _sides(curves, name):
            curves[side] = curves[side] * (left if name != "noseSneer" else 0.5 + 0.5 * left)


def _sides(curves: Curves, name: str) -> tuple[str, ...]:
    return (name,) if name in curves else (f"{name}_L", f"{name}_R")


_WEAKENED = {"mouthUpperUp": 0.25, "mouthLowerDown": 0.1, "mouthFunnel": 0.3, "noseSneer": 0.7, "mouthShrugUpper": 0.5}
"""What is left of an expression while the lips are sealed."""
_BITE_WEAKENS = {"mouthLowerDown": 1.0, "mouthFunnel": 0.6}
_WIDE_MM, _WIDEST_MM = 15.0, 22.0
_PRESSED = 0.22
_TOUCH_MM = 0.7  # lips that meet press into each other
_SEALED_JAW = 0.12  # radians: the lips can still reach each other
_TEETH_BELOW_LIP_MM = 1.5  # the edge of the upper teeth under the resting upper lip
_PRESSED_FLESH_MM = 1.0  # lips are soft: that much overlap is a press
