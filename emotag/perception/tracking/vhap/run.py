"""Running VHAP: its three commands, in its own environment, on one clip of ours."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from emotag.errors import InputError
from emotag.external.program import last_lines, run_program
from emotag.files import read_json, sha256, write_json
from emotag.perception.tracking.vhap.read import latest_tracking
from emotag.perception.tracking.vhap.settings import VhapSettings

_ASK_S = 20.0  # for git's answer
_COMMIT_DIGITS = 12

_HELD = {
    "lmk_init_rigid": ("pose",),
    "lmk_init_all": ("pose", "joints", "expr"),
    "lmk_sequential_tracking": ("pose", "joints", "expr"),
    "lmk_global_tracking": ("pose", "joints", "expr"),
    "rgb_init_texture": ("texture", "lights"),
    "rgb_init_all": ("pose", "joints", "expr", "texture", "lights"),
    "rgb_init_offset": ("pose", "joints", "expr", "texture", "lights"),
    "rgb_sequential_tracking": ("pose", "joints", "expr", "texture"),
    "rgb_global_tracking": ("pose", "joints", "expr", "texture", "lights"),
}
"""What VHAP's stages fit when camera, shape and static offset are the reference clip's: the rest of its defaults."""


@dataclass(frozen=True)
class Job:
    """One clip for VHAP."""

    clip: str
    video: Path  # the crop
    reference: Path | None = None  # tracking of the person's reference clip, whose shape and focal length are kept


def run_vhap(
    job: Job,
    settings: VhapSettings,
    tell: Callable[[str], None] = lambda line: None,
) -> Path:
    """Track a clip; give its last tracked_flame_params_N.npz. What was finished before is given again.

    What VHAP prints goes to `<work>/<clip>/<command>.log`. Raises InputError naming the command, its last lines and the
    log when one fails, takes longer than its limit or leaves no result.
    """
    folder = (settings.work / job.clip).resolve()
    note = {
        "video": sha256(job.video),
        "version": version(settings.checkout),
        "reference": None if job.reference is None else sha256(job.reference),
        **settings.model_dump(include={"static_offset", "photometric", "dataset"}),
    }
    done = folder / "done.json"
    if done.is_file() and read_json(done) == note:
        return latest_tracking(folder / "tracked")
    shutil.rmtree(folder, ignore_errors=True)
    videos = folder / "videos"
    videos.mkdir(parents=True)
    shutil.copyfile(job.video, videos / f"{job.clip}.mp4")  # VHAP writes its frames beside the video
    for name, (arguments, limit_s) in _commands(job, settings, folder).items():
        tell(f"VHAP: {name}")
        _command(job.clip, name, arguments, limit_s, settings, folder)
    found = latest_tracking(folder / "tracked")
    write_json(done, note)
    return found


def _commands(job: Job, settings: VhapSettings, folder: Path) -> dict[str, tuple[list[str], float]]:
    """Each script's arguments and time limit, in order."""
    video, tracked = folder / "videos" / f"{job.clip}.mp4", folder / "tracked"
    track = ["--data.root_folder", str(video.parent), "--exp.output_folder", str(tracked), "--data.sequence", job.clip]
    if not settings.static_offset:
        track.append("--model.no_use_static_offset")
    if not settings.photometric:
        track.append("--exp.no_photometric")
    if job.reference is not None:
        track += ["--model.flame_params_path", str(job.reference.resolve())]
        for stage, parameters in _HELD.items():
            track += [f"--pipeline.{stage}.optimizable_params", *parameters]
    commands = {
        "preprocess_video": (
            ["--input", str(video), "--matting_method", "robust_video_matting"],
            settings.preprocess_limit_s,
        ),
        "track": (track, settings.track_limit_s),
    }
    if settings.dataset:
        export = ["--src_folder", str(tracked), "--tgt_folder", str(folder / "dataset"), "--background-color", "white"]
        commands["export_as_nerf_dataset"] = (export, settings.export_limit_s)
    return commands


def _command(clip: str, name: str, arguments: list[str], limit_s: float, settings: VhapSettings, folder: Path) -> None:
    log = folder / f"{name}.log"
    command = [str(settings.python.absolute()), f"vhap/{name}.py", *arguments]  # not resolved: a link is an environment
    try:
        done = run_program(command, limit_s=limit_s, cwd=settings.checkout, env=_environment(settings.python), log=log)
    except InputError as error:
        raise InputError(f"clip {clip}: VHAP's {name}.py: {error}") from None
    if done.code != 0:
        told = last_lines(done.output)
        raise InputError(f"clip {clip}: VHAP's {name}.py ended with code {done.code}: {told}; all of it is in {log}")


def _environment(python: Path) -> dict[str, str]:
    """VHAP's environment as its activation would set it: nvdiffrast is compiled with the CUDA compiler in it."""
    prefix = python.absolute().parent.parent
    made = {
        "PATH": f"{prefix / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONPATH": "",
        "VIRTUAL_ENV": str(prefix),
        "CONDA_PREFIX": str(prefix),
        "PYTHONUNBUFFERED": "1",
    }
    return made | ({"CUDA_HOME": str(prefix)} if (prefix / "bin" / "nvcc").is_file() else {})


def version(checkout: Path) -> str:
    """Name the commit of VHAP's checkout, or "unknown"."""
    if not (checkout / ".git").exists():
        return "unknown"
    try:
        told = run_program(["git", "-C", str(checkout.absolute()), "rev-parse", "HEAD"], limit_s=_ASK_S)
    except InputError:  # no git here
        return "unknown"
    return told.output.strip()[:_COMMIT_DIGITS] if told.code == 0 else "unknown"
