"""Action units: pose does not count, an action moves its own unit, rest, shading, the calibration, OpenFace."""

import json
from pathlib import Path

import numpy as np
import pytest

from emotag.perception.action_units import appearance, measures
from emotag.perception.action_units.alignment import align, similarity, upright
from emotag.perception.action_units.calibration import Calibration, load_calibration
from emotag.perception.action_units.fitting import LabelledClip, fit
from emotag.perception.action_units.open import OpenActionUnits
from emotag.perception.action_units.picture import draw_action_units
from emotag.perception.action_units.protocol import ACTION_UNITS, ActionUnitSettings, Levels
from emotag.perception.action_units.terms import APPEARANCE_TERMS, GEOMETRY_TERMS, N_GEOMETRY, SIGNALS

SPAN = 100.0  # pixels between the outer eye corners of the made-up face


def made_up_face() -> np.ndarray:  # (468, 3) pixels, Face Mesh axes (y down, z away from the camera)
    """A curved sheet of points with the eyes, brows, lips and nose of a face roughly where they belong."""
    generator = np.random.default_rng(3)
    face = np.column_stack([generator.uniform(-0.7, 0.7, 468), generator.uniform(-1.1, 0.6, 468), np.zeros(468)])
    places = {
        33: (-0.5, 0), 263: (0.5, 0), 133: (-0.2, 0), 362: (0.2, 0), 2: (0, -0.55), 10: (0, 0.6), 151: (0, 0.45),
        168: (0, 0.02), 6: (0, -0.08), 197: (0, -0.16), 195: (0, -0.24), 5: (0, -0.32), 4: (0, -0.42), 9: (0, 0.18),
        61: (-0.27, -0.83), 291: (0.27, -0.83), 0: (0, -0.74), 17: (0, -0.94), 13: (0, -0.82), 14: (0, -0.84),
        205: (-0.4, -0.6), 425: (0.4, -0.6), 129: (-0.15, -0.45), 358: (0.15, -0.45), 152: (0, -1.2),
    }  # fmt: skip
    for index, (x, y) in places.items():
        face[index, :2] = x, y
    for right, left in measures._LIDS:
        side = -0.35 if right in (159, 158, 160) else 0.35
        face[right, :2], face[left, :2] = (side, 0.05), (side, -0.05)
    face[:, 2] = -0.6 * np.square(face[:, 0])
    return face * (SPAN, -SPAN, -SPAN) + (256, 200, 0)


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    def turn(a: int, b: int, angle: float) -> np.ndarray:
        matrix = np.eye(3)
        matrix[a, a] = matrix[b, b] = np.cos(angle)
        matrix[a, b], matrix[b, a] = -np.sin(angle), np.sin(angle)
        return matrix

    return turn(0, 2, yaw) @ turn(1, 2, pitch) @ turn(0, 1, roll)


