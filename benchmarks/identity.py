"""The open identity descriptor on footage: distances between halves of a clip, clips of a person, and people.

    python -m benchmarks.identity --data DIR [--write]

DIR holds the pipeline's landmarks/ and crop/. The left-out column standardises with everyone but the person.
`--write` measures the population and writes emotag/perception/identity/population.json (means and spreads only).
"""

from itertools import combinations
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks.action_units import person
from emotag.files import write_json
from emotag.media.video import frames_at, stream_frames
from emotag.perception.action_units.open import OpenActionUnits
from emotag.perception.action_units.protocol import ACTION_UNITS
from emotag.perception.emotion.emfacs import Emfacs
from emotag.perception.identity.descriptor import FILE, Descriptor, Population
from emotag.perception.identity.protocol import most_neutral
from emotag.progress import track
from emotag.tables import column, read_table


def half_features(data: Path, clip: str, engine: Descriptor) -> list[np.ndarray]:
    """Give the features of a clip's first and second half."""
    table = read_table(data / "landmarks" / f"{clip}.parquet")
    points, valid = column(table, "points468").reshape(-1, 468, 3), column(table, "valid")
    video = data / "crop" / f"{clip}.mp4"
    units = OpenActionUnits()
    images = (image for image, _ in zip(stream_frames(video), points))
    intensities = units.intensities(units.levels(points, valid, images))
    neutral = Emfacs().probabilities(intensities)[:, -1]
    halves = []
    middle = len(points) // 2
    for part in (np.arange(middle), np.arange(middle, len(points))):
        chosen = part[most_neutral(neutral[part], intensities[part, ACTION_UNITS.index("25")], engine.settings.frames)]
        halves.append(engine.features(points[chosen], frames_at(video, chosen.tolist())))
    return halves


def main(
    data: Annotated[Path, typer.Option(help="Folder with landmarks/ and crop/.")] = Path("data"),
    write: Annotated[bool, typer.Option(help="Write the population's means and spreads.")] = False,
) -> None:
    """Print cosine distances."""
    clips = sorted(path.stem for path in (data / "landmarks").glob("*.parquet"))
    engine = Descriptor()
    found = {clip: half_features(data, clip, engine) for clip in track(clips, "features")}
    people = sorted({person(clip) for clip in clips})
    means = {
        one: np.mean([half for clip in clips if person(clip) == one for half in found[clip]], axis=0) for one in people
    }
    everyone = Population.of(np.stack(list(means.values())))
    if write:
        write_json(FILE, {"people": len(people)} | everyone.to_json())
        print(f"wrote {FILE}")
    for title, left_out in (("all people measured", False), ("the pair left out of the population", True)):
        same_clip, same_person, others = [], [], []
        for a, b in combinations([(clip, half) for clip in clips for half in (0, 1)], 2):
            pair = {person(a[0]), person(b[0])}
            population = everyone
            if left_out:
                population = Population.of(np.stack([row for one, row in means.items() if one not in pair]))
            described = Descriptor(population=population)
            first, second = (described.project(found[clip][half]) for clip, half in (a, b))
            group = same_clip if a[0] == b[0] else same_person if len(pair) == 1 else others
            group.append((1 - float(first @ second), a[0], b[0]))
        print(f"\ncosine distance, {title} ({len(people)} people, {len(clips)} clips)")
        for name, group in (
            ("halves of a clip", same_clip), ("clips of a person", same_person), ("two people", others),
        ):  # fmt: skip
            values = np.array([distance for distance, *_ in group])
            print(f"  {name:18} min {values.min():.3f}  median {np.median(values):.3f}  max {values.max():.3f}")
        print("  farthest halves  ", *(f"{clip} {d:.2f}" for d, clip, _ in sorted(same_clip)[-3:]))
        print("  nearest people   ", *(f"{a}/{b} {d:.2f}" for d, a, b in sorted(others)[:4]))
        nearest = sum(is_same(found, clips, clip, half, everyone) for clip in clips for half in (0, 1))
        print(f"  nearest neighbour is the same person: {nearest} of {2 * len(clips)}")


def is_same(found: dict[str, list[np.ndarray]], clips: list[str], clip: str, half: int, population: Population) -> bool:
    """Tell whether the nearest other half belongs to the same person."""
    engine = Descriptor(population=population)
    own = engine.project(found[clip][half])
    others = [(c, h) for c in clips for h in (0, 1) if (c, h) != (clip, half)]
    nearest = max(others, key=lambda item: float(own @ engine.project(found[item[0]][item[1]])))
    return person(nearest[0]) == person(clip)


if __name__ == "__main__":
    typer.run(main)
