"""An avatar on disk: splats, the adapted motion network, and what they belong to."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from emotag.avatar import Person
from emotag.device import move
from emotag.errors import InputError
from emotag.files import atomic, read_json, write_json
from emotag.motion.grmn import GRMN
from emotag.motion.store import MotionNote, load_grmn, save_grmn
from emotag.splats.splats import Splats

SPLATS = "splats.safetensors"
CARD = "avatar.json"
OFFSET = "static_offset"
"""Tensor beside the splats' own: what hair and ears add to the head model."""


@dataclass(frozen=True)
class Avatar:
    """A person ready to speak."""

    person: Person
    splats: Splats
    grmn: GRMN
    note: MotionNote
    consent: str
    resolution: int  # side of the crops it was made from, pixels
    training: dict[str, Any]  # seconds, frames_seen, device of the adaptation
    audio_lag_s: float = 0.0  # in the recording that it learnt from, the sound comes so much after the picture

    def to(self, device: torch.device) -> "Avatar":
        """Give the avatar on `device`."""
        return Avatar(
            move(self.person, device),
            self.splats.to(device),
            self.grmn.to(device),
            self.note,
            self.consent,
            self.resolution,
            self.training,
            self.audio_lag_s,
        )


def save_avatar(folder: Path, avatar: Avatar) -> None:
    """Write splats.safetensors, the motion network and avatar.json (last, since it declares the folder whole)."""
    person = avatar.person
    tensors = {name: value.detach().cpu().contiguous() for name, value in avatar.splats.state_dict().items()}
    if person.static_offset is not None:
        tensors[OFFSET] = person.static_offset.cpu().contiguous()
    with atomic(folder / SPLATS) as partial:
        save_file(tensors, partial)
    save_grmn(folder, avatar.grmn, avatar.note)
    card = {
        "identity": person.name,
        "consent": avatar.consent,
        "resolution": avatar.resolution,
        "training": avatar.training,
        "audio_lag_s": avatar.audio_lag_s,
        "splats": len(avatar.splats.binding),
        "mouth_splats": len(avatar.splats.mouth),
        "focal_length": person.focal_length,
        "shape": person.shape.tolist(),
        "neutral_expression": person.neutral_expression.tolist(),
        "neutral_jaw": person.neutral_jaw.tolist(),
        "embedding": person.identity.tolist(),
    }
    write_json(folder / CARD, card)


def load_avatar(folder: Path, expected: MotionNote | None = None) -> Avatar:
    """Read what `save_avatar` wrote, on the CPU. Raises InputError when it is absent, damaged or of another head."""
    card = read_json(folder / CARD)
    grmn, note = load_grmn(folder, expected)
    try:
        tensors = load_file(folder / SPLATS)
        offset = tensors.pop(OFFSET, None)
        splats = Splats(len(tensors["binding"]), len(tensors["mouth"]), tensors["sh"].shape[1])
        splats.load_state_dict(tensors)
        person = Person(
            card["identity"],
            torch.tensor(card["shape"]),
            card["focal_length"],
            torch.tensor(card["neutral_expression"]),
            torch.tensor(card["neutral_jaw"]),
            torch.tensor(card["embedding"]),
            offset,
        )
        lag = float(card["audio_lag_s"])
    except (SafetensorError, FileNotFoundError, KeyError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        name = folder.name
        raise InputError(f"{folder}: not a whole avatar ({reason}); run `dvc repro adapt@{name}` again") from None
    return Avatar(person, splats, grmn, note, card["consent"], card["resolution"], card["training"], lag)