def moving(ids: tuple[int, ...], delta: tuple[float, float, float], frames: int = 60) -> np.ndarray:  # (T, 468, 3)
    """A clip at rest whose middle third has `ids` moved by `delta` (eye spans, y down)."""
    clip = np.repeat(made_up_face()[None], frames, axis=0)
    clip[frames // 3 : 2 * frames // 3, ids] += np.array(delta) * SPAN
    return clip


def rise(units: np.ndarray, unit: str) -> float:
    """How much a unit is higher in the middle third than in the first."""
    third = len(units) // 3
    values = units[:, ACTION_UNITS.index(unit)]
    return float(values[third + 4 : 2 * third - 4].mean() - values[: third - 4].mean())


def intensities(points: np.ndarray) -> np.ndarray:
    engine = OpenActionUnits()
    return engine.intensities(engine.levels(points, np.ones(len(points), bool)))


def test_similarity_recovers_a_known_one() -> None:
    generator = np.random.default_rng(0)
    target, turn = generator.normal(size=(9, 3)), rotation(0.4, -0.3, 0.2)
    source = ((target - (1, 2, 3)) / 2.5) @ turn
    found, scale, shift = similarity(source[None], target)
    np.testing.assert_allclose(found[0], turn, atol=1e-9)
    np.testing.assert_allclose(scale, [2.5])
    np.testing.assert_allclose(shift, [[1, 2, 3]], atol=1e-9)


def test_alignment_takes_out_the_head_pose() -> None:
    face = made_up_face()
    poses = [(0.0, 0.0, 0.0), (0.4, 0.0, 0.1), (-0.3, 0.2, -0.2), (0.1, -0.2, 0.3)]
    clip = np.stack([(face - 256) @ rotation(*pose).T * (1 + 0.2 * i) + 250 for i, pose in enumerate(poses)])
    aligned = align(clip)
    np.testing.assert_allclose(aligned, np.broadcast_to(aligned[:1], aligned.shape), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(aligned[:, 33] - aligned[:, 263], axis=1), 1, atol=1e-6)


def test_upright_levels_the_eyes() -> None:
    tilted = made_up_face() * (1, -1, -1) @ rotation(0.3, 0.1, 0.5).T
    face = upright(tilted)
    np.testing.assert_allclose(face[33], (-0.5, 0, 0), atol=1e-9)
    np.testing.assert_allclose(face[263], (0.5, 0, 0), atol=1e-9)
    assert face[2, 1] < 0 < face[10, 1]


def test_alignment_refuses_bad_points() -> None:
    with pytest.raises(ValueError, match="finite"):
        align(np.full((2, 468, 3), np.nan))
    with pytest.raises(ValueError, match="finite"):
        align(np.zeros((2, 68, 3)))
    with pytest.raises(ValueError, match="px apart"):
        align(np.zeros((2, 468, 3)))


BROWS = (107, 336, 55, 285, 66, 296, 105, 334, 52, 282, 65, 295, 70, 300, 63, 293, 46, 276, 53, 283)


@pytest.mark.parametrize(
    ("unit", "ids", "delta", "quiet"),
    [
        ("01", BROWS, (0, -0.08, 0), "12"),
        ("02", BROWS, (0, -0.08, 0), "12"),
        ("25", (14, 87, 317, 17, 84, 314, 178, 402, 88, 318), (0, 0.12, 0), "01"),
        ("26", (152, 148, 377, 199, 175, 14, 87, 317, 17, 18, 200), (0, 0.15, 0), "01"),
    ],
)
def test_an_action_moves_its_unit(
    unit: str, ids: tuple[int, ...], delta: tuple[float, float, float], quiet: str
) -> None:
    units = intensities(moving(ids, delta))
    assert rise(units, unit) > 0.5
    assert abs(rise(units, quiet)) < 0.1


def test_a_smile_moves_the_lip_corner_puller_and_not_the_depressor() -> None:
    clip = moving((61,), (-0.06, -0.07, 0))
    clip += moving((291,), (0.06, -0.07, 0)) - made_up_face()
    units = intensities(clip)
    assert rise(units, "12") > 0.3
    assert rise(units, "15") <= 0


def test_a_blink_is_seen_and_a_slow_change_of_gaze_is_not() -> None:
    clip = np.repeat(made_up_face()[None], 200, axis=0)
    upper = [pair[0] for pair in measures._LIDS]
    clip[80:84, upper, 1] += 0.08 * SPAN
    slow = 0.03 * SPAN * np.linspace(0, 1, 200)
    clip[:, upper, 1] += slow[:, None]
    blink = intensities(clip)[:, ACTION_UNITS.index("45")]
    assert 79 <= blink.argmax() <= 84 and blink.max() > 0.8
    assert blink[100:].max() < 0.3


def test_frames_without_a_face_stay_empty() -> None:
    clip = moving(BROWS, (0, -0.08, 0))
    clip[10:15] = np.nan
    valid = np.isfinite(clip).all(axis=(1, 2))
    engine = OpenActionUnits()
    units = engine.intensities(engine.levels(clip, valid))
    assert np.isnan(units[~valid]).all() and np.isfinite(units[valid]).all()
    assert units[valid].min() >= 0 and units[valid].max() <= 5
    with pytest.raises(ValueError, match="no frame"):
        engine.levels(clip, np.zeros(len(clip), bool))


def level_clip(values: np.ndarray, unit: str, engine: OpenActionUnits) -> Levels:
    rest = engine.calibration(False).rest_mean
    level = np.tile(rest, (len(values), 1))
    level[:, ACTION_UNITS.index(unit)] += values
    return Levels(level, False)


def test_rest_of_a_sustained_expression_leans_on_the_population() -> None:
    engine = OpenActionUnits()
    unit, index = "04", ACTION_UNITS.index("04")
    frown = level_clip(np.full(50, 2.0), unit, engine)
    spread = engine.calibration(False).rest_std[index]
    assert engine.intensities(frown)[:, index] == pytest.approx(2.0 / (1 + spread**2))
    own = OpenActionUnits(ActionUnitSettings(neutral_prior=0.0))
    assert own.intensities(frown)[:, index] == pytest.approx(0.0)
    deep = level_clip(np.full(50, -2.0), unit, engine)  # a person who rests below the population
    assert engine.intensities(deep)[:, index] == pytest.approx(0.0)


def test_rest_can_come_from_another_clip() -> None:
    engine = OpenActionUnits()
    index = ACTION_UNITS.index("12")
    calm, smile = level_clip(np.zeros(50), "12", engine), level_clip(np.full(50, 1.5), "12", engine)
    assert engine.intensities(smile, engine.neutral([calm, smile]))[:, index] == pytest.approx(1.5)
    with pytest.raises(ValueError, match="rest needs"):
        engine.neutral([])


def test_every_term_names_a_signal() -> None:
    for terms in (GEOMETRY_TERMS, APPEARANCE_TERMS):
        assert set(terms) == set(ACTION_UNITS)
        assert {name for unit in terms.values() for name in unit} <= set(SIGNALS)
    assert SIGNALS[:N_GEOMETRY] == measures.NAMES and SIGNALS[N_GEOMETRY:] == appearance.NAMES


@pytest.mark.parametrize("shading", [True, False])
def test_the_committed_calibration_keeps_the_signs(shading: bool) -> None:
    calibration = load_calibration(shading)
    for row, unit in enumerate(ACTION_UNITS):
        signs = GEOMETRY_TERMS[unit] | (APPEARANCE_TERMS[unit] if shading else {})
        used = {SIGNALS[i]: calibration.weights[row, i] for i in np.flatnonzero(calibration.weights[row])}
        assert set(used) <= set(signs) and used, unit
        assert all(weight * signs[name] > 0 for name, weight in used.items()), unit
    copy = Calibration.from_json(json.loads(json.dumps(calibration.to_json())))
    np.testing.assert_allclose(copy.weights, calibration.weights)


def test_fit_recovers_weights_through_noise_and_offsets() -> None:
    generator = np.random.default_rng(0)
    name = next(iter(GEOMETRY_TERMS["25"]))
    clips = []
    for person in "abc":
        signals = generator.normal(size=(300, len(SIGNALS))) + generator.normal(size=len(SIGNALS))
        truth = np.zeros((300, len(ACTION_UNITS)))
        truth[:, ACTION_UNITS.index("25")] = 3 * signals[:, SIGNALS.index(name)] + generator.normal(size=300)
        clips.append(LabelledClip(person, signals, truth))
    weights = fit(clips, appearance=False).weights[ACTION_UNITS.index("25")]
    assert weights[SIGNALS.index(name)] == pytest.approx(3, rel=0.2)
    others = np.delete(weights, SIGNALS.index(name))
    assert np.abs(others).max() < 0.4


def textured(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(60, 200, (400, 512, 3)).astype(np.uint8)


def test_shading_is_blind_to_light_scale_and_roll() -> None:
    import cv2

    face, image = made_up_face(), cv2.GaussianBlur(textured(), (0, 0), 4)
    image = cv2.normalize(image, None, 40, 200, cv2.NORM_MINMAX)
    plain = appearance.shading(image, face)
    assert plain.shape == (len(appearance.NAMES),) and np.isfinite(plain).all()
    dim = appearance.shading((image * 0.6).astype(np.uint8), face)
    assert np.abs(dim - plain).max() < 0.12
    turn = cv2.getRotationMatrix2D((256, 200), 10, 0.9)
    rolled = cv2.warpAffine(image, turn, (512, 400), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    moved = face.copy()
    centred = np.c_[face[:, :2] - 0.5, np.ones(468)]
    moved[:, :2] = centred @ turn.T + 0.5
    assert np.abs(appearance.shading(rolled, moved) - plain).mean() < 0.1


def test_shading_sees_lines_on_the_forehead() -> None:
    face, image = made_up_face(), np.full((400, 512, 3), 140, np.uint8)
    wrinkled = image.copy()
    wrinkled[100:190:6] = 90
    cue = appearance.NAMES.index("forehead_along")
    assert appearance.shading(wrinkled, face)[cue] > appearance.shading(image, face)[cue] + 1


def test_images_and_points_must_agree() -> None:
    clip = moving(BROWS, (0, -0.08, 0), frames=6)
    with pytest.raises(ValueError, match="images"):
        OpenActionUnits().levels(clip, np.ones(6, bool), iter([textured()] * 5))


def test_sheet(tmp_path: Path) -> None:
    units = intensities(moving(BROWS, (0, -0.08, 0)))
    draw_action_units(tmp_path / "a.jpg", [textured()] * 3, units, "made up")
    assert (tmp_path / "a.jpg").stat().st_size > 5000
