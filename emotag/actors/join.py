"""Lines of a take become one: silence around them, and performances that go on where the last one ended."""

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np

from emotag.actors.types import Performance, Phone, Utterance
from emotag.tables import FPS

_BLEND_FRAMES = 5
"""Over so many frames on either side of a joint the difference of pose fades out."""


def padded(utterance: Utterance, before_s: float, after_s: float) -> Utterance:
    """Give the utterance with silence around it, so that it fills whole frames of video."""
    rate = utterance.rate
    before = round(before_s * rate)
    frames = int(np.ceil((before + len(utterance.samples) + round(after_s * rate)) / rate * FPS))
    total = round(frames / FPS * rate)
    samples = np.zeros(total, dtype=np.float32)
    samples[before : before + len(utterance.samples)] = utterance.samples
    shift, end = before / rate, total / rate
    phones = [replace(phone, start_s=phone.start_s + shift, end_s=phone.end_s + shift) for phone in utterance.phones]
    if shift > 0:
        phones.insert(0, Phone("", 0.0, phones[0].start_s, 0))
    if end > phones[-1].end_s:
        phones.append(Phone("", phones[-1].end_s, end, 0))
    return replace(utterance, samples=samples, phones=tuple(phones))


def joined(performances: Sequence[Performance]) -> Performance:
    """Play performances one after the other; poses are bent towards each other at the joints, so that nothing jumps."""
    result = performances[0]
    for following in performances[1:]:
        parts = {}
        for item in fields(Performance):
            if item.name == "names":
                continue
            first, second = getattr(result, item.name), getattr(following, item.name)
            parts[item.name] = np.concatenate(_bent(first, second))
        result = Performance(names=result.names, **parts)
    return replace(result, expression=result.expression.clip(0, 1))


def _bent(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # (T, ...) each
    """Share the jump at the joint between both sides."""
    count = min(_BLEND_FRAMES, len(first), len(second))
    jump = second[0] - first[-1]
    ramp = (np.arange(1, count + 1) / (2 * count + 1)).reshape(-1, *([1] * (first.ndim - 1))).astype(first.dtype)
    first, second = first.copy(), second.copy()
    first[-count:] += ramp * jump
    second[:count] -= ramp[::-1] * jump
    return first, second
