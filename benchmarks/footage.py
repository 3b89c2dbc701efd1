"""Register sample footage of real people, to measure on it what the actors cannot show.

python -m benchmarks.footage [../shared]     # in a scratch copy of the project: it changes params.yaml
emotag repro
"""

from pathlib import Path
from typing import Annotated

import typer

from emotag.errors import InputError
from pipeline.params import read_params, write_params
from pipeline.register import add_corpus, add_identity, add_sound, bring_in

CONSENT = "public sample clip of a research repository, for tests on this machine only; nothing of it is published"
CORPUS = {"president-fr": 40.0, "trump": None, "aoc": None}
"""People to learn from, and how many seconds of each (None: all)."""
AVATAR = "anchor-de"
SOUND = "english-happy"


def main(
    shared: Annotated[Path, typer.Argument(help="Folder with footage/ and assets/.")] = Path("../shared"),
    root: Annotated[Path, typer.Option(help="The project's folder.")] = Path(),
) -> None:
    """Register corpus, avatar, sound and head model. Raises InputError when the footage is absent."""
    if not (shared / "footage").is_dir():
        raise InputError(f"{shared}/footage: not found; register your own videos with `emotag add-identity` instead")
    kit = Path("models") / "ict-facekit.tar.xz"
    bring_in(root, shared / "assets" / "ict-facekit.tar.xz", kit)
    params = read_params(root / "params.yaml")
    params["head"] = {"engine": "ict-facekit", "source": kit.as_posix(), "vertices": 8000}
    write_params(root / "params.yaml", params)
    for name, seconds in CORPUS.items():
        add_corpus(root, name, shared / "footage" / "corpus" / f"{name}.mp4", CONSENT, seconds)
    add_identity(root, AVATAR, shared / "footage" / "adapt" / f"{AVATAR}.mp4", CONSENT)
    add_sound(root, SOUND, shared / "footage" / "audio" / f"{SOUND}.wav", AVATAR)


if __name__ == "__main__":
    typer.run(main)
