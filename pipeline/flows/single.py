"""One stage by DVC when it is out of date: what runs in the keeper's child."""

import os
import sys
from pathlib import Path

from dvc.exceptions import DvcException
from dvc.lock import LockError
from dvc.repo import Repo

from pipeline.dvc_stage import dvc_main  # with what that module makes faster

BUSY = os.EX_TEMPFAIL
"""Exit code when another stage writes what this one reads, or reads what it writes."""

UNCHANGED = "didn't change, skipping"
"""DVC's own words."""


def reproduce_single(name: str) -> None:
    """Run `dvc --wait-for-lock repro --single-item NAME` and end with its code; BUSY when it cannot begin now.

    Whether anything changed is looked at first, under read locks only: `dvc repro` locks the outputs of a stage for
    writing even to find that there is nothing to do, and so would have to wait for everyone who reads them.
    """
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    try:
        with Repo(_wait_for_lock=True) as repo:
            if not repo.status(targets=[name]):
                print(f"Stage '{name}' {UNCHANGED}", flush=True)
                return
    except LockError as error:
        print(error, flush=True)
        sys.exit(BUSY)
    except (DvcException, OSError):
        pass  # a folder that changes while it is read, or a fault that `dvc repro` tells better
    sys.exit(dvc_main(["--wait-for-lock", "repro", "--single-item", name]))
