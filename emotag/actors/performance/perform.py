"""An utterance becomes a performance: every parameter of a head per frame, and the truth about it."""

import numpy as np

from emotag.actors.performance.coarticulation import RATE, Speech, articulate, at_frames, gestures, sample
from emotag.actors.performance.dynamics import LEVELS, Accent, accents, bump, emotion_envelope, loudness
from emotag.actors.performance.eyes import blinks, eyes_pose, gaze, lids_of_gaze
from emotag.actors.performance.facs import action_units
from emotag.actors.performance.life import carriage
from emotag.actors.performance.lips import CLOSE, Curves, LipGap, close_lips, limit_opening
from emotag.actors.performance.manner import Manner
from emotag.actors.performance.prototypes import AU_SHAPES, PROTOTYPES, UPPER_UNITS, Prototype
from emotag.actors.performance.visemes import CONTROLS
from emotag.actors.types import Performance, Utterance
from emotag.errors import InputError
from emotag.tables import FPS
from emotag.vocabulary import EMOTIONS

PAIRED = (
    "browDown", "browInnerUp", "browOuterUp", "cheekPuff", "cheekRaiser", "cheekSquint", "eyeBlink", "eyeLookDown",
    "eyeLookIn", "eyeLookOut", "eyeLookUp", "eyeSquint", "eyeWide", "mouthDimple", "mouthFrown", "mouthLowerDown",
    "mouthPress", "mouthSmile", "mouthStretch", "mouthUpperUp", "noseSneer",
)  # fmt: skip
SINGLE = (
    "jawForward", "jawLeft", "jawRight", CLOSE, "mouthFunnel", "mouthLeft", "mouthPucker", "mouthRight",
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
)  # fmt: skip
SHAPES = (*(f"{name}{side}" for name in PAIRED for side in ("_L", "_R")), *SINGLE)
"""The expressions that an actor can make: ARKit's without tongue and jawOpen (the jaw is a joint)."""
_NEEDED = (CLOSE, "eyeBlink_L", "eyeBlink_R")


def perform(
    utterance: Utterance,
    names: tuple[str, ...],  # (E,) of the head: HeadModel.expression_names
    seed: int,
    manner: Manner | None = None,
    fps: float = FPS,
    gap: LipGap | None = None,
) -> Performance:
    """Give the performance of an utterance, T = ⌈seconds · fps⌉ frames, frame i at i / fps.

    The emotion's intensity is e(t) = level / 3 · envelope(t), so its apex is 1/3, 2/3, 1 for levels 1–3;
    p_emo = (1 − e) · neutral + e · emotion (so that e = 1 − p_emo(neutral), EmoTaG Eq. 9). Everything drawn depends on
    `seed` alone: the same seed gives the same performance, at another level the same one weaker or stronger. `gap` says
    how the lips of this head part (`LipGap.of(head)`); a rounded table otherwise. Expressions that `names` lacks are
    left out. Raises InputError on an unknown emotion, a wrong level, or a head whose lips or lids cannot close.
    """
    manner, gap = manner or Manner(), gap or LipGap()
    _check(utterance, names)
    prototype = PROTOTYPES[utterance.emotion]
    frames = max(int(np.ceil(utterance.seconds * fps - _PART_OF_FRAME)), 1)
    count = int(np.ceil(frames / fps * RATE)) + 1
    streams = [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(5)]

    found = gestures(utterance.phones)
    loud = loudness(utterance.samples, utterance.rate, count)
    accented = accents(found, loud, streams[0])
    envelope = emotion_envelope(count, prototype.onset_s, accented, streams[1])
    strength = utterance.level / LEVELS * envelope
    body = carriage(count, strength, prototype.bearing, accented, loud, manner, streams[2])
    head = body.neck + body.trunk
    look = gaze(head[:, 0], head[:, 1], strength, prototype.bearing, manner, streams[3])
    lids = blinks(count, strength, prototype.bearing, look.shifts_s, manner, streams[4])

    e = np.clip(sample(strength, frames, fps), 0, 1)
    speech = articulate(found, count, _LONGER_THAN_FRAME / fps)
    pitch, yaw = sample(look.pitch, frames, fps), sample(look.yaw, frames, fps)
    curves: Curves = {name: np.zeros(frames) for name in (*SHAPES, "jaw")}
    mouth = _speak(speech, prototype, manner, e, frames, fps)
    _express(curves, prototype, manner, e)
    _habits(curves, manner, _accent_curve(accented, frames, fps) * manner.nods)
    _add_speech(curves, mouth)
    limit_opening(curves, gap)
    seal, bite = at_frames(speech.seal, frames, fps), at_frames(speech.bite, frames, fps)
    _press(curves, prototype, e * seal)
    close_lips(curves, seal, bite, gap)
    _lids(curves, lids_of_gaze(pitch, yaw), at_frames(lids, frames, fps))

    expression = np.stack([np.clip(curves.get(name, np.zeros(frames)), 0, 1) for name in names], axis=1)
    jaw = np.clip(curves["jaw"], 0, _JAW_LIMIT)
    zero = np.zeros(frames)
    return Performance(
        names=names,
        expression=expression,
        jaw_pose=np.stack((jaw, zero, zero), axis=1),
        neck_pose=sample(body.neck, frames, fps),
        eyes_pose=eyes_pose(pitch, yaw),
        rotation=sample(body.trunk, frames, fps),
        translation=sample(body.translation, frames, fps),
        action_units=action_units(names, expression, jaw, gap),
        p_emo=_p_emo(utterance.emotion, e),
        e=e,
    )


