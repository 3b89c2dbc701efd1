"""The loop on a CUDA device: it learns, and makes the host wait only inside gsplat."""

import warnings

import pytest
import torch

from benchmarks.synthetic import make_world
from emotag.device import move
from emotag.motion.grmn import freeze_for_adaptation
from emotag.motion.settings import MotionSettings
from emotag.training.loop import train
from emotag.training.pretrain import make_network
from emotag.training.scene import Scene, Shot
from emotag.training.settings import LossWeights, TrainingSettings
from emotag.training.state import TrainingState, new_state

WARM, BATCH, STEPS = 25, 4, 60


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(
    ("windows", "graphs", "share"), [(1, True, 0.0), (1, True, 0.5), (1, False, 0.0), (2, True, 0.0)]
)
def test_steps_learn_and_do_not_wait_for_the_device(
    windows: int, graphs: bool, share: float, capfd: pytest.CaptureFixture[str]
) -> None:
    world = make_world(128, 3000, 80, torch.device("cuda"))
    weights = LossWeights(track=0.1, lips=1.0, lids=1.0)
    settings = TrainingSettings(
        frames=STEPS * BATCH, static_frames=12, batch=BATCH, motion_windows=windows, weights=weights,
        cuda_graphs=graphs, tracked_share=share,
    )  # fmt: skip
    torch.manual_seed(0)
    grmn = make_network(MotionSettings(), [world.scene]).cuda()
    state = new_state(grmn, freeze_for_adaptation(grmn), [world.scene], settings)

    def watch(now: TrainingState) -> None:
        if now.frames_seen == WARM * BATCH:
            capfd.readouterr()
            torch.cuda.set_sync_debug_mode("warn")

    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            train(world.head, state, settings, "gpu", after_step=watch)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    message = "called a synchronizing CUDA operation"
    from_python = [f"{w.filename}:{w.lineno}" for w in caught if message in str(w.message)]
    waits = capfd.readouterr().err.count(message) + len(from_python)
    assert waits == STEPS - WARM, f"{waits} waits in {STEPS - WARM} steps, gsplat needs one each; {set(from_python)}"
    psnr = [row["psnr"] for row in state.log]
    assert len(psnr) == STEPS // 10
    assert max(psnr[-3:]) > psnr[0] + 0.5
    assert {"loss_depth", "loss_normal", "loss_kl", "loss_score", "loss_track", "loss_lips", "loss_lids"} <= set(
        state.log[-1]
    )


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_loss_that_is_not_finite_is_named_before_the_run_ends() -> None:
    world = make_world(96, 800, 70, torch.device("cuda"))
    with torch.no_grad():
        world.scene.splats.sh[0] = float("nan")
    settings = TrainingSettings(frames=20, static_frames=12, batch=4)
    grmn = make_network(MotionSettings(), [world.scene]).cuda()
    state = new_state(grmn, freeze_for_adaptation(grmn), [world.scene], settings)
    with pytest.raises(FloatingPointError, match=r"step 0: .*render"):
        train(world.head, state, settings, "gpu")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_replayed_steps_are_the_steps_launched_one_by_one(share: float) -> None:
    """Same losses to the accuracy of gsplat's atomics, over steps of both stages, and much the same on the CPU."""

    def losses(device: str, graphs: bool) -> list[dict[str, float]]:
        world = make_world(96, 1500, 80, torch.device("cpu"))
        scene = move_scene(world.scene, torch.device(device))
        torch.manual_seed(0)
        grmn = make_network(MotionSettings(), [world.scene])
        with torch.no_grad():
            for head in (grmn.base.face, grmn.base.mouth):
                torch.nn.init.normal_(head.weight, std=0.05)
        weights = LossWeights(track=0.1, lips=1.0, lids=1.0)
        settings = TrainingSettings(
            frames=160, static_frames=80, batch=4, motion_windows=1, weights=weights, cuda_graphs=graphs,
            tracked_share=share,
        )  # fmt: skip
        grmn = grmn.to(device)
        state = new_state(grmn, freeze_for_adaptation(grmn), [scene], settings)
        train(world.head.to(device), state, settings, "gpu")
        return state.log

    replayed, launched, on_cpu = losses("cuda", True), losses("cuda", False), losses("cpu", False)
    assert [row["stage"] for row in replayed] == ["appearance"] * 2 + ["joint"] * 2
    for other, tolerance in ((launched, 5e-3), (on_cpu, 3e-2)):
        for one, two in zip(replayed, other):
            assert set(one) == set(two)
            for name in (name for name in one if name.startswith("loss")):
                assert one[name] == pytest.approx(two[name], rel=tolerance, abs=1e-4), (name, one["frames_seen"])


def move_scene(scene: Scene, device: torch.device) -> Scene:
    shots = [
        Shot(move(shot.features, device), move(shot.frames, device), move(shot.geometry, device))
        for shot in scene.shots
    ]
    return Scene(
        move(scene.person, device), scene.splats.to(device), shots, move(scene.lips, device), move(scene.lids, device)
    )
