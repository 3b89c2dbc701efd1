"""A flow whose worker dies must not go on unseen: nobody could cancel it."""

import os
import signal
import threading
import time

_LOOK_S = 0.5
_PATIENCE_S = 12.0


def end_with_parent() -> None:
    """Send SIGTERM to this process when the one that started it dies, and leave for good if that does not help.

    Prefect turns the signal into an exception in the flow, which ends its stages and reports the run as crashed. Should
    this process be killed as well, the keepers of its stages end them. Does nothing outside a worker's process.
    """
    parent = os.getppid()
    if "PREFECT__FLOW_RUN_ID" not in os.environ or parent == 1:
        return
    threading.Thread(target=_watch, args=(parent,), name="end-with-parent", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_S)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_PATIENCE_S)
    os._exit(128 + signal.SIGTERM)
