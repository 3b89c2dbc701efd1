"""A trained motion network on disk: weights (safetensors) and what they were trained with (JSON)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from emotag.errors import InputError
from emotag.files import atomic, read_json, sha256, write_json
from emotag.motion.grmn import GRMN
from emotag.motion.settings import MotionSettings
from emotag.settings import Settings

WEIGHTS = "grmn.safetensors"
CARD = "grmn.json"
DIMENSIONS = ("audio_dim", "expression_feature_dim", "identity_dim", "n_expression")
"""What GRMN's constructor takes beside its settings."""


class MotionNote(Settings):
    """What a network's inputs and outputs mean: it may only meet features and heads of the same making."""

    head: str = ""
    """Digest of the head model whose expressions it moves."""
    expression_names: tuple[str, ...] = ()
    """Names of the head's expressions, when they have names."""
    expression_features: tuple[str, ...] = ()
    """Columns of the expression feature (action units), in order."""
    engines: dict[str, str] = Field(default_factory=dict)
    """Per perception task, the engine, its version and its weights' digest, e.g. audio: "wav2vec2 1.0 9f86d081"."""


def check_note(found: MotionNote, expected: MotionNote, source: Path | str) -> None:
    """Raise InputError, naming both, when a network's note differs from what its inputs are now."""
    pairs: list[tuple[str, object, object]] = [
        ("head model", found.head, expected.head),
        ("expressions", found.expression_names, expected.expression_names),
        ("expression features", found.expression_features, expected.expression_features),
    ]
    tasks = sorted({*found.engines, *expected.engines})
    pairs += [(f"engine of '{t}'", found.engines.get(t, "none"), expected.engines.get(t, "none")) for t in tasks]
    for what, trained, given in pairs:
        if trained != given:
            raise InputError(
                f"{source}: trained with {what} {_short(trained)}, but the data has {_short(given)}; "
                "pretrain again or choose the engine it was trained with"
            )


def _short(value: object) -> str:
    if isinstance(value, tuple):
        names = ", ".join(map(str, value[:3])) + (", …" if len(value) > 3 else "")
        return f"({len(value)}: {names})" if value else "(unnamed)"
    return f"'{value}'"


def save_grmn(folder: Path | str, grmn: GRMN, note: MotionNote) -> None:
    """Write grmn.safetensors and grmn.json. The JSON is written last and holds the weights' digest."""
    folder = Path(folder)
    tensors = {name: value.detach().cpu().contiguous() for name, value in grmn.state_dict().items()}
    with atomic(folder / WEIGHTS) as partial:
        save_file(tensors, str(partial))
    card = {
        "settings": grmn.settings.model_dump(),
        "dimensions": {name: getattr(grmn, name) for name in DIMENSIONS},
        "note": note.model_dump(mode="json"),
        "weights": sha256(folder / WEIGHTS),
    }
    write_json(folder / CARD, card)


def load_grmn(folder: Path | str, expected: MotionNote | None = None) -> tuple[GRMN, MotionNote]:
    """Read a network (on the CPU, in eval mode) and its note.

    Raises InputError when a file is missing or damaged, when the two files do not belong together, or when
    `expected` is given and differs from the note (see `check_note`).
    """
    folder = Path(folder)
    card = read_json(folder / CARD)
    settings, sizes, note, digest = _read_card(card, folder / CARD)
    if expected is not None:
        check_note(note, expected, folder)
    if not (folder / WEIGHTS).is_file():
        raise InputError(f"{folder / WEIGHTS}: not found; run the stage that makes it (`dvc repro pretrain`)")
    if sha256(folder / WEIGHTS) != digest:
        raise InputError(f"{folder / WEIGHTS}: not the weights that {CARD} describes; run `dvc repro pretrain` again")
    grmn = GRMN(settings, **sizes)
    try:
        grmn.load_state_dict(load_file(str(folder / WEIGHTS)))
    except (SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{folder / WEIGHTS}: cannot be loaded ({reason}); run `dvc repro pretrain` again") from None
    return grmn.eval(), note


def _read_card(card: Any, path: Path) -> tuple[MotionSettings, dict[str, int], MotionNote, str]:
    try:
        if not isinstance(card, Mapping):
            raise TypeError("not an object")
        sizes = {name: int(card["dimensions"][name]) for name in DIMENSIONS}
        return (
            MotionSettings.model_validate(card["settings"]),
            sizes,
            MotionNote.model_validate(card["note"]),
            str(card["weights"]),
        )
    except (KeyError, TypeError, ValueError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: does not describe a motion network ({reason}); pretrain again") from None
