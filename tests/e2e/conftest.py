"""A project with a Prefect server and worker, as `emotag serve` starts them; a small project with stages of shell."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import psutil
import pytest
import yaml

from pipeline.flows.locks import held

ROOT = Path(__file__).parents[2]
LINES = {
    "ada": ("Mama baked a big blue birthday cake for all of us.", "neutral", 0),
    "ben": ("You promised to bring my books back before Monday!", "angry", 2),
    "mira-adapt": ("Believe me, this was the best morning of my whole life.", "happy", 2),
    "mira-same": ("Maybe we should buy some flowers for Peter as well.", "happy", 2),
}
"""What the actors of the small project say."""

PATIENCE_S = 180.0  # for what takes seconds on an idle machine
COMMAND = [sys.executable, "-c", "from pipeline.cli import main; main()"]
TRAIN = Path(__file__).parent / "drawn_training.py"
STAGES = """
stages:
  crop:
    foreach: ${clips}
    do:
      cmd: echo crop@${key} >> log; mkdir -p data/crop; cp ${item.video} data/crop/${key}.mp4
      deps:
      - ${item.video}
      params:
      - crop
      outs:
      - data/crop/${key}.mp4
  corpus:
    cmd: echo corpus >> log; cp data/crop/ada.mp4 data/corpus.json
    deps:
    - data/crop
    outs:
    - data/corpus.json
  pretrain:
    cmd: echo pretrain >> log; mkdir -p models/motion; cp data/corpus.json models/motion/net
    deps:
    - data/corpus.json
    params:
    - pretrain
    outs:
    - models/motion
  adapt:
    foreach: ${avatars}
    do:
      cmd: echo adapt@${key} >> log; mkdir -p models/avatars/${key}; python train.py ${key}
      deps:
      - models/motion
      - data/crop/${item.reference}.mp4
      params:
      - device
      - adapt
      outs:
      - models/avatars/${key}
  evaluate:
    foreach: ${tests}
    do:
      cmd: echo evaluate@${key} >> log; mkdir -p reports/metrics; cp metrics.json reports/metrics/${key}.json
      deps:
      - models/avatars/${item.identity}
      - data/crop/${item.clip}.mp4
      metrics:
      - reports/metrics/${key}.json:
          cache: false
"""


class Patient(httpx.HTTPTransport):
    """Asks again when the server is busy (503: its database is locked for a moment), as Prefect's own client does."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        end = time.monotonic() + PATIENCE_S
        while (answer := super().handle_request(request)).status_code == httpx.codes.SERVICE_UNAVAILABLE:
            assert time.monotonic() < end, "the server stays busy"
            answer.close()
            time.sleep(0.5)
        return answer


