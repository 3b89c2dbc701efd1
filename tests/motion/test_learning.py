"""The network learns, in seconds, what only its parts together can know."""

import torch

from emotag.motion.grmn import GRMN
from emotag.motion.windows import predict_sequence
from emotag.training.losses.emotion import emotion_kl, gate_score

from .conftest import small_settings

HAPPY, NEUTRAL = 3, 6


def _scene(clips: int, length: int, seed: int) -> dict[str, torch.Tensor]:
    """Sound drives the jaw; a smile comes with emotion, which the sound does not tell and the upper face does."""
    generator = torch.Generator().manual_seed(seed)
    phase = 6.28 * torch.rand(clips, 1, generator=generator)
    time = torch.arange(length)[None] / 25
    opening = torch.sin(2 * 3.14159 * 1.3 * time + phase)
    audio = torch.randn(clips, length, 6, generator=generator) * 0.1
    audio[..., 0] += opening
    audio[..., 1] += torch.cos(2 * 3.14159 * 1.3 * time + phase)
    happy = (torch.rand(clips, 1, generator=generator) < 0.5).float().expand(clips, length)
    upper = torch.randn(clips, length, 3, generator=generator) * 0.1
    upper[..., 2] += happy  # a cheek raised through the whole window: a level, not a movement
    emotion = torch.zeros(clips, length, 7)
    emotion[..., HAPPY], emotion[..., NEUTRAL] = happy, 1 - happy
    return {"audio": audio, "upper": upper, "emotion": emotion, "jaw": 0.1 * opening, "smile": 0.8 * happy}


def _trained() -> GRMN:
    torch.manual_seed(0)
    grmn = GRMN(small_settings(window=32, overlap=8), 6, 3, 5, 4).train()
    optimizer = torch.optim.AdamW(grmn.parameters(), lr=4e-3, weight_decay=1e-2)
    scene = _scene(clips=64, length=32, seed=1)
    for step in range(150):
        pick = torch.randint(0, 64, (8,), generator=torch.Generator().manual_seed(step))
        motion = grmn(scene["audio"][pick], scene["upper"][pick], torch.ones(8, 5))
        jaw = ((motion.jaw[..., 0] - scene["jaw"][pick]) / 0.1).square().mean()
        smile = (motion.expression[..., 1] - scene["smile"][pick]).square().mean()
        emotion = scene["emotion"][pick]
        guidance = emotion_kl(motion.emotion_logits, emotion) + gate_score(motion.gate, 1 - emotion[..., NEUTRAL])
        optimizer.zero_grad()
        (jaw + smile + 0.3 * guidance).backward()
        optimizer.step()
    return grmn


def test_learns_lips_from_sound_and_the_smile_from_the_upper_face() -> None:
    grmn = _trained()
    scene = _scene(clips=6, length=90, seed=2)
    for clip in range(6):
        motion = predict_sequence(grmn, scene["audio"][clip], scene["upper"][clip], torch.ones(5))
        r = torch.corrcoef(torch.stack((motion.jaw[:, 0], scene["jaw"][clip])))[0, 1]
        assert r > 0.95
        assert (motion.expression[:, 1] - scene["smile"][clip]).abs().mean() < 0.15
        assert (motion.gate - (1 - scene["emotion"][clip, :, NEUTRAL])).abs().mean() < 0.2
        assert (motion.emotion_logits.argmax(-1) == scene["emotion"][clip].argmax(-1)).float().mean() > 0.9


def test_base_branch_cannot_know_the_smile() -> None:
    grmn = _trained()
    scene = _scene(clips=16, length=32, seed=3)
    base = grmn.eval()(scene["audio"], scene["upper"], torch.ones(16, 5)).base.expression[..., 1].mean(dim=1)
    happy = scene["smile"].mean(dim=1) > 0.4
    assert happy.any() and not happy.all()
    assert (base[happy].mean() - base[~happy].mean()).abs() < 0.1
