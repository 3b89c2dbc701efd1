"""The base of every settings class: strict, frozen, each field followed by one line of documentation."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """A branch of the settings tree. An unknown key is an error; a value never changes after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
