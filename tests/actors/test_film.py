"""A short take, small: the video, its sound, and a truth that agrees with the picture."""

from pathlib import Path

import av
import numpy as np
import pytest

from emotag.actors.actor import draw_actor
from emotag.actors.film import Film
from emotag.actors.posed import posed
from emotag.actors.settings import FilmSettings, LineSettings
from emotag.actors.take import Take, rehearse
from emotag.actors.truth import write_truth
from emotag.head.model import HeadModel
from emotag.head.open_head.assemble import open_head
from emotag.media.audio import read_audio
from emotag.media.video import AI_MARK, read_frames, read_lossless
from emotag.perception.geometry.files import GeometryPaths, read_geometry
from emotag.perception.tracking.track import Track
from emotag.tables import column, read_metadata, read_table

SETTINGS = FilmSettings(picture_size=128, maps_size=64, lead_s=0.1, pause_s=0.1)
LINES = [LineSettings(text="Up!", emotion="happy", level=3), LineSettings(text="Ah.")]


@pytest.fixture(scope="module")
def head() -> HeadModel:
    model = open_head()
    # The table wants the dense landmarks; any will do here.
    from dataclasses import replace

    from emotag.head.model import LandmarkEmbedding

    index = np.resize(np.arange(68), 468)
    sparse = model.landmarks68
    return replace(model, landmarks468=LandmarkEmbedding(sparse.triangles[index], sparse.weights[index]))


@pytest.fixture(scope="module")
def filmed(head: HeadModel, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Take, Film]:
    folder = tmp_path_factory.mktemp("film")
    actor = draw_actor(5, "male")
    take = rehearse(head, actor, actor.voice, LINES, 7, SETTINGS)
    film = Film(head, actor, take, SETTINGS)
    kept = film.shoot(folder / "take.mp4", folder / "maps", {"engine": "actors"}, (0, 3))
    assert sorted(kept) == [0, 3]
    write_truth(
        folder / "truth.parquet", "take", head, actor.shape, take.performance, take.phones, film.camera, {"head": "h"}
    )
    return folder, take, film


def test_video_has_every_frame_and_the_whole_sound(filmed: tuple[Path, Take, Film]) -> None:
    folder, take, _ = filmed
    assert read_frames(folder / "take.mp4").shape == (take.frames, 128, 128, 3)
    assert len(take.samples) / take.rate == pytest.approx(take.frames / 25, abs=1e-3)
    heard = read_audio(folder / "take.mp4")
    assert len(heard) / 16000 == pytest.approx(take.frames / 25, abs=0.1)
    loud = np.abs(take.samples).argmax() / take.rate
    assert abs(np.abs(heard).argmax() / 16000 - loud) < 0.02
    with av.open(str(folder / "take.mp4")) as container:
        assert container.metadata["comment"] == AI_MARK


def test_truth_is_a_track_with_more(filmed: tuple[Path, Take, Film], head: HeadModel) -> None:
    folder, take, film = filmed
    track, table = Track.load(folder / "truth.parquet"), read_table(folder / "truth.parquet")
    assert read_metadata(folder / "truth.parquet") == {"head": "h"}
    wanted = posed(head, film.actor.shape, take.performance).numpy()
    np.testing.assert_allclose(track.vertices(head).numpy(), wanted, atol=1e-6)
    points = column(table, "points68").reshape(-1, 68, 2)
    assert ((points > 10) & (points < 118)).all()
    assert points[:, 8, 1].min() > points[:, 27, 1].max()  # the chin is below the nose's root
    p_emo = np.stack([column(table, f"p_{name}") for name in ("happy", "neutral")], axis=1)
    np.testing.assert_allclose(p_emo.sum(1), 1, atol=1e-5)
    assert column(table, "e").max() > 0.6
    assert set(table.column("phone").to_pylist()) > {"", "p"}


def test_maps_agree_with_the_picture_and_the_mesh(filmed: tuple[Path, Take, Film], head: HeadModel) -> None:
    folder, take, film = filmed
    matte = read_lossless(folder / "maps" / "matte.mkv")
    paths = [folder / "maps" / name for name in ("depth.mkv", "normal.mkv", "geometry.json")]
    geometry = read_geometry(GeometryPaths(*paths))
    assert matte.shape == (take.frames, 128, 128, 3)
    assert geometry.depth.shape == (take.frames, 64, 64)
    assert (matte[..., 1] <= matte[..., 0]).all()
    assert 0.15 < (matte[..., 0] > 127).mean() < 0.8
    coarse = matte[:, 1::2, 1::2, 0]
    assert geometry.mask[coarse == 255].mean() > 0.99
    assert not geometry.mask[coarse == 0].any()
    nose = posed(head, film.actor.shape, take.performance)[:, head.faces[head.landmarks68.triangles[30], 0]]
    pixel, depth = film.camera.resized(64, 64).project(nose)
    for frame in range(take.frames):
        x, y = pixel[frame].int().tolist()
        assert abs(geometry.depth[frame, y, x] - float(depth[frame])) < 0.012
        assert geometry.normal[frame, y, x, 2] > 0.3


def test_the_same_take_is_the_same_film(head: HeadModel, filmed: tuple[Path, Take, Film], tmp_path: Path) -> None:
    folder, take, _ = filmed
    actor = draw_actor(5, "male")
    again = rehearse(head, actor, actor.voice, LINES, 7, SETTINGS)
    np.testing.assert_array_equal(again.samples, take.samples)
    Film(head, actor, again, SETTINGS).shoot(tmp_path / "take.mp4", None, {})
    np.testing.assert_array_equal(read_frames(tmp_path / "take.mp4"), read_frames(folder / "take.mp4"))


def test_levels_and_emotions_are_checked() -> None:
    with pytest.raises(ValueError, match="neutral has level 0"):
        LineSettings(text="Ah", emotion="neutral", level=2)
    with pytest.raises(ValueError, match="neutral has level 0"):
        LineSettings(text="Ah", emotion="happy")
