"""Settings of pretraining and adaptation. Schedules count rendered frames, whatever the batch."""

from math import sqrt
from typing import Literal

from pydantic import Field

from emotag.settings import Settings


class LearningRates(Settings):
    """AdamW learning rates; each decays along a cosine to `final` times its start."""

    motion: float = 1e-3
    """Motion network (5e-3 pretraining, 5e-4 adaptation in the paper)."""

    means: float = 5e-3
    """Splat positions, in units of their triangle."""

    quaternions: float = 1e-3
    """Splat rotations."""

    log_scales: float = 1e-2
    """Splat sizes."""

    opacity_logits: float = 5e-2
    """Splat opacities."""

    sh: float = 5e-3
    """Splat colours."""

    final: float = 0.1
    """Share of every rate that is left at the end."""


class LossWeights(Settings):
    """Weights of the objective's terms."""

    dssim: float = 0.2
    """λ_dssim of the render loss (Eq. 11)."""

    kl: float = 1.0
    """Weight of L_KL (Eq. 10, 12)."""

    score: float = 1.0
    """Weight of L_score (Eq. 10, 13)."""

    depth: float = 1e-2
    """λ_D of the geometry loss (Eq. 14); used where a clip has geometry."""

    normal: float = 1e-3
    """λ_N of the geometry loss (Eq. 14)."""

    track: float = 0.0
    """Direct supervision of δ_face by the tracked expression and jaw (0 in the paper)."""

    lips: float = 0.0
    """Direct supervision by the tracked lip landmarks and the gap between them, in units of 2 mm (0 in the paper)."""

    lids: float = 0.0
    """Direct supervision by how far the tracked lids are apart, in units of 2 mm (0 in the paper)."""

    position: float = 1e-2
    """Keeps splats near their triangle (GaussianAvatars' regulariser)."""

    scale: float = 1.0
    """Keeps splats smaller than their triangle allows (GaussianAvatars' regulariser)."""

    mouth: float = 1e-2
    """Keeps predicted mouth offsets small."""


class TrainingSettings(Settings):
    """One training run."""

    frames: int = Field(ge=0)
    """Rendered frames in all (250 000 pretraining, 20 000 adaptation in the paper); 0 leaves the network untrained."""

    static_frames: int
    """Frames per identity that train appearance only, posed by the tracker (1 000 in the paper)."""

    batch: int = 4
    """Frames rendered in a step, of one identity."""

    motion_windows: int = 4
    """Windows of features that supervise the motion network in a step, the rendered one included."""

    tracked_share: float = 0.0
    """Share of the joint stage's rendered frames whose expression and jaw are the tracker's instead of the network's (0
    in the paper). Splats that are fitted to a face which is not quite the picture's become the mean of many: lips and
    teeth blur."""

    rates: LearningRates = LearningRates()
    """Learning rates."""

    rate_batch: int | None = Field(None, ge=1)
    """Batch that `rates` are meant for: with another batch they are multiplied by √(batch / rate_batch), so that
    as many frames in fewer, larger steps teach as much (Adam's square-root rule). null takes them as they are."""

    weights: LossWeights = LossWeights()
    """Weights of the losses."""

    weight_decay: float = 1e-2
    """AdamW's weight decay of the motion network; splats have none."""

    seed: int = 0
    """Seed of every random choice."""

    cuda_graphs: bool = True
    """On CUDA, adaptation replays the two halves of a step as graphs, a quarter of the time of launching them."""

    checkpoint_frames: int = 2000
    """Frames between checkpoints (kept outside the stage's outputs, so that a killed run resumes)."""

    @property
    def rate_scale(self) -> float:
        """What `rates` are multiplied by."""
        return 1.0 if self.rate_batch is None else sqrt(self.batch / self.rate_batch)


class AdaptSettings(TrainingSettings):
    """Adaptation: one new person."""

    frames: int = Field(gt=0)
    """Rendered frames in all (20 000 in the paper)."""

    trained: Literal["adain", "all"] = "adain"
    """What of the motion network learns: the AdaIN modulation (EmoTaG §3.3), or all of it. `all` is an ablation: with
    `pretrain.frames: 0` the network learns from these seconds alone."""


class PretrainSettings(TrainingSettings):
    """Pretraining: a run over many people, whose footage need not fit into memory."""

    splats: int | None = Field(None, ge=1)
    """Splats of each person, who is forgotten afterwards: enough for the picture to say how the face moves. null takes
    as many as an avatar has (`splats.count`)."""

    resident_frames: int | None = Field(400, ge=16)
    """Frames of a person that are held at a time, on the training device (0.6 MB each at 512²). Longer footage is
    streamed in stretches of so many; null holds all of it."""

    stretch_renders: int = Field(400, ge=1)
    """Rendered frames of a person after which the stretch is exchanged for the next: fewer frames than are held need
    faster decoding, more of them use the same pictures again."""

    processes: int = Field(1, ge=1)
    """Processes that share the people out, a GPU each. Under `torchrun` its own number of processes counts."""
