"""A text, a voice and an emotion become speech."""

from dataclasses import fields, replace
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from emotag.actors.types import Phone, Utterance
from emotag.actors.voice.effects import active_level, add_breath, change_level, soften_peaks, stretch_pauses, tilt
from emotag.actors.voice.espeak import (
    FASTEST_WPM,
    NORMAL_PITCH,
    SLOWEST_WPM,
    Manner,
    Speech,
    synthesize,
    variant_pitch,
)  # fmt: skip
from emotag.actors.voice.phones import find_phones, is_voiced
from emotag.actors.voice.pitch import STEP_S, Irregularity, find_pulses, respace, track_pitch
from emotag.actors.voice.prosody import Delivery, accents, endings, melody, plan_delivery
from emotag.actors.voice.voices import Voice

REFERENCE_TEXT = "We were away a year ago, and now we know the way home."
"""What is spoken to find the gain and the pitch of a voice: mostly voiced."""

PITCH_SPREAD, RATE_SPREAD, LEVEL_SPREAD = 0.5, 0.05, 0.8
"""Standard deviations of an utterance from the speaker's mean: semitones, log2 of rate, dB."""

PORTRAYAL_SPREAD = 0.15
"""Standard deviation of every change that an emotion makes, of the change: no two portrayals use the same means."""

STANDARD_SPREAD = 2.6
"""Standard deviation of F0 of read speech, semitones: a voice of pitch_range 1."""

RESTING_JITTER, RESTING_SHIMMER = 0.004, 0.02
"""Unsteadiness of a healthy voice (share of period, of amplitude)."""


def speak(
    text: str, voice: Voice, emotion: str = "neutral", level: int = 0, language: str = "en-us", seed: int = 0
) -> Utterance:
    """Say a text with an emotion.

    Args:
        text: what to say, in the language's own spelling.
        voice: who says it.
        emotion: one of emotag.vocabulary.EMOTIONS.
        level: 1, 2, 3; 0 for neutral.
        language: one of `emotag.actors.voice.espeak.languages()`.
        seed: the natural variation of this utterance: nobody says a thing twice alike.

    Returns:
        Sound at espeak-ng's rate (22 050 Hz) and phones from 0 to its end. The same arguments give the same samples.

    Raises:
        InputError: empty or unspeakable text, unknown language, emotion or level.

    """
    delivery = plan_delivery(emotion, level, voice.expressiveness)
    rng = np.random.default_rng(seed)
    delivery = _vary(delivery, rng)
    speech = _articulate(text, voice, language, delivery)
    phones = find_phones(speech)
    samples, rate, phones = _scale_tract(speech, phones, voice.tract)
    samples, phones = stretch_pauses(samples, rate, phones, 2**delivery.pause)
    samples = _intone(samples, rate, phones, voice, delivery, rng)
    samples = tilt(samples, rate, voice.tilt_db + delivery.tilt)
    samples = add_breath(samples, rate, min(1.0, voice.breathiness + delivery.breath), rng)
    gain = reference_gain(voice) + delivery.gain
    samples = change_level(samples, rate, gain + delivery.punch * accents(phones))
    return Utterance(soften_peaks(samples), rate, phones, emotion, level)


@lru_cache
def reference_gain(voice: Voice) -> float:
    """Find the gain (dB) that brings a voice's neutral speech to its level: one for all that it says."""
    speech = _articulate(REFERENCE_TEXT, voice, "en-us", Delivery())
    return voice.level_db - active_level(tilt(speech.samples, speech.rate, voice.tilt_db), speech.rate)


@lru_cache
def _usual_melody(variant: str, pitch: int) -> tuple[float, float]:
    """Measure F0 of a variant at a pitch setting: geometric mean (Hz) and standard deviation (semitones)."""
    speech = synthesize(REFERENCE_TEXT, "en-us", variant, Manner(pitch=pitch))
    expected = float(np.mean(variant_pitch(variant))) * 2 ** ((pitch - NORMAL_PITCH) / NORMAL_PITCH)
    f0 = track_pitch(speech.samples, speech.rate, *_pitch_bounds(expected))
    octaves = np.log2(f0[f0 > 0])
    return float(2 ** octaves.mean()), float(12 * octaves.std())