@dataclass
class Served:
    """A project, and the server and worker that `emotag serve` runs on it."""

    project: Path
    process: subprocess.Popen[bytes]
    output: Path
    api: httpx.Client
    environment: dict[str, str]

    def watch(self, deployment: str, **parameters: object) -> subprocess.CompletedProcess[str]:
        """Run `prefect deployment run … --watch` to its end."""
        options = [part for name, value in parameters.items() for part in ("-p", f"{name}={value}")]
        return self.command(sys.executable, "-m", "prefect", "deployment", "run", deployment, *options, "--watch")

    def begin(self, deployment: str, **parameters: object) -> str:
        """Begin a run, as the form in Prefect's pages does; give its id."""
        deployed = self.api.get(f"deployments/name/{deployment}").json()["id"]
        content = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        answer = self.api.post(f"deployments/{deployed}/create_flow_run", json=content)
        assert answer.status_code < 300, answer.text
        return str(answer.json()["id"])

    def go(self, deployment: str, **parameters: object) -> tuple[str, str]:
        """Run to the end; give the run's id and the type of its last state."""
        run = self.begin(deployment, **parameters)
        return run, str(self.finish(run)["type"])

    def finish(self, run: str) -> dict[str, Any]:
        """Wait for a run's end; give its state."""
        until(lambda: self.state(run)["type"] in ("COMPLETED", "FAILED", "CANCELLED", "CRASHED"))
        return self.state(run)

    def state(self, run: str) -> dict[str, Any]:
        return dict(self.api.get(f"flow_runs/{run}").json()["state"])

    def last_run(self) -> str:
        answer = self.api.post("flow_runs/filter", json={"sort": "EXPECTED_START_TIME_DESC", "limit": 1})
        return str(answer.json()[0]["id"])

    def stages(self, run: str) -> dict[str, tuple[str, int]]:
        """Give stage → (name of its last state, attempts)."""
        where = {"flow_runs": {"id": {"any_": [run]}}}
        until(lambda: all(one["state_name"] not in ("Pending", "Running") for one in self._tasks(where)))
        return {one["name"]: (one["state_name"], one["run_count"]) for one in self._tasks(where)}

    def _tasks(self, where: dict[str, Any]) -> list[dict[str, Any]]:
        return list(self.api.post("task_runs/filter", json=where).json())

    def artifacts(self, run: str) -> dict[str, dict[str, Any]]:
        answer = self.api.post("artifacts/filter", json={"flow_runs": {"id": {"any_": [run]}}})
        return {one["key"]: one for one in answer.json()}

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the project."""
        return subprocess.run(
            words, cwd=self.project, env=self.environment, capture_output=True, text=True, check=False
        )

    @staticmethod
    def until(condition: Callable[[], bool]) -> None:
        until(condition)

    def processes(self, *words: str) -> list[psutil.Process]:
        """Give the living processes of the project whose command line holds one of the words."""
        found = []
        for process in psutil.process_iter(["cmdline", "cwd", "status"]):
            line = " ".join(process.info["cmdline"] or [])
            mine = (process.info["cwd"] or "").startswith(str(self.project))
            if mine and process.info["status"] != psutil.STATUS_ZOMBIE and any(word in line for word in words):
                found.append(process)
        return found

    def worker(self) -> psutil.Process:
        until(lambda: bool(self.processes("prefect worker start")))
        return self.processes("prefect worker start")[0]


@contextmanager
def serving(project: Path) -> Iterator[Served]:
    """Run `emotag serve` on a project; at the end Ctrl-C, after which nothing of it may live."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PREFECT_") and name != "PWD"
    }
    environment |= {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(
            filter(None, (str(project if (project / "emotag").is_dir() else ROOT), os.environ.get("PYTHONPATH")))
        ),
        "PREFECT_HOME": str(project / ".emotag" / "prefect"),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "DVC_NO_ANALYTICS": "1", "DO_NOT_TRACK": "1", "COLUMNS": "200",
    }  # fmt: skip
    output = project.parent / f"{project.name}-serve.log"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [*COMMAND, "serve", "--port", str(port)], cwd=project, env=environment, stdout=file,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/", timeout=30, transport=Patient()) as api:
        served = Served(project, process, output, api, environment)
        try:
            until(lambda: "started!" in output.read_text() or process.poll() is not None)
            assert process.poll() is None, output.read_text()
            yield served
        finally:
            process.send_signal(signal.SIGINT)
            try:
                code = process.wait(60)
            finally:
                left = served.processes("prefect", "pipeline", "train.py")
                for one in [process, *left]:
                    with suppress(psutil.NoSuchProcess, ProcessLookupError):
                        one.kill()
        assert code == 0 and not left, output.read_text()[-3000:]


