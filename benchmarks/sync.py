"""How well the lag of a recording's sound is found, in what a workspace has perceived.

    dvc repro sync                  # perceives the corpus and finds its lags
    python -m benchmarks.sync [--root FOLDER] [--seconds 5]

Every person of the corpus is judged by a regression over the others, in pieces of five seconds, which is what an avatar
learns from. A piece counts whose sound and mouth agree (`sync.correlation`). `scatter` is the standard deviation of the
lag that is found in a person's pieces: a recording has one lag, so that is error. (`lag` itself counts from where most
of the others are, so it depends a little on who they are.) Then the sound of every piece is moved by known times;
`error` is how far the difference that is found is from that. Recordings under test are cut as params.yaml cuts them:
two clips of one recording should agree.
"""

from itertools import pairwise
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from emotag.head.face_part import FacePart
from emotag.head.ibug68 import MOUTH
from emotag.head.model import HeadModel
from emotag.sync.lag import Lag, measure
from emotag.sync.predictor import OpeningPredictor, rows_at
from emotag.sync.settings import SyncSettings
from emotag.sync.speech import Speech, standardised
from emotag.sync.together import fit_together
from emotag.tables import FPS
from emotag.training.clip import load_features
from stages.assemble import load_person
from stages.settings import PipelineSettings, load_settings
from stages.workspace import Workspace

MOVES_S = (-0.12, -0.08, -0.04, 0.04, 0.08, 0.12)
"""Times by which sound is moved."""


def pieces(speech: Speech, frames: int) -> list[Speech]:
    """Cut a clip; the rest of less than half a piece goes to the last."""
    count = max(1, round(len(speech.opening) / frames))
    bounds = np.linspace(0, len(speech.opening), count + 1).astype(int)
    cuts = [slice(a, b) for a, b in pairwise(bounds)]
    return [Speech(speech.clip, standardised(speech.audio[c]), speech.opening[c], speech.valid[c]) for c in cuts]


def moved(speech: Speech, seconds: float) -> Speech:
    """Let the sound come later."""
    places = np.arange(len(speech.audio)) - seconds * FPS
    return Speech(speech.clip, rows_at(speech.audio, places), speech.opening, speech.valid)


def main(
    root: Annotated[Path, typer.Option(help="A project whose corpus is perceived.")] = Path(),
    seconds: Annotated[float, typer.Option(help="Length of a piece.")] = 5.0,
) -> None:
    workspace, settings = Workspace(root), load_settings(root / "params.yaml")
    head = HeadModel.load(workspace.head)
    corpus = {name: _clips(workspace, head, name, settings.clips_of(name)) for name in settings.corpus}
    table = Table(
        "person", "pieces", "that count", "lag, ms", "scatter, ms", "r as the file has it", "r at the lag", "error, ms"
    )
    errors = []
    for name, clips in corpus.items():
        judge, _ = fit_together([other for who, other in corpus.items() if who != name], settings.sync)
        cut = [piece for clip in clips for piece in pieces(clip, round(seconds * FPS))]
        found = [measure(judge, piece, settings.sync) for piece in cut]
        counted = [(piece, lag) for piece, lag in zip(cut, found) if lag.correlation >= settings.sync.correlation]
        if not counted:
            table.add_row(name, str(len(cut)), "0", *["–"] * 5)
            continue
        off = [_error(judge, piece, lag, move, settings.sync) for piece, lag in counted for move in MOVES_S]
        errors += off
        best = np.array([1000 * lag.best_s for _, lag in counted])
        before, after = (np.mean([getattr(lag, name) for _, lag in counted]) for name in ("unshifted", "correlation"))
        table.add_row(
            name, str(len(cut)), str(len(counted)), f"{best.mean():.0f}", f"{best.std():.0f}", f"{before:.2f}",
            f"{after:.2f}", f"{1000 * np.mean(np.abs(off)):.0f}",
        )  # fmt: skip
    console = Console(width=120)
    console.print(table)
    console.print(f"median error of a piece's moved sound: {1000 * np.median(np.abs(errors)):.0f} ms")
    _tests(console, workspace, settings, head, list(corpus.values()))


def _error(judge: OpeningPredictor, piece: Speech, lag: Lag, move: float, settings: SyncSettings) -> float:
    """Move the sound of a piece that has been put right, and say how far the lag that is found is from the move."""
    return measure(judge, moved(piece, move - lag.best_s), settings).best_s - move


def _tests(
    console: Console, workspace: Workspace, settings: PipelineSettings, head: HeadModel, corpus: list[list[Speech]]
) -> None:
    """Print the lags of the clips of people under test."""
    judge, _ = fit_together(corpus, settings.sync)
    table = Table("recording", "clip", "lag, ms", "r as the file has it", "r at the lag", "taken")
    for name, avatar in settings.avatars.items():
        if not workspace.file("features", avatar.reference, "parquet").exists():
            continue
        tests = [test.clip for test in settings.tests.values() if test.identity == name]
        clips = [avatar.reference, *[clip for clip in tests if settings.same_recording(clip, avatar.reference)]]
        for speech in _clips(workspace, head, name, clips):
            lag = measure(judge, speech, settings.sync)
            taken = f"{1000 * lag.seconds:.0f} ms" if lag.seconds else "no"
            row = (f"{1000 * lag.best_s:.0f}", f"{lag.unshifted:.2f}", f"{lag.correlation:.2f}", taken)
            table.add_row(name, speech.clip, *row)
    console.print(table)


def _clips(workspace: Workspace, head: HeadModel, name: str, clips: list[str]) -> list[Speech]:
    lips = FacePart.of(head, load_person(workspace, name, head).shape, MOUTH)
    return [Speech.of(load_features(workspace.file("features", clip, "parquet")), lips) for clip in clips]


if __name__ == "__main__":
    typer.run(main)
