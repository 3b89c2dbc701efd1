"""Stage `pretrain`: the motion network, over the people of the corpus."""

import pandas as pd

from emotag.device import choose_device, move
from emotag.files import atomic
from emotag.head.model import HeadModel
from emotag.media.sheet import contact_sheet
from emotag.motion.store import save_grmn
from emotag.progress import summary
from emotag.training.picture import training_pictures
from emotag.training.pretrain import pretrain as pretrain_network
from emotag.training.scene import make_scene
from stages.assemble import load_person, motion_note, open_shots, run_key
from stages.run import run
from stages.settings import load_settings
from stages.workspace import Workspace


def pretrain() -> None:
    """Write models/motion/: the network, the log of its training, and pictures of every person."""
    workspace = Workspace()
    settings = load_settings()
    device = choose_device(settings.device)
    head = HeadModel.load(workspace.head)
    note = motion_note(workspace, head, settings.corpus_clips())
    on_device = head.to(device)
    scenes = []
    for name in settings.corpus:
        person = move(load_person(workspace, name, head), device)
        clips = [clip for clip in settings.corpus_clips() if settings.clips[clip].identity == name]
        shots = open_shots(workspace, clips, device, settings.pretrain.resident_frames)
        scenes.append(make_scene(on_device, person, shots, settings.splats))

    checkpoint = workspace.root / "checkpoints" / "pretrain.pt"
    files = [workspace.head, workspace.root / "data" / "corpus.json"]
    key = run_key([settings.motion, settings.splats, settings.pretrain], files)
    state = pretrain_network(on_device, scenes, settings.motion, settings.pretrain, checkpoint, key)

    save_grmn(workspace.motion, state.grmn, note)
    log = pd.DataFrame(state.log)
    with atomic(workspace.motion / "log.parquet") as partial:
        log.to_parquet(partial)
    images, captions = training_pictures(on_device, state)
    contact_sheet(workspace.motion / "sheet.jpg", images, captions, columns=4)
    checkpoint.unlink(missing_ok=True)
    summary(
        "pretrain",
        [
            ("people", len(scenes)),
            ("frames rendered", state.frames_seen),
            ("seconds", f"{state.seconds:.0f} on {device}"),
            ("PSNR of the head, last steps", f"{log['psnr'].tail(10).mean():.1f} dB"),
            ("network", workspace.motion),
        ],
    )


if __name__ == "__main__":
    run(pretrain)
