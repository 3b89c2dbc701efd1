import pytest
import torch

from emotag.motion.encoder import AudioEncoder, RelativeBias, TemporalCNN, TransformerLayer, dilations


@pytest.mark.parametrize("reach", range(13))
def test_dilations_reach_exactly(reach: int) -> None:
    assert sum(dilations(reach)) == reach


@pytest.mark.parametrize("reach", [0, 3, 8])
def test_temporal_cnn_sees_its_window_and_no_more(reach: int) -> None:
    torch.manual_seed(0)
    cnn = TemporalCNN(5, 8, reach, 0.0)
    audio = torch.randn(1, 40, 5, requires_grad=True)
    cnn(audio)[0, 20].sum().backward()
    assert audio.grad is not None
    seen = audio.grad[0].abs().sum(-1).nonzero().flatten()
    assert (seen.min().item(), seen.max().item()) == (20 - reach, 20 + reach)


def test_relative_bias_starts_as_alibi_and_depends_on_distance_only() -> None:
    bias = RelativeBias(heads=2, window=8)(6)
    assert bias.shape == (2, 6, 6)
    assert bias[1, 0, 4] == -4 * 2.0**-8
    with torch.no_grad():
        layer = RelativeBias(heads=2, window=8)
        layer.table.normal_()
        bias = layer(12)  # longer than the window: the far distances share an entry
    torch.testing.assert_close(bias[:, 0, 3], bias[:, 5, 8])
    torch.testing.assert_close(bias[:, 0, 7], bias[:, 0, 11])


def test_transformer_layer_is_self_attention() -> None:
    """The fused call equals the definition: softmax(q kᵀ / √d + bias) v."""
    torch.manual_seed(0)
    layer = TransformerLayer(width=8, heads=2, window=6, dropout=0.0)
    x = torch.randn(2, 6, 8)
    q, k, v = (part.reshape(2, 6, 2, 4) for part in layer.query_key_value(layer.attention_norm(x)).chunk(3, dim=-1))
    scores = torch.einsum("bihd,bjhd->bhij", q, k) / 2 + layer.bias(6)
    attended = torch.einsum("bhij,bjhd->bihd", scores.softmax(-1), v).reshape(2, 6, 8)
    hidden = x + layer.out(attended)
    torch.testing.assert_close(layer(x), hidden + layer.mlp(layer.mlp_norm(hidden)))


def test_encoder_without_layers_and_of_any_length() -> None:
    encoder = AudioEncoder(inputs=5, width=8, reach=2, layers=0, heads=2, window=6, dropout=0.0)
    assert encoder(torch.randn(1, 1, 5)).shape == (1, 1, 8)
    deep = AudioEncoder(inputs=5, width=8, reach=2, layers=4, heads=2, window=6, dropout=0.0)
    assert len(deep.layers) == 4
    assert deep(torch.randn(3, 20, 5)).shape == (3, 20, 8)
