"""Stage `engines`: every chosen engine is there, or nothing runs."""

import sys

from emotag.errors import InputError
from emotag.external.catalogue import available
from emotag.external.survey import require_chosen, survey
from emotag.external.table import report
from emotag.files import write_json
from stages.run import run
from stages.settings import load_settings
from stages.workspace import Workspace


def engines() -> None:
    """Show what a chosen engine lacks and stop; what is written says no more than that all is well."""
    settings = load_settings()
    statuses = survey(available(settings), settings)
    try:
        require_chosen(statuses)
    except InputError:
        report(statuses, sys.stderr)
        raise
    write_json(Workspace().root / "data" / "engines.json", {"ready": True})  # ever the same: nothing reruns for it


if __name__ == "__main__":
    run(engines)
