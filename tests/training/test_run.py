"""Pretraining and adaptation on a tiny clip whose frames the test renders itself."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from emotag.avatar import FaceMotion, Person, pose_head, render_head
from emotag.camera import Camera
from emotag.head.model import HeadModel
from emotag.motion.grmn import GRMN
from emotag.motion.settings import MotionSettings
from emotag.splats.sampling import sample_splats
from emotag.splats.settings import SplatSettings
from emotag.training.adapt import adapt
from emotag.training.clip import ClipFeatures, ClipFrames, HeadPose, Window
from emotag.training.losses.regularisers import lid_loss, lip_loss
from emotag.training.pretrain import ALONE, make_network, pretrain
from emotag.training.sample import draw
from emotag.training.scene import Geometry, Scene, Shot, make_scene
from emotag.training.settings import AdaptSettings, LossWeights, PretrainSettings
from emotag.training.unit_fit import fit_unit_map, moves_upper_face

FRAMES, SIZE, SPLATS = 24, 48, 600
MOTION = MotionSettings(
    width=16, heads=2, audio_layers=1, audio_window=2, window=12, overlap=4, style_dim=2, mouth_code=4, mouth_width=8
)


def settings(**changes: object) -> AdaptSettings:
    weights = LossWeights(track=1.0, lips=1.0)
    return AdaptSettings(
        **{"frames": 24, "static_frames": 8, "batch": 2, "motion_windows": 2, "weights": weights} | changes
    )


@pytest.fixture
def make(synthetic_head: HeadModel) -> Callable[..., Scene]:
    head = synthetic_head

    def build(name: str = "ada", seed: int = 0, with_geometry: bool = False) -> Scene:
        generator = torch.Generator().manual_seed(seed)
        noise = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
        shape = 0.3 * noise(head.n_shape)
        person = Person(
            name,
            shape,
            2.2,
            torch.zeros(head.n_expression),
            torch.zeros(3),
            torch.nn.functional.normalize(noise(6), dim=0),
        )
        audio = noise(FRAMES, 5)
        pose = HeadPose(
            0.05 * noise(FRAMES, 3), 0.003 * noise(FRAMES, 3), torch.zeros(FRAMES, 3), torch.zeros(FRAMES, 6)
        )
        expression = torch.rand(FRAMES, head.n_expression, generator=generator)
        jaw = torch.stack((0.1 * audio[:, 0].abs(), torch.zeros(FRAMES), torch.zeros(FRAMES)), dim=1)
        emotion = torch.softmax(noise(FRAMES, 7), dim=1)
        features = ClipFeatures(
            f"{name}-clip", name, pose, expression, jaw, shape, 2.2, audio, torch.rand(FRAMES, 8, generator=generator),
            emotion, 1 - emotion[:, -1], torch.ones(FRAMES, dtype=torch.bool),
        )  # fmt: skip
        camera, window = Camera(2.2, SIZE, SIZE), Window(0, 0, SIZE, SIZE)
        true = sample_splats(head, head.shaped(shape), SplatSettings(count=SPLATS, seed=seed + 1))
        with torch.no_grad():
            true.sh.copy_(0.8 * noise(*true.sh.shape))
            face = FaceMotion(expression, jaw)
            vertices = pose_head(head, person, face, pose)
            render = render_head(head, true, vertices, face, pose, camera, window, with_geometry=True)
        colour = (render.colour.clamp(0, 1) * 255).byte()
        alpha = (render.alpha.clamp(0, 1) * 255).byte()
        geometry = None
        if with_geometry:
            assert render.depth is not None and render.features is not None
            geometry = Geometry(3 * render.depth + 1, render.features, render.alpha > 0.5)
        shot = Shot(features, ClipFrames(window, camera, colour, alpha), geometry)
        return make_scene(head, person, [shot], SplatSettings(count=SPLATS))

    return build


def test_adaptation_trains_splats_and_adain_and_leaves_every_other_weight_bit_identical(
    synthetic_head: HeadModel, make: Callable[..., Scene]
) -> None:
    scene = make(with_geometry=True)
    grmn = make_network(MOTION, [scene])
    before = {name: value.clone() for name, value in grmn.state_dict().items()}
    splats = {name: value.clone() for name, value in scene.splats.state_dict().items()}
    state = adapt(synthetic_head, scene, grmn, settings(motion_windows=1, weight_decay=0.1))
    trained = {name for name, _ in grmn.adain_parameters()}
    after = grmn.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert changed <= trained
    for name in ("means", "quaternions", "log_scales", "opacity_logits", "sh"):
        assert not torch.equal(splats[name], scene.splats.state_dict()[name]), name
    for name in ("binding", "mouth", "mouth_rest"):
        assert torch.equal(splats[name], scene.splats.state_dict()[name]), name
    # Depth and normals took part (Eq. 14).
    assert {"loss_depth", "loss_normal", "loss_kl", "loss_score", "loss_render", "loss_lips"} <= set(state.log[-1])


def test_without_the_geometry_loss_neither_depth_nor_normals_take_part(
    synthetic_head: HeadModel, make: Callable[..., Scene]
) -> None:
    logs = []
    for clip_has_it in (True, False):
        weights = LossWeights(track=1.0, lips=1.0, depth=0.0, normal=0.0)
        scene = make(with_geometry=clip_has_it)
        torch.manual_seed(0)
        state = adapt(synthetic_head, scene, make_network(MOTION, [scene]), settings(motion_windows=1, weights=weights))
        logs.append([{key: value for key, value in row.items() if key != "seconds"} for row in state.log])
    assert {"loss_depth", "loss_normal"}.isdisjoint(logs[0][-1])
    assert logs[0] == logs[1]


def test_curriculum_leaves_the_network_alone_at_first(synthetic_head: HeadModel, make: Callable[..., Scene]) -> None:
    scene = make()
    torch.manual_seed(0)
    grmn = make_network(MOTION, [scene])
    fit_unit_map(grmn, [scene], ALONE)
    before = {name: value.clone() for name, value in grmn.state_dict().items()}
    torch.manual_seed(0)
    static = settings(frames=8, static_frames=8, seed=0)
    after = pretrain(synthetic_head, [scene], MOTION, static).grmn.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_pretraining_improves_the_picture_and_the_motion(synthetic_head: HeadModel, make: Callable[..., Scene]) -> None:
    scenes = [make("ada", 0), make("bob", 5)]
    branches = MOTION.model_copy(update={"use_unit_map": False})  # its fit leaves little of the motion to learn
    weights = LossWeights(track=1.0)
    state = pretrain(synthetic_head, scenes, branches, settings(frames=240, static_frames=60, batch=4, weights=weights))
    psnr = [row["psnr"] for row in state.log]
    assert max(psnr[-3:]) > psnr[0] + 1
    # Expressions are drawn at random here; only the jaw follows the audio, and is learnt.
    track = [row["loss_track"] for row in state.log if "loss_track" in row]
    assert min(track[-3:]) < track[0]
    assert {row["identity"] for row in state.log} == {"ada", "bob"}


def test_killed_run_resumes_to_the_same_result(
    synthetic_head: HeadModel, make: Callable[..., Scene], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(checkpoint: Path | None, stop_at: int | None = None) -> dict[str, torch.Tensor]:
        def stop(state: object) -> None:
            if stop_at is not None and state.frames_seen >= stop_at:  # type: ignore[attr-defined]
                raise KeyboardInterrupt

        from emotag.training import pretrain as module

        train = module.train
        monkeypatch.setattr(module, "train", lambda *a, **k: train(*a, **k, after_step=stop))
        try:
            state = pretrain(synthetic_head, [make()], MOTION, settings(checkpoint_frames=8), checkpoint, "key")
        finally:
            monkeypatch.setattr(module, "train", train)
        return {**state.grmn.state_dict(), **state.scenes[0].splats.state_dict()}

    whole = run(None)
    checkpoint = tmp_path / "pretrain.pt"
    with pytest.raises(KeyboardInterrupt):
        run(checkpoint, stop_at=18)
    assert checkpoint.is_file()
    resumed = run(checkpoint)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_a_loss_that_is_not_finite_stops_training_and_names_step_and_term(
    synthetic_head: HeadModel, make: Callable[..., Scene]
) -> None:
    scene = make()
    with torch.no_grad():
        scene.splats.sh[0] = float("nan")
        scene.splats.opacity_logits[0] = 5.0
    with pytest.raises(FloatingPointError, match=r"step 0: .*render"):
        pretrain(synthetic_head, [scene], MOTION, settings())


def test_lips_that_move_as_tracked_cost_nothing(make: Callable[..., Scene]) -> None:
    scene = make()
    features = scene.shots[0].features
    points = scene.lips.points(features.expression, features.jaw)
    assert float(lip_loss(points, points)) < 0.01
    moved = points + torch.tensor([0.0, 0.002, 0.0])
    torch.testing.assert_close(lip_loss(moved, points), torch.tensor(1.0), rtol=1e-3, atol=1e-3)


def test_lips_that_part_cost_more_than_lips_that_shift(make: Callable[..., Scene]) -> None:
    scene = make()
    points = scene.lips.points(scene.shots[0].features.expression, scene.shots[0].features.jaw)
    shifted, parted = points.clone(), points.clone()
    shifted[:, [13, 14, 15, 17, 18, 19], 1] += 0.001  # both inner lips rise
    parted[:, [13, 14, 15], 1] += 0.001
    parted[:, [17, 18, 19], 1] -= 0.001
    torch.testing.assert_close(lip_loss(shifted, points), torch.tensor(0.15), rtol=0, atol=2e-3)
    torch.testing.assert_close(lip_loss(parted, points), torch.tensor(0.15 + 1.0), rtol=0, atol=2e-3)


def test_lids_that_miss_a_blink_cost_its_depth(make: Callable[..., Scene]) -> None:
    scene = make()
    points = scene.lids.points(scene.shots[0].features.expression, scene.shots[0].features.jaw)
    raised = points + torch.tensor([0.0, 0.003, 0.0])  # the head nods: no lid opens
    assert float(lid_loss(raised, points)) < 0.01
    shut = points.clone()
    shut[:, [1, 2, 7, 8], 1] -= 0.008
    torch.testing.assert_close(lid_loss(shut, points), torch.tensor(4.0), rtol=1e-3, atol=1e-3)


def test_drawn_frames_are_valid_and_inside_the_window(make: Callable[..., Scene]) -> None:
    scene = make()
    scene.shots[0].features.valid[:20] = False
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        sample = draw(scene, 12, 3, generator)
        assert len(sample.index) >= 1
        assert (sample.index >= 20).all()
        assert sample.start >= 0
        assert sample.start + sample.length <= FRAMES
        assert (sample.inside >= 0).all()
        assert (sample.inside < 12).all()


def test_colours_start_as_in_the_video(make: Callable[..., Scene]) -> None:
    scene = make()
    colours = scene.splats.sh[:, 0] * 0.28209479177387814 + 0.5
    assert colours.std(dim=0).max() > 0.05
    assert colours.min() >= -1e-4
    assert colours.max() <= 1 + 1e-4


def test_network_takes_its_units_from_the_corpus(make: Callable[..., Scene]) -> None:
    grmn: GRMN = make_network(MOTION, [make("ada", 0), make("bob", 1)])
    features = [make(name, seed).shots[0].features for name, seed in (("ada", 0), ("bob", 1))]
    torch.testing.assert_close(grmn.audio_mean, torch.cat([clip.audio for clip in features]).mean(0))
    torch.testing.assert_close(grmn.jaw_scale[0], torch.cat([clip.jaw for clip in features]).std(0)[0])


def test_unit_map_starts_at_the_corpus_and_without_pretraining_at_nothing(
    make: Callable[..., Scene], synthetic_head: HeadModel
) -> None:
    people = [make("ada", 0), make("bob", 1)]
    grmn = make_network(MOTION, people)
    fit_unit_map(grmn, people, ALONE)
    assert grmn.unit_map is not None
    assert torch.equal(grmn.unit_map.channels.bool(), moves_upper_face(people[0]))
    assert grmn.unit_map.linear.weight.abs().max() > 0
    untrained = pretrain(synthetic_head, people, MOTION, PretrainSettings(frames=0, static_frames=0)).grmn
    assert untrained.unit_map is not None and untrained.unit_map.linear.weight.abs().max() == 0
