"""A take: what an actor says and does, before it is filmed."""

from dataclasses import dataclass, replace

import numpy as np

from emotag.actors.actor import Actor
from emotag.actors.join import joined, padded
from emotag.actors.performance.lips import LipGap
from emotag.actors.performance.perform import perform
from emotag.actors.settings import FilmSettings, LineSettings
from emotag.actors.types import Performance, Phone
from emotag.actors.voice.speak import speak
from emotag.actors.voice.voices import Voice
from emotag.head.model import HeadModel


@dataclass(frozen=True)
class Take:
    """Sound and motion of T frames."""

    samples: np.ndarray  # (N,) float32 mono
    rate: int  # Hz
    phones: tuple[Phone, ...]
    performance: Performance

    @property
    def frames(self) -> int:
        """T."""
        return len(self.performance.e)


def rehearse(
    head: HeadModel,
    actor: Actor,
    voice: Voice,
    lines: list[LineSettings],
    seed: int,
    settings: FilmSettings,
) -> Take:
    """Speak and act the lines one after the other. Raises InputError on a line that cannot be spoken."""
    gap = LipGap.of(head)
    samples, phones, performances, end = [], [], [], 0.0
    for index, line in enumerate(lines):
        spoken = speak(line.text, voice, line.emotion, line.level, line.language, seed + index)
        utterance = padded(spoken, settings.lead_s, settings.pause_s)
        performances.append(perform(utterance, head.expression_names, seed + index, actor.manner, gap=gap))
        phones += [replace(one, start_s=one.start_s + end, end_s=one.end_s + end) for one in utterance.phones]
        samples.append(utterance.samples)
        end += utterance.seconds
    return Take(np.concatenate(samples), utterance.rate, tuple(phones), joined(performances))
