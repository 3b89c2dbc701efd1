"""The emotion teacher: prototypes are recognised, speech is neutral, noise is smoothed, MEAD's actors are read."""

from pathlib import Path

import numpy as np
import pytest

from emotag.perception.action_units.protocol import ACTION_UNITS
from emotag.perception.emotion.emfacs import AGAINST, SUPPORT, Emfacs, weight_matrix
from emotag.perception.emotion.picture import draw_emotion
from emotag.perception.emotion.protocol import EMOTIONS, EmotionSettings, emotional_intensity

PROTOTYPES = {
    "happy": "06 12",
    "sad": "01 04 15",
    "surprise": "01 02 05 26",
    "fear": "01 02 04 05 07 20 26",
    "angry": "04 05 07 23",
    "disgust": "09 15 10",
}


def units(active: str, level: float, frames: int = 40) -> np.ndarray:  # (T, 17)
    values = np.zeros((frames, len(ACTION_UNITS)))
    values[:, [ACTION_UNITS.index(unit) for unit in active.split()]] = level
    return values


@pytest.mark.parametrize("emotion", PROTOTYPES)
@pytest.mark.parametrize("level", [1.5, 3.0, 5.0])
def test_prototypes_win(emotion: str, level: float) -> None:
    mean = Emfacs().probabilities(units(PROTOTYPES[emotion], level)).mean(axis=0)
    assert EMOTIONS[mean.argmax()] == emotion


def test_a_face_at_rest_is_neutral_and_stronger_is_more_emotional() -> None:
    engine = Emfacs()
    intensity = [emotional_intensity(engine.probabilities(units("06 12", level)))[0] for level in (0, 0.5, 1, 2, 4)]
    assert intensity[0] < 0.1
    assert all(np.diff(intensity) > 0)
    np.testing.assert_allclose(engine.probabilities(units("", 0)).sum(axis=1), 1)


@pytest.mark.parametrize("speech", ["25", "26", "25 26", "25 26 17 23"])
def test_speech_alone_is_neutral(speech: str) -> None:
    probabilities = Emfacs().probabilities(units(speech, 2.5))
    assert emotional_intensity(probabilities).max() < 0.35
    for emotion in ("surprise", "fear"):
        assert probabilities[:, EMOTIONS.index(emotion)].max() < 0.05


def test_a_single_frame_counts_little() -> None:
    flash = units("", 0, frames=50)
    flash[25] = units("04 07", 3.0, frames=1)
    held = units("04 07", 3.0, frames=50)
    angry = EMOTIONS.index("angry")
    assert Emfacs().probabilities(flash)[:, angry].max() < 0.3 * Emfacs().probabilities(held)[:, angry].max()
    sharp = Emfacs(EmotionSettings(smoothing_s=0.0)).probabilities(flash)[:, angry]
    assert sharp[25] > 0.9 and sharp[24] < 0.1


def test_frames_without_a_face_stay_empty() -> None:
    values = units("06 12", 2.0)
    values[5:9] = np.nan
    probabilities = Emfacs().probabilities(values)
    assert np.isnan(probabilities[5:9]).all()
    np.testing.assert_allclose(np.delete(probabilities, slice(5, 9), axis=0).sum(axis=1), 1)
    assert np.isnan(Emfacs().probabilities(np.full((3, 17), np.nan))).all()


def test_exception() -> None:
    with pytest.raises(ValueError, match="17"):
        Emfacs().probabilities(np.zeros((5, 16)))


def test_weights() -> None:
    matrix = weight_matrix()
    assert matrix.shape == (7, 17) and not matrix[EMOTIONS.index("neutral")].any()
    assert not matrix[:, [ACTION_UNITS.index(unit) for unit in ("25", "26", "45", "14")]].any()
    for emotion in SUPPORT:
        assert not set(SUPPORT[emotion]) & set(AGAINST[emotion])
        assert 1.4 <= sum(SUPPORT[emotion].values()) <= 2.4


def test_sheet(tmp_path: Path) -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    draw_emotion(tmp_path / "e.jpg", [image] * 4, Emfacs().probabilities(units("06 12", 2.0)), "smile")
    assert (tmp_path / "e.jpg").stat().st_size > 5000


@pytest.mark.shared
def test_openface_of_acted_emotions() -> None:
    """The rules on OpenFace's own static intensities of a MEAD actor, above her neutral clip."""
    folder = Path(__file__).parents[2] / "../shared/footage/openface"
    if not folder.exists():
        pytest.skip(f"{folder} is absent")
    import pandas as pd

    def read(name: str) -> np.ndarray:
        table = pd.read_csv(folder / f"w009-{name}-static.csv.gz")
        table.columns = table.columns.str.strip()
        return table[[f"AU{unit}_r" for unit in ACTION_UNITS]].to_numpy()

    rest = np.median(read("neutral-1"), axis=0)
    engine = Emfacs()
    calm = emotional_intensity(engine.probabilities(np.maximum(read("neutral-1") - rest, 0))).mean()
    found = {}
    names = {"disgusted": "disgust", "surprised": "surprise"}
    for acted in ("angry", "disgusted", "fear", "happy", "sad", "surprised"):
        mean = engine.probabilities(np.maximum(read(f"{acted}-3") - rest, 0)).mean(axis=0)
        assert 1 - mean[-1] > calm + 0.3
        ranked = [EMOTIONS[i] for i in np.argsort(-mean[:6])]
        found[acted] = ranked.index(names.get(acted, acted)) + 1
    assert sum(rank <= 2 for rank in found.values()) >= 5, found
