"""DeepFace's emotion network (Serengil and Ozpinar, 2021; trained on FER-2013), the paper's emotion teacher."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotag.errors import InputError
from emotag.files import sha256
from emotag.perception.emotion.deepface_settings import DeepFaceSettings
from emotag.perception.emotion.face_cut import cut_face
from emotag.perception.emotion.protocol import EMOTIONS, Array, Sources

_CLIENT = "deepface.models.demography.onnx.Emotion"  # named, since deepface itself would prefer torch where it finds it
_SIDE = 224  # DeepFace letterboxes a face to this before its network's own preprocessing
_DIGEST = 16


class DeepFaceEmotion:
    """The distribution that DeepFace gives for each frame by itself, faces cut out by our landmarks.

    Does what `DeepFace.analyze(face, actions=["emotion"], detector_backend="skip")` does, many faces at a time.
    """

    name = "deepface"
    looks = True

    def __init__(self, settings: DeepFaceSettings | None = None) -> None:
        """Load the network; nothing is ever downloaded. Raises InputError when it is missing or cannot be loaded."""
        self.settings = settings or DeepFaceSettings()
        path = self.settings.weights
        if not path.is_file():  # or DeepFace would fetch it
            raise InputError(f"{path}: not found; `emotag doctor` says where to get it")
        self.version = version("deepface")
        self.weights = sha256(path)[:_DIGEST]
        with _home(str(self.settings.home)):
            client = import_module(_CLIENT)
            if tuple(client.labels) != EMOTIONS:
                raise InputError(f"deepface {self.version} orders its emotions as {client.labels}; install 0.0.103")
            try:
                self._network = client.EmotionClient()
            except (ValueError, RuntimeError) as error:
                reason = str(error.__cause__ or error).strip().splitlines()[0]
                raise InputError(f"{path}: not DeepFace's network ({reason}); get it again") from None
        self._batch = self.settings.batch if self._takes_batches() else 1

    def read(self, sources: Sources) -> Array:  # (T, 7)
        """See EmotionEngine.read. Raises InputError when frames and landmarks disagree or a face cannot be cut out."""
        clip = sources.faces()
        result = np.full((len(clip.valid), len(EMOTIONS)), np.nan)
        faces = self._faces(clip.video, clip.images(), clip.points, clip.valid)
        while batch := list(islice(faces, self._batch)):
            frames, pictures = zip(*batch)
            result[list(frames)] = self.probabilities(list(pictures))
        return result

    def probabilities(
        self,
        faces: list[NDArray[np.uint8]],  # each (h, w, 3) BGR
    ) -> Array:  # (N, 7) rows sum to 1
        """Give DeepFace's distribution for faces that are cut out already; at most `batch` at a time."""
        from deepface.modules.preprocessing import resize_image

        squares = np.concatenate([resize_image(face / 255, (_SIDE, _SIDE)) for face in faces])
        found = np.atleast_2d(np.asarray(self._network.predict(squares), np.float64))
        if found.shape != (len(faces), len(EMOTIONS)) or not (
            np.isfinite(found).all() and (found.sum(axis=1) > 0).all()
        ):
            raise InputError(
                f"{self.settings.weights}: gives {found.shape[1:]} numbers a face that are no probabilities of "
                f"{len(EMOTIONS)} emotions; is it DeepFace's emotion network?"
            )
        return found / found.sum(axis=1, keepdims=True)

    def _faces(self, video: Any, images: Any, points: Any, valid: Any) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        count = 0
        for frame, image in enumerate(images):
            count += 1
            if frame < len(valid) and valid[frame]:
                try:
                    face = cut_face(image, points[frame], margin=self.settings.margin, level=self.settings.level)
                except ValueError as error:
                    raise InputError(f"{video}, frame {frame}: {error}; run stage 'landmarks' again") from None
                yield frame, np.ascontiguousarray(face[..., ::-1])
        if count != len(valid):
            raise InputError(f"{video}: {count} frames for {len(valid)} rows of landmarks; run stage 'landmarks' again")

    def _takes_batches(self) -> bool:
        """Say whether the network was exported for any number of faces."""
        return not isinstance(self._network.model.get_inputs()[0].shape[0], int)


@contextmanager
def _home(folder: str) -> Iterator[None]:
    """Set DEEPFACE_HOME for the block only."""
    before = os.environ.get("DEEPFACE_HOME")
    os.environ["DEEPFACE_HOME"] = folder
    try:
        yield
    finally:
        if before is None:
            del os.environ["DEEPFACE_HOME"]
        else:
            os.environ["DEEPFACE_HOME"] = before
