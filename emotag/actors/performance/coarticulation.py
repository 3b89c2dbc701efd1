"""Coarticulation: speech sounds in time → smooth curves of jaw and lips.

Dominance functions after M. M. Cohen and D. W. Massaro, "Modeling coarticulation in synthetic visual speech", Models
and Techniques in Computer Animation (1993): every sound pulls each control towards its target with a strength that
falls off exponentially with the distance in time, and the curve is their weighted mean. Here the distance counts from
the core of the sound instead of its centre, so that long sounds hold their shape, and contacts (lips that seal, a lip
that touches the teeth) are tracks of their own, because a mean never reaches them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter1d

from emotag.actors.performance.phones import articulations
from emotag.actors.performance.visemes import CONTROLS, Viseme, viseme
from emotag.actors.types import Phone

RATE = 200
"""Hz of the curves, before they are sampled at the frames."""


@dataclass(frozen=True)
class Gesture:
    """One viseme in time."""

    viseme: Viseme
    start_s: float
    end_s: float
    pause: bool
    stressed: bool  # a vowel with primary stress
    silence_before_s: float = 0.0  # length of the pause right before it
    silence_after_s: float = 0.0


@dataclass(frozen=True)
class Speech:
    """Articulation of an utterance, N samples at RATE."""

    controls: np.ndarray  # (N, C) as CONTROLS
    seal: np.ndarray  # (N,) 1 where the lips meet
    bite: np.ndarray  # (N,) 1 where the lower lip meets the upper teeth


def gestures(phones: Sequence[Phone]) -> tuple[Gesture, ...]:
    """Split phones into their articulatory targets: two for a diphthong or an affricate."""
    found: list[Gesture] = []
    for phone in phones:
        parts = articulations(phone.ipa)
        if not parts:  # a mark of length or tone: the sound before goes on
            found[-1:] = [replace(gesture, end_s=phone.end_s) for gesture in found[-1:]]
            continue
        shares = np.cumsum([0.0, *(part.weight for part in parts)])
        edges = phone.start_s + (phone.end_s - phone.start_s) * shares / shares[-1]
        for part, start, end in zip(parts, edges, edges[1:]):
            stressed = part.kind == "vowel" and phone.stress == 2
            found.append(Gesture(viseme(part, phone.stress), float(start), float(end), part.kind == "pause", stressed))
    silence = [_PAUSE_EDGE_S, *(g.end_s - g.start_s if g.pause else 0.0 for g in found), _PAUSE_EDGE_S]
    return tuple(replace(g, silence_before_s=a, silence_after_s=b) for g, a, b in zip(found, silence, silence[2:]))


def articulate(found: Sequence[Gesture], count: int, shortest_s: float) -> Speech:
    """Give the curves of N = `count` samples at RATE, starting at 0 s. Without gestures the mouth rests.

    Contacts last `shortest_s` at least: longer than a frame's interval, so that one frame at least sees them.
    """
    time = np.arange(count) / RATE
    total = np.full((count, len(CONTROLS)), _REST_DOMINANCE)
    pulled = np.zeros((count, len(CONTROLS)))
    seal, bite = np.zeros(count), np.zeros(count)
    for gesture in found:
        first, last = _core(gesture, count / RATE)
        low, high = (int(np.clip((edge) * RATE, 0, count)) for edge in (first - _REACH_S, last + _REACH_S))
        span = slice(low, high + 1)
        before = np.clip(first - time[span], 0, None)[:, None]
        after = np.clip(time[span] - last, 0, None)[:, None]
        strength = gesture.viseme.dominance * np.exp(-_ANTICIPATION * before - _CARRY_OVER * after)  # (n, C)
        total[span] += strength
        pulled[span] += strength * gesture.viseme.target
        if gesture.viseme.seal:
            seal[span] = np.maximum(seal[span], gesture.viseme.seal * _contact(time[span], gesture, shortest_s))
        if gesture.viseme.bite:
            bite[span] = np.maximum(bite[span], gesture.viseme.bite * _contact(time[span], gesture, shortest_s))
    controls = gaussian_filter1d(pulled / total, _SMOOTHING_S * RATE, axis=0, mode="nearest")
    return Speech(controls, seal, bite)


def _core(gesture: Gesture, seconds: float) -> tuple[float, float]:
    """The part of a gesture in which it insists fully, a little ahead of its sound."""
    start, end = gesture.start_s, gesture.end_s
    if gesture.pause:  # lips come to rest after speech and part before it
        edge = min(_PAUSE_EDGE_S, (end - start) / 2)
        return (start + edge if start > 0 else -1.0), (end - edge if end < seconds - _AT_END_S else end + 1.0)
    middle, half = (start + end) / 2 - _LEAD_S, _CORE * (end - start) / 2
    return middle - half, middle + half


def _contact(
    time: np.ndarray,  # (N,) s
    gesture: Gesture,
    shortest_s: float,
) -> np.ndarray:  # (N,) in [0, 1]
    """A contact that is made when its sound starts and held for most of it, `shortest_s` at least."""
    start, end = gesture.start_s, gesture.start_s + _HELD * (gesture.end_s - gesture.start_s)
    missing = max(shortest_s - (end - start), 0.0) / 2
    start, end = start - missing, end + missing
    # Resting lips stay together until their first sound, and after their last.
    start -= min(gesture.silence_before_s, _PAUSE_EDGE_S)
    end += min(gesture.silence_after_s, _PAUSE_EDGE_S)
    approach = np.clip((time - (start - _APPROACH_S)) / _APPROACH_S, 0, 1)
    release = np.clip((end + _RELEASE_S - time) / _RELEASE_S, 0, 1)
    return _ease(approach) * _ease(release)


def _ease(x: np.ndarray) -> np.ndarray:
    """Minimum-jerk step of x in [0, 1] (T. Flash, N. Hogan 1985)."""
    return x**3 * (10 - 15 * x + 6 * x**2)


def sample(
    curve: np.ndarray,  # (N, …) at RATE
    frames: int,
    fps: float,
) -> np.ndarray:  # (frames, …)
    """Give what a camera sees at frame i, i / fps: the mean over about the frame's interval."""
    interval = RATE / fps
    reach = round(interval)
    weight = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (_SHUTTER * interval)) ** 2)
    padded = np.concatenate((curve[:1].repeat(reach, 0), curve, curve[-1:].repeat(reach + 1, 0)))
    rows = np.stack([padded[round(i * interval) :][: len(weight)] for i in range(frames)])
    return np.tensordot(rows, weight / weight.sum(), axes=(1, 0))


