import math
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
import torch

from emotag.errors import InputError
from emotag.head.face_part import FacePart
from emotag.head.ibug68 import MOUTH
from emotag.head.model import HeadModel
from emotag.sync.lag import NO_LAG
from emotag.sync.picture import sync_sheet
from emotag.sync.settings import SyncSettings
from emotag.sync.speech import Speech
from emotag.sync.store import CARD, REGRESSION, Sync, load_sync, save_sync
from emotag.sync.together import fit_together
from tests.sync.speakers import CHANNELS, speaker
from tests.training.people import film

SETTINGS = SyncSettings()


def found_sync() -> Sync:
    clips = [speaker("a", 0), speaker("b", 1), speaker("c", 2, 3.0)]
    predictor, lags = fit_together([[clip] for clip in clips], SETTINGS)
    return Sync(SETTINGS, {clip.clip: row[0] for clip, row in zip(clips, lags, strict=True)}, predictor)


def test_what_is_saved_finds_the_same(tmp_path: Path, synthetic_head: HeadModel) -> None:
    sync = found_sync()
    save_sync(tmp_path, sync)
    again = load_sync(tmp_path)
    assert again.settings == sync.settings and again.lags == sync.lags
    filmed = film(synthetic_head, frames=60)
    lips = FacePart.of(synthetic_head, filmed.person.shape, MOUTH)
    features = replace(filmed.features, audio=torch.randn(60, CHANNELS))
    assert again.measure(features, lips) == sync.measure(features, lips)
    assert again.lag_s("c") == sync.lags["c"].seconds > 0.08
    with pytest.raises(InputError, match=r"no lag of clip eve; run `dvc repro sync`"):
        again.lag_s("eve")


def test_audio_features_of_another_size_are_refused(tmp_path: Path, synthetic_head: HeadModel) -> None:
    filmed = film(synthetic_head)
    with pytest.raises(InputError, match=f"ada-clip: 5 audio features, but models/sync was made with {CHANNELS}"):
        found_sync().measure(filmed.features, FacePart.of(synthetic_head, filmed.person.shape, MOUTH))


def test_without_an_engine_nothing_is_ever_late(tmp_path: Path, synthetic_head: HeadModel) -> None:
    save_sync(tmp_path, Sync(SyncSettings(engine="none"), {}))
    sync = load_sync(tmp_path)
    filmed = film(synthetic_head)
    assert sync.measure(filmed.features, FacePart.of(synthetic_head, filmed.person.shape, MOUTH)) == NO_LAG
    assert sync.lag_s("anybody") == 0.0 and not (tmp_path / REGRESSION).exists()


@pytest.mark.parametrize("damage", ["regression", "cut", "card", "field"])
def test_damage_is_one_line(tmp_path: Path, damage: str) -> None:
    save_sync(tmp_path, found_sync())
    if damage == "regression":
        (tmp_path / REGRESSION).unlink()
    elif damage == "cut":
        (tmp_path / REGRESSION).write_bytes((tmp_path / REGRESSION).read_bytes()[:40])
    elif damage == "card":
        (tmp_path / CARD).write_text("[]")
    else:
        (tmp_path / CARD).write_text((tmp_path / CARD).read_text().replace('"best_s"', '"worst_s"'))
    with pytest.raises(InputError, match="run `dvc repro sync` again") as error:
        load_sync(tmp_path)
    assert "\n" not in str(error.value)


def test_an_opening_jaw_opens_the_lips(synthetic_head: HeadModel) -> None:
    places = torch.zeros(20, 3)
    places[:, 2] = 0.1  # before the joint
    places[14, 1], places[18, 1] = 0.002, -0.002  # upper and lower lip, 4 mm apart
    below = torch.zeros(20)
    below[18] = 1.0  # moves with the jaw
    n = synthetic_head.n_expression
    lips = FacePart(
        places.repeat_interleave(3, 0), torch.zeros(n, 60, 3), torch.zeros(9, 60, 3), below.repeat_interleave(3),
        torch.zeros(3), torch.full((20, 3), 1 / 3),
    )  # fmt: skip
    jaw = torch.linspace(0, 0.3, 24)[:, None] * torch.tensor([1.0, 0.0, 0.0])
    opening = Speech.of(replace(film(synthetic_head).features, jaw=jaw), lips).opening
    assert opening[0] == pytest.approx(0.004, abs=1e-6) and (opening[1:] > opening[:-1]).all()
    assert opening[-1] == pytest.approx(0.004 + 0.1 * math.sin(0.3), abs=2e-4)


def test_a_channel_that_never_changes_stays_nothing(synthetic_head: HeadModel) -> None:
    filmed = film(synthetic_head)
    audio = filmed.features.audio.clone()
    audio[:, 1] = 3.7
    lips = FacePart.of(synthetic_head, filmed.person.shape, MOUTH)
    assert abs(Speech.of(replace(filmed.features, audio=audio), lips).audio[:, 1]).max() < 1e-6


def test_the_sheet_shows_those_furthest_off(tmp_path: Path) -> None:
    sync = found_sync()
    clips = [speaker("a", 0), speaker("b", 1), speaker("c", 2, 3.0)]
    assert sync.predictor is not None
    sync_sheet(tmp_path / "three.png", clips, [sync.lags[clip.clip] for clip in clips], sync.predictor)
    sync_sheet(tmp_path / "first.png", clips[2:], [sync.lags["c"]], sync.predictor)
    three, first = cv2.imread(str(tmp_path / "three.png")), cv2.imread(str(tmp_path / "first.png"))
    panel = len(first) - 24  # below the title
    assert len(three) == 24 + 3 * panel
    assert (three[24 : 24 + panel] == first[24:]).all()  # c comes first
