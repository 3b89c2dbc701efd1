"""Several people adapted at once through Prefect: how long it takes, and that nothing is computed twice.

`python benchmarks/flows.py PROJECT --video FILE --people 8` serves a project (a copy of this folder whose `pretrain`
is up to date, with a small profile), begins as many adapt-identity runs at once, waits, and tells.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

FINAL = ("COMPLETED", "FAILED", "CANCELLED", "CRASHED")
LOOK_S = 2.0


def ask(api: str, path: str, content: dict[str, Any] | None = None) -> Any:
    data = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(f"{api}/{path}", data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def wait_for(output: Path, words: str, process: subprocess.Popen[bytes]) -> None:
    while words not in output.read_text(errors="replace"):
        if process.poll() is not None:
            raise SystemExit(output.read_text(errors="replace"))
        time.sleep(0.2)


def begin(api: str, name: str, video: Path, seconds: float) -> str:
    deployed = ask(api, "deployments/name/adapt-identity/local")["id"]
    parameters = {"identity": name, "video": str(video), "consent": "synthetic", "adapt_seconds": seconds}
    content = {"parameters": parameters | {"test_seconds": 0}, "state": {"type": "SCHEDULED"}}
    return str(ask(api, f"deployments/{deployed}/create_flow_run", content)["id"])


def tasks(api: str, runs: list[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for run in runs:
        found += ask(api, "task_runs/filter", {"flow_runs": {"id": {"any_": [run]}}})
    return found


def measure(project: Path, video: Path, people: int, seconds: float, port: int) -> dict[str, Any]:
    api = f"http://127.0.0.1:{port}/api"
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": tools, "PYTHONPATH": str(project), "DVC_NO_ANALYTICS": "1"}
    output = project.parent / f"{project.name}-serve.log"
    command = [sys.executable, "-c", "from pipeline.cli import main; main()", "serve", "--port", str(port)]
    with output.open("wb") as file:
        serving = subprocess.Popen(command, cwd=project, env=environment, stdout=file, stderr=subprocess.STDOUT)
    try:
        wait_for(output, "started!", serving)
        began = time.monotonic()
        runs = [begin(api, f"person-{number}", video, seconds) for number in range(people)]
        while any(ask(api, f"flow_runs/{run}")["state"]["type"] not in FINAL for run in runs):
            time.sleep(LOOK_S)
        took = time.monotonic() - began
        states = Counter(ask(api, f"flow_runs/{run}")["state"]["type"] for run in runs)
        ran = Counter(one["name"] for one in tasks(api, runs) if one["state_name"] == "Completed")
    finally:
        serving.send_signal(signal.SIGINT)
        serving.wait(60)
    status = subprocess.run(
        ["dvc", "status"], cwd=project, env=environment, capture_output=True, text=True, check=False
    ).stdout
    return {
        "people": people,
        "seconds": round(took, 1),
        "seconds a person": round(took / people, 1),
        "flow runs": dict(states),
        "stages run": sum(ran.values()),
        "run more than once": {name: count for name, count in ran.items() if count > 1},
        "dvc status": status.strip().splitlines()[:5],
        "cores": len(os.sched_getaffinity(0)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    parser.add_argument("--video", type=Path, required=True)
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of the stretch to adapt on")
    parser.add_argument("--port", type=int, default=4299)
    given = parser.parse_args()
    result = measure(given.project.resolve(), given.video, given.people, given.seconds, given.port)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
