"""Stage `open_head`: the head that this project generates, with its Face Mesh landmarks (models/open_head/)."""

import cv2

from emotag.files import atomic
from emotag.head.landmark_fit import fit_landmarks, landmark_detector, pictures_of, with_landmarks
from emotag.head.model import digest
from emotag.head.open_head.assemble import open_head as generate
from emotag.head.sheet import contact_sheet
from emotag.perception.landmarks.face_mesh import FaceMesh
from emotag.progress import progress_bar, summary
from stages.run import run
from stages.settings import load_settings
from stages.workspace import Workspace


def open_head() -> None:
    """Generate the open head and find the Face Mesh landmarks on renders of it."""
    workspace = Workspace()
    settings = load_settings().open_head
    detect = landmark_detector(FaceMesh(workspace.open_models))
    model = generate()
    with progress_bar("landmarks on renders", pictures_of(settings.fit_heads)) as bar:
        fit = fit_landmarks(model, detect, settings.fit_heads, settings.fit_size, progress=bar.advance)
    model = with_landmarks(model, fit.embedding)
    model.save(workspace.open_head)
    sheet = workspace.open_head.with_suffix(".jpg")
    with atomic(sheet) as partial:
        cv2.imwrite(str(partial), contact_sheet(model)[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    summary(
        "open_head",
        [("Face Mesh fit", f"{fit.pictures} of {fit.tried} renders"),
         ("vertices, faces", f"{model.n_vertices}, {len(model.faces)}"),
         ("shape, expression", f"{model.n_shape}, {model.n_expression}"),
         ("model", f"{workspace.open_head} ({digest(workspace.open_head)})"), ("sheet", sheet)],
    )  # fmt: skip


if __name__ == "__main__":
    run(open_head)
