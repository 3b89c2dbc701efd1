"""emotag: emotion-aware talking heads on Gaussian splats from five seconds of video (EmoTaG, arXiv:2603.21332)."""

__version__ = "0.1.0"
