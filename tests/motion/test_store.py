import json

import pytest
import torch

from emotag.errors import InputError
from emotag.motion.store import MotionNote, load_grmn, save_grmn

NOTE = MotionNote(
    head="abc123",
    expression_names=("jawOpen", "mouthSmile_L"),
    expression_features=("AU01_r", "AU02_r", "AU04_r"),
    engines={"audio": "mel 1 00ff", "action_units": "open 1"},
)


@pytest.fixture
def saved(tmp_path, make):
    grmn = make()
    grmn.set_input_statistics(torch.randn(6), torch.rand(6) + 1, torch.randn(3), torch.rand(3) + 1)
    grmn.set_output_scale(torch.rand(4), torch.rand(3))
    save_grmn(tmp_path, grmn, NOTE)
    return tmp_path, grmn


def test_round_trip(saved, inputs) -> None:
    folder, grmn = saved
    loaded, note = load_grmn(folder, NOTE)
    assert note == NOTE
    assert loaded.settings == grmn.settings
    assert not loaded.training
    assert torch.equal(loaded(*inputs()).jaw, grmn(*inputs()).jaw)
    assert torch.equal(loaded(*inputs()).expression, grmn(*inputs()).expression)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (
            {"engines": {"audio": "wav2vec2 1 9f86", "action_units": "open 1"}},
            ("audio", "mel 1 00ff", "wav2vec2 1 9f86"),
        ),
        ({"engines": {"audio": "mel 1 00ff"}}, ("action_units", "open 1", "none")),
        ({"head": "def456"}, ("abc123", "def456")),
        ({"expression_names": ("jawOpen",)}, ("2: jawOpen, mouthSmile_L", "1: jawOpen")),
        ({"expression_features": ()}, ("3: AU01_r", "unnamed")),
    ],
)
def test_mismatch_is_refused_and_names_both(saved, change, named) -> None:
    with pytest.raises(InputError) as error:
        load_grmn(saved[0], NOTE.model_copy(update=change))
    assert "\n" not in str(error.value)
    for word in (*named, str(saved[0])):
        assert word in str(error.value)


def test_missing_and_damaged_files(saved, tmp_path) -> None:
    folder, _ = saved
    with pytest.raises(InputError, match="not found"):
        load_grmn(tmp_path / "nowhere")
    weights = folder / "grmn.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-8])
    with pytest.raises(InputError, match="not the weights"):
        load_grmn(folder)
    weights.unlink()
    with pytest.raises(InputError, match=r"grmn.safetensors: not found"):
        load_grmn(folder)


@pytest.mark.parametrize("damage", [{"settings": {"width": 16, "colour": 1}}, {"dimensions": {}}, {"note": 3}])
def test_a_card_that_says_something_else(saved, damage) -> None:
    folder, _ = saved
    card = json.loads((folder / "grmn.json").read_text())
    (folder / "grmn.json").write_text(json.dumps({**card, **damage}))
    with pytest.raises(InputError, match="does not describe"):
        load_grmn(folder)


def test_a_card_of_another_size(saved) -> None:
    folder, _ = saved
    card = json.loads((folder / "grmn.json").read_text())
    card["dimensions"]["n_expression"] = 9
    (folder / "grmn.json").write_text(json.dumps(card))
    with pytest.raises(InputError, match="cannot be loaded"):
        load_grmn(folder)
