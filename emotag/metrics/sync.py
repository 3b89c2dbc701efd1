"""Sync-C and Sync-E: how well, and at which offset, lips and sound agree by SyncNet."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from emotag.device import choose_device
from emotag.files import sha256
from emotag.media.audio import SAMPLE_RATE
from emotag.metrics.face_crop import crop_faces, face_squares
from emotag.metrics.mfcc import mfcc
from emotag.metrics.sync_score import SyncScore
from emotag.metrics.sync_settings import SyncSettings
from emotag.metrics.syncnet import AUDIO_COLUMNS, AUDIO_STEP, WINDOW, load_syncnet
from emotag.tables import FPS

MAX_SHIFT = 15
"""Shifts of the sound that are tried, frames to each side."""

_INT16 = 32768


class SyncScorer:
    """SyncNet, loaded once."""

    engine = "syncnet"
    version = "2"

    def __init__(self, settings: SyncSettings) -> None:
        """Load the network. Raises InputError on a file that is not SyncNet."""
        self.settings = settings
        self.device = choose_device(settings.device)
        self._network = load_syncnet(settings.weights).to(self.device)
        self.weights = sha256(settings.weights)

    def score(
        self,
        frames: Iterable[np.ndarray],  # T of (H, W, 3) uint8 RGB at 25 fps
        points68: np.ndarray,  # (T, 68, 2) pixels
        valid: np.ndarray,  # (T,) bool
        waveform: np.ndarray,  # (N,) float in −1…1 at 16 kHz, from the first frame on
    ) -> SyncScore | None:
        """Score a clip; None when it shows no face or is shorter than six frames."""
        count = window_count(len(valid), len(waveform))
        if count < 1 or not valid.any():
            return None
        crops = crop_faces(frames, face_squares(points68, valid, self.settings.forehead))
        lips = torch.cat(list(self._lips(crops, count)))
        sound = torch.cat(list(self._sound(waveform, count)))
        return score(shift_distances(lips, sound), len(valid))

    @torch.inference_mode()
    def _lips(self, crops: Iterable[np.ndarray], count: int) -> Iterator[Tensor]:  # (≤ batch, 1024) each
        held: list[np.ndarray] = []
        done = 0
        for crop in crops:
            held.append(crop)
            wanted = min(self.settings.batch, count - done)
            if len(held) == wanted + WINDOW - 1:
                faces = torch.from_numpy(np.stack(held)).to(self.device).permute(3, 0, 1, 2).float()
                yield self._network.lips(faces)
                held, done = held[wanted:], done + wanted
            if done == count:
                return

    @torch.inference_mode()
    def _sound(self, waveform: np.ndarray, count: int) -> Iterator[Tensor]:
        samples = np.clip(np.round(waveform * _INT16), -_INT16, _INT16 - 1)
        windows = audio_windows(mfcc(samples, SAMPLE_RATE), count)
        for start in range(0, count, self.settings.batch):
            part = torch.from_numpy(windows[start : start + self.settings.batch]).float()
            yield self._network.sound(part[:, None].to(self.device))


def window_count(frames: int, samples: int) -> int:
    """Give the number of windows: what picture and sound have in common, less five frames (SyncNet's own count)."""
    return min(frames, samples * FPS // SAMPLE_RATE) - WINDOW


def audio_windows(
    coefficients: np.ndarray,  # (F, 13) at 100 Hz
    count: int,
) -> np.ndarray:  # (count, 13, 20)
    """Cut the sound of each window of lips: columns 4·frame … +20."""
    starts = AUDIO_STEP * np.arange(count)
    return coefficients[starts[:, None] + np.arange(AUDIO_COLUMNS)].transpose(0, 2, 1)


def shift_distances(
    lips: Tensor,  # (W, D)
    sound: Tensor,  # (W, D)
    limit: int = MAX_SHIFT,
) -> Tensor:  # (W, 2·limit + 1)
    """Give the Euclidean distance of each window of lips from the sound `shift` windows later, shifts −limit … +limit.

    Beyond the clip stands the zero vector, as in SyncNet's own evaluation, with which the numbers stay comparable.
    """
    padded = F.pad(sound, (0, 0, limit, limit))
    shifted = padded.unfold(0, 2 * limit + 1, 1).transpose(1, 2)  # (W, shifts, D)
    return F.pairwise_distance(lips[:, None], shifted)


def score(
    distances: Tensor,  # (W, 31)
    frames: int,  # T
) -> SyncScore:
    """Turn distances into confidence, distance and offset."""
    mean = distances.mean(dim=0)
    best = int(mean.argmin())
    by_shift = np.full((frames, len(mean)), np.nan, np.float32)
    centre = WINDOW // 2
    by_shift[centre : centre + len(distances)] = distances.cpu().numpy()
    confidence = float(mean.median() - mean[best])
    return SyncScore(confidence, float(mean[best]), MAX_SHIFT - best, by_shift[:, best], mean.cpu().numpy(), by_shift)
