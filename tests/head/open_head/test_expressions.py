"""Actions of the open head: directions by FACS, lids over the ball, lips in contact, agreement with scans."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from benchmarks.open_head import agreement, expression_table, similarity, surface_of
from emotag.head.ict import load_ict
from emotag.head.open_head.assemble import neutral_surface, open_head
from emotag.head.open_head.expressions.all import expression_shapes
from emotag.head.open_head.expressions.eyes import lids_of
from emotag.head.open_head.fields import Face, Pull, ball_radius, unit
from emotag.head.open_head.jaw_motion import FULL_OPENING, jaw_corrective, jaw_weights, opened
from emotag.head.open_head.landmarks import embed68
from emotag.head.open_head.skin import neutral_skin
from emotag.head.open_head.surface import HeadSurface, Part

KIT = Path(__file__).parents[3] / "../shared/assets/ict-facekit.tar.xz"
BOTH_SIDES = (
    "browDown", "browInnerUp", "browOuterUp", "cheekPuff", "cheekRaiser", "cheekSquint", "eyeBlink", "eyeLookDown",
    "eyeLookIn", "eyeLookOut", "eyeLookUp", "eyeSquint", "eyeWide", "mouthDimple", "mouthFrown", "mouthLowerDown",
    "mouthPress", "mouthSmile", "mouthStretch", "mouthUpperUp", "noseSneer",
)  # fmt: skip
WHOLE = (
    "jawForward", "jawLeft", "jawRight", "mouthClose", "mouthFunnel", "mouthLeft", "mouthPucker", "mouthRight",
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
)  # fmt: skip
NAMES = sorted([f"{name}_{side}" for name in BOTH_SIDES for side in "LR"] + list(WHOLE))
MM = 1e-3
PARTING = ("mouthFunnel", "mouthLowerDown_L", "mouthUpperUp_L", "mouthShrugUpper", "noseSneer_L")


@pytest.fixture(scope="module")
def surface() -> HeadSurface:
    skin = neutral_skin()
    return neutral_surface(skin, embed68(skin))


@pytest.fixture(scope="module")
def shapes(surface: HeadSurface) -> dict[str, np.ndarray]:
    return expression_shapes(surface)


@pytest.fixture(scope="module")
def at(surface: HeadSurface) -> np.ndarray:  # (68,) skin vertex nearest to each landmark
    skin = np.flatnonzero(surface.part == Part.SKIN)
    return skin[cKDTree(surface.vertices[skin]).query(surface.landmarks)[1]]


@pytest.fixture(scope="module")
def contact(surface: HeadSurface) -> np.ndarray:  # (N, 2) vertices of upper and lower lip that touch at rest
    skin = surface.part == Part.SKIN
    near = skin & (np.linalg.norm(surface.vertices - surface.landmarks[[62, 66]].mean(0), axis=1) < 0.035)
    upper, lower = (np.flatnonzero(near & (surface.mouth_side * sign > 0)) for sign in (1, -1))
    distance, found = cKDTree(surface.vertices[lower]).query(surface.vertices[upper])
    pairs = np.stack((upper, lower[found]), axis=1)[distance < 0.6 * MM]
    assert len(pairs) >= 8
    return pairs


def jaw_opened(surface: HeadSurface, shape: np.ndarray, angle: float) -> np.ndarray:
    corrective = jaw_corrective(surface) * np.sin(angle) / np.sin(FULL_OPENING)
    return opened(surface, surface.vertices + shape + corrective, jaw_weights(surface), angle)


def test_names(shapes: dict[str, np.ndarray], surface: HeadSurface) -> None:
    assert list(shapes) == NAMES
    assert all(shape.shape == surface.vertices.shape and np.isfinite(shape).all() for shape in shapes.values())


def test_what_stays(shapes: dict[str, np.ndarray], surface: HeadSurface) -> None:
    still = np.isin(surface.part, (Part.LEFT_EYE, Part.RIGHT_EYE, Part.UPPER_TEETH, Part.UPPER_GUMS, Part.LEFT_EAR))
    lower = np.isin(surface.part, (Part.LOWER_TEETH, Part.LOWER_GUMS, Part.TONGUE))
    for name, shape in shapes.items():
        assert not shape[still].any(), name
        assert name.startswith("jaw") or not shape[lower].any(), name
    moved = shapes["jawForward"][surface.part == Part.LOWER_TEETH]
    assert np.ptp(moved, axis=0).max() < 1e-9 and moved[0, 2] > 8 * MM


@pytest.mark.parametrize("name", BOTH_SIDES)
def test_sides_mirror(name: str, shapes: dict[str, np.ndarray], surface: HeadSurface) -> None:
    left, right = shapes[f"{name}_L"], shapes[f"{name}_R"]
    distance, twin = cKDTree(surface.vertices).query(surface.vertices * (-1, 1, 1))
    paired = (distance < 1e-6) & (surface.part == Part.SKIN)
    paired &= (
        np.abs(surface.mouth_side[twin] - surface.mouth_side) + np.abs(surface.lid_side[twin] - surface.lid_side)
    ) == 0
    assert paired.sum() > 0.5 * (surface.part == Part.SKIN).sum()
    # Vertices of both lips may lie on one another, and the twin is then either of them.
    wrong = np.linalg.norm(left[paired] * (-1, 1, 1) - right[twin[paired]], axis=1) > 0.05 * MM
    assert wrong.mean() < 0.01
    away = surface.vertices[:, 0] < -0.03
    assert np.abs(left[away]).max() < 0.25 * np.abs(left).max()


DIRECTIONS = [  # shape, landmark, axis, least millimetres (sign is the direction)
    ("browInnerUp_L", 22, 1, 3), ("browOuterUp_L", 25, 1, 5), ("browDown_L", 24, 1, -2), ("browDown_L", 24, 0, -2),
    ("cheekPuff_L", 54, 2, 6), ("noseSneer_L", 35, 1, 4), ("cheekRaiser_L", 46, 1, 0.8),
    ("eyeBlink_L", 43, 1, -5), ("eyeWide_L", 43, 1, 1.5), ("eyeLookDown_L", 43, 1, -4), ("eyeLookUp_L", 43, 1, 1.5),
    ("eyeSquint_L", 47, 1, 0.8), ("eyeLookIn_L", 43, 0, -1), ("eyeLookOut_L", 43, 0, 1),
    ("mouthSmile_L", 54, 0, 4), ("mouthSmile_L", 54, 1, 6), ("mouthSmile_L", 54, 2, -5), ("mouthFrown_L", 54, 1, -3),
    ("mouthDimple_L", 54, 2, -4), ("mouthStretch_L", 54, 0, 4), ("mouthStretch_L", 54, 2, -4),
    ("mouthLowerDown_L", 56, 1, -2), ("mouthUpperUp_L", 52, 1, 2), ("mouthPress_L", 55, 1, 0.8),
    ("mouthFunnel", 51, 2, 4), ("mouthFunnel", 57, 1, -5), ("mouthPucker", 54, 0, -3), ("mouthPucker", 51, 2, 5),
    ("mouthRollLower", 66, 2, -5), ("mouthRollUpper", 62, 2, -4), ("mouthShrugLower", 57, 1, 4),
    ("mouthShrugUpper", 51, 1, 3), ("mouthLeft", 51, 0, 10), ("mouthRight", 51, 0, -10), ("mouthRight", 54, 2, 5),
    ("jawForward", 8, 2, 8), ("jawLeft", 8, 0, 6),
]  # fmt: skip


@pytest.mark.parametrize(("name", "landmark", "axis", "least"), DIRECTIONS)
def test_directions(
    name: str, landmark: int, axis: int, least: float, shapes: dict[str, np.ndarray], at: np.ndarray
) -> None:
    moved = shapes[name][at[landmark], axis] / MM
    assert moved * np.sign(least) > abs(least)


def test_lips_move_apart_by_side(shapes: dict[str, np.ndarray], at: np.ndarray) -> None:
    for name, moves, stays in (("mouthUpperUp_L", 52, 56), ("mouthLowerDown_L", 56, 52), ("mouthShrugUpper", 51, 57)):
        assert np.abs(shapes[name][at[stays]]).max() < 0.25 * np.abs(shapes[name][at[moves]]).max(), name


@pytest.mark.parametrize("side", [1, -1])
def test_blink_closes(side: int, shapes: dict[str, np.ndarray], surface: HeadSurface) -> None:
    rest = lids_of(Face(surface), side)
    centre = surface.eye_centres[0 if side > 0 else 1]
    near = (rest.reach > 0.5) & (np.linalg.norm(surface.vertices - centre, axis=1) < 1.3 * surface.eye_radius)
    # Middle of the fissure, where it is open; its corners stay.
    near &= rest.upper - rest.lower > 0.3
    edges = [near & (rest.above == above) & (np.abs(rest.elevation - line) < 0.02)
             for above, line in ((True, rest.upper), (False, rest.lower))]  # fmt: skip
    assert min(edge.sum() for edge in edges) > 8
    offset = surface.vertices + shapes["eyeBlink_L" if side > 0 else "eyeBlink_R"] - centre
    across, height = unit(offset)[:, 0], np.arctan2(offset[:, 1], offset[:, 2])
    upper, lower = (np.flatnonzero(edge)[np.argsort(across[edge])] for edge in edges)
    upper = upper[(across[upper] > across[lower].min()) & (across[upper] < across[lower].max())]
    gap = height[upper] - np.interp(across[upper], across[lower], height[lower])
    assert gap.max() < 0.055 and gap.min() > -0.11  # radians of 14 mm: 0.8 mm apart, 1.5 mm overlapping, at the ends
    assert np.median(np.abs(gap)) < 0.02


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75, 1.0])
@pytest.mark.parametrize("name", ["eyeBlink_L", "eyeLookDown_L", "eyeSquint_L", "eyeWide_L", "cheekRaiser_L"])
def test_lids_stay_outside_the_ball(
    name: str, share: float, shapes: dict[str, np.ndarray], surface: HeadSurface
) -> None:
    def clearance(vertices: np.ndarray) -> np.ndarray:
        offset = vertices - surface.eye_centres[0]
        return np.linalg.norm(offset, axis=1) - ball_radius(surface, 1, unit(offset))

    lid = (surface.part == Part.SKIN) & (lids_of(Face(surface), 1).reach > 0) & (clearance(surface.vertices) > 0.1 * MM)
    moved = clearance(surface.vertices + share * shapes[name])
    assert moved[lid].min() > -0.7 * MM  # the chord of a linear shape cuts in a little half way
    assert share < 1 or moved[lid].min() > -0.05 * MM


def test_lips_do_not_cross(shapes: dict[str, np.ndarray], surface: HeadSurface, contact: np.ndarray) -> None:
    for name in NAMES:
        if name == "mouthClose":
            continue
        upper, lower = (surface.vertices + shapes[name])[contact.T, 1]
        gap = (upper - lower) / MM
        assert gap.min() > -1.5, name
        assert name not in PARTING or gap.max() > 1.5, name
        assert name.startswith(("mouth", "nose", "jaw")) or np.abs(gap).max() < 0.7, name


def test_mouth_closes_over_an_open_jaw(
    shapes: dict[str, np.ndarray], surface: HeadSurface, contact: np.ndarray
) -> None:
    rest = surface.vertices[contact]
    full = jaw_opened(surface, shapes["mouthClose"], FULL_OPENING)[contact]
    assert np.abs(full - rest).max() < 0.05 * MM
    for share in (0.25, 0.5, 0.75):
        upper, lower = jaw_opened(surface, share * shapes["mouthClose"], share * FULL_OPENING)[contact.T, 1]
        assert (upper - lower).min() > -1.0 * MM and (upper - lower).max() < 0.6 * MM
    upper, lower = jaw_opened(surface, 0 * rest[:1, 0], FULL_OPENING)[contact.T, 1]
    assert (upper - lower).max() > 25 * MM


def test_jaw_weights(surface: HeadSurface, at: np.ndarray) -> None:
    weights = jaw_weights(surface)
    assert weights.min() >= 0 and weights.max() <= 1
    assert (weights[surface.part == Part.LOWER_TEETH] == 1).all() and (weights[surface.part == Part.TONGUE] == 1).all()
    assert not weights[np.isin(surface.part, (Part.UPPER_TEETH, Part.LEFT_EYE, Part.RIGHT_EAR))].any()
    assert weights[at[8]] > 0.75 and weights[at[57]] > 0.75
    assert weights[at[[30, 43, 24]]].max() < 0.05 and weights[at[51]] < 0.25
    assert 0.2 < weights[at[54]] < 0.8


def test_scales_with_the_head(shapes: dict[str, np.ndarray], surface: HeadSurface) -> None:
    large = HeadSurface(
        surface.vertices * 1.2, surface.faces, surface.part, surface.landmarks * 1.2, surface.mouth_side,
        surface.lid_side, surface.eye_centres * 1.2, surface.eye_radius * 1.2, surface.jaw_hinge * 1.2,
        surface.neck_joint * 1.2, surface.neck_base * 1.2,
    )  # fmt: skip
    for name, shape in expression_shapes(large).items():
        np.testing.assert_allclose(shape, 1.2 * shapes[name], atol=1e-7, err_msg=name)


def test_pull_is_local_and_smooth(surface: HeadSurface) -> None:
    face = Face(surface)
    moved = face.pulled([Pull("chin", by=(0.0, 0.0, 2.0), reach=6.0)])
    size = np.linalg.norm(moved, axis=1) / (2 * MM * face.mm / MM)
    away = np.linalg.norm(surface.vertices - face.anchor("chin"), axis=1) / (6 * face.mm)
    assert size[face.soft & (away < 0.2)].min() > 0.9
    assert not size[away > 5].any()
    near = face.soft & (away < 1.5)
    np.testing.assert_allclose(size[near], np.exp(-0.5 * away[near] ** 2), atol=0.12)


def test_agreement_of_a_field_with_itself() -> None:
    field = np.random.default_rng(0).normal(size=(50, 3))
    same, half, against = agreement(field, field), agreement(field, 0.5 * field), agreement(field, -field)
    assert same.cosine == pytest.approx(1) and same.peak == pytest.approx(1) and same.overlap == 1
    assert half.peak == pytest.approx(0.5) and against.cosine == pytest.approx(-1)


def test_similarity_recovers_a_transform() -> None:
    random = np.random.default_rng(1)
    points = random.normal(size=(20, 3))
    turn = np.linalg.qr(random.normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    scale, found, shift = similarity(points, 1.3 * points @ turn.T + (0.1, 0.2, 0.3))
    assert scale == pytest.approx(1.3)
    np.testing.assert_allclose(found, turn, atol=1e-9)
    np.testing.assert_allclose(shift, (0.1, 0.2, 0.3), atol=1e-9)


@pytest.mark.shared
@pytest.mark.slow
def test_agrees_with_scanned_actions(surface: HeadSurface) -> None:
    if not KIT.exists():
        pytest.skip("needs ../shared/assets/ict-facekit.tar.xz")
    kit, _ = load_ict(KIT, 6000, 2)
    head = open_head()
    rows = expression_table(kit, head, surface)
    for name, row in rows.items():
        assert row.cosine >= 0.6, name
        assert 0.7 <= row.peak <= 1.4, name
    assert np.mean([row.cosine for row in rows.values()]) >= 0.75
    theirs = surface_of(kit)
    same = expression_shapes(theirs)  # the fields fit any head
    skin = theirs.part == Part.SKIN
    for name in ("mouthSmile_L", "mouthPucker", "browOuterUp_R", "eyeBlink_L"):
        truth = kit.expression_basis[kit.expression_names.index(name)].double().numpy()
        assert agreement(truth[skin], same[name][skin]).cosine > 0.75, name
