"""What the stage `sync` found, on disk: the regression (safetensors) and every corpus clip's lag (JSON)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from emotag.errors import InputError
from emotag.files import atomic, read_json, write_json
from emotag.head.face_part import FacePart
from emotag.sync.lag import NO_LAG, Lag, measure
from emotag.sync.predictor import OpeningPredictor
from emotag.sync.settings import SyncSettings
from emotag.sync.speech import Speech
from emotag.training.clip import ClipFeatures

REGRESSION = "opening.safetensors"
CARD = "lags.json"


@dataclass(frozen=True)
class Sync:
    """The corpus' lags, and what finds those of others."""

    settings: SyncSettings
    lags: Mapping[str, Lag]  # by clip of the corpus
    predictor: OpeningPredictor | None = None  # None: the engine "none"

    def lag_s(self, clip: str) -> float:
        """Give the lag of a clip of the corpus, seconds. Raises InputError when it was not there when they were found.

        With the engine "none" every lag is 0.
        """
        if self.predictor is None:
            return 0.0
        if clip not in self.lags:
            raise InputError(f"models/sync: no lag of clip {clip}; run `dvc repro sync`")
        return self.lags[clip].seconds

    def measure(self, features: ClipFeatures, lips: FacePart) -> Lag:
        """Find a new person's lag. Raises InputError when the corpus' audio features are of another size."""
        if self.predictor is None:
            return NO_LAG
        known, given = len(self.predictor.projection), features.audio.shape[1]
        if known != given:
            raise InputError(
                f"clip {features.name}: {given} audio features, but models/sync was made with {known}; "
                "run `dvc repro sync` with the audio engine of now"
            )
        return measure(self.predictor, Speech.of(features, lips), self.settings)


def save_sync(folder: Path, sync: Sync) -> None:
    """Write opening.safetensors, where there is a regression, and lags.json (last)."""
    if sync.predictor is not None:
        parts = {"projection": sync.predictor.projection, "weights": sync.predictor.weights}
        with atomic(folder / REGRESSION) as partial:
            save_file({name: torch.from_numpy(part).contiguous() for name, part in parts.items()}, str(partial))
    card = {
        "settings": sync.settings.model_dump(mode="json"),
        "clips": {k: asdict(lag) for k, lag in sync.lags.items()},
    }
    write_json(folder / CARD, card)


def load_sync(folder: Path) -> Sync:
    """Read what `save_sync` wrote. Raises InputError when it is missing or damaged."""
    card = read_json(folder / CARD)
    try:
        settings = SyncSettings.model_validate(card["settings"])
        lags = {clip: Lag(**lag) for clip, lag in card["clips"].items()}
        if settings.engine == "none":
            return Sync(settings, lags)
        parts = {name: part.numpy() for name, part in load_file(folder / REGRESSION).items()}
        return Sync(settings, lags, OpeningPredictor(parts["projection"], parts["weights"]))
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{folder}: cannot be read ({reason}); run `dvc repro sync` again") from None
