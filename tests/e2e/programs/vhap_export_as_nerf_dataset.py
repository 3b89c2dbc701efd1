"""Stands in for VHAP's `vhap/export_as_nerf_dataset.py`: says what it was given and writes a folder."""

import argparse
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--src_folder", type=Path, required=True)
parser.add_argument("--tgt_folder", type=Path, required=True)
parser.add_argument("--background-color", choices=["white"], required=True)
given = parser.parse_args()
assert list(given.src_folder.glob("*/tracked_flame_params_*.npz"))
given.tgt_folder.mkdir()
