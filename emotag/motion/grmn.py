"""GRMN, the Gated Residual Motion Network (EmoTaG §3.2)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from emotag.motion.adain import AdaIN
from emotag.motion.augment import add_noise, mask_channels, mask_frames, vary_channels
from emotag.motion.branches import GateBranch, MotionHead, ResidualBranch
from emotag.motion.encoder import AudioEncoder, ExpressionEncoder
from emotag.motion.guidance import N_EMOTIONS
from emotag.motion.motion import Motion, MotionPart
from emotag.motion.mouth import MouthDecoder
from emotag.motion.settings import MotionSettings
from emotag.motion.unit_map import UnitMap

JAW_SCALE = 0.1
"""Radians that stand for one unit of the network's jaw output until `set_output_scale` says otherwise."""

STANDARD_DEVIATION_FLOOR = 1e-3
"""An input channel that hardly varies over the corpus is divided by this, not by nearly zero."""


@dataclass(frozen=True)
class Streams:
    """Both streams of B windows, encoded and normalised over time, before an identity modulates them."""

    audio: Tensor  # (B, T, W)
    expression: Tensor | None  # (B, T, W); None without a residual branch
    units: Tensor | None  # (B, T, E) what the unit map gives, on a unit scale; None without one

    def __getitem__(self, windows: slice | Tensor) -> "Streams":
        """Give some of the windows."""
        expression, units = (None if rows is None else rows[windows] for rows in (self.expression, self.units))
        return Streams(self.audio[windows], expression, units)

    @staticmethod
    def cat(windows: "list[Streams]") -> "Streams":
        """Put windows together along the batch."""
        expression = [window.expression for window in windows if window.expression is not None]
        units = [window.units for window in windows if window.units is not None]
        return Streams(
            torch.cat([window.audio for window in windows]),
            torch.cat(expression) if expression else None,
            torch.cat(units) if units else None,
        )


