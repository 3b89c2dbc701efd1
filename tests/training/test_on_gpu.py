"""The loop on a CUDA device: it learns, and makes the host wait only inside gsplat."""

import warnings

import pytest
import torch

from benchmarks.synthetic import make_world
from emotag.motion.grmn import freeze_for_adaptation
from emotag.motion.settings import MotionSettings
from emotag.training.loop import train
from emotag.training.pretrain import make_network
from emotag.training.settings import LossWeights, TrainingSettings
from emotag.training.state import TrainingState, new_state

WARM, BATCH, STEPS = 25, 4, 60


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_steps_learn_and_do_not_wait_for_the_device() -> None:
    world = make_world(128, 3000, 80, torch.device("cuda"))
    weights = LossWeights(track=0.1, lips=1.0)
    settings = TrainingSettings(frames=STEPS * BATCH, static_frames=12, batch=BATCH, motion_windows=2, weights=weights)
    torch.manual_seed(0)
    grmn = make_network(MotionSettings(), [world.scene]).cuda()
    state = new_state(grmn, freeze_for_adaptation(grmn), [world.scene], settings)

    def watch(now: TrainingState) -> None:
        if now.frames_seen == WARM * BATCH:
            torch.cuda.set_sync_debug_mode("warn")

    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            train(world.head, state, settings, "gpu", after_step=watch)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    waits = {f"{w.filename}:{w.lineno}" for w in caught if "synchronizing CUDA operation" in str(w.message)}
    assert waits, "gsplat waits for the number of intersections: were warnings off?"
    assert all("gsplat" in place for place in waits), waits
    psnr = [row["psnr"] for row in state.log]
    assert len(psnr) == STEPS // 10
    assert psnr[-1] > psnr[0] + 1
    assert {"loss_depth", "loss_normal", "loss_kl", "loss_score", "loss_track", "loss_lips"} <= set(state.log[-1])


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
