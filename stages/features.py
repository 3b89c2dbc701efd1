"""Stage `features`: join a clip's tables into the feature store."""

from typing import Annotated

import typer

from emotag.features import STAGES, join_tables
from emotag.progress import summary
from emotag.tables import read_metadata, read_table, write_table
from stages.run import run
from stages.settings import load_settings
from stages.workspace import Workspace


def features(clip: Annotated[str, typer.Option(help="Clip of params.yaml.")]) -> None:
    """Write data/features/<clip>.parquet: one validated row per frame, with who made each part in the metadata."""
    workspace = Workspace()
    entry = load_settings().clip(clip)
    paths = {stage: workspace.file(stage, clip, "parquet") for stage in STAGES}
    table = join_tables(clip, entry.identity, {stage: read_table(path) for stage, path in paths.items()})
    output = workspace.file("features", clip, "parquet")
    write_table(output, table, {stage: read_metadata(path) for stage, path in paths.items()})
    summary("features", [("rows", table.num_rows), ("columns", table.num_columns), ("table", output)])


if __name__ == "__main__":
    run(features)
