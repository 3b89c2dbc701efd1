"""Stage `adapt`: a person's avatar from the reference clip."""

from typing import Annotated

import pandas as pd
import typer

from emotag.device import choose_device, move
from emotag.files import atomic
from emotag.head.model import HeadModel
from emotag.media.sheet import contact_sheet
from emotag.motion.store import load_grmn
from emotag.progress import summary
from emotag.sync.shift import in_time
from emotag.sync.store import CARD, load_sync
from emotag.synthesis.export import write_resting_ply
from emotag.synthesis.store import Avatar, save_avatar
from emotag.training.adapt import adapt as adapt_avatar
from emotag.training.picture import training_pictures
from emotag.training.scene import make_scene
from stages.assemble import load_person, load_shot, motion_note, run_key
from stages.run import run
from stages.settings import load_settings
from stages.workspace import Workspace


def adapt(identity: Annotated[str, typer.Option(help="Avatar of params.yaml.")]) -> None:
    """Write models/avatars/<identity>/: splats, the adapted network, the log, pictures, and the splats as .ply."""
    workspace = Workspace()
    settings = load_settings()
    entry = settings.person(identity)
    clip = entry.reference
    device = choose_device(settings.device)
    head = HeadModel.load(workspace.head)
    note = motion_note(workspace, head, [clip])
    grmn, _ = load_grmn(workspace.motion, note)
    on_device = head.to(device)
    person = move(load_person(workspace, identity, head), device)
    shot = load_shot(workspace, clip, device, with_geometry=True)
    scene = make_scene(on_device, person, [shot], settings.splats)
    lag = load_sync(workspace.sync).measure(shot.features, scene.lips)
    shot.features = in_time(shot.features, lag.seconds)

    checkpoint = workspace.root / "checkpoints" / f"adapt-{identity}.pt"
    inputs = [workspace.motion / "grmn.safetensors", workspace.head, workspace.file("features", clip, "parquet")]
    inputs += [workspace.file("matte", clip, "mkv"), workspace.file("crop", clip, "mp4")]
    inputs += [workspace.sync / CARD]
    key = run_key([settings.splats, settings.adapt], inputs)
    state = adapt_avatar(on_device, scene, grmn.to(device), settings.adapt, checkpoint, key)

    folder = workspace.avatar(identity)
    log = pd.DataFrame(state.log)
    with atomic(folder / "log.parquet") as partial:
        log.to_parquet(partial)
    images, captions = training_pictures(on_device, state)
    contact_sheet(folder / "sheet.jpg", images, captions, columns=2)
    write_resting_ply(folder / "splats.ply", on_device, person, scene.splats)
    training = {"seconds": state.seconds, "frames_seen": state.frames_seen, "device": device.type}
    save_avatar(
        folder,
        Avatar(person, scene.splats, state.grmn, note, entry.consent, settings.resolution, training, lag.seconds),
    )
    checkpoint.unlink(missing_ok=True)
    summary(
        "adapt",
        [
            ("splats", f"{len(scene.splats.binding)}, {len(scene.splats.mouth)} of them in the mouth"),
            ("sound of the clip", lag.says()),
            ("frames rendered", state.frames_seen),
            ("seconds", f"{state.seconds:.0f} on {device}"),
            ("PSNR of the head, last steps", f"{log['psnr'].tail(10).mean():.1f} dB"),
            ("avatar", folder),
        ],
    )


if __name__ == "__main__":
    run(adapt)
