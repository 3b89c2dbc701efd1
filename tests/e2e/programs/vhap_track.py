"""Stands in for VHAP's `vhap/track.py`: the same arguments, the same file, tracked by this project's own landmarks.

It stands at models/vhap/VHAP/vhap/track.py of a project, whose landmarks and head model it reads. What it leaves is
VHAP's in every respect that is told of it: FLAME's parameters with joints that follow expression and static offset,
focal length over the longer side, (T,) rows named by their number in the video.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[4]
sys.path.insert(0, str(PROJECT))

import numpy as np  # noqa: E402
import torch  # noqa: E402

from emotag.head.model import HeadModel  # noqa: E402
from emotag.media.video import stream_frames  # noqa: E402
from emotag.perception.tracking.fit import fit_track  # noqa: E402
from emotag.perception.tracking.observations import Observations  # noqa: E402
from emotag.perception.tracking.settings import ShapeSettings, TrackSettings  # noqa: E402
from emotag.perception.tracking.shape import fit_shape  # noqa: E402
from emotag.perception.tracking.track import PersonShape  # noqa: E402
from emotag.perception.tracking.vhap.convert import N_EXPRESSION, N_SHAPE, from_track  # noqa: E402

HAIR = 0.03  # of a vertex' distance from the middle of the head: what the static offset adds to the scalp
SHAPES, EXPRESSIONS = 32, 54  # coefficients of the stand-in for FLAME that do anything


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data.root_folder", dest="root", type=Path, required=True)
    parser.add_argument("--exp.output_folder", dest="out", type=Path, required=True)
    parser.add_argument("--data.sequence", dest="sequence", required=True)
    parser.add_argument("--model.flame_params_path", dest="start", type=Path)
    for stage in ("lmk_init_rigid", "lmk_init_all", "lmk_sequential_tracking", "lmk_global_tracking"):
        parser.add_argument(f"--pipeline.{stage}.optimizable_params", nargs="+")
    for stage in ("init_texture", "init_all", "init_offset", "sequential_tracking", "global_tracking"):
        parser.add_argument(f"--pipeline.rgb_{stage}.optimizable_params", nargs="+")
    return parser.parse_args()


def fitted(head: HeadModel, seen: Observations, start: Path | None, name: str) -> PersonShape:
    """The person: of the clip, or as the tracking of her reference clip left it."""
    if start is None:
        return fit_shape(seen, head, ShapeSettings(frames=6, offset_rounds=0, iterations=8), name)
    kept = np.load(start)
    none = torch.zeros(head.n_expression)
    return PersonShape(
        shape=torch.from_numpy(kept["shape"][: head.n_shape]),
        focal_length=float(kept["focal_length"][0]),
        neutral_expression=none,
        neutral_jaw=torch.zeros(3),
        landmark_offset=torch.zeros(len(head.landmarks468.triangles), 3),
    )


def main() -> None:
    given = arguments()
    assert (given.root / given.sequence / "images").is_dir(), "preprocess_video.py has not run"
    frames = list(stream_frames(given.root / f"{given.sequence}.mp4"))
    side = frames[0].shape[0]
    table = PROJECT / "data" / "landmarks" / f"{given.sequence}.parquet"
    seen = Observations.load(table, side, side)
    head = HeadModel.load(PROJECT / "models" / "head" / "head.npz")
    few = replace(head, shape_basis=head.shape_basis[:SHAPES], expression_basis=head.expression_basis[:EXPRESSIONS])
    person = fitted(few, seen, given.start, given.sequence)
    track = fit_track(seen, few, person, TrackSettings(iterations=5), given.sequence)
    offset = torch.zeros_like(head.template)
    offset[head.regions["scalp"]] = HAIR * head.template[head.regions["scalp"]]
    motion = from_track(track, few, offset, side)
    out = given.out / "2026-01-01_00-00-00"
    out.mkdir(parents=True)
    np.savez(
        out / "tracked_flame_params_30.npz",
        rotation=motion.rotation.float().numpy(),
        translation=motion.translation.float().numpy(),
        neck_pose=track.neck_pose.numpy(),
        jaw_pose=track.jaw_pose.numpy(),
        eyes_pose=track.eyes_pose.numpy(),
        shape=np.pad(track.shape.numpy(), (0, N_SHAPE - SHAPES)),
        expr=np.pad(track.expression.numpy(), ((0, 0), (0, N_EXPRESSION - EXPRESSIONS))),
        timestep_id=np.array([f"{frame:06d}" for frame in range(len(track))]),
        focal_length=np.array([track.focal_length], np.float32),
        static_offset=offset.numpy()[None],
        image_size=np.array([side, side]),
        lights=np.zeros((9, 3), np.float32),
        tex_extra=np.zeros((3, 4, 4), np.float32),
        n_processed_frames=np.array(len(track)),
    )
    print(f"{len(track)} frames tracked")


if __name__ == "__main__":
    main()