def _pitch_bounds(expected_hz: float) -> tuple[float, float]:
    return expected_hz * 0.5, expected_hz * 2.0


def _vary(delivery: Delivery, rng: np.random.Generator) -> Delivery:
    """Add the chance of one utterance. The same generator gives all emotions and levels the same chance."""
    names = [field.name for field in fields(Delivery)]
    factors = 1 + PORTRAYAL_SPREAD * np.clip(rng.standard_normal(len(names)), -2, 2)
    pitch, rate, gain = rng.standard_normal(3) * (PITCH_SPREAD, RATE_SPREAD, LEVEL_SPREAD)
    varied = Delivery(**{name: float(factor * getattr(delivery, name)) for name, factor in zip(names, factors)})
    return replace(varied, pitch=varied.pitch + pitch, rate=varied.rate + rate, gain=varied.gain + gain)


def _pitch_setting(voice: Voice, delivery: Delivery) -> int:
    """Choose espeak-ng's setting that comes near the wanted F0: an octave each way for 50 steps."""
    usual_hz, _ = _usual_melody(voice.variant, NORMAL_PITCH)
    octaves = np.log2(voice.pitch_hz / voice.tract / usual_hz) + delivery.pitch / 12
    return int(np.clip(round(NORMAL_PITCH * (1 + octaves)), 0, 99))


def _articulate(text: str, voice: Voice, language: str, delivery: Delivery) -> Speech:
    """Let espeak-ng speak near the wanted pitch and rate, both divided by what scaling the tract will multiply."""
    rate_wpm = round(voice.rate_wpm * 2**delivery.rate / voice.tract)
    manner = Manner(int(np.clip(rate_wpm, SLOWEST_WPM, FASTEST_WPM)), _pitch_setting(voice, delivery))
    return synthesize(text, language, voice.variant, manner)


def _scale_tract(
    speech: Speech, phones: tuple[Phone, ...], tract: float
) -> tuple[NDArray[np.float32], int, tuple[Phone, ...]]:
    """Play the sound faster or slower: formants, F0 and rate are multiplied by `tract`."""
    ratio = Fraction(tract).limit_denominator(100)
    samples = speech.samples
    if ratio != 1:
        samples = resample_poly(samples, ratio.denominator, ratio.numerator).astype(np.float32)
    seconds = len(samples) / speech.rate
    scale = seconds / phones[-1].end_s
    moved = tuple(replace(phone, start_s=phone.start_s * scale, end_s=phone.end_s * scale) for phone in phones)
    return samples, speech.rate, moved


def _intone(
    samples: NDArray[np.float32],
    rate: int,
    phones: tuple[Phone, ...],
    voice: Voice,
    delivery: Delivery,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Bring F0 to the speaker's pitch and the emotion's melody, with its irregularities."""
    setting_hz, setting_spread = _usual_melody(voice.variant, _pitch_setting(voice, delivery))
    given_hz = setting_hz * voice.tract
    f0 = track_pitch(samples, rate, *_pitch_bounds(given_hz))
    times = np.arange(len(f0)) * STEP_S
    for phone in phones:
        if not is_voiced(phone.ipa):
            f0[(times >= phone.start_s) & (times < phone.end_s)] = 0
    voiced = np.flatnonzero(f0)
    if not voiced.size:
        return samples
    tones = np.interp(np.arange(len(f0)), voiced, 12 * np.log2(f0[voiced] / given_hz))
    factor = voice.pitch_range * STANDARD_SPREAD / setting_spread * 2**delivery.melody
    added = melody(phones, delivery)
    change = (factor - 1) * tones + np.interp(times, np.arange(len(added)) * STEP_S, added)
    change += delivery.pitch - change[voiced].mean()  # livelier or rising, but as high on average as was asked for
    shift = 12 * np.log2(voice.pitch_hz / given_hz) + change
    irregularity = Irregularity(
        jitter=RESTING_JITTER + delivery.jitter / 100, shimmer=RESTING_SHIMMER + delivery.shimmer / 100,
        creak=delivery.creak, tremor_semitones=delivery.tremor,
    )  # fmt: skip
    return respace(samples, rate, find_pulses(samples, rate, f0), shift, irregularity, endings(phones), rng)
