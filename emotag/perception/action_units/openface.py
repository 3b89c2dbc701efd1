"""OpenFace 2 (Baltrusaitis et al., FG 2018): its own program, in a container or not, or the tables it wrote before."""

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from emotag.errors import InputError
from emotag.external.program import Finished, run_program
from emotag.files import sha256
from emotag.perception.action_units.openface_settings import OpenFaceSettings
from emotag.perception.action_units.openface_table import OpenFaceTable, judge, on_our_clock, read_openface
from emotag.perception.action_units.protocol import ACTION_UNITS, Array, FaceClip, Levels
from emotag.tables import FPS

_OUTPUT = "table"  # no dot in it: -of would lose what follows
_VIDEO_INSIDE, _OUT_INSIDE = "/clip", "/tables"  # folders of the container
_ASK_S = 60.0  # for short questions to the container program
_DIGEST = 16


class OpenFace:
    """Intensities as OpenFace gives them; they are not told above anybody's rest."""

    name = "openface"
    version = "2"
    above_rest = False

    def __init__(self, settings: OpenFaceSettings | None = None) -> None:
        self.settings = settings or OpenFaceSettings()
        self.weights = self._digest()

    def read(self, clip: FaceClip) -> Levels:
        """See ActionUnitEngine.read: the verdict is the table's, since the program's exit code lies.

        Raises InputError when there is no table, when it is not of this clip, or when the face was not seen.
        """
        frames = len(clip.valid)
        if self.settings.tables is not None:
            path = _table_of(self.settings.tables, clip.name)
            table, note = read_openface(path), {"mode": "imported", "table": sha256(path)[:_DIGEST]}
            gap: float | None = self.settings.max_end_gap_s
        else:
            mode = self.mode(frames)
            table, note, gap = self._run(clip, mode, frames), {"mode": mode}, None
        judge(table, frames, min_success=self.settings.min_success, max_end_gap_s=gap)
        values, _ = on_our_clock(table, frames)
        return Levels(values, False, {**note, "mean_success": round(float(table.success.mean()), 4)})

    def neutral(self, clips: Iterable[Levels]) -> Array:  # (17,)
        """Give zeros: OpenFace's own intensities stand above its training set's rest, or the clip's median."""
        return np.zeros(len(ACTION_UNITS))

    def intensities(self, levels: Levels, neutral: Array | None = None) -> Array:  # (T, 17)
        """See ActionUnitEngine.intensities: what was read."""
        return levels.values

    def mode(self, frames: int) -> str:
        """Give "static" or "dynamic" for a clip of this length; truth and render of one clip so get the same."""
        if self.settings.mode != "auto":
            return self.settings.mode
        return "static" if frames / FPS < self.settings.static_below_s else "dynamic"

    def _run(self, clip: FaceClip, mode: str, frames: int) -> OpenFaceTable:
        if not clip.video.exists():
            raise InputError(f"{clip.video}: not found; run the stage that makes it (`dvc repro`)")
        limit_s = self.settings.start_limit_s + self.settings.frame_limit_s * frames
        with tempfile.TemporaryDirectory(prefix="emotag-openface-") as folder:
            run = self._contained if self.settings.image else self._local
            done = run(clip.video.resolve(), Path(folder).resolve(), mode, limit_s)
            path = Path(folder) / f"{_OUTPUT}.csv"
            if not path.exists():
                raise InputError(
                    f"{clip.video}: OpenFace wrote no table (exit code {done.code}: {done.last_words}); run "
                    "FeatureExtraction on it by hand, and check its models"
                )
            return read_openface(path, str(clip.video))

    def _arguments(self, video: str, folder: str, mode: str) -> list[str]:
        arguments = ["-f", video, "-out_dir", folder, "-of", _OUTPUT, "-aus"]  # without -aus it writes everything
        if self.settings.landmark_model:
            arguments += ["-mloc", self.settings.landmark_model]
        return [*arguments, "-au_static"] if mode == "static" else arguments

    def _local(self, video: Path, folder: Path, mode: str, limit_s: float) -> Finished:
        program = _executable(self.settings.program)
        command = [str(program), *self._arguments(str(video), str(folder), mode)]
        return run_program(command, limit_s=limit_s, cwd=program.parent)  # it looks for its models where it stands

    def _contained(self, video: Path, folder: Path, mode: str, limit_s: float) -> Finished:
        container, name = self.settings.container, f"emotag-openface-{uuid.uuid4().hex[:12]}"
        inside = f"{_VIDEO_INSIDE}/{video.name}"
        command = [
            container, "run", "--rm", "--name", name, "--network", "none", "--user", f"{os.getuid()}:{os.getgid()}",
            "--volume", f"{video.parent}:{_VIDEO_INSIDE}:ro", "--volume", f"{folder}:{_OUT_INSIDE}",
            "--entrypoint", self.settings.image_program, self.settings.image,
            *self._arguments(inside, _OUT_INSIDE, mode),
        ]  # fmt: skip
        return run_program(command, limit_s=limit_s, on_stop=lambda: _ask([container, "kill", name]))

    def _digest(self) -> str:
        """Name what makes the intensities: the program, the image, or that they came as tables."""
        if self.settings.tables is not None:
            return "imported"
        if not self.settings.image:
            return sha256(_executable(self.settings.program))[:_DIGEST]
        found = _ask([self.settings.container, "image", "inspect", "--format", "{{.Id}}", self.settings.image])
        if not found:
            raise InputError(
                f"action_units.openface.image: {self.settings.container} has no image '{self.settings.image}'; pull "
                "or build it first, or name another"
            )
        return found.removeprefix("sha256:")[:_DIGEST]


def _table_of(folder: Path, clip: str) -> Path:
    for suffix in ("csv", "csv.gz"):
        path = folder / f"{clip}.{suffix}"
        if path.exists():
            return path
    raise InputError(
        f"{folder / clip}.csv: no such table of OpenFace; make it from the clip's video, or clear "
        "action_units.openface.tables so that the program runs"
    )


def _executable(name: str) -> Path:
    found = shutil.which(name)
    if found is None:
        raise InputError(f"action_units.openface.program: no executable '{name}'; name the path of FeatureExtraction")
    return Path(found).resolve()  # through links: the models lie beside the file itself


def _ask(command: list[str]) -> str:
    """Give the answer of a short command, "" when it has none."""
    options: dict[str, Any] = {"capture_output": True, "text": True, "timeout": _ASK_S, "check": False}
    try:
        return str(subprocess.run(command, stdin=subprocess.DEVNULL, **options).stdout).strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""