def _check(utterance: Utterance, names: tuple[str, ...]) -> None:
    if utterance.emotion not in EMOTIONS:
        raise InputError(f"emotion {utterance.emotion!r}: unknown; one of {', '.join(EMOTIONS)}")
    allowed = (0,) if utterance.emotion == "neutral" else tuple(range(1, LEVELS + 1))
    if utterance.level not in allowed:
        raise InputError(f"emotion {utterance.emotion}: level {utterance.level}; one of {allowed}")
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise InputError(f"head: no expression {', '.join(missing)}; an actor could not close lips and lids")


def _speak(
    speech: Speech, prototype: Prototype, manner: Manner, e: np.ndarray, frames: int, fps: float
) -> dict[str, np.ndarray]:  # CONTROLS -> (T,)
    """Speech alone, sampled, with the actor's and the emotion's way of articulating."""
    controls = sample(speech.controls, frames, fps)
    way = prototype.articulation
    mouth = {}
    for index, name in enumerate(CONTROLS):
        scale = manner.articulation * (1 + ((way.jaw if name == "jaw" else way.lips) - 1) * e)
        if name == "hold":
            scale = np.ones(frames)
        elif name == "jaw":
            scale = scale * manner.jaw
        elif name in ("mouthPucker", "mouthFunnel"):
            scale = scale * manner.rounding
        elif name == "mouthUpperUp":
            scale = scale * manner.upper_lip
        mouth[name] = controls[:, index] * scale
    return mouth


def _express(curves: Curves, prototype: Prototype, manner: Manner, e: np.ndarray) -> None:
    """Lay the emotion's prototype on the face."""
    visible = e**_VISIBILITY
    for unit, strength in prototype.units.items():
        upper = unit in UPPER_UNITS
        region = manner.upper_expressivity if upper else manner.lower_expressivity
        for name, share in AU_SHAPES[unit].items():
            for side, more in (("_L", 1.0), ("_R", -1.0)):
                gain = 1 + more * manner.asymmetry * (_UPPER_ASYMMETRY if upper else 1.0)
                if name in curves:
                    curves[name] = curves[name] + 0.5 * share * strength * region * visible
                else:
                    curves[name + side] = curves[name + side] + share * strength * region * gain * visible
    for side in ("_L", "_R"):
        curves[f"eyeBlink{side}"] = curves[f"eyeBlink{side}"] + prototype.lids * visible
    curves["jaw"] = curves["jaw"] + prototype.jaw * manner.lower_expressivity * visible


def _habits(curves: Curves, manner: Manner, accent: np.ndarray) -> None:
    """Add the resting face, and brows that go up on accents (less where the emotion already moves them)."""
    frown = np.clip(curves["browDown_L"], 0, 1)
    for side, more in (("_L", 1.0), ("_R", -1.0)):
        gain = 1 + more * manner.asymmetry
        smile, inner, outer = f"mouthSmile{side}", f"browInnerUp{side}", f"browOuterUp{side}"
        curves[smile] = curves[smile] + manner.smile_habit * gain * (1 - curves[f"mouthFrown{side}"])
        for brow, share in ((inner, 0.8), (outer, 1.0)):
            raised = (manner.brow_habit + _BROW_FLASH * accent * share) * gain
            curves[brow] = curves[brow] + raised * np.clip(1 - curves[brow], 0, 1) * (1 - 0.8 * frown)


