"""The open action units against OpenFace's own output: correlation per unit and clip, and level on acted emotions.

    python benchmarks/action_units.py --data DIR --openface DIR [--write]

DIR/landmarks/<clip>.parquet and DIR/crop/<clip>.mp4 are the pipeline's; the other folder holds <clip>.csv.gz
(dynamic mode) and <clip>-static.csv.gz. Every figure is for a person whose clips the calibration never saw, unless the
table says otherwise. `--write` fits on all clips and writes emotag/perception/action_units/calibration.json.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer

from emotag.files import write_json
from emotag.media.video import stream_frames
from emotag.perception.action_units.calibration import FILE
from emotag.perception.action_units.fitting import RIDGE, LabelledClip, fit
from emotag.perception.action_units.open import OpenActionUnits
from emotag.perception.action_units.openface_table import on_our_clock, read_openface
from emotag.perception.action_units.protocol import ACTION_UNITS, Array
from emotag.perception.emotion.emfacs import Emfacs
from emotag.perception.emotion.protocol import EMOTIONS
from emotag.progress import track
from emotag.tables import column, read_table

SCORED = ("anchor-de", "president-fr", "aoc", "hill", "menendez", "radio2", "w040-happy-3")
"""Clips of the correlation table: those where a unit varies (standard deviation above 0.1) count for it."""

BARE = {"25": 0.66, "12": 0.64, "45": 0.58, "02": 0.43, "01": 0.35, "26": 0.28}
"""What bare landmark distances reach on the same clips."""

MOVING = 0.1
STATIC_WEIGHT = 0.5
ENOUGH_CLIPS = 4  # of a person, for a correlation of levels between clips
REST_EMOTIONS = ("neutral",)

Predict = Callable[[str, str], Array]  # clip, person -> (T, 17)


def person(clip: str) -> str:
    """Give the person of a clip: MEAD's names begin with the actor (m030-angry-3), others are people."""
    first = clip.split("-")[0]
    return first if first[1:].isdigit() else clip


def acted(clip: str) -> bool:
    """Tell whether the clip shows an acted emotion throughout."""
    return person(clip) != clip and clip.split("-")[1] not in REST_EMOTIONS


def intensities(path: Path, frames: int) -> Array:  # (T, 17)
    """Read OpenFace's intensities on the pipeline's clock."""
    return on_our_clock(read_openface(path), frames)[0]


def read_signals(data: Path, clip: str) -> tuple[Array, np.ndarray]:
    """Compute measures and shading of a clip."""
    table = read_table(data / "landmarks" / f"{clip}.parquet")
    points, valid = column(table, "points468").reshape(-1, 468, 3), column(table, "valid")
    images = (image for image, _ in zip(stream_frames(data / "crop" / f"{clip}.mp4"), points))
    return OpenActionUnits().signals(points, valid, images), valid


def correlations(predict: Predict, truth: dict[str, Array]) -> pd.DataFrame:
    """Correlate per unit (rows) and clip (columns) where the unit moves."""
    table = pd.DataFrame(index=list(ACTION_UNITS), columns=list(SCORED), dtype=float)
    for clip in SCORED:
        seen = predict(clip, person(clip))
        for row, unit in enumerate(ACTION_UNITS):
            if truth[clip][:, row].std() > MOVING:
                still = seen[:, row].std() < 1e-9
                table.loc[unit, clip] = 0.0 if still else np.corrcoef(seen[:, row], truth[clip][:, row])[0, 1]
    return table


def main(
    data: Annotated[Path, typer.Option(help="Folder with landmarks/ and crop/.")] = Path("data"),
    openface: Annotated[Path, typer.Option(help="Folder of OpenFace's CSV files.")] = Path(
        "../shared/footage/openface"
    ),
    write: Annotated[bool, typer.Option(help="Fit on every clip and write the calibration.")] = False,
) -> None:
    """Print the tables."""
    names = {path.name.removesuffix(".csv.gz") for path in openface.glob("*.csv.gz")}
    clips = sorted({name.removesuffix("-static") for name in names})
    signals: dict[str, Array] = {}
    valid: dict[str, np.ndarray] = {}
    for clip in track(clips, "measures"):
        signals[clip], valid[clip] = read_signals(data, clip)
    dynamic = {c: intensities(openface / f"{c}.csv.gz", len(signals[c])) for c in clips if c in names}
    static = {c: intensities(openface / f"{c}-static.csv.gz", len(signals[c])) for c in clips if f"{c}-static" in names}
    labelled = [LabelledClip(person(c), signals[c], dynamic[c], rest=not acted(c)) for c in dynamic]
    labelled += across_clips(signals, static)

    results = {}
    for appearance, title in ((True, "points and shading"), (False, "points alone")):
        for left_out in (True, False):
            predict = predictor(labelled, signals, valid, appearance=appearance, left_out=left_out)
            kind = "person left out" if left_out else "IN SAMPLE"
            table = correlations(predict, dynamic)
            print_correlations(f"r against OpenFace, {title}, {kind}", table)
            results[appearance, left_out] = table
            if left_out:
                print_levels(f"mean intensity on acted clips, {title}, {kind}", predict, static)
                if appearance:
                    print_emotions(engine_of(labelled, left_out=True), signals, valid)
    if write:
        note = {
            "provenance": (
                "benchmarks/action_units.py --write: non-negative ridge regression (terms and signs: terms.py) on "
                "OpenFace 2 intensities of sample clips of public repositories (HDTF, MEAD, MimicTalk, DFRF)"
            ),
            "clips": clips,
            "ridge": RIDGE,
            "left_out_r": {
                f"AU{unit}": round(float(value), 3) for unit, value in results[True, True].mean(axis=1).items()
            },
        }
        fits = {
            name: fit(labelled, appearance=appearance).to_json()
            for name, appearance in (("with_appearance", True), ("geometry_only", False))
        }
        write_json(FILE, note | fits)
        print(f"wrote {FILE}")


