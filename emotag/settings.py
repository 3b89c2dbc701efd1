"""The base of every settings class: strict, frozen, each field followed by one line of documentation."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """A branch of the settings tree. An unknown key is an error; a value never changes after it was read."""

    # Not `use_attribute_docstrings`: reading every class's source takes up to half a second of each stage's start.
    model_config = ConfigDict(extra="forbid", frozen=True)
