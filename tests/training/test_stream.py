"""Long footage a stretch at a time: the right frames, the same whatever the speed of decoding, also after a resume."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from emotag.errors import InputError
from emotag.head.model import HeadModel
from emotag.media.video import write_lossless, write_video
from emotag.training import pretrain as pretraining
from emotag.training import stream
from emotag.training.clip import Window
from emotag.training.frames import head_cover, head_cover_of_key_frames, head_window, load_frames, split
from emotag.training.sample import draw
from emotag.training.scene import Scene
from emotag.training.settings import PretrainSettings
from emotag.training.state import TrainingState
from emotag.training.stream import Stream, StreamedFrames, Stretch, stretch_at, stretches
from tests.training.people import FOCAL, MOTION, SIDE, film, training_settings

FRAMES, HELD = 75, 16


def settings(**changes: object) -> PretrainSettings:
    return training_settings(**{"resident_frames": HELD, "stretch_renders": 6, "frames": 36} | changes)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Frame i has the colour of its number, and a head that walks to the right."""
    folder = tmp_path_factory.mktemp("clip")
    video, matte = folder / "clip.mp4", folder / "clip.mkv"
    shades = np.arange(FRAMES) * 3 + 10
    write_video(video, (np.full((SIDE, 64, 3), shade, np.uint8) for shade in shades), crf=1)

    def mattes() -> Iterator[np.ndarray]:
        for frame in range(FRAMES):
            image = np.zeros((SIDE, 64, 3), np.uint8)
            image[..., 0] = 255
            image[10:30, 12 + frame // 6 : 28 + frame // 6, 1] = 128 + frame
            yield image

    write_lossless(matte, mattes())
    return video, matte


def open_clip(clip: tuple[Path, Path]) -> StreamedFrames:
    return StreamedFrames(*clip, FOCAL, FRAMES, torch.device("cpu"))


def read(source: StreamedFrames, frames: range) -> tuple[Tensor, Tensor]:
    colour, alpha = source.room(len(frames))
    source.read(frames, colour, alpha)
    return colour, alpha


def test_the_window_holds_the_head_of_every_frame(clip: tuple[Path, Path]) -> None:
    # Columns 12 to 40 and rows 10 to 30, a margin of 2, a multiple of 16.
    assert head_window(head_cover(clip[1], FRAMES), clip[1]) == Window(10, 8, 32, 32)
    # The last key frame is 72: its head ends where that of the last frame does.
    assert head_window(head_cover_of_key_frames(clip[1]), clip[1]) == Window(10, 8, 32, 32)


def test_any_stretch_shows_the_frames_that_reading_all_shows(clip: tuple[Path, Path]) -> None:
    whole, streamed = load_frames(*clip, FOCAL), open_clip(clip)
    assert (whole.window, whole.camera) == (streamed.window, streamed.camera)
    assert whole.resident == range(FRAMES)
    for frames in (range(0, 5), range(7, 30), range(FRAMES - 1, FRAMES)):  # 7: neither matte nor colour starts there
        colour, alpha = read(streamed, frames)
        assert torch.equal(colour, whole.colour[frames.start : frames.stop])
        assert torch.equal(alpha, whole.head_alpha[frames.start : frames.stop])
    # The frames are those asked for, not merely the same in both.
    assert (whole.colour.float().mean(dim=(1, 2, 3)) - (torch.arange(FRAMES) * 3 + 10)).abs().max() < 2
    assert torch.equal(whole.head_alpha.amax(dim=(1, 2, 3)), (128 + torch.arange(FRAMES)).byte())


def test_frames_are_decoded_where_none_are_held_and_taken_where_they_are(clip: tuple[Path, Path]) -> None:
    whole, streamed = load_frames(*clip, FOCAL), open_clip(clip)
    assert len(streamed.resident) == 0
    index = torch.tensor([70, 3, 41])
    for got, expected in zip(streamed.select(index), whole.select(index)):
        assert torch.equal(got, expected)
    streamed.hold(20, *read(streamed, range(20, 36)))
    assert streamed.resident == range(20, 36)
    index = torch.tensor([35, 20])
    for got, expected in zip(streamed.select(index), whole.select(index)):
        assert torch.equal(got, expected)
    with pytest.raises(IndexError):
        streamed.select(torch.tensor([36]))
    streamed.release()
    assert len(streamed.resident) == 0


def test_a_file_that_ends_early_is_named(clip: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"clip.mp4: ends at frame 75"):
        read(open_clip(clip), range(70, 80))
    empty = tmp_path / "empty.mkv"
    write_lossless(empty, (np.zeros((SIDE, 64, 3), np.uint8) for _ in range(FRAMES)))
    with pytest.raises(InputError, match="no head in any frame"):
        StreamedFrames(clip[0], empty, FOCAL, FRAMES, torch.device("cpu"))
    with pytest.raises(InputError, match="no head in any frame"):
        load_frames(clip[0], empty, FOCAL)
    short = tmp_path / "short.mkv"
    write_lossless(short, (np.full((SIDE, 64, 3), 255, np.uint8) for _ in range(5)))
    with pytest.raises(InputError, match=r"short.mkv: 5 frames, but .*clip.mp4 has 75"):
        load_frames(clip[0], short, FOCAL)


def test_stretches_cover_every_frame_and_leave_out_what_cannot_be_used() -> None:
    valid = [torch.ones(100, dtype=torch.bool), torch.ones(10, dtype=torch.bool)]
    plan = stretches(valid, 32)
    assert [one.shot for one in plan] == [0, 0, 0, 0, 1]
    assert {frame for one in plan if one.shot == 0 for frame in one.frames} == set(range(100))
    assert all(len(one.frames) == 32 for one in plan if one.shot == 0)
    assert plan[-1] == Stretch(1, range(10))
    valid[0][:40] = False
    assert plan[0] not in stretches(valid, 32)


def test_turns_show_everything_once_before_anything_twice() -> None:
    plan = stretches([torch.ones(100, dtype=torch.bool)], 16)
    rounds = [[stretch_at(plan, "ada", 0, turn) for turn in range(k * len(plan), (k + 1) * len(plan))] for k in (0, 1)]
    starts = [[one.frames.start for one in round_] for round_ in rounds]
    assert sorted(starts[0]) == sorted(starts[1]) == [one.frames.start for one in plan]
    assert starts[0] != starts[1]
    assert starts[0] != [stretch_at(plan, "bob", 0, turn).frames.start for turn in range(len(plan))]
    assert starts[0] != [stretch_at(plan, "ada", 1, turn).frames.start for turn in range(len(plan))]


def test_steps_draw_held_frames_alone_and_windows_anywhere(synthetic_head: HeadModel, tmp_path: Path) -> None:
    scene = film(synthetic_head, frames=FRAMES).streamed_scene(synthetic_head, tmp_path)
    source, generator = scene.shots[0].frames, torch.Generator().manual_seed(0)
    assert isinstance(source, StreamedFrames)
    for held in (range(30, 46), range(40, 44)):  # more frames than a window has, and fewer
        source.hold(held.start, *read(source, held))
        samples = [draw(scene, 12, 3, generator) for _ in range(50)]
        assert {int(frame) for sample in samples for frame in sample.index} == set(held)
        assert all(len(sample.index) == 3 for sample in samples)
        assert all(sample.start >= 0 and sample.start + sample.length <= FRAMES for sample in samples)
    windows = [draw(scene, 12, 0, generator) for _ in range(200)]
    assert min(sample.start for sample in windows) < 5
    assert max(sample.start for sample in windows) > FRAMES - 17
    assert all(len(sample.index) == 0 for sample in windows)


class Watch:
    """What a run shows: which stretch each person held at each step."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.seen: list[tuple[int, tuple[range, ...]]] = []
        self._stop_at = stop_at

    def __call__(self, state: TrainingState) -> None:
        self.seen.append((state.frames_seen, tuple(scene.shots[0].frames.resident for scene in state.scenes)))
        if self._stop_at is not None and state.frames_seen >= self._stop_at:
            raise KeyboardInterrupt


Run = Callable[..., tuple[dict[str, Tensor], Watch]]


@pytest.fixture(scope="module")
def run(synthetic_head: HeadModel, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("people")
    people = [film(synthetic_head, name, seed, FRAMES) for name, seed in (("ada", 0), ("bob", 5))]
    train = pretraining.train

    def one(checkpoint: Path | None = None, stop_at: int | None = None) -> tuple[dict[str, Tensor], Watch]:
        scenes = [person.streamed_scene(synthetic_head, folder) for person in people]
        watch = Watch(stop_at)
        chosen = settings(checkpoint_frames=8)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pretraining, "train", lambda *a, **k: train(*a, **k, after_step=watch))
            patch.setattr(stream, "PART", 5)  # several threads a stretch
            try:
                state = pretraining.pretrain(synthetic_head, scenes, MOTION, chosen, checkpoint, "key")
            except KeyboardInterrupt:
                return {}, watch
        weights = {f"grmn.{name}": value for name, value in state.grmn.state_dict().items()}
        for scene in state.scenes:
            weights |= {f"{scene.person.name}.{name}": value for name, value in scene.splats.state_dict().items()}
        return weights, watch

    return one


@pytest.fixture(scope="module")
def whole(run: Run) -> tuple[dict[str, Tensor], Watch]:
    return run()


def test_a_resumed_run_sees_the_frames_of_an_uninterrupted_one(
    run: Run, whole: tuple[dict[str, Tensor], Watch], tmp_path: Path
) -> None:
    weights, watched = whole
    held = {frames for _, held in watched.seen for frames in held}
    assert len(held) > 4  # stretches were exchanged
    checkpoint = tmp_path / "pretrain.pt"
    run(checkpoint, stop_at=20)
    assert checkpoint.is_file()
    resumed, again = run(checkpoint)
    assert 0 < again.seen[0][0] <= 20
    assert again.seen == watched.seen[-len(again.seen) :]
    assert all(torch.equal(weights[name], resumed[name]) for name in weights)


def test_decoding_slowly_changes_nothing(
    run: Run, whole: tuple[dict[str, Tensor], Watch], monkeypatch: pytest.MonkeyPatch
) -> None:
    decode = StreamedFrames.read

    def slow(self: StreamedFrames, frames: range, *room: Tensor) -> None:
        time.sleep(0.03 * (frames.start % 3))
        decode(self, frames, *room)

    monkeypatch.setattr(StreamedFrames, "read", slow)
    slowly, _ = run()
    assert all(torch.equal(whole[0][name], slowly[name]) for name in whole[0])


def test_decoding_never_runs_further_ahead_than_said(
    synthetic_head: HeadModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "AHEAD", 2)
    scenes: list[Scene] = []
    for seed in range(4):
        scene = film(synthetic_head, f"p{seed}", seed, FRAMES).streamed_scene(synthetic_head, tmp_path)
        scenes.append(scene)
    with Stream(scenes, settings()) as streaming:
        state = TrainingState(None, scenes, None, torch.Generator())  # type: ignore[arg-type]
        for _ in range(10):
            streaming.before_step(state)
            assert all(len(scene.shots[0].frames.resident) == HELD for scene in scenes)
            assert len(streaming._waiting) <= 2
            for scene in scenes:
                scene.frames_seen += 3
    assert all(len(scene.shots[0].frames.resident) == 0 for scene in scenes)


def test_a_clip_that_cannot_be_read_stops_training_with_its_name(synthetic_head: HeadModel, tmp_path: Path) -> None:
    person = film(synthetic_head, frames=FRAMES)
    scene = person.streamed_scene(synthetic_head, tmp_path)
    (tmp_path / "ada-clip.mp4").unlink()
    with pytest.raises(InputError, match=r"ada-clip.mp4: not found"):
        pretraining.pretrain(synthetic_head, [scene], MOTION, settings())


@pytest.mark.parametrize(("count", "parts"), [(10, 3), (2, 5), (1, 1), (0, 4)])
def test_split_covers_all_frames_in_order(count: int, parts: int) -> None:
    pieces = split(count, parts)
    assert [frame for piece in pieces for frame in piece] == list(range(count))
    assert len(pieces) <= parts
    assert max(map(len, pieces)) - min(map(len, pieces)) <= 1
