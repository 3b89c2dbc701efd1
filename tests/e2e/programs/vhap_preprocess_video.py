"""Stands in for VHAP's `vhap/preprocess_video.py`: the folder of frames beside the video."""

import argparse
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--input", type=Path, required=True)
parser.add_argument("--matting_method", choices=["robust_video_matting"], required=True)
given = parser.parse_args()
(given.input.parent / given.input.stem / "images").mkdir(parents=True)
