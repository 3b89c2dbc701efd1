"""What a change is worth to the motion network alone: pretrained and adapted without pictures, on a CPU, in minutes.

    dvc repro features                  # perceives everything
    python -m benchmarks.motion [CHANGE ...] [--root FOLDER] [--seeds 3] [--steps 300] [--without CLIP,PERSON ...]

A CHANGE sets one parameter of params.yaml's sections sync, motion, pretrain or adapt, `sync.engine=none`; each is
compared with no change, seed by seed. Pictures teach the network nothing that its motion losses do not
(`adapt.tracked_share` moves no figure here), so the splats are left out: every person under test is adapted by the
reference clip's tracked motion, and judged by the test clip's. People of the corpus who were filmed in the recording
under test are left out of pretraining; `--without` names those whom the name of the file does not give away.

Figures are means over the tests, weighted alike: `lips` the distance of the 20 lip landmarks from the tracked ones,
both centred, in pixels of a 512² frame; `bias` the part of it that stays the same over the clip; `r` the correlation of
the mouth's opening.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from math import cos, pi
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
import yaml
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from emotag.head.face_part import FacePart
from emotag.head.ibug68 import EYES, MOUTH
from emotag.head.model import HeadModel
from emotag.motion.grmn import GRMN, free_for_adaptation, freeze_for_adaptation
from emotag.motion.windows import predict_sequence
from emotag.progress import progress_bar
from emotag.splats.splats import Splats
from emotag.sync.shift import in_time
from emotag.sync.speech import LOWER_LIP, UPPER_LIP, Speech
from emotag.sync.store import Sync
from emotag.sync.together import fit_together
from emotag.training.clip import ClipFeatures, load_features
from emotag.training.loop import GRADIENT_LIMIT
from emotag.training.prepared import Prepared
from emotag.training.pretrain import ALONE, make_network
from emotag.training.sample import draw
from emotag.training.scene import Scene, Shot
from emotag.training.settings import TrainingSettings
from emotag.training.step import Window, guidance_terms, motion_of, weight_table
from emotag.training.unit_fit import fit_unit_map
from stages.assemble import load_person
from stages.settings import PipelineSettings, parse_settings
from stages.workspace import Workspace

SIDE = 512
"""Pixels are those of such a frame."""

NO_CHANGE = "no change"


@dataclass(frozen=True)
class Score:
    """One test."""

    lips: float  # px
    bias: float  # px
    r: float


class Study:
    """The people and clips of a workspace."""

    def __init__(self, root: Path, without: Sequence[str]) -> None:
        self.root, self.workspace = root, Workspace(root)
        self.content = yaml.safe_load((root / "params.yaml").read_text())
        self.settings = parse_settings(self.content, root / "params.yaml")
        self.head = HeadModel.load(self.workspace.head)
        self.without = {tuple(pair.split(",", 1)) for pair in without}
        self._features: dict[str, ClipFeatures] = {}

    def tests(self) -> list[str]:
        """Name the tests whose clips were perceived."""
        return [
            name
            for name, test in self.settings.tests.items()
            if self.path(test.clip).exists() and self.path(self.settings.person(test.identity).reference).exists()
        ]

    def corpus(self, test: str) -> tuple[str, ...]:
        """Name the people of the corpus who are not in the recordings of a test."""
        entry = self.settings.tests[test]
        names = {entry.identity, entry.clip, Path(self.settings.clips[entry.clip].video).stem}
        told = {person for clip, person in self.without if clip in (entry.clip, entry.identity, test)}
        return tuple(name for name in self.settings.corpus if name not in names | told)

    def path(self, clip: str) -> Path:
        return self.workspace.file("features", clip, "parquet")

    def scene(self, person: str, clips: Sequence[str], lags_s: Sequence[float] | None = None) -> Scene:
        """A person without splats and clips without pictures."""
        constants = load_person(self.workspace, person, self.head)
        shots = []
        for k, clip in enumerate(clips):
            features = self._features.setdefault(clip, load_features(self.path(clip)))
            features = in_time(features, lags_s[k]) if lags_s else replace(features)
            shots.append(Shot(features, _Unseen(len(features))))  # type: ignore[arg-type]
        parts = (FacePart.of(self.head, constants.shape, part) for part in (MOUTH, EYES))
        return Scene(constants, Splats(0, 0, 1), shots, *parts)


class _Unseen:
    """Frames that nobody looks at."""

    def __init__(self, frames: int) -> None:
        self.resident = range(frames)


def run(study: Study, settings: PipelineSettings, steps: int, seed: int, notify: Any) -> dict[str, Score]:
    """Pretrain once for each corpus that the tests need, adapt to each person, and score each test."""
    scores: dict[str, Score] = {}
    tests = study.tests()
    for corpus in dict.fromkeys(study.corpus(test) for test in tests):
        clips = [settings.clips_of(name) for name in corpus]
        sync = _sync(study, settings, corpus, clips)
        lags = [[sync.lag_s(clip) for clip in row] for row in clips]
        people = [study.scene(name, row, late) for name, row, late in zip(corpus, clips, lags)]
        network = _pretrained(study.head, people, settings, steps, seed)
        notify()
        adapted: dict[str, tuple[GRMN, Scene, float]] = {}
        for test in (test for test in tests if study.corpus(test) == corpus):
            entry = settings.tests[test]
            reference = settings.person(entry.identity).reference
            if entry.identity not in adapted:
                scene = study.scene(entry.identity, [reference])
                lag = sync.measure(scene.shots[0].features, scene.lips).seconds
                scene = study.scene(entry.identity, [reference], [lag])
                grmn = deepcopy(network)
                free = freeze_for_adaptation if settings.adapt.trained == "adain" else free_for_adaptation
                count = (settings.adapt.frames - settings.adapt.static_frames) // settings.adapt.batch
                _train(study.head, grmn, free(grmn), [scene], settings.adapt, count, 1, seed)
                adapted[entry.identity] = grmn, scene, lag
                notify()
            grmn, scene, lag = adapted[entry.identity]
            late = lag if settings.same_recording(entry.clip, reference) else 0.0
            scores[test] = _score(grmn, scene, study.scene(entry.identity, [entry.clip], [late]).shots[0].features)
    return scores


def _sync(study: Study, settings: PipelineSettings, corpus: Sequence[str], clips: list[list[str]]) -> Sync:
    if settings.sync.engine == "none":
        return Sync(settings.sync, {})
    people = [study.scene(name, row) for name, row in zip(corpus, clips)]
    speech = [[Speech.of(shot.features, scene.lips) for shot in scene.shots] for scene in people]
    predictor, found = fit_together(speech, settings.sync)
    lags = {clip: lag for row, one in zip(clips, found) for clip, lag in zip(row, one)}
    return Sync(settings.sync, lags, predictor)


def _pretrained(head: HeadModel, people: list[Scene], settings: PipelineSettings, steps: int, seed: int) -> GRMN:
    torch.manual_seed(seed)
    network = make_network(settings.motion, people)
    fit_unit_map(network, people, ALONE)
    network.train()
    weights = list(network.parameters())
    _train(head, network, weights, people, settings.pretrain, steps, settings.pretrain.motion_windows, seed)
    return network


def _train(
    head: HeadModel, grmn: GRMN, weights: list[nn.Parameter], people: list[Scene], settings: TrainingSettings,
    steps: int, windows: int, seed: int,
) -> None:  # fmt: skip
    """Train as emotag/training/loop.py does, but for what needs a picture."""
    if not weights:  # without AdaIN adaptation has nothing to train but splats
        grmn.eval()
        return
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(weights, eps=1e-15, betas=(0.9, 0.99), weight_decay=settings.weight_decay)
    prepared, table = Prepared(head, grmn), weight_table(settings.weights)
    start, final = settings.rates.motion * settings.rate_scale, settings.rates.final
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = start * (final + (1 - final) * 0.5 * (1 + cos(pi * step / steps)))
        drawn = []
        for _ in range(windows):
            scene = people[int(torch.randint(len(people), (), generator=generator))]
            drawn.append(Window(scene, draw(scene, grmn.settings.window, 0, generator)))
        terms = guidance_terms(grmn, drawn, motion_of(grmn, drawn, prepared), prepared)
        optimizer.zero_grad(set_to_none=True)
        torch.stack([table[name] * term for name, term in terms.items()]).sum().backward()
        nn.utils.clip_grad_norm_(weights, GRADIENT_LIMIT)
        optimizer.step()
    grmn.eval()


@torch.no_grad()
def _score(grmn: GRMN, scene: Scene, features: ClipFeatures) -> Score:
    person = scene.person
    motion = predict_sequence(grmn, features.audio, features.upper_face, person.identity)
    scale = SIDE * features.focal_length / (1 - float(features.pose.translation[:, 2].mean()))

    def lips(expression: Tensor, jaw: Tensor) -> Tensor:  # (T, 20, 2) px
        points = scene.lips.points(expression, jaw)[features.valid][..., :2]
        return scale * (points - points.mean(1, keepdim=True))

    here = lips(person.neutral_expression + motion.expression, person.neutral_jaw + motion.jaw)
    there = lips(features.expression, features.jaw)
    opening = [(points[:, UPPER_LIP, 1] - points[:, LOWER_LIP, 1]).numpy() for points in (here, there)]
    apart = here - there
    return Score(
        float(apart.norm(dim=-1).mean()), float(apart.mean(0).norm(dim=-1).mean()), float(np.corrcoef(*opening)[0, 1])
    )


def changed(study: Study, change: str) -> PipelineSettings:
    """Give the settings with one parameter set otherwise."""
    if change == NO_CHANGE:
        return study.settings
    name, _, value = change.partition("=")
    *path, last = name.split(".")
    if not path or path[0] not in ("sync", "motion", "pretrain", "adapt") or not value:
        raise typer.BadParameter(f"'{change}' is no change of sync, motion, pretrain or adapt; write sync.engine=none")
    content = deepcopy(study.content)
    section = content
    for key in path:
        section = section.setdefault(key, {})
    section[last] = yaml.safe_load(value)
    return parse_settings(content, study.root / "params.yaml")


def main(
    changes: Annotated[list[str], typer.Argument(help="e.g. sync.engine=none")] = [],  # noqa: B006 (typer's form)
    root: Annotated[Path, typer.Option(help="A project that is perceived.")] = Path(),
    seeds: Annotated[int, typer.Option(help="Runs of each.")] = 3,
    steps: Annotated[int, typer.Option(help="Steps of pretraining.")] = 300,
    without: Annotated[list[str], typer.Option(help="CLIP,PERSON: who is in a test's recording.")] = [],  # noqa: B006
) -> None:
    torch.set_num_threads(1)
    study = Study(root, without)
    tests = study.tests()
    people = {study.settings.tests[test].identity for test in tests}
    corpora = {study.corpus(test) for test in tests}
    found: dict[str, list[dict[str, Score]]] = {NO_CHANGE: [], **{change: [] for change in changes}}
    with progress_bar("motion", len(found) * seeds * (len(corpora) + len(people))) as bar:
        for seed in range(seeds):
            for change, runs in found.items():
                runs.append(run(study, changed(study, change), steps, seed, bar.advance))
    table = Table("lips, px", *found)
    for test in tests:
        table.add_row(test, *(f"{np.mean([one[test].lips for one in runs]):.2f}" for runs in found.values()))
    table.add_section()
    for label, key in (("mean lips, px", "lips"), ("bias, px", "bias"), ("r of the opening", "r")):
        means = [np.mean([_mean(one, key) for one in runs]) for runs in found.values()]
        table.add_row(label, *(f"{mean:.2f}" for mean in means))
    pairs = [[_mean(a, "lips") - _mean(b, "lips") for a, b in zip(runs, found[NO_CHANGE])] for runs in found.values()]
    table.add_row("against no change, each seed", "", *(", ".join(f"{one:+.2f}" for one in row) for row in pairs[1:]))
    Console(width=120).print(table)


def _mean(scores: dict[str, Score], key: str) -> float:
    return float(np.mean([getattr(score, key) for score in scores.values()]))


if __name__ == "__main__":
    typer.run(main)
