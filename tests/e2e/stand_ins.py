"""Stand-ins for all that the paper's profile wants, in the formats of the real ones, laid where a user lays those."""

import pickle
import shutil
import stat
import sys
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import csc_matrix

from emotag.head.flame import EXPRESSION_COLUMN
from emotag.head.model import HeadModel
from emotag.head.tree import PARENTS
from emotag.head.trim import without
from emotag.metrics.lpips_settings import LpipsSettings
from emotag.metrics.sync_settings import SyncSettings
from emotag.perception.detection.insightface_settings import InsightFaceSettings
from emotag.perception.emotion.deepface_settings import DeepFaceSettings
from emotag.perception.geometry.sapiens_settings import SapiensSettings
from emotag.perception.identity.ir_network import IRNetwork
from emotag.perception.identity.network_settings import AdaFaceSettings
from emotag.perception.tracking.vhap.settings import VhapSettings
from tests.e2e.sapiens_stand_in import Bulge
from tests.metrics.test_lpips import CONVOLUTIONS
from tests.metrics.test_sync import planted
from tests.perception.test_deepface import write_network
from tests.perception.test_insightface import write_scrfd
from tests.perception.test_wav2vec2 import make_network

PROGRAMS = Path(__file__).parent / "programs"
COLUMNS = 400  # of FLAME's shapedirs
DETECTOR_SIDE = 640  # pixels: crop.insightface.sides of a project with these stand-ins
CALM = 0.4  # of a named expression: one standard deviation of an anonymous one


def bring_everything(project: Path) -> None:
    """Lay every file of the paper's profile into a project that has made the open head."""
    bring_flame(project / "models" / "flame", project / "models" / "open_head" / "head.npz")
    bring_vhap(project)
    bring_openface(project / "models" / "openface")
    write_scrfd(project / InsightFaceSettings().weights, middle=DETECTOR_SIDE, half=8.0)
    write_network(project / DeepFaceSettings(home=project / "models" / "deepface").weights)
    bring_adaface(project / AdaFaceSettings().weights)
    make_network("wav2vec2").save_pretrained(project / "models" / "wav2vec2")
    bring_sapiens(project)
    bring_metrics(project)


def bring_flame(folder: Path, open_head: Path) -> None:
    """flame2023.pkl and FLAME_masks.pkl: the skin and eyeballs of the open head as if they were FLAME's.

    About FLAME's number of vertices, its open neck and mouth, 300 + 100 columns (those that the open head lacks do
    nothing), expressions without names, joints by a sparse regressor.
    """
    head = without(without(HeadModel.load(open_head), "shoulders"), "mouth_interior")
    basis = np.zeros((head.n_vertices, 3, COLUMNS))
    basis[..., : head.n_shape] = head.shape_basis.permute(1, 2, 0)
    basis[..., EXPRESSION_COLUMN : EXPRESSION_COLUMN + head.n_expression] = CALM * head.expression_basis.permute(
        1, 2, 0
    )
    content = {
        "v_template": head.template.double().numpy(),
        "f": head.faces.numpy().astype(np.uint32),
        "shapedirs": basis,
        "posedirs": head.pose_basis.permute(1, 2, 0).double().numpy(),
        "J_regressor": csc_matrix(head.joint_regressor.double().numpy()),
        "weights": head.skinning.double().numpy(),
        "kintree_table": np.array([[2**32 - 1, *PARENTS[1:]], range(len(PARENTS))], dtype=np.uint32),
    }
    folder.mkdir(parents=True)
    (folder / "flame2023.pkl").write_bytes(pickle.dumps(content, protocol=2))
    parts = {name: head.regions[name].numpy() for name in ("face", "lips", "scalp", "neck")}
    left = head.template[head.regions["ears"], 0].numpy() > 0  # the person's own left
    parts |= {"left_ear": head.regions["ears"].numpy()[left], "right_ear": head.regions["ears"].numpy()[~left]}
    parts |= {f"{side}_eyeball": head.regions[f"{side}_eye"].numpy() for side in ("left", "right")}
    (folder / "FLAME_masks.pkl").write_bytes(pickle.dumps(parts, protocol=2))


def bring_vhap(project: Path) -> None:
    """A checkout with VHAP's three commands and its copy of FLAME, and the Python of its environment."""
    settings = VhapSettings()
    checkout, python = project / settings.checkout, project / settings.python
    for name in ("preprocess_video", "track", "export_as_nerf_dataset"):
        (checkout / "vhap").mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PROGRAMS / f"vhap_{name}.py", checkout / "vhap" / f"{name}.py")
    (checkout / "asset" / "flame").mkdir(parents=True)
    for name in ("flame2023.pkl", "FLAME_masks.pkl"):  # 50 MB need not be there twice
        (checkout / "asset" / "flame" / name).hardlink_to(project / "models" / "flame" / name)
    write_program(python, f'#!/bin/sh\nexec {sys.executable} "$@"\n')


def bring_openface(folder: Path) -> None:
    write_program(
        folder / "FeatureExtraction", f"#!{sys.executable}\n" + (PROGRAMS / "feature_extraction.py").read_text()
    )
    (folder / "model").mkdir()


def bring_adaface(path: Path) -> None:
    """A training checkpoint, of the shallowest network of the family."""
    torch.manual_seed(0)
    state = {f"model.{name}": value for name, value in IRNetwork((1, 1, 1, 1)).state_dict().items()}
    path.parent.mkdir()
    torch.save({"epoch": 25, "state_dict": state | {"head.kernel": torch.zeros(512, 10)}}, path)


def bring_sapiens(project: Path) -> None:
    settings = SapiensSettings()
    for path, channels in ((settings.depth, 1), (settings.normal, 3)):
        (project / path).parent.mkdir(exist_ok=True)
        torch.jit.script(Bulge(channels)).save(str(project / path))


def bring_metrics(project: Path) -> None:
    """AlexNet and LPIPS' linear weights under their publishers' keys; SyncNet's two towers."""
    torch.manual_seed(0)
    backbone = {"classifier.6.bias": torch.zeros(1000)}
    linear = {}
    for index, (layer, (shape, _, _)) in enumerate(CONVOLUTIONS.items()):
        backbone[f"features.{layer}.weight"] = torch.randn(shape) * (2 / np.prod(shape[1:])) ** 0.5
        backbone[f"features.{layer}.bias"] = torch.zeros(shape[0])
        linear[f"lin{index}.model.1.weight"] = torch.rand(1, shape[0], 1, 1)
    files = {LpipsSettings().backbone: backbone, LpipsSettings().linear: linear}
    files |= {SyncSettings().weights: planted().state_dict()}
    for path, state in files.items():
        (project / path).parent.mkdir(exist_ok=True)
        torch.save(state, project / path)


def write_program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