def _accent_curve(accented: tuple[Accent, ...], frames: int, fps: float) -> np.ndarray:  # (T,)
    time = np.arange(frames) / fps
    return sum((a.strength * bump(time, a.time_s, 0.20, 0.35) for a in accented), np.zeros(frames))


def _add_speech(curves: Curves, mouth: dict[str, np.ndarray]) -> None:
    """Join speech and emotion: rounded lips cannot also be drawn wide, and what both do is not done twice."""
    rounded = np.clip(mouth["mouthPucker"] + mouth["mouthFunnel"], 0, 1)
    for name, left in _LEFT_WHEN_ROUNDED.items():
        for side in ("_L", "_R"):
            curves[name + side] = curves[name + side] * (1 - (1 - left) * rounded)
    wide = np.clip((curves["mouthSmile_L"] + curves["mouthStretch_L"]) * _WIDE_AGAINST_ROUND, 0, 1)
    for name, value in mouth.items():
        if name == "jaw":
            # An emotion's dropped jaw is joined to that of speech, not added, and gives way to sounds that hold it.
            curves["jaw"] = np.hypot(value, curves["jaw"] * (1 - mouth["hold"]))
            continue
        if name == "hold":
            continue
        value = value * (1 - wide) if name in ("mouthPucker", "mouthFunnel") else value
        for side in ("",) if name in curves else ("_L", "_R"):
            there = np.clip(curves[name + side], 0, 1)
            curves[name + side] = np.clip(there + value * (1 - there), 0, 1)
    open_jaw = np.clip(curves["jaw"] / _PRESS_ENDS_JAW, 0, 1)
    for name in ("mouthPress_L", "mouthPress_R", "mouthShrugLower", "mouthRollUpper"):
        curves[name] = curves[name] * (1 - _PRESS_OPENS * open_jaw)


def _press(curves: Curves, prototype: Prototype, where: np.ndarray) -> None:
    """An emotion that tightens the lips presses them harder together on p, b, m."""
    for side in ("_L", "_R"):
        curves[f"mouthPress{side}"] = np.clip(curves[f"mouthPress{side}"] + prototype.articulation.seal * where, 0, 1)


def _lids(curves: Curves, look: dict[str, np.ndarray], closed: np.ndarray) -> None:
    """Lids follow the gaze; a blink closes them whatever else they do, without going too far."""
    curves.update(look)
    for side in ("_L", "_R"):
        for name in ("eyeWide", "eyeSquint", "eyeLookDown", "eyeLookUp", "cheekSquint", "cheekRaiser"):
            left = _LEFT_IN_BLINK.get(name, 0.0)
            curves[name + side] = curves[name + side] * (1 - (1 - left) * closed)
        droop = curves[f"eyeBlink{side}"]
        curves[f"eyeBlink{side}"] = droop + (1 - droop) * closed


def _p_emo(emotion: str, e: np.ndarray) -> np.ndarray:  # (T, 7)
    p = np.zeros((len(e), len(EMOTIONS)))
    p[:, EMOTIONS.index("neutral")] = 1 - e
    p[:, EMOTIONS.index(emotion)] += e
    return p


_PART_OF_FRAME = 1e-3  # a sound that is longer than whole frames by less is whole frames
_LONGER_THAN_FRAME = 1.2
_VISIBILITY = 0.85  # a weak emotion shows a little more than in proportion
_UPPER_ASYMMETRY = 0.5
_JAW_LIMIT = 0.44
_BROW_FLASH = 0.30
_LEFT_WHEN_ROUNDED = {"mouthSmile": 0.70, "mouthStretch": 0.2, "mouthFrown": 0.7, "mouthDimple": 0.4}
_WIDE_AGAINST_ROUND = 0.25
_PRESS_ENDS_JAW, _PRESS_OPENS = 0.10, 0.75
_LEFT_IN_BLINK: dict[str, float] = {"cheekSquint": 0.15, "cheekRaiser": 0.15}
