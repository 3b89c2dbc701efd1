"""The flows. Each registers what is new, brings its stages up to date by DVC, and shows what came out."""

from pathlib import Path

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from emotag.errors import InputError
from pipeline.flows import parameters as given
from pipeline.flows.artifacts import show_links, show_metrics, show_pictures
from pipeline.flows.locks import LOCKS, editing_params, held
from pipeline.flows.orphan import end_with_parent
from pipeline.flows.people import register_identity, register_sound
from pipeline.flows.schedule import Summary
from pipeline.flows.update import How, update
from stages.settings import load_settings

end_with_parent()  # as early as can be: a flow that waits for a lock has lost nobody yet


@flow(name="build-corpus", validate_parameters=True)
@given.described
def build_corpus(
    videos: given.CorpusVideos = [],  # noqa: B006 (Prefect's form shows the default)
    jobs: given.Jobs = 0,
    runner: given.Runner = "threads",
    cluster: given.Cluster = "",
    limit_minutes: given.LimitMinutes = 0.0,
) -> State:
    """Perception of every clip of the corpus: crops, landmarks, tracks, mattes, cues, features."""
    from pipeline.register import add_corpus

    try:
        with editing_params(Path()):
            for one in videos:
                add_corpus(Path(), one.name, Path(one.video), one.consent, one.seconds)
        summary = update(["corpus"], How(jobs, runner, cluster, limit_minutes))
    except InputError as error:
        return _refused(error)
    return _finish(summary, "corpus", {"digests of the corpus": "data/corpus.json"})


@flow(name="pretrain-motion", validate_parameters=True)
@given.described
def pretrain_motion(
    jobs: given.Jobs = 0,
    runner: given.Runner = "threads",
    cluster: given.Cluster = "",
    limit_minutes: given.LimitMinutes = 0.0,
) -> State:
    """The motion network, learnt from the people of the corpus."""
    try:
        summary = update(["pretrain"], How(jobs, runner, cluster, limit_minutes))
    except InputError as error:
        return _refused(error)
    links = {"motion network": "models/motion/grmn.safetensors", "log of training": "models/motion/log.parquet"}
    return _finish(summary, "motion", links)


@flow(name="adapt-identity", flow_run_name="{identity}", validate_parameters=True)
@given.described
def adapt_identity(
    identity: given.Identity,
    video: given.Video = "",
    consent: given.Consent = "",
    adapt_seconds: given.AdaptSeconds = 5.0,
    test_seconds: given.TestSeconds = None,
    jobs: given.Jobs = 0,
    runner: given.Runner = "threads",
    cluster: given.Cluster = "",
    limit_minutes: given.LimitMinutes = 0.0,
) -> State:
    """A person's avatar from a short video: registers the person, reads the clip, adapts the network, tests it."""
    lock = held(
        Path() / LOCKS / f"identity-{identity}",
        waiting=lambda: get_run_logger().info(f"waiting: another run is making {identity}"),
    )
    try:
        with lock:
            file = Path(video) if video else None
            targets = register_identity(Path(), identity, file, consent, adapt_seconds, test_seconds)
            summary = update(targets, How(jobs, runner, cluster, limit_minutes))
    except InputError as error:
        return _refused(error)
    folder = f"models/avatars/{identity}"
    links = {
        "avatar": folder,
        "splats for any viewer": f"{folder}/splats.ply",
        "log of training": f"{folder}/log.parquet",
        "videos": f"reports/videos/{identity}",
    }
    return _finish(summary, identity, links)


@flow(name="speak", flow_run_name="{identity}", validate_parameters=True)
@given.described
def speak(
    identity: given.Identity,
    audio: given.Audio,
    name: given.SoundName = "",
    jobs: given.Jobs = 0,
    runner: given.Runner = "threads",
    cluster: given.Cluster = "",
    limit_minutes: given.LimitMinutes = 0.0,
) -> State:
    """New audio spoken by an avatar, as a video that says of itself that it is AI-generated."""
    try:
        targets = register_sound(Path(), identity, Path(audio), name or None)
        summary = update(targets, How(jobs, runner, cluster, limit_minutes))
    except InputError as error:
        return _refused(error)
    made = targets[0].removeprefix("speak@")
    return _finish(summary, made, {"video": f"reports/videos/{identity}/{made}.mp4"})


@flow(name="evaluate", validate_parameters=True)
@given.described
def evaluate(
    identity: given.OfIdentity = "",
    tests: given.Tests = [],  # noqa: B006
    report: given.Report = False,
    jobs: given.Jobs = 0,
    runner: given.Runner = "threads",
    cluster: given.Cluster = "",
    limit_minutes: given.LimitMinutes = 0.0,
) -> State:
    """Self-reconstruction of unseen clips, scored beside a frozen face and the paper."""
    try:
        settings = load_settings()
        chosen = {name: settings.test(name) for name in tests} if tests else settings.tests
        if identity:
            settings.person(identity)
            chosen = {name: one for name, one in chosen.items() if one.identity == identity}
        if not chosen:
            raise InputError("params.yaml has no such test; `emotag add-identity` registers one with --test-seconds")
        targets = [f"evaluate@{name}" for name in chosen] + (["report"] if report else [])
        summary = update(targets, How(jobs, runner, cluster, limit_minutes))
    except InputError as error:
        return _refused(error)
    links = {f"videos of {one}": f"reports/videos/{one}" for one in {test.identity for test in chosen.values()}}
    return _finish(summary, identity or "all", links | ({"report": "reports/report.html"} if report else {}))


@flow(name="reproduce", validate_parameters=True)
@given.described
def reproduce(
    targets: given.Targets = [],  # noqa: B006
    jobs: given.Jobs = 0,
    runner: given.Runner = "threads",
    cluster: given.Cluster = "",
    limit_minutes: given.LimitMinutes = 0.0,
) -> State:
    """Everything (or the targets): as `dvc repro`, several stages at a time."""
    try:
        summary = update(targets, How(jobs, runner, cluster, limit_minutes))
    except InputError as error:
        return _refused(error)
    return _finish(summary, "all", {"report": "reports/report.html", "motion network": "models/motion"})


def _refused(error: InputError) -> State:
    """Give a failed state of one line, without a trace: the input is bad, not the program."""
    get_run_logger().error(str(error))
    return Failed(message=str(error))


def _finish(summary: Summary, name: str, links: dict[str, str]) -> State:
    """Show what came out; give the flow's state."""
    plan = summary.plan
    done = {*summary.ran, *summary.cached}
    metrics = [file for target in plan.targets if target in done for file in plan.stages[target].metrics]
    show_metrics(Path(), name, metrics)
    for target in plan.targets:
        if target in summary.cached:  # what ran has shown its own
            show_pictures(Path(), target, plan.stages[target].outputs)
    if not summary.failed:
        show_links(Path(), name, links)
        return Completed(message=summary.line)
    get_run_logger().error(summary.line)
    return Failed(message=summary.line)
