"""The `emotag` command."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from emotag.errors import InputError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A talking avatar of a consenting person from five seconds of video.",
)

PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
"""A command whose options, `--help` among them, are told by the function that it calls."""

Consent = Annotated[str, typer.Option(help="Who agreed to what, in words; kept with the avatar. Required.")]


@app.command()
def add_identity(
    name: Annotated[str, typer.Argument(help="Name of the person: lower-case letters, digits, dashes.")],
    video: Annotated[Path, typer.Option(help="A video with one face and its voice.")],
    consent: Consent,
    adapt_seconds: Annotated[float, typer.Option(help="Length of the stretch that the avatar is made from.")] = 5.0,
    test_seconds: Annotated[float, typer.Option(help="Length of the following stretch to test on (0: none).")] = 10.0,
) -> None:
    """Register a person who gets an avatar; then run `dvc repro`."""
    from pipeline.flows.locks import editing_params
    from pipeline.register import add_identity as register

    with editing_params(Path()):
        targets = register(Path(), name, video, consent, adapt_seconds, test_seconds)
    typer.echo(f"{name} is registered. Next: dvc repro {' '.join(targets)} (or all: dvc repro)")


@app.command()
def add_corpus(
    name: Annotated[str, typer.Argument(help="Name of the person.")],
    video: Annotated[Path, typer.Option(help="A video with one face and its voice.")],
    consent: Consent,
    seconds: Annotated[float | None, typer.Option(help="Use only the first seconds.")] = None,
) -> None:
    """Register a person whose clip pretrains the motion network."""
    from pipeline.flows.locks import editing_params
    from pipeline.register import add_corpus as register

    with editing_params(Path()):
        register(Path(), name, video, consent, seconds)
    typer.echo(f"{name} is in the corpus. Next: dvc repro")


@app.command()
def add_sound(
    name: Annotated[str, typer.Argument(help="Name of the sound.")],
    file: Annotated[Path, typer.Option(help="Any sound file, or a video with sound.")],
    identity: Annotated[str, typer.Option(help="The avatar that speaks it.")],
) -> None:
    """Register new audio for an avatar to speak."""
    from pipeline.flows.locks import editing_params
    from pipeline.register import add_sound as register

    with editing_params(Path()):
        register(Path(), name, file, identity)
    typer.echo(f"Next: dvc repro speak@{identity}-{name}")


@app.command()
def profile(name: Annotated[str, typer.Argument(help="Name of a file in profiles/, without .yaml.")]) -> None:
    """Lay a profile (demo, paper, smoke, …) over params.yaml; clips and people stay."""
    from pipeline.flows.locks import editing_params
    from pipeline.profiles import apply_profile

    with editing_params(Path()):
        apply_profile(Path(), name)
    typer.echo(f"params.yaml now has the settings of profiles/{name}.yaml")


@app.command()
def doctor(
    profile: Annotated[str | None, typer.Option(help="Look as if this profile were laid over params.yaml.")] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Compare SHA-256 of files that are there.")] = False,
) -> None:
    """Show every engine: ready, or what it lacks and what to do. Exit code 1 when a chosen one is not ready."""
    from emotag.external.table import report
    from pipeline.doctor import examine, exit_code

    statuses = examine(Path(), profile, verify)
    report(statuses, profile=profile)
    raise SystemExit(exit_code(statuses))


@app.command()
def models(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Engines (wav2vec2), tasks (audio) or `chosen`; none means all that have an address."),
    ] = None,
    profile: Annotated[str | None, typer.Option(help="Look as if this profile were laid over params.yaml.")] = None,
) -> None:
    """Fetch the files of engines that need no form; a transfer that was cut goes on. Exit code 2 when one fails."""
    from pipeline.models import exit_code, fetch_models, tell
    from pipeline.profiles import with_profile

    outcomes = fetch_models(with_profile(Path(), profile), names or ())
    for line in tell(outcomes) or ["nothing is needed"]:
        typer.echo(line)
    raise SystemExit(exit_code(outcomes, names or ()))


@app.command("repro")
def repro_command(
    targets: Annotated[
        list[str] | None, typer.Argument(help="Stages, as `dvc repro` takes them; none means all.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=0, help="How many stages run at a time (0: as many as cores).")] = 0,
) -> None:
    """Bring the DAG up to date as `dvc repro` does, several stages at a time."""
    from pipeline.parallel import reproduce

    _end_stages_on_signals()
    _leave(lambda: reproduce(Path.cwd(), jobs or len(os.sched_getaffinity(0)), targets or ()))


@app.command()
def ablate(
    names: Annotated[
        list[str] | None, typer.Argument(help="Ablations of ablations.yaml; none means all.", metavar="[NAME]…")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="How many at a time; they share the cores.")] = 1,
    tests: Annotated[str, typer.Option(help="Tests of params.yaml, with commas between; none means all.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would run, and run nothing.")] = False,
) -> None:
    """Train and test without one part after the other, each as a DVC experiment; print the table beside the paper's."""
    from pipeline.ablate import ablate as ablate_here

    chosen = [test.strip() for test in tests.split(",") if test.strip()]
    _end_stages_on_signals()
    _leave(lambda: ablate_here(Path.cwd(), names or (), jobs, chosen, dry_run=dry_run))


