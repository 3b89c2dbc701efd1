"""What a name or a number is when nobody gave one."""

import re
from pathlib import Path

from emotag.errors import InputError
from pipeline.register import MINIMUM_SECONDS, video_seconds

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
