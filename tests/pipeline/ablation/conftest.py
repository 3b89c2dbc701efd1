"""A small project in git whose stages are shell and one script: `emotag ablate` without a training."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-c", "from pipeline.cli import main; main()"]

STAGES = """
stages:
  crop:
    foreach: ${clips}
    do:
      cmd: echo crop@${key} >> LOG; mkdir -p data/crop; cp ${item.video} data/crop/${key}.mp4
      deps:
      - ${item.video}
      params:
      - crop
      outs:
      - data/crop/${key}.mp4
  corpus:
    cmd: echo corpus >> LOG; cp corpus.json data/corpus.json
    deps:
    - data/crop
    outs:
    - data/corpus.json:
        cache: false
  pretrain:
    cmd: echo pretrain >> LOG; python work.py pretrain
    deps:
    - work.py
    - data/corpus.json
    params:
    - motion
    - pretrain
    outs:
    - models/motion
  adapt:
    foreach: ${avatars}
    do:
      cmd: echo adapt@${key} >> LOG; python work.py adapt ${key}
      deps:
      - work.py
      - models/motion
      - data/crop/${item.reference}.mp4
      params:
      - adapt
      outs:
      - models/avatars/${key}
  evaluate:
    foreach: ${tests}
    do:
      cmd: echo evaluate@${key} >> LOG; python work.py evaluate ${key} ${item.identity}
      deps:
      - work.py
      - models/avatars/${item.identity}
      - data/crop/${item.clip}.mp4
      metrics:
      - reports/metrics/${key}.json:
          cache: false
      outs:
      - reports/frames/${key}.parquet
"""

WORK = """
import json, os, sys, time, yaml
from pathlib import Path
params = yaml.safe_load(Path("params.yaml").read_text())
motion, weights = params["motion"], params["pretrain"].get("weights", {})
stage = sys.argv[1]
if stage == "pretrain":
    assert Path("data/crop/ada.mp4").read_text() == "ada"  # the corpus' files are here
    assert Path("models/own/net").read_text() == "brought"  # and what the user brought
    if motion.get("style_dim") == 0:
        print("error: a style of 0 breaks here", file=sys.stderr)
        sys.exit(2)
    if motion.get("width") == 8:
        Path(PIDS, f"{os.getpid()}").touch()
        time.sleep(600)
    Path("models/motion").mkdir(parents=True)
    Path("models/motion/net").write_text(json.dumps([motion, params["pretrain"]]))
elif stage == "adapt":
    folder = Path("models/avatars", sys.argv[2])
    folder.mkdir(parents=True)
    (folder / "net").write_text(Path("models/motion/net").read_text() + json.dumps(params["adapt"]))
else:
    import numpy as np
    from emotag.tables import frame_table, write_table
    test, identity = sys.argv[2:]
    worse = 0.0 if motion.get("use_gate", True) else 1.0
    noise = np.random.default_rng(len(test)).normal(size=100)
    columns = {"psnr": 30 - 0.01 * worse + noise, "lmd": 2 + worse + 0.1 * noise, "valid": noise > 9}
    write_table(f"reports/frames/{test}.parquet", frame_table("own", columns), {})
    means = {name: float(columns[name].mean()) for name in ("psnr", "lmd")}
    content = {"identity": identity, "tests": [{"test": test, "clip": "own", "frames": 100, "metrics": means}]}
    Path("reports/metrics").mkdir(parents=True, exist_ok=True)
    Path(f"reports/metrics/{test}.json").write_text(json.dumps(content | {"training": {"seconds": 1.0}}))
"""

ABLATIONS = {
    "no-gate": {"title": "w/o gate", "paper": "w/o gate", "description": "x", "moves": "lmd",
                "changes": {"motion.use_gate": False}},
    "no-score": {"title": "w/o L_score", "paper": "w/o L_score", "description": "x", "moves": "psnr",
                 "changes": {"pretrain.weights.score": 0.0, "adapt.weights.score": 0.0}},
    "as-it-is": {"title": "nothing", "description": "x", "moves": "lmd", "changes": {"adapt.batch": "${adapt.batch}"}},
    "broken": {"title": "breaks", "description": "x", "moves": "lmd", "changes": {"motion.style_dim": 0}},
    "endless": {"title": "sleeps", "description": "x", "moves": "lmd", "changes": {"motion.width": 8}},
}  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project in git, with the user's own network in models/, and no lock file in git."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("log", "pids"):
        (tmp_path / name).mkdir()
    (folder / "dvc.yaml").write_text(STAGES.replace("LOG", str(tmp_path / "log" / "stages")))
    (folder / "work.py").write_text(WORK.replace("PIDS", repr(str(tmp_path / "pids"))))
    (folder / "ablations.yaml").write_text(yaml.safe_dump(ABLATIONS, sort_keys=False))
    (folder / "corpus.json").write_text('{"files": {"data/crop/ada.mp4": "digest"}}')
    shutil.copyfile(ROOT / ".gitignore", folder / ".gitignore")
    shutil.copyfile(ROOT / ".dvcignore", folder / ".dvcignore")
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params |= {name: {} for name in ("actors", "takes", "sounds", "videos")}
    params |= {
        "corpus": ["ada"], "device": "cpu",
        "identities": {"ada": {"consent": "synthetic", "reference": "ada"},
                       "own": {"consent": "me", "reference": "own"}},
        "clips": {"ada": {"identity": "ada", "video": "data/raw/ada.mp4"},
                  "own": {"identity": "own", "video": "data/raw/own.mp4"}},
        "avatars": {"own": {"reference": "own"}},
        "tests": {"one": {"identity": "own", "clip": "own"}, "three": {"identity": "own", "clip": "own"}},
    }  # fmt: skip
    (folder / "params.yaml").write_text("# Comments stay.\n" + yaml.safe_dump(params, sort_keys=False))
    for name in ("ada", "own"):
        path = folder / "data" / "raw" / f"{name}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (folder / "models" / "own").mkdir(parents=True)
    (folder / "models" / "own" / "net").write_text("brought")
    git(folder, "init", "--quiet")
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q"], cwd=folder, env=environment(), check=True)
    git(folder, "add", "--all")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "start")
    return folder


def environment() -> dict[str, str]:
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": tools, "PYTHONPATH": str(ROOT), "DVC_NO_ANALYTICS": "1", "OMP_NUM_THREADS": "1"}


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True)
    return done.stdout


def ablate(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, "ablate", *arguments]
    return subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)


def log(folder: Path) -> list[str]:
    """Name the stages that have run, in order, in the project and in benches."""
    return (folder.parent / "log" / "stages").read_text().split()
