"""Identity: the choice of frames, what the descriptor sees and what it does not, the footage's people."""

import json
from itertools import combinations

import numpy as np
import pytest

from emotag.perception.identity.appearance import N_APPEARANCE, colours
from emotag.perception.identity.descriptor import Descriptor, Population, load_population, rotation
from emotag.perception.identity.geometry import N_GEOMETRY, proportions
from emotag.perception.identity.protocol import EMBEDDING, IdentitySettings, most_neutral


def face(seed: int, build: float = 0.08, noise: float = 0.3, frames: int = 4) -> np.ndarray:  # (N, 468, 3) pixels
    """A made-up person: a common face, own proportions, a little noise over frames."""
    common = np.random.default_rng(0)
    plain = np.column_stack([common.uniform(-60, 60, 468), common.uniform(-60, 90, 468), common.uniform(-20, 20, 468)])
    plain[[33, 263, 10, 2]] = [(-50, 0, 0), (50, 0, 0), (0, -60, 0), (0, 50, -10)]
    plain[[61, 291]] = [(-25, 70, 0), (25, 70, 0)]
    own = np.random.default_rng(seed).normal(0, 50 * build, (468, 3))
    jitter = np.random.default_rng(seed + 1000).normal(0, noise, (frames, 468, 3))
    return plain + own + jitter + (256, 200, 0)


def picture(seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    coarse = generator.integers(60, 220, (8, 8, 3)).astype(np.uint8)
    return np.kron(coarse, np.ones((64, 64, 1), np.uint8))


def test_most_neutral_takes_calm_closed_valid_frames() -> None:
    neutral = np.array([0.9, 0.9, 0.2, np.nan, 0.8, 0.7])
    mouth = np.array([0.0, 3.0, 0.0, 0.0, 0.0, 0.1])
    assert most_neutral(neutral, mouth, 3).tolist() == [0, 4, 5]
    assert most_neutral(neutral, mouth, 50).tolist() == [0, 1, 2, 4, 5]
    with pytest.raises(ValueError, match="no valid frame"):
        most_neutral(np.full(3, np.nan), np.zeros(3), 2)


def test_proportions_do_not_see_size_place_or_pose() -> None:
    points = face(1, noise=0.0)
    plain = proportions(points)
    assert plain.shape == (N_GEOMETRY,)
    cosine, sine = np.cos(0.4), np.sin(0.4)
    turn = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
    np.testing.assert_allclose(proportions(points @ turn.T * 1.7 + 20), plain, atol=1e-8)
    assert np.abs(proportions(face(2, noise=0.0)) - plain).max() > 0.05


def test_proportions_average_mirrored_distances() -> None:
    points = face(1, build=0.0, noise=0.0)
    wider = points.copy()
    wider[:, 61, 0] -= 8
    other = points.copy()
    other[:, 291, 0] += 8
    width = 5  # the mouth corners' own pair
    assert proportions(wider)[width] > proportions(points)[width]
    np.testing.assert_allclose(proportions(wider)[width], proportions(other)[width], atol=0.05)


def test_colours_see_skin_and_not_exposure() -> None:
    points = face(1, noise=0.0, frames=1)
    image = picture(1)
    plain = colours(points, [image])
    assert plain.shape == (N_APPEARANCE,)
    lightness = slice(0, N_APPEARANCE // 3)
    dark = colours(points, [(image * 0.7).astype(np.uint8)])
    assert np.abs(dark[lightness] - plain[lightness]).max() < 0.1
    assert np.abs(colours(points, [picture(2)]) - plain).max() > 0.3
    with pytest.raises(ValueError, match="images"):
        colours(points, [])
    with pytest.raises(ValueError, match="images"):
        colours(points, [image, image])


def test_rotation_is_an_isometry_with_a_fixed_seed() -> None:
    matrix = rotation()
    assert matrix.shape == (N_GEOMETRY + N_APPEARANCE, EMBEDDING)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(len(matrix)), atol=1e-9)
    rotation.cache_clear()
    np.testing.assert_array_equal(rotation(), matrix)


def test_population_of_and_json() -> None:
    features = np.random.default_rng(0).normal(2, 3, (10, N_GEOMETRY + N_APPEARANCE))
    features[:, 5] = 1.0
    population = Population.of(features)
    np.testing.assert_allclose(population.mean, features.mean(axis=0))
    assert population.spread.min() > 0.1
    copy = Population.from_json(json.loads(json.dumps(population.to_json())))
    np.testing.assert_allclose(copy.spread, population.spread, rtol=1e-3)
    committed = load_population()
    assert committed.mean.shape == committed.spread.shape == (N_GEOMETRY + N_APPEARANCE,)
    assert committed.spread.min() > 0


def test_embedding_knows_a_person_again() -> None:
    engine = Descriptor()
    people = {seed: [engine.features(face(seed) + shift, [picture(seed)] * 4) for shift in (0, 5)] for seed in range(8)}
    population = Population.of(np.stack([np.mean(halves, axis=0) for halves in people.values()]))
    described = Descriptor(IdentitySettings(), population)
    embeddings = {(s, h): described.project(people[s][h]) for s in people for h in (0, 1)}
    for embedding in embeddings.values():
        assert embedding.shape == (EMBEDDING,) and np.linalg.norm(embedding) == pytest.approx(1)
    same = [embeddings[s, 0] @ embeddings[s, 1] for s in people]
    others = [embeddings[a] @ embeddings[b] for a, b in combinations(embeddings, 2) if a[0] != b[0]]
    assert min(same) > max(others)


def test_the_mean_face_has_no_direction() -> None:
    population = load_population()
    with pytest.raises(ValueError, match="population's mean"):
        Descriptor().project(population.mean)
