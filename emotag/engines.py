"""Which engine made an artifact, and why features of different engines are never mixed."""

from collections.abc import Mapping
from typing import Any

from emotag.errors import InputError


def signature(metadata: Mapping[str, Any]) -> str:
    """Give the short name of an artifact's maker: engine, version and digest of its weights."""
    parts = [str(metadata.get("engine", "unknown"))]
    parts += [str(metadata[key]) for key in ("version", "weights", "head") if metadata.get(key)]
    return " ".join(parts)


def require_same(stage: str, makers: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise InputError when the artifacts of one stage, by clip, were made by different engines."""
    seen: dict[str, str] = {}
    for clip, metadata in makers.items():
        seen.setdefault(signature(metadata), clip)
    if len(seen) > 1:
        (first, clip_one), (second, clip_two) = list(seen.items())[:2]
        raise InputError(
            f"stage {stage}: clip {clip_one} was made by '{first}' and clip {clip_two} by '{second}'; "
            "features of different engines are never mixed: run `dvc repro` with one engine"
        )
