"""Stage `pretrain`: the motion network, over the people of the corpus.

`python -m stages.pretrain` runs in one process, or in as many as `pretrain.processes` of params.yaml says; so does
`torchrun --nproc-per-node=N -m stages.pretrain`. Each process has a GPU and a share of the people.
"""

import pandas as pd

from emotag.device import move
from emotag.files import atomic
from emotag.head.model import HeadModel
from emotag.media.sheet import contact_sheet
from emotag.motion.store import save_grmn
from emotag.progress import console, summary
from emotag.sync.shift import in_time
from emotag.sync.store import CARD, load_sync
from emotag.training.distributed import Ranks, join, launch, launched, share
from emotag.training.picture import training_pictures
from emotag.training.pretrain import pretrain as pretrain_network
from emotag.training.scene import make_scene
from emotag.training.together import remove_checkpoints
from stages.assemble import frames_of, load_person, motion_note, open_shots, run_key
from stages.run import run
from stages.settings import PipelineSettings, load_settings
from stages.workspace import Workspace

NO_LOG = ["frames_seen", "identity", "stage", "seconds", "psnr"]
"""Columns of the log of a network that is left untrained (`pretrain.frames: 0`)."""


def pretrain() -> None:
    """Write models/motion/: the network, the log of its training, and pictures of every person."""
    settings = load_settings()
    if settings.pretrain.processes > 1 and not launched():
        launch("stages.pretrain", settings.pretrain.processes)
    with join(settings.device) as ranks:
        console.quiet = ranks.rank > 0
        _pretrain(Workspace(), settings, ranks)


def _pretrain(workspace: Workspace, settings: PipelineSettings, ranks: Ranks) -> None:
    head = HeadModel.load(workspace.head)
    note = motion_note(workspace, head, settings.corpus_clips())
    on_device = head.to(ranks.device)
    clips = {name: settings.clips_of(name) for name in settings.corpus}
    sync = load_sync(workspace.sync)
    lengths = [sum(frames_of(workspace, clip) for clip in clips[name]) for name in settings.corpus]
    scenes = []
    for place in share(lengths, ranks.count)[ranks.rank]:
        name = settings.corpus[place]
        person = move(load_person(workspace, name, head), ranks.device)
        shots = open_shots(workspace, clips[name], ranks.device, settings.pretrain.resident_frames)
        for shot in shots:
            shot.features = in_time(shot.features, sync.lag_s(shot.features.name))
        scenes.append(make_scene(on_device, person, shots, settings.pretraining_splats()))

    checkpoint = workspace.root / "checkpoints" / "pretrain.pt"
    files = [workspace.head, workspace.root / "data" / "corpus.json", workspace.sync / CARD]
    key = run_key([settings.motion, settings.splats, settings.pretrain], files)
    state = pretrain_network(on_device, scenes, settings.motion, settings.pretrain, checkpoint, key, ranks)

    pictures = ranks.gather(training_pictures(on_device, state))
    rows = [row for rows in ranks.gather(state.log) for row in rows]
    log = pd.DataFrame(rows, columns=None if rows else NO_LOG)
    log = log.sort_values("frames_seen", kind="stable", ignore_index=True)
    if ranks.rank == 0:
        save_grmn(workspace.motion, state.grmn, note)
        with atomic(workspace.motion / "log.parquet") as partial:
            log.to_parquet(partial)
        images, captions = ([one for pair in pictures for one in pair[k]] for k in (0, 1))
        contact_sheet(workspace.motion / "sheet.jpg", images, captions, columns=4)
    remove_checkpoints(checkpoint, ranks)
    summary(
        "pretrain",
        [
            ("people", len(settings.corpus)),
            ("frames rendered", state.frames_seen),
            ("seconds", f"{state.seconds:.0f} on {ranks.count} × {ranks.device.type}"),
            ("PSNR of the head, last steps", f"{log['psnr'].tail(10).mean():.1f} dB" if len(log) else "untrained"),
            ("network", workspace.motion),
        ],
    )


if __name__ == "__main__":
    run(pretrain)
