"""Registering people and sounds as flows and commands do: names and lengths when nobody gave them, and the targets."""

import re
from pathlib import Path

from emotag.errors import InputError
from pipeline.flows.locks import editing_params
from pipeline.register import MINIMUM_SECONDS, add_identity, add_sound, video_seconds
from stages.settings import load_settings

LONGEST_TEST_S = 10.0


def default_test_seconds(video: Path, adapt_seconds: float) -> float:
    """Give what is left of a video after the stretch to adapt on, at most 10 s; 0 when that is too short to test on.

    Raises InputError when the video cannot be read.
    """
    left = min(LONGEST_TEST_S, video_seconds(video) - adapt_seconds)
    return left if left >= MINIMUM_SECONDS else 0.0


def sound_name(file: Path) -> str:
    """Make a name of a file's: lower-case letters, digits, dashes. Raises InputError when nothing is left."""
    name = re.sub(r"[^a-z0-9]+", "-", file.stem.lower()).strip("-")[:63].strip("-")
    if not name:
        raise InputError(f"{file}: no name can be made of this file's; give one (--name)")
    return name


def register_identity(
    root: Path, name: str, video: Path | None, consent: str | None, adapt_seconds: float, test_seconds: float | None
) -> list[str]:
    """Register a person who gets an avatar, or find one who is (no video); give the DVC targets.

    `test_seconds` None takes what is left of the video. Raises InputError on bad input, and on someone unknown.
    """
    if video is not None:
        test = default_test_seconds(video, adapt_seconds) if test_seconds is None else test_seconds
        with editing_params(root):
            return add_identity(root, name, video, consent or "", adapt_seconds, test)
    settings = load_settings(root / "params.yaml")
    settings.person(name)
    if name not in settings.avatars:
        raise InputError(f"'{name}' is in the corpus: an avatar is of a person not learnt from")
    tests = [test for test, one in settings.tests.items() if one.identity == name]
    return [f"adapt@{name}", *(f"evaluate@{test}" for test in tests)]


def register_sound(root: Path, identity: str, audio: Path, name: str | None) -> list[str]:
    """Register new audio for an avatar; give the DVC targets. Raises InputError on bad input."""
    sound = name or sound_name(audio)
    with editing_params(root):
        add_sound(root, sound, audio, identity)
    return [f"speak@{identity}-{sound}"]