def across_clips(signals: dict[str, Array], static: dict[str, Array]) -> list[LabelledClip]:
    """Give one labelled clip per person of static tables: all clips end to end, so that sustained emotion counts."""
    people = sorted({person(clip) for clip in static})
    joined = []
    for one in people:
        own = [clip for clip in static if person(clip) == one]
        joined.append(
            LabelledClip(
                one,
                np.concatenate([signals[clip] for clip in own]),
                np.concatenate([static[clip] for clip in own]),
                weight=STATIC_WEIGHT * len(own),
                rest=False,
            )
        )
        joined += [
            LabelledClip(one, signals[clip], static[clip], weight=0.0, rest=True) for clip in own if not acted(clip)
        ]
    return joined


def predictor(
    labelled: list[LabelledClip],
    signals: dict[str, Array],
    valid: dict[str, np.ndarray],
    *,
    appearance: bool,
    left_out: bool,
) -> Predict:
    """Give a function that measures a clip with a calibration fitted without its person (or with)."""
    fitted: dict[str, OpenActionUnits] = {}

    def predict(clip: str, one: str) -> Array:
        key = one if left_out else ""
        if key not in fitted:
            kept = [item for item in labelled if item.person != key]
            fitted[key] = OpenActionUnits(calibrations={appearance: fit(kept, appearance=appearance)})
        engine = fitted[key]
        return engine.intensities(engine.weigh(signals[clip], valid[clip], appearance=appearance))

    return predict


def engine_of(labelled: list[LabelledClip], *, left_out: bool) -> Callable[[str], OpenActionUnits]:
    """Give a function from a person to an engine calibrated without (or with) that person."""

    def engine(one: str) -> OpenActionUnits:
        kept = [item for item in labelled if not left_out or item.person != one]
        return OpenActionUnits(calibrations={True: fit(kept, appearance=True)})

    return engine


def print_emotions(
    engine: Callable[[str], OpenActionUnits], signals: dict[str, Array], valid: dict[str, np.ndarray]
) -> None:
    """Print the emotion teacher's mean distribution per clip: rest from the clip alone, and from a neutral clip too."""
    teacher = Emfacs()
    rows: dict[str, list[object]] = {}
    for clip in sorted(signals):
        units = engine(person(clip))
        levels = {
            name: units.weigh(signals[name], valid[name], appearance=True)
            for name in signals
            if person(name) == person(clip)
        }
        calm = [name for name in levels if name != clip and name != person(clip) and not acted(name)]
        for rest in [[clip]] + ([[clip, *calm]] if calm else []):
            neutral = units.neutral([levels[name] for name in rest])
            mean = teacher.probabilities(units.intensities(levels[clip], neutral)).mean(axis=0)
            wanted = _EMOTION_NAMES.get(clip.split("-")[1] if person(clip) != clip else "", "")
            ranked = [EMOTIONS[i] for i in np.argsort(-mean[:-1])]
            rank = ranked.index(wanted) + 1 if wanted in ranked else "."
            rows[clip + (" +rest" if len(rest) > 1 else "")] = [
                *(f"{p:.2f}" for p in mean),
                f"{1 - mean[-1]:.2f}",
                rank,
            ]
    print("\nmean p of the emotion teacher, person left out of the calibration (rank: of the acted one, neutral aside)")
    print(pd.DataFrame.from_dict(rows, orient="index", columns=[*EMOTIONS, "e", "rank"]).to_string())


_EMOTION_NAMES = {
    "angry": "angry", "disgusted": "disgust", "fear": "fear", "happy": "happy", "sad": "sad", "surprised": "surprise",
}  # fmt: skip


def print_correlations(title: str, table: pd.DataFrame) -> None:
    shown = table.copy()
    shown.insert(0, "mean", table.mean(axis=1))
    shown.insert(1, "bare", pd.Series(BARE))
    print(f"\n{title}; mean over units {table.mean(axis=1).mean():.3f}")
    print(shown.to_string(float_format=lambda value: f"{value:.2f}", na_rep="."))


def print_levels(title: str, predict: Predict, static: dict[str, Array]) -> None:
    rows, means = {}, {}
    for clip, truth in static.items():
        means[clip] = predict(clip, person(clip)).mean(axis=0), truth.mean(axis=0)
        rows[clip] = [f"{own:.1f}/{other:.1f}" for own, other in zip(*means[clip])]
    for one in sorted({person(clip) for clip in static}):
        own, other = (np.stack([means[clip][i] for clip in static if person(clip) == one]) for i in (0, 1))
        if len(own) >= ENOUGH_CLIPS:
            pairs = zip(own.T, other.T)
            rows[f"r over {one}'s clips"] = [f"{np.corrcoef(a, b)[0, 1]:.2f}" for a, b in pairs]
    print(f"\n{title} (ours/OpenFace static)")
    print(pd.DataFrame.from_dict(rows, orient="index", columns=list(ACTION_UNITS)).to_string())


if __name__ == "__main__":
    typer.run(main)