def at_frames(
    curve: np.ndarray,  # (N, …) at RATE
    frames: int,
    fps: float,
) -> np.ndarray:  # (frames, …)
    """Give the instants i / fps: for contacts and blinks, which a mean would wash out."""
    return curve[np.minimum(np.rint(np.arange(frames) * RATE / fps).astype(int), len(curve) - 1)]


_RATES = {"jaw": (19.0, 23.0), "mouthPucker": (12.0, 16.0), "mouthFunnel": (12.0, 16.0)}
_OTHER_RATES = (16.0, 20.0)
_ANTICIPATION, _CARRY_OVER = np.array([_RATES.get(name, _OTHER_RATES) for name in CONTROLS]).T
"""1/s, (C,): lips start about 100 ms before a sound and let go a little faster; rounding spreads farthest."""
_LEAD_S = 0.02  # articulators are in place before the sound is
_CORE = 0.5  # of a sound's length
_REACH_S = 0.40  # beyond it a dominance is below 1 %
_REST_DOMINANCE = 0.01
_PAUSE_EDGE_S, _AT_END_S = 0.16, 0.05
_SMOOTHING_S = 0.012
_SHUTTER = 0.3  # standard deviation of a frame's exposure, in frame intervals
_HELD = 0.7
_APPROACH_S, _RELEASE_S = 0.070, 0.060
