"""The parameters of flows: types, and descriptions that Prefect's form and command line show."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, Field
from pydantic.fields import FieldInfo

from pipeline.flows.runners import Runner as RunnerName

NAME = r"^[a-z0-9][a-z0-9-]{0,62}$"
NAME_OR_NOTHING = r"^([a-z0-9][a-z0-9-]{0,62})?$"

Identity = Annotated[str, Field(description="Name of the person: lower-case letters, digits, dashes.", pattern=NAME)]
Video = Annotated[
    str,
    Field(
        description="A video with one face and its voice; relative paths start at the project's folder. "
        "Empty for a person who is registered already."
    ),
]
Consent = Annotated[
    str, Field(description="Who agreed to what, in words; kept with the avatar. Required with a video.")
]
AdaptSeconds = Annotated[float, Field(description="Length of the stretch that the avatar is made from.", ge=3, le=600)]
TestSeconds = Annotated[
    float | None,
    Field(description="Length of the following stretch to test on (0: none; empty: what is left, at most 10 s).", ge=0),
]
Audio = Annotated[
    str, Field(description="Any sound file, or a video with sound; relative paths start at the project's folder.")
]
SoundName = Annotated[
    str, Field(description="Name of the sound (empty: the file's own, made a name).", pattern=NAME_OR_NOTHING)
]
Jobs = Annotated[int, Field(description="How many stages run at a time (0: as many as cores).", ge=0)]
Runner = Annotated[
    RunnerName,
    Field(
        description="Where stages run: threads of this process, a Dask cluster, or Ray (extras emotag[dask], [ray])."
    ),
]
Cluster = Annotated[
    str,
    Field(
        description="Address of a running Dask scheduler (tcp://host:8786) or of Ray; empty: a local one for this run."
    ),
]
LimitMinutes = Annotated[float, Field(description="A stage that takes longer (minutes) is ended; 0: no limit.", ge=0)]


class CorpusVideo(BaseModel):
    """A person's video for the corpus."""

    name: str = Field(description="Name of the person: lower-case letters, digits, dashes.", pattern=NAME)
    video: str = Field(description="A video with one face and its voice; relative paths start at the project's folder.")
    consent: str = Field(description="Who agreed to what, in words.", min_length=1)
    seconds: float | None = Field(None, description="Use only the first seconds.", gt=0)


CorpusVideos = Annotated[
    list[CorpusVideo], Field(description="People to add to the corpus before it is built; those registered stay.")
]
Tests = Annotated[list[str], Field(description="Tests of params.yaml (none: all of them).")]
OfIdentity = Annotated[
    str, Field(description="Only tests of this person (empty: of everyone).", pattern=NAME_OR_NOTHING)
]
Targets = Annotated[
    list[str], Field(description="Stages, as `dvc repro` takes them: `track`, `adapt@mira` (none: all).")
]
Report = Annotated[bool, Field(description="Write the report of everyone too.")]

Function = TypeVar("Function", bound=Callable[..., Any])


def described(function: Function) -> Function:
    """Append the descriptions of annotated parameters to the docstring, where Prefect looks for them."""
    lines = []
    for name, parameter in inspect.signature(function).parameters.items():
        if get_origin(parameter.annotation) is Annotated:
            notes = [note for note in get_args(parameter.annotation) if isinstance(note, FieldInfo)]
            lines += [f"    {name}: {note.description}" for note in notes if note.description]
    function.__doc__ = f"{inspect.getdoc(function)}\n\nArgs:\n" + "\n".join(lines) + "\n"
    return function
