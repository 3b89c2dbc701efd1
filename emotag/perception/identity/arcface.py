"""ArcFace (Deng et al., CVPR 2019) by insightface: the mean embedding of aligned faces."""

from collections.abc import Iterable
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from emotag.errors import InputError
from emotag.files import sha256
from emotag.perception.identity.five_points import SIDE, align
from emotag.perception.identity.network_settings import ArcFaceSettings
from emotag.perception.identity.protocol import EMBEDDING, Array, mean_direction
from emotag.perception.onnx_session import open_session, require_input

_DIGEST = 16


class ArcFace:
    """512 numbers a face; insightface itself knows how each of its networks wants the pixels."""

    name = "arcface"
    open_mouth_cost = 0.0

    def __init__(self, settings: ArcFaceSettings | None = None) -> None:
        """Raises InputError when the weights are missing or are no recognition network."""
        path = (settings or ArcFaceSettings()).weights
        session = open_session(path)
        require_input(session, path, (None, 3, SIDE, SIDE))
        outputs = session.get_outputs()
        if len(outputs) != 1 or outputs[0].shape[-1] != EMBEDDING:
            raise InputError(f"{path}: gives no embedding of {EMBEDDING} numbers; is it a recognition network?")

        from insightface.model_zoo.arcface_onnx import ArcFaceONNX

        self._network = ArcFaceONNX(model_file=str(path), session=session)
        self.version = f"insightface-{version('insightface')}"
        self.weights = sha256(path)[:_DIGEST]

    def embed(
        self,
        points: NDArray[np.floating],  # (N, 468, 3)
        images: Iterable[NDArray[np.uint8]],
    ) -> Array:  # (512,)
        """See IdentityEngine.embed. Raises ValueError when images and points disagree."""
        faces = (align(image[..., ::-1], face) for image, face in zip(images, points, strict=True))  # it takes BGR
        return mean_direction(np.stack([self._network.get_feat(face)[0] for face in faces]))