def until(condition: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A served project with the flows' stages in shell: what Prefect and DVC do, without a network."""
    project = tmp_path_factory.mktemp("shell")
    (project / "pipeline").symlink_to(ROOT / "pipeline")
    (project / ".dvcignore").write_text("pipeline\n.emotag\n")
    shutil.copyfile(ROOT / "prefect.yaml", project / "prefect.yaml")
    shutil.copyfile(TRAIN, project / "train.py")
    (project / "dvc.yaml").write_text(STAGES)
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params |= {name: {} for name in ("actors", "takes", "avatars", "tests", "sounds", "videos")}
    params |= {"corpus": ["ada"], "device": "cpu", "identities": {"ada": {"consent": "synthetic", "reference": "ada"}}}
    params["clips"] = {"ada": {"identity": "ada", "video": "data/raw/ada.mp4"}}
    params["adapt"]["frames"] = 10
    (project / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    metrics = {"psnr": 30.5, "lmd": None, "lpips": 0.02}
    content = {"identity": "own", "tests": [{"test": "own", "metrics": metrics, "frozen": {**metrics, "psnr": 20.0}}]}
    (project / "metrics.json").write_text(json.dumps(content))
    (project / "data" / "raw").mkdir(parents=True)
    (project / "data" / "raw" / "ada.mp4").write_text("ada")
    draw_video(project / "own.mp4")
    subprocess.run([sys.executable, "-m", "dvc", "init", "--no-scm", "-q"], cwd=project, check=True)
    with serving(project) as served:
        yield served


def draw_video(path: Path, seconds: int = 9) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 32
        for number in range(25 * seconds):
            picture = np.full((32, 32, 3), number % 256, np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture)):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tracked tree with the smoke profile and four takes, run once; to be copied, not changed.

    The workers of pytest-xdist share it: the first one makes it, the others wait.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "smoke"
    with held(folder.with_suffix(".lock")):
        if not folder.with_suffix(".done").exists():
            copy_tree(folder)
            run(folder, "git", "init", "--quiet")
            run(folder, *COMMAND, "profile", "smoke")
            shorten(folder / "params.yaml")
            run(folder, *COMMAND, "repro")
            folder.with_suffix(".done").touch()
    return folder


def copy_tree(folder: Path) -> None:
    """Copy what git tracks, or would."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    tracked = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True)
    for name in tracked.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())


def shorten(path: Path) -> None:
    """Leave of the embedded example what shows that everything runs."""
    params = yaml.safe_load(path.read_text())
    takes = {name: params["takes"][name] for name in LINES}
    for name, (text, emotion, level) in LINES.items():
        takes[name]["lines"] = [{"text": text, "emotion": emotion, "level": level}]
    params["takes"] = takes
    params["film"] |= {"lead_s": 0.4, "pause_s": 0.6}  # no stretch under three seconds is taken
    params["actors"] = {name: params["actors"][name] for name in ("ada", "ben", "mira")}
    params["clips"] = {name: params["clips"][name] | {"end_s": None} for name in LINES}
    params["identities"] = {name: params["identities"][name] for name in ("ada", "ben", "mira")}
    params["corpus"] = ["ada", "ben"]
    params["tests"] = {"mira-same": params["tests"]["mira-same"]}
    params["sounds"] = {"ben-voice": {"file": "data/raw/ben.mp4"}}
    params["videos"] = {"mira-ben": {"identity": "mira", "sound": "ben-voice", "reference": "mira-adapt"}}
    path.write_text(yaml.safe_dump(params, allow_unicode=True))


def run(folder: Path, *command: object) -> str:
    """Run a command in a project; give its output. Fails when the command does."""
    done = attempt(folder, *command)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def attempt(folder: Path, *command: object) -> subprocess.CompletedProcess[str]:
    """Run a command in a project, whatever becomes of it."""
    environment = os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1", "DVC_NO_ANALYTICS": "1"}
    environment |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "200"}
    words = [str(part) for part in command]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, env=environment, check=False)


@pytest.fixture(scope="module")
def actors(smoke: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A served copy of the small project of actors."""
    project = tmp_path_factory.mktemp("served") / "project"
    shutil.copytree(smoke, project, symlinks=True)
    with serving(project) as served:
        yield served
