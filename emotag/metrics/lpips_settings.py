"""Settings of LPIPS, and where its two files may lie."""

import importlib.util
import os
from pathlib import Path
from typing import Literal

from emotag.settings import Settings

_PACKAGED = (("lpips", "weights/v0.1/alex.pth"), ("torchmetrics", "functional/image/lpips_models/alex.pth"))
"""Packages that bring the linear weights along (the same file), and where."""


class LpipsSettings(Settings):
    """LPIPS (Zhang et al., 2018), AlexNet, version 0.1."""

    engine: Literal["auto", "alexnet", "none"] = "auto"
    """alexnet measures and stops where weights are missing; auto measures when they are there; none does not."""
    backbone: Path = Path("models/lpips/alexnet-owt-7be5be79.pth")
    """torchvision's AlexNet. Where this is absent, torch's own cache is looked into."""
    linear: Path = Path("models/lpips/alex.pth")
    """The linear weights of LPIPS 0.1. Where this is absent, those in an installed `lpips` or `torchmetrics` serve."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where it runs; auto is CUDA when there is one."""

    def backbone_file(self) -> Path:
        """Give the file of AlexNet: the one that is there, or else where it should be."""
        cached = torch_cache() / "checkpoints" / self.backbone.name
        return cached if cached.exists() and not self.backbone.exists() else self.backbone

    def linear_file(self) -> Path:
        """Give the file of the linear weights: the one that is there, or else where it should be."""
        if self.linear.exists():
            return self.linear
        for package, inside in _PACKAGED:
            spec = importlib.util.find_spec(package)
            for folder in spec.submodule_search_locations or [] if spec else []:
                if (Path(folder) / inside).exists():
                    return Path(folder) / inside
        return self.linear


def torch_cache() -> Path:
    """Give torch.hub's folder by its own rules, without importing torch."""
    caches = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"))
    return Path(os.environ.get("TORCH_HOME", caches / "torch")).expanduser() / "hub"
