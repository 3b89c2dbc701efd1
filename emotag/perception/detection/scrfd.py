"""SCRFD (Guo et al., ICLR 2022) by insightface, the paper's face detector."""

from collections.abc import Sequence
from importlib.metadata import version

import numpy as np

from emotag.errors import InputError
from emotag.files import sha256
from emotag.perception.detection.detector import KEYPOINTS, Detection
from emotag.perception.detection.insightface_settings import InsightFaceSettings
from emotag.perception.onnx_session import open_session, require_input

_STEP = 32  # of the coarsest of its grids
_WITH_POINTS = (9, 15)  # outputs of networks that give five points beside scores and boxes
_DIGEST = 16


class Scrfd:
    """Finds faces with their eyes, nose and mouth; it does not see ears, whose keypoints are NaN."""

    engine = "insightface"

    def __init__(self, settings: InsightFaceSettings | None = None, *, min_score: float = 0.5) -> None:
        """Raises InputError when the weights are missing or are no SCRFD, or a side does not fit its grids."""
        settings = settings or InsightFaceSettings()
        path = settings.weights
        if any(side <= 0 or side % _STEP for side in settings.sides):
            raise InputError(f"crop.insightface.sides: {list(settings.sides)} must be multiples of {_STEP}")
        session = open_session(path)
        require_input(session, path, (None, 3, None, None))
        if len(session.get_outputs()) not in _WITH_POINTS:
            raise InputError(
                f"{path}: has {len(session.get_outputs())} outputs, not SCRFD's scores, boxes and points; take "
                "det_10g.onnx of insightface's buffalo_l"
            )

        from insightface.model_zoo.scrfd import SCRFD

        self._network = SCRFD(model_file=str(path), session=session)
        self._network.prepare(0, nms_thresh=settings.overlap, det_thresh=min_score)
        self._sides = [(side, side) for side in settings.sides]
        self.version = f"insightface-{version('insightface')}"
        self.digest = sha256(path)[:_DIGEST]

    def detect(
        self,
        image: np.ndarray,  # (H, W, 3) uint8 RGB
    ) -> list[Detection]:
        """Give every face, the most certain first; [] when there is none."""
        if min(image.shape[:2]) < 2:
            return []
        found, points = self._network.detect(np.ascontiguousarray(image[..., ::-1]), input_size=self._sides)
        return [
            Detection(row[:4].astype(np.float32), float(row[4]), to_keypoints(five)) for row, five in zip(found, points)
        ]


def to_keypoints(
    five: Sequence | np.ndarray,  # (5, 2) the eye on the image's left, the other, nose, mouth corners likewise
) -> np.ndarray:  # (6, 2) float32, in the order of KEYPOINTS
    """Give SCRFD's points under our names: the eye on the image's left is the person's right one."""
    right_eye, left_eye, nose, *corners = np.asarray(five, np.float32)
    keypoints = np.full((len(KEYPOINTS), 2), np.nan, np.float32)
    keypoints[:4] = right_eye, left_eye, nose, np.mean(corners, axis=0)
    return keypoints
