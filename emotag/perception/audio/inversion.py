"""Acoustic-to-articulatory inversion: what the visible mouth does, read off the sound by a small network.

Residual blocks of dilated depthwise convolutions over 10 ms log-mel spectra, 0.4 s to each side; 16 outputs
between 0 and 1, the classes of `emotag.perception.audio.articulation`. It knows neither words nor languages.
`python -m benchmarks.inversion` taught it with the sound and the phones of a speech synthesizer in many voices and
languages; no recording of a person is in it.
"""

from functools import lru_cache
from importlib.resources import files
from typing import IO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emotag.perception.audio.articulation import CLASSES

FILE = "inversion.npz"
BANDS = 40
"""Mel bands of a column, each with zero mean and unit variance over the clip's speech."""

_WIDTH, _EXPANSION, _TAPS = 64, 2, 5
_DILATIONS = (1, 2, 4, 8, 4, 2)
REACH = _TAPS // 2 * (1 + sum(_DILATIONS))
"""Columns that an output hears before and after its own."""


class _Block(nn.Module):
    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.depth = nn.Conv1d(_WIDTH, _WIDTH, _TAPS, dilation=dilation, padding="same", groups=_WIDTH)
        self.norm = nn.BatchNorm1d(_WIDTH)  # constant once learnt: a column does not depend on the clip's length
        self.up = nn.Conv1d(_WIDTH, _EXPANSION * _WIDTH, 1)
        self.down = nn.Conv1d(_EXPANSION * _WIDTH, _WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, M) -> the same
        out: Tensor = x + self.down(nn.functional.gelu(self.up(self.norm(self.depth(x)))))
        return out


class Inversion(nn.Module):
    """Log-mel columns to logits of the articulatory classes, column by column."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(BANDS, _WIDTH, _TAPS, padding="same")
        self.blocks = nn.Sequential(*(_Block(dilation) for dilation in _DILATIONS))
        self.last = nn.Conv1d(_WIDTH, len(CLASSES), 1)

    def forward(
        self,
        columns: Tensor,  # (B, M, BANDS) normalised log-mel, 10 ms apart
    ) -> Tensor:  # (B, M, A) logits
        """Hear; the outer REACH columns at both ends lack context."""
        out: Tensor = self.last(self.blocks(self.first(columns.transpose(1, 2)))).transpose(1, 2)
        return out

    @torch.no_grad()
    def articulation(
        self,
        columns: NDArray[np.float32],  # (M, BANDS)
    ) -> NDArray[np.float32]:  # (M, A) in [0, 1], in the order of CLASSES
        """Tell how much of each class there is in every column; what lies beyond the ends sounds like the ends."""
        padded = np.pad(columns, ((REACH, REACH), (0, 0)), mode="edge")
        heard = self(torch.from_numpy(padded)[None])[0, REACH : REACH + len(columns)]
        result: NDArray[np.float32] = heard.sigmoid().numpy()
        return result


def save(network: Inversion, file: IO[bytes]) -> None:
    """Write the weights in half precision."""
    state = {name: value for name, value in network.state_dict().items() if value.is_floating_point()}
    np.savez_compressed(file, **{name: value.cpu().numpy().astype(np.float16) for name, value in state.items()})


@lru_cache(maxsize=1)
def inversion() -> Inversion:
    """Load the network that comes with the package."""
    network = Inversion().eval().requires_grad_(False)
    with files("emotag.perception.audio").joinpath(FILE).open("rb") as file, np.load(file) as arrays:
        state = {name: torch.from_numpy(arrays[name].astype(np.float32)) for name in arrays.files}
    missing = network.load_state_dict(state, strict=False).missing_keys
    assert all(name.endswith("num_batches_tracked") for name in missing), missing
    return network
