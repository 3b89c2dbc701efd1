"""Stands in for OpenFace's `FeatureExtraction`: its arguments, its table; intensities that follow the picture.

An intensity is how much a patch of the frame differs from the first frame's, so a video that stands still has none and
truth and render of a clip differ as they do for the eye.
"""

import sys
from pathlib import Path

import av
import cv2
import numpy as np

UNITS = ("01", "02", "04", "05", "06", "07", "09", "10", "12", "14", "15", "17", "20", "23", "25", "26", "45")
GRID, GAIN = 6, 20.0

value = {a: b for a, b in zip(sys.argv, sys.argv[1:]) if a.startswith("-")}
with av.open(value["-f"]) as container:
    pictures = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
patches = np.stack([cv2.resize(one, (GRID, GRID), interpolation=cv2.INTER_AREA).ravel() / 255 for one in pictures])
levels = np.clip(GAIN * np.abs(patches - patches[0])[:, 8 : 8 + len(UNITS)], 0, 5)
names = ["frame", "face_id", "timestamp", "confidence", "success"]
names += [f"AU{unit}_r" for unit in UNITS] + [f"AU{unit}_c" for unit in sorted([*UNITS, "28"])]
rows = [", ".join(names)]
for index, row in enumerate(levels):
    cells = [str(index + 1), "0", f"{index / 25:.3f}", "0.98", "1", *(f"{level:.2f}" for level in row)]
    rows.append(", ".join(cells + ["0.00"] * (len(UNITS) + 1)))
folder, name = Path(value["-out_dir"]), value["-of"]
(folder / f"{name}.csv").write_text("\n".join(rows) + "\n")
(folder / f"{name}_of_details.txt").write_text(f"Input:{value['-f']}\n")