class GRMN(nn.Module):
    """Audio, upper-face expression and identity → facial motion, frame by frame.

    A~ and E~ are the two encoded streams modulated by the identity (AdaIN, Eq. 4–5). The base branch sees A~ only; the
    residual branch and the gate see both; Motion fuses them (Eq. 6). Beside them the unit map reads the upper face's
    action units directly (`use_unit_map`; not in the paper). The mouth decoder is `grmn.mouth`. Inputs are standardised
    inside by statistics of the corpus, which are saved with the weights.
    """

    audio_mean: Tensor  # (Da,)
    audio_std: Tensor  # (Da,)
    expression_mean: Tensor  # (De,)
    expression_std: Tensor  # (De,)
    expression_scale: Tensor  # (E,)
    jaw_scale: Tensor  # (3,) radians

    def __init__(
        self,
        settings: MotionSettings,
        audio_dim: int,
        expression_feature_dim: int,
        identity_dim: int,
        n_expression: int,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.audio_dim = audio_dim
        self.expression_feature_dim = expression_feature_dim
        self.identity_dim = identity_dim
        self.n_expression = n_expression
        s = settings
        self.audio_encoder = AudioEncoder(
            audio_dim, s.width, s.audio_window, s.audio_layers, s.heads, s.window, s.dropout
        )
        self.audio_adain = self._adain()
        self.base = MotionHead(s.width, n_expression, s.mouth_code, s.dropout)
        self.expression_encoder: ExpressionEncoder | None = None
        self.expression_adain: AdaIN | None = None
        self.residual: ResidualBranch | None = None
        self.gate: GateBranch | None = None
        self.unit_map: UnitMap | None = None
        if s.use_residual:
            self.expression_encoder = ExpressionEncoder(expression_feature_dim, s.width)
            self.expression_adain = self._adain()
            self.residual = ResidualBranch(s.width, s.style_dim, n_expression, s.mouth_code, s.dropout)
            self.gate = GateBranch(s.width) if s.use_gate else None
            self.unit_map = UnitMap(expression_feature_dim, n_expression) if s.use_unit_map else None
        self.mouth = MouthDecoder(s)
        for name, value in (
            ("audio_mean", torch.zeros(audio_dim)),
            ("audio_std", torch.ones(audio_dim)),
            ("expression_mean", torch.zeros(expression_feature_dim)),
            ("expression_std", torch.ones(expression_feature_dim)),
            ("expression_scale", torch.ones(n_expression)),
            ("jaw_scale", torch.full((3,), JAW_SCALE)),
        ):
            self.register_buffer(name, value)

    def _adain(self) -> AdaIN | None:
        s = self.settings
        if not s.use_adain:
            return None
        return AdaIN(s.width, self.identity_dim, s.identity_width, s.norm_floor, s.keep_level, s.identity_dropout)

    def set_input_statistics(
        self,
        audio_mean: Tensor,  # (Da,)
        audio_std: Tensor,  # (Da,)
        expression_mean: Tensor,  # (De,)
        expression_std: Tensor,  # (De,)
    ) -> None:
        """Set the corpus statistics by which inputs are standardised. Call once, before training."""
        self.audio_mean.copy_(audio_mean)
        self.audio_std.copy_(audio_std.clamp_min(STANDARD_DEVIATION_FLOOR))
        self.expression_mean.copy_(expression_mean)
        self.expression_std.copy_(expression_std.clamp_min(STANDARD_DEVIATION_FLOOR))

    def set_output_scale(
        self,
        expression_scale: Tensor,  # (E,) e.g. standard deviation over the corpus
        jaw_scale: Tensor,  # (3,) radians
    ) -> None:
        """Set what one unit of the network's face output stands for, so that all channels learn at one pace."""
        self.expression_scale.copy_(expression_scale)
        self.jaw_scale.copy_(jaw_scale)

    def adain_parameters(self) -> list[tuple[str, nn.Parameter]]:
        """Name the parameters that adaptation trains: the MLPs identity → (γ, β) of every modulated stream."""
        return [(name, parameter) for name, parameter in self.named_parameters() if "_adain.modulation." in name]

    def forward(
        self,
        audio: Tensor,  # (B, T, Da)
        expression_feature: Tensor,  # (B, T, De)
        identity: Tensor,  # (B, Di)
    ) -> Motion:  # (B, T, ...)
        """Give the motion of B windows. Raises ValueError when a shape is not the network's."""
        self._check(audio, expression_feature, identity)
        return self.branches(self.streams(audio, expression_feature), identity)

    def streams(
        self,
        audio: Tensor,  # (B, T, Da)
        expression_feature: Tensor,  # (B, T, De)
    ) -> Streams:
        """Encode both streams and normalise them: all that does not depend on the identity."""
        encoded = self.audio_encoder(self._augmented((audio - self.audio_mean) / self.audio_std))
        sound = encoded if self.audio_adain is None else self.audio_adain.normalise(encoded)
        if self.expression_encoder is None:
            return Streams(sound, None, None)
        shown = None
        if self.unit_map is not None:
            shown = self.unit_map(expression_feature, self.expression_mean, self.expression_std)
        standard = (expression_feature - self.expression_mean) / self.expression_std
        if self.training:
            standard = add_noise(standard, self.settings.feature_noise)
        encoded = self.expression_encoder(standard)
        seen = encoded if self.expression_adain is None else self.expression_adain.normalise(encoded)
        return Streams(sound, seen, shown)

    @property
    def fixed_streams(self) -> bool:
        """Whether `streams` of the same input is always the same and needs no gradient: so in adaptation."""
        parts = (self.audio_encoder, self.expression_encoder, self.unit_map)
        levels = [adain.level for adain in (self.audio_adain, self.expression_adain) if adain is not None]
        learnt = [parameter for part in parts if part is not None for parameter in part.parameters()]
        learnt += [level for level in levels if level is not None]
        return not self.training and not any(parameter.requires_grad for parameter in learnt)

    @property
    def fixed_mouth(self) -> bool:
        """Whether the mouth decoder's spatial modes need no gradient: so in adaptation."""
        return not any(parameter.requires_grad for parameter in self.mouth.trunk.parameters())

    def branches(
        self,
        streams: Streams,
        identity: Tensor,  # (B, Di)
    ) -> Motion:  # (B, T, ...)
        """Modulate the streams by the identity and run the branches."""
        sound, upper_face = streams.audio, streams.expression
        if self.audio_adain is not None:
            sound = self.audio_adain.modulate(sound, identity)
        base = self._scaled(self.base(sound))
        if self.residual is None:
            return self._base_only(base)
        assert upper_face is not None
        if self.expression_adain is not None:
            upper_face = self.expression_adain.modulate(upper_face, identity)
        joined = torch.cat((sound, upper_face), dim=-1)
        residual, logits, style = self.residual(joined)
        gate = self.gate(joined) if self.gate is not None else joined.new_ones(joined.shape[:2])
        units = streams.units
        units = torch.zeros_like(base.expression) if units is None else units * self.expression_scale
        return Motion(base, self._scaled(residual), gate, logits, style, units)

    def _augmented(self, audio: Tensor) -> Tensor:
        if not self.training:
            return audio
        s = self.settings
        varied = mask_channels(vary_channels(audio, s.channel_gain), s.channel_mask)
        return add_noise(mask_frames(varied, s.time_mask), s.feature_noise)

    def _scaled(self, part: MotionPart) -> MotionPart:
        return MotionPart(part.expression * self.expression_scale, part.jaw * self.jaw_scale, part.mouth)

    def _base_only(self, base: MotionPart) -> Motion:
        gate = torch.zeros_like(base.jaw[..., 0])
        logits = gate.new_zeros(*gate.shape, N_EMOTIONS)
        style = gate.new_zeros(*gate.shape, self.settings.style_dim)
        return Motion(base, base.map(torch.zeros_like), gate, logits, style, torch.zeros_like(base.expression))

    def _check(self, audio: Tensor, expression_feature: Tensor, identity: Tensor) -> None:
        batch, length = audio.shape[:2]
        expected = (
            ("audio", audio, (batch, length, self.audio_dim)),
            ("expression_feature", expression_feature, (batch, length, self.expression_feature_dim)),
            ("identity", identity, (batch, self.identity_dim)),
        )
        for name, value, shape in expected:
            if tuple(value.shape) != shape:
                raise ValueError(f"{name} is {tuple(value.shape)}, expected {shape}")


def freeze_for_adaptation(grmn: GRMN) -> list[nn.Parameter]:
    """Leave only the AdaIN parameters trainable, switch dropout and augmentation off, and give those parameters.

    Everything else keeps its value bit by bit, also under weight decay: frozen parameters have no gradient, and
    optimisers skip those (EmoTaG §3.3). Stay in eval mode while adapting: five seconds leave nothing to regularise.
    """
    trained = {name for name, _ in grmn.adain_parameters()}
    for name, parameter in grmn.named_parameters():
        parameter.requires_grad_(name in trained)
        parameter.grad = None
    grmn.eval()
    return [parameter for _, parameter in grmn.adain_parameters()]


def free_for_adaptation(grmn: GRMN) -> list[nn.Parameter]:
    """Leave every parameter trainable, switch dropout and augmentation off, and give all parameters.

    What adaptation is compared with when there is no pretrained network: the same seconds have to teach it all.
    """
    for parameter in grmn.parameters():
        parameter.requires_grad_(True)
        parameter.grad = None
    grmn.eval()
    return list(grmn.parameters())
