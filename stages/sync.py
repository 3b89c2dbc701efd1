"""Stage `sync`: how long after the picture the sound of each corpus clip comes, and what finds it for new people."""

from emotag.head.face_part import FacePart
from emotag.head.ibug68 import MOUTH
from emotag.head.model import HeadModel
from emotag.progress import summary, track
from emotag.sync.picture import sync_sheet
from emotag.sync.speech import Speech
from emotag.sync.store import Sync, save_sync
from emotag.sync.together import fit_together
from emotag.training.clip import load_features
from stages.assemble import load_person
from stages.run import run
from stages.settings import PipelineSettings, load_settings
from stages.workspace import Workspace


def sync() -> None:
    """Write models/sync/: every corpus clip's lag, the regression that finds them, and a picture."""
    workspace, settings = Workspace(), load_settings()
    rows: list[tuple[str, object]] = [("engine", settings.sync.engine)]
    if settings.sync.engine == "none":
        save_sync(workspace.sync, Sync(settings.sync, {}))
    else:
        people = _speech(workspace, settings)
        predictor, found = fit_together(people, settings.sync)
        clips, lags = [clip for row in people for clip in row], [lag for row in found for lag in row]
        named = {clip.clip: lag for clip, lag in zip(clips, lags, strict=True)}
        sync_sheet(workspace.sync / "sheet.jpg", clips, lags, predictor)
        save_sync(workspace.sync, Sync(settings.sync, named, predictor))
        rows += [(name, f"sound {lag.says()}") for name, lag in named.items()]
    summary("sync", [*rows, ("lags", workspace.sync)])


def _speech(workspace: Workspace, settings: PipelineSettings) -> list[list[Speech]]:
    """Read the clips of each person of the corpus."""
    head = HeadModel.load(workspace.head)
    found = []
    for name in track(settings.corpus, "sync"):
        lips = FacePart.of(head, load_person(workspace, name, head).shape, MOUTH)
        paths = [workspace.file("features", clip, "parquet") for clip in settings.clips_of(name)]
        found.append([Speech.of(load_features(path), lips) for path in paths])
    return found


if __name__ == "__main__":
    run(sync)
