"""Settings of the motion network."""

from typing import Self

from pydantic import Field, model_validator

from emotag.settings import Settings


class MotionSettings(Settings):
    """The Gated Residual Motion Network (EmoTaG §3.2): its sizes, its windows, its regularisation, its ablations."""

    width: int = Field(128, gt=0)
    """Channels of every stream inside the network."""
    audio_layers: int = Field(4, ge=0)
    """Transformer layers of the audio encoder (the paper: 4)."""
    heads: int = Field(4, gt=0)
    """Attention heads of a Transformer layer; must divide `width`."""
    audio_window: int = Field(8, ge=0)
    """Frames to each side that the temporal CNN sees around a frame."""
    style_dim: int = Field(16, ge=0)
    """Channels of the emotion latent beside the seven logits; 0 is the paper read literally."""
    mouth_code: int = Field(32, gt=0)
    """Channels of the code from which the mouth splats' offsets are decoded."""

    window: int = Field(64, ge=4)
    """Frames of a training window, and of the windows used at inference."""
    overlap: int = Field(16, ge=0)
    """Frames over which neighbouring windows are cross-faded at inference; less than `window`."""
    keep_level: bool = True
    """Let each channel keep part of its level over a window, which InstanceNorm removes; false is Eq. 4 literally."""
    norm_floor: float = Field(0.1, gt=0)
    """Standard deviation over a window below which InstanceNorm no longer amplifies a channel."""
    identity_width: int = Field(64, gt=0)
    """Hidden channels of the MLP that maps an identity to the modulation (γ, β)."""

    dropout: float = Field(0.2, ge=0, lt=1)
    """Dropout inside the network, in pretraining."""
    identity_dropout: float = Field(0.1, ge=0, le=1)
    """Share of training windows that see no identity, so that an unknown person falls back to the average one."""
    feature_noise: float = Field(0.1, ge=0)
    """Noise added to standardised input features in pretraining, in standard deviations."""
    channel_gain: float = Field(0.3, ge=0)
    """Random gain and offset of each audio channel, one draw a window, in pretraining: other voices, other rooms."""
    channel_mask: float = Field(0.2, ge=0, le=1)
    """Share of the audio channels that a training window does not see."""
    time_mask: float = Field(0.05, ge=0, le=1)
    """Share of the frames whose features a training window does not see."""

    mouth_width: int = Field(64, gt=0)
    """Hidden channels of the mouth decoder."""
    mouth_rank: int = Field(32, gt=0)
    """Spatial modes of the mouth decoder."""
    mouth_frequencies: int = Field(5, ge=0)
    """Octaves with which a splat's rest position is encoded."""
    mouth_wavelength: float = Field(0.16, gt=0)
    """Longest wavelength of that encoding, metres."""
    mouth_shift: float = Field(0.01, gt=0)
    """Largest shift Δμ of a mouth splat by one branch, metres per axis."""
    mouth_turn: float = Field(0.5, gt=0)
    """Largest turn Δr of a mouth splat by one branch, radians (as a quaternion component: half of it)."""
    mouth_stretch: float = Field(0.5, gt=0)
    """Largest change Δs of a mouth splat's log-scale by one branch."""

    use_adain: bool = True
    """Ablation: modulate the streams by identity (Eq. 4–5)."""
    use_residual: bool = True
    """Ablation: the residual branch; without it δ = δ_b and there is no gate."""
    use_unit_map: bool = True
    """Let the upper face's action units move the face directly, beside the branches; false is Eq. 6 literally. Without
    the residual branch there is no unit map either."""

    use_gate: bool = True
    """Ablation: the gate; without it δ = δ_b + δ_r."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"heads ({self.heads}) must divide width ({self.width})")
        if self.overlap >= self.window:
            raise ValueError(f"overlap ({self.overlap}) must be less than window ({self.window})")
        return self
