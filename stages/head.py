"""Stage `head`: the head model, with its landmarks, as one .npz and a contact sheet."""

import cv2

from emotag.files import atomic
from emotag.head.build import build_head
from emotag.head.landmark_fit import landmark_detector, pictures_of
from emotag.head.model import digest
from emotag.head.sheet import contact_sheet
from emotag.perception.landmarks.face_mesh import FaceMesh
from emotag.progress import progress_bar, summary
from stages.run import run
from stages.settings import load_settings
from stages.workspace import Workspace


def head() -> None:
    """Make the head model that params.yaml asks for and fit the Face Mesh landmarks to it."""
    workspace = Workspace()
    settings = load_settings().head
    detect = landmark_detector(FaceMesh(workspace.open_models))
    with progress_bar("landmarks on renders", pictures_of(settings.fit_heads)) as bar:
        model, notes = build_head(settings, detect, progress=bar.advance)
    model.save(workspace.head)
    sheet = workspace.head.with_suffix(".jpg")
    with atomic(sheet) as partial:
        cv2.imwrite(str(partial), contact_sheet(model)[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    summary(f"head {model.name}", [*notes, ("model", f"{workspace.head} ({digest(workspace.head)})"), ("sheet", sheet)])


if __name__ == "__main__":
    run(head, threads=1)
