"""Pictures of the documentation: who the actors are, seven emotions on three levels, and an actor talking.

    dvc repro open_head
    python -m benchmarks.actor_pictures [docs/pictures]

Nothing here is drawn by hand: every picture is a frame of a take as the stage `actors` films it.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from emotag.actors.actor import Actor, draw_actor
from emotag.actors.look.renderer import Renderer
from emotag.actors.posed import posed
from emotag.actors.settings import FilmSettings, LineSettings
from emotag.actors.take import Take, rehearse
from emotag.actors.truth import phones_at
from emotag.camera import Camera
from emotag.head.model import HeadModel
from emotag.media.sheet import contact_sheet
from emotag.progress import track
from emotag.vocabulary import ACTION_UNITS, EMOTIONS
from stages.settings import load_settings
from stages.workspace import Workspace

LINE = "Maybe we should buy a map before we go up there."
WORDS = "Mama, five boats, you too!"
_BLINK = ACTION_UNITS.index(45)


def rehearsed(
    head: HeadModel, actor: Actor, text: str, emotion: str, level: int, film: FilmSettings, seed: int = 3
) -> Take:
    line = LineSettings.model_validate({"text": text, "emotion": emotion, "level": level})
    return rehearse(head, actor, actor.voice, [line], seed, film)


def apex(take: Take) -> int:
    """The frame of strongest emotion in which the eyes are open and the mouth is moderately so."""
    acted = take.performance
    usual = np.median(acted.jaw_pose[:, 0])
    penalty = acted.action_units[:, _BLINK] + 8 * np.abs(acted.jaw_pose[:, 0] - usual)
    return int((10 * acted.e - penalty).argmax()) if acted.e.max() > 0 else int((-penalty).argmax())


def frame(head: HeadModel, actor: Actor, renderer: Renderer, take: Take, index: int) -> np.ndarray:
    return renderer.frame(posed(head, actor.shape, take.performance, index, index + 1)[0].numpy(), index).rgb


def main(
    folder: Annotated[Path, typer.Argument(help="Where the pictures go.")] = Path("docs/pictures"),
    who: Annotated[str, typer.Option(help="Actor of params.yaml who shows the emotions.")] = "mira",
    size: Annotated[int, typer.Option(help="Side of a rendered frame in pixels.")] = 512,
) -> None:
    settings = load_settings()
    head = HeadModel.load(Workspace().open_head)
    film = settings.film.model_copy(update={"picture_size": size})
    camera = Camera(film.focal_length, size, size)
    cast = {name: draw_actor(entry.seed, entry.sex) for name, entry in settings.actors.items()}
    renderers = {
        name: Renderer(head, torch.from_numpy(actor.shape), actor.look, camera)
        for name, actor in track(cast.items(), "making up", len(cast))
    }
    pictures = []
    for name, actor in track(cast.items(), "cast", len(cast)):
        take = rehearsed(head, actor, LINE, "neutral", 0, film)
        pictures.append(frame(head, actor, renderers[name], take, apex(take)))
    contact_sheet(folder / "actors.jpg", pictures, list(cast), columns=4)

    actor, renderer = cast[who], renderers[who]
    pictures, captions = [], []
    for emotion in track(EMOTIONS, "emotions"):
        for row in range(3):  # of neutral, three takes
            level, seed = (0, 3 + row) if emotion == "neutral" else (row + 1, 3)
            take = rehearsed(head, actor, LINE, emotion, level, film, seed)
            pictures.append(frame(head, actor, renderer, take, apex(take)))
            captions.append(f"{emotion} {level}" if level else emotion)
    order = [3 * column + row for row in range(3) for column in range(len(EMOTIONS))]
    contact_sheet(
        folder / "emotions.jpg", [pictures[i] for i in order], [captions[i] for i in order], columns=len(EMOTIONS)
    )

    take = rehearsed(head, actor, WORDS, "happy", 2, film)
    phones = phones_at(take.phones, take.frames)
    spoken = [index for index, phone in enumerate(phones) if phone][::3][:16]
    pictures = [frame(head, actor, renderer, take, index) for index in track(spoken, "talking")]
    contact_sheet(folder / "talking.jpg", pictures, [f"{i / 25:.2f} s  [{phones[i]}]" for i in spoken], columns=8)


if __name__ == "__main__":
    typer.run(main)
