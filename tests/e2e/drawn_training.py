"""Stands for adaptation in a project made of shell: steps, a bar, checkpoints, and faults on request.

`drawn_training.py NAME`: people called left and right wait for each other; `crash` is ended by SIGSEGV the first time;
`refused` is bad input; `slow` takes hours.
"""

import os
import signal
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import yaml

from emotag.progress import progress_bar

STEP_S = 0.05
EVERY = 10  # steps between checkpoints
ROUNDS = 1200  # of a tenth of a second


def main(name: str) -> None:
    folder = Path("models") / "avatars" / name
    checkpoint = Path("checkpoints") / f"adapt-{name}.pt"
    checkpoint.parent.mkdir(exist_ok=True)
    if name in ("left", "right"):
        Path(f"{name}.mark").touch()
        other = Path("right.mark" if name == "left" else "left.mark")
        met = any(other.exists() or time.sleep(0.1) for _ in range(ROUNDS))
        assert met, "the other one did not run at the same time"
    if name == "refused":
        print("error: the clip shows nobody, frame 7; give another one", file=sys.stderr)
        raise SystemExit(2)
    if name == "crash" and not Path("crashed.mark").exists():
        Path("crashed.mark").touch()
        os.kill(os.getpid(), signal.SIGSEGV)
    frames = yaml.safe_load(Path("params.yaml").read_text())["adapt"]["frames"]
    frames = 1_000_000 if name == "slow" else frames
    begun_at = int(checkpoint.read_text()) if checkpoint.exists() else 0
    (folder / "log.parquet").write_text("a first file: half of the output")
    with progress_bar("adapt", frames) as bar:
        bar.advance(begun_at)
        for step in range(begun_at, frames):
            time.sleep(STEP_S)
            bar.advance(1, f"loss {1 / (step + 1):.3f}  PSNR {20 + step / 10:.1f}")
            if step % EVERY == EVERY - 1:
                checkpoint.write_text(str(step + 1))
    cv2.imwrite(str(folder / "sheet.jpg"), np.full((64, 1200, 3), 128, np.uint8))
    (folder / "begun_at").write_text(str(begun_at))
    (folder / "frames").write_text(str(frames))
    checkpoint.unlink(missing_ok=True)


if __name__ == "__main__":
    main(sys.argv[1])
