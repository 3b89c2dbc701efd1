"""Putting people, clips and sounds into params.yaml, and their files under data/raw/."""

import os
import shutil
from pathlib import Path
from typing import Any

from emotag.errors import InputError
from emotag.files import atomic
from pipeline.params import append, check_name, put, read_params, write_params

MINIMUM_SECONDS = 3.0
"""Shortest clip that the DAG takes."""


def add_identity(
    root: Path, name: str, video: Path, consent: str, adapt_seconds: float = 5.0, test_seconds: float = 10.0
) -> list[str]:
    """Register a person who gets an avatar: the first seconds adapt it, the next ones test it.

    Gives the DVC targets that make the avatar and its metrics. Raises InputError on a bad name, video or consent.
    `test_seconds` 0 registers no test.
    """
    check_name(name)
    _check_consent(name, consent)
    for what, seconds in (("adapt", adapt_seconds), ("test", test_seconds)):
        if seconds < MINIMUM_SECONDS and not (what == "test" and seconds == 0):
            raise InputError(f"--{what}-seconds {seconds:g} is too short: at least {MINIMUM_SECONDS:g} are needed")
    params = read_params(root / "params.yaml")
    _check_free(params, name, "corpus")
    duration = video_seconds(video)
    if duration < adapt_seconds + test_seconds - 0.5:
        raise InputError(
            f"{video}: lasts {duration:.1f} s, less than {adapt_seconds:g} s to adapt and {test_seconds:g} s to test; "
            "give a longer video, or smaller --adapt-seconds and --test-seconds"
        )
    source = _raw(root, name, video)
    reference = f"{name}-adapt"
    _put_clip(params, reference, name, source, 0.0, adapt_seconds)
    put(params, "identities", name, {"consent": consent, "reference": reference})
    put(params, "avatars", name, {"reference": reference})
    targets = [f"adapt@{name}"]
    if test_seconds:
        test = f"{name}-test"
        _put_clip(params, test, name, source, adapt_seconds, adapt_seconds + test_seconds)
        put(params, "tests", name, {"identity": name, "clip": test})
        targets.append(f"evaluate@{name}")
    write_params(root / "params.yaml", params)
    return targets


def add_corpus(root: Path, name: str, video: Path, consent: str, seconds: float | None = None) -> None:
    """Register a person whose clip (or its first `seconds`) pretrains the motion network."""
    check_name(name)
    _check_consent(name, consent)
    params = read_params(root / "params.yaml")
    _check_free(params, name, "avatars")
    video_seconds(video)
    source = _raw(root, name, video)
    _put_clip(params, name, name, source, 0.0, seconds)
    put(params, "identities", name, {"consent": consent, "reference": name})
    append(params, "corpus", name)
    write_params(root / "params.yaml", params)


def add_sound(root: Path, name: str, sound: Path, identity: str) -> None:
    """Register new audio for an avatar to speak, over the cue frames of its reference clip."""
    check_name(name)
    params = read_params(root / "params.yaml")
    if identity not in (params.get("avatars") or {}):
        known = ", ".join(params.get("avatars") or {}) or "none yet"
        raise InputError(
            f"no avatar is called '{identity}' (there are: {known}); register it with `emotag add-identity`"
        )
    put(params, "sounds", name, {"file": _raw(root, f"sound-{name}", sound)})
    reference = params["avatars"][identity]["reference"]
    put(params, "videos", f"{identity}-{name}", {"identity": identity, "sound": name, "reference": reference})
    write_params(root / "params.yaml", params)


def video_seconds(video: Path) -> float:
    """Give a video's length. Raises InputError when it is missing or is not a video."""
    import av

    if not video.is_file():
        raise InputError(f"{video}: no such file")
    try:
        with av.open(str(video)) as container:
            if not container.streams.video:
                raise InputError(f"{video}: holds no video stream")
            stream = container.streams.video[0]
            if stream.duration is not None and stream.time_base is not None:
                return float(stream.duration * stream.time_base)
            return float((container.duration or 0) / av.time_base)
    except av.error.FFmpegError as error:
        raise InputError(f"{video}: cannot be read as video ({error.strerror}); is the file complete?") from None


def _check_consent(name: str, consent: str) -> None:
    if not consent.strip():
        raise InputError(f'--consent is empty: say who agreed to what, e.g. "{name} agreed by e-mail on 2026-01-31"')


def _check_free(params: Any, name: str, elsewhere: str) -> None:
    """Refuse a name that an actor has, or that the other list of people has."""
    if name in (params.get("actors") or {}) or name in (params.get("takes") or {}):
        raise InputError(f"'{name}' is a synthetic actor of params.yaml: choose another name")
    if name in (params.get(elsewhere) or {}):
        raise InputError(
            f"'{name}' is in `{elsewhere}` of params.yaml already: an avatar is of a person not learnt from"
        )


def _put_clip(params: Any, clip: str, identity: str, source: str, start: float, end: float | None) -> None:
    entry = {"identity": identity, "video": source, "start_s": start, "end_s": end}
    put(params, "clips", check_name(clip), entry)


def bring_in(root: Path, source: Path, target: Path) -> str:
    """Hard-link a file to `target` in the project (copy it when that cannot be done); give the target as text."""
    if not source.is_file():
        raise InputError(f"{source}: no such file")
    if not ((root / target).exists() and (root / target).samefile(source)):
        with atomic(root / target) as partial:
            try:
                os.link(source.resolve(), partial)
            except OSError:
                shutil.copyfile(source, partial)
    return target.as_posix()


def _raw(root: Path, name: str, source: Path) -> str:
    return bring_in(root, source, Path("data") / "raw" / f"{name}{source.suffix.lower()}")