@app.command(context_settings=PASSED_ON)
def score(context: typer.Context) -> None:
    """Measure any method's video by the same ruler, and add it to reports/scores/<method>.json."""
    from stages.score import score as score_here

    _end_stages_on_signals()
    command = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    command.command()(score_here)
    command(args=context.args, prog_name="emotag score")


Jobs = Annotated[int, typer.Option(min=0, help="How many stages run at a time (0: as many as cores).")]


@app.command()
def adapt(
    name: Annotated[str, typer.Argument(help="Name of the person: lower-case letters, digits, dashes.")],
    video: Annotated[
        Path | None, typer.Option(help="A video with one face and its voice (not when registered).")
    ] = None,
    consent: Annotated[str | None, typer.Option(help="Who agreed to what, in words. Required with a video.")] = None,
    adapt_seconds: Annotated[float, typer.Option(help="Length of the stretch that the avatar is made from.")] = 5.0,
    test_seconds: Annotated[
        float | None, typer.Option(help="Length of the stretch to test on (0: none; left out: what is left).")
    ] = None,
    jobs: Jobs = 0,
) -> None:
    """Make a person's avatar from a short video: register, and run what is needed. Needs no server."""
    from pipeline.flows.here import adapt_here

    _end_stages_on_signals()
    _leave(lambda: adapt_here(Path.cwd(), name, video, consent, adapt_seconds, test_seconds, jobs))


@app.command()
def speak(
    name: Annotated[str, typer.Argument(help="The avatar that speaks.")],
    audio: Annotated[Path, typer.Argument(help="Any sound file, or a video with sound.")],
    sound: Annotated[str | None, typer.Option(help="Name of the sound (left out: the file's own).")] = None,
    jobs: Jobs = 0,
) -> None:
    """Let an avatar speak new audio: register it, and make the video. Needs no server."""
    from pipeline.flows.here import speak_here

    _end_stages_on_signals()
    _leave(lambda: speak_here(Path.cwd(), name, audio, sound, jobs))


@app.command()
def export_vhap(
    clip: Annotated[str, typer.Argument(help="A tracked clip of params.yaml; the head model must be FLAME.")],
    folder: Annotated[Path, typer.Argument(help="New folder for the data set.")],
) -> None:
    """Write a track as VHAP's data set, which GaussianAvatars trains on."""
    from stages.export import export_vhap as export

    export(clip, folder)


@app.command()
def serve(
    port: Annotated[int, typer.Option(help="Where Prefect's pages are.")] = 4200,
    runs: Annotated[int, typer.Option(min=1, help="How many flow runs at a time; others wait.")] = 8,
) -> None:
    """Run Prefect's server, a work pool with the deployments, and a worker on this machine, until Ctrl-C."""
    from pipeline.serve import serve as serve_here

    raise SystemExit(serve_here(Path.cwd(), port, runs))


def _end_stages_on_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):  # SIGINT too: a shell's background jobs start with it ignored
        signal.signal(number, signal.default_int_handler)


def _leave(command: Callable[[], int]) -> None:
    try:
        raise SystemExit(command())
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def main() -> None:
    """Run the command; bad input ends in one line and exit code 2."""
    try:
        app()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
