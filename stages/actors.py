"""Stage `actors`: a synthetic actor's take (data/raw/<take>.mp4) and its truth (data/actors/<take>.parquet .jpg, …)."""

from dataclasses import asdict
from typing import Annotated

import typer

from emotag.actors.actor import draw_actor
from emotag.actors.film import Film
from emotag.actors.take import rehearse
from emotag.actors.truth import write_truth
from emotag.files import write_json
from emotag.head.model import HeadModel, digest
from emotag.media.sheet import contact_sheet, spread
from emotag.progress import progress_bar, summary
from emotag.tables import FPS
from stages.run import run
from stages.settings import load_settings
from stages.workspace import Workspace

_SHOWN = 8


def actors(take: Annotated[str, typer.Option(help="Take of params.yaml.")]) -> None:
    """Let an actor speak a take's lines, film it, and write down everything that is true of it."""
    workspace, settings = Workspace(), load_settings()
    wanted, film_settings = settings.take(take), settings.film
    head = HeadModel.load(workspace.open_head)
    actor = draw_actor(settings.actors[wanted.actor].seed, settings.actors[wanted.actor].sex)
    voice = draw_actor(settings.actors[wanted.voice].seed, settings.actors[wanted.voice].sex).voice
    played = rehearse(head, actor, voice, wanted.lines, wanted.seed, film_settings)
    film = Film(head, actor, played, film_settings)

    folder = workspace.root / "data" / "actors" / take
    shown = tuple(spread(played.frames, _SHOWN))
    note = {"engine": "actors", "head": digest(workspace.open_head)}
    with progress_bar(f"actors {take}", played.frames) as bar:
        pictures = film.shoot(workspace.raw(take), folder if film_settings.maps else None, note, shown, bar.advance)
    table, picture = workspace.file("actors", take, "parquet"), workspace.file("actors", take, "jpg")
    write_truth(table, take, head, actor.shape, played.performance, played.phones, film.camera, note)
    write_json(
        folder / "take.json",
        {"lines": [line.model_dump() for line in wanted.lines],
         "phones": [asdict(phone) for phone in played.phones],
         "actor": {"sex": actor.sex, "shape": actor.shape.tolist(), "look": asdict(actor.look),
                   "voice": asdict(voice), "manner": asdict(actor.manner)}},
    )  # fmt: skip
    e = played.performance.e
    contact_sheet(picture, [pictures[index] for index in shown], [f"{i / FPS:.2f} s  e {e[i]:.2f}" for i in shown])
    summary(
        f"actors {take}",
        [("frames", f"{played.frames} ({played.frames / FPS:.1f} s)"),
         ("lines", ", ".join(f"{line.emotion} {line.level}" for line in wanted.lines)),
         ("video", workspace.raw(take)), ("truth", table), ("picture", picture)],
    )  # fmt: skip


if __name__ == "__main__":
    run(actors)
