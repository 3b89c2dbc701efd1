"""Stage `corpus`: the digests of what pretraining sees.

Pretraining depends on this file and not on the folders, so that a new avatar's clips never rerun it.
"""

from pathlib import Path

from emotag.errors import InputError
from emotag.files import sha256, write_json
from emotag.progress import summary, track
from stages.run import run
from stages.settings import load_settings
from stages.workspace import Workspace


def corpus() -> None:
    """Write data/corpus.json: every file of every corpus clip and person, with its SHA-256."""
    workspace = Workspace()
    settings = load_settings()
    if not settings.corpus:
        raise InputError("params.yaml: corpus is empty; register people with `emotag add-corpus`")
    files: list[Path] = []
    for clip in settings.corpus_clips():
        files += [workspace.file(*key) for key in (("crop", clip, "mp4"), ("matte", clip, "mkv"))]
        files += [workspace.file("features", clip, "parquet")]
    for name in settings.corpus:
        files += [workspace.file("shape", name, "json"), workspace.file("identity", name, "parquet")]
    digests = {str(file): sha256(file) for file in track(sorted(files), "corpus")}
    output = workspace.root / "data" / "corpus.json"
    write_json(output, {"identities": settings.corpus, "clips": settings.corpus_clips(), "files": digests})
    summary("corpus", [("people", len(settings.corpus)), ("files", len(digests)), ("manifest", output)])


if __name__ == "__main__":
    run(corpus)
