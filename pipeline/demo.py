"""The example that `make demo` runs: people of public sample footage, until embedded actors take their place."""

from pathlib import Path

from emotag.errors import InputError
from pipeline.register import add_corpus, add_identity, add_sound, bring_in

CONSENT = "public sample clip of a research repository, for tests on this machine only; nothing of it is published"
CORPUS = {"president-fr": 40.0, "trump": None, "aoc": None}
"""People to learn from, and how many seconds of each (None: all)."""
AVATAR = "anchor-de"
SOUND = "english-happy"


def register_demo(root: Path, shared: Path) -> None:
    """Register corpus, avatar, sound and head model. Raises InputError when the footage is absent."""
    if not (shared / "footage").is_dir():
        raise InputError(f"{shared}/footage: not found; register your own videos with `emotag add-identity` instead")
    bring_in(root, shared / "assets" / "ict-facekit.tar.xz", Path("models") / "ict-facekit.tar.xz")
    for name, seconds in CORPUS.items():
        add_corpus(root, name, shared / "footage" / "corpus" / f"{name}.mp4", CONSENT, seconds)
    add_identity(root, AVATAR, shared / "footage" / "adapt" / f"{AVATAR}.mp4", CONSENT)
    add_sound(root, SOUND, shared / "footage" / "audio" / f"{SOUND}.wav", AVATAR)
