"""AdaFace (Kim, Jain, Liu, CVPR 2022): the mean embedding of aligned faces, from its checkpoint or an ONNX export."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emotag.errors import InputError
from emotag.files import sha256
from emotag.perception.identity.five_points import SIDE, align
from emotag.perception.identity.network_settings import AdaFaceSettings
from emotag.perception.identity.protocol import EMBEDDING, Array, mean_direction

_PREFIX = "model."  # of the network among the checkpoint's names; the training head has another
_DIGEST = 16


class AdaFace:
    """512 numbers a face; blue comes first, as its authors trained it."""

    name = "adaface"
    open_mouth_cost = 0.0

    def __init__(self, settings: AdaFaceSettings | None = None) -> None:
        """Raises InputError when the weights are missing or are not AdaFace's."""
        path = (settings or AdaFaceSettings()).weights
        self._network, self.version = _from_onnx(path) if path.suffix == ".onnx" else _from_checkpoint(path)
        self.weights = sha256(path)[:_DIGEST]

    def embed(
        self,
        points: NDArray[np.floating],  # (N, 468, 3)
        images: Iterable[NDArray[np.uint8]],
    ) -> Array:  # (512,)
        """See IdentityEngine.embed. Raises ValueError when images and points disagree."""
        faces = (prepare(align(image, face)) for image, face in zip(images, points, strict=True))
        return mean_direction(np.stack([self._network(face) for face in faces]))


def prepare(
    face: NDArray[np.uint8],  # (112, 112, 3) RGB
) -> NDArray[np.float32]:  # (1, 3, 112, 112) BGR in [-1, 1]
    """Give an aligned face as AdaFace takes it."""
    scaled = (face[..., ::-1].astype(np.float32) / 255 - 0.5) / 0.5
    return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])


_Network = Callable[[NDArray[np.float32]], Array]  # (1, 3, 112, 112) -> (512,)


def _from_checkpoint(path: Path) -> tuple[_Network, str]:
    import torch

    from emotag.perception.identity.checkpoint import read_state
    from emotag.perception.identity.ir_network import load_ir

    try:
        network = load_ir(read_state(path, _PREFIX))
    except ValueError as error:
        raise InputError(f"{path}: not AdaFace's network ({error}); IR-18 to IR-100 are known") from None

    def run(face: NDArray[np.float32]) -> Array:
        with torch.inference_mode():
            return network(torch.from_numpy(face))[0].numpy().astype(np.float64)

    return run, f"ir{network.layers}"


def _from_onnx(path: Path) -> tuple[_Network, str]:
    from emotag.perception.onnx_session import open_session, require_input

    session = open_session(path)
    name = require_input(session, path, (None, 3, SIDE, SIDE))
    outputs = [output.name for output in session.get_outputs() if output.shape[-1:] == [EMBEDDING]]
    if not outputs:
        raise InputError(f"{path}: gives no embedding of {EMBEDDING} numbers; is it a recognition network?")

    def run(face: NDArray[np.float32]) -> Array:
        return np.asarray(session.run(outputs[:1], {name: face})[0][0], np.float64)

    return run, "onnx"
