import numpy as np

from emotag.head.jaw import Hinge, fit_hinge, hinge_weights
from emotag.head.surface import edge_graph

from .conftest import sphere

TRUE = Hinge(np.array([0.0, 0.02, -0.03]), 0.35, 0.0)


def opened(points, weight=1.0):
    turned = (points - TRUE.point) @ TRUE.rotation().T + TRUE.point
    return points + weight * (turned - points)


def test_fit_finds_axis_and_angle():
    points = np.random.default_rng(0).normal(scale=0.02, size=(200, 3)) + np.array([0.0, -0.04, 0.07])
    hinge = fit_hinge(points, opened(points))
    np.testing.assert_allclose(hinge.point, TRUE.point, atol=1e-9)
    assert abs(hinge.angle - TRUE.angle) < 1e-9 and hinge.residual < 1e-9


def test_positive_angle_opens():
    chin = np.array([[0.0, -0.06, 0.09]])
    assert opened(chin)[0, 1] < chin[0, 1]


def test_weights_are_recovered_and_pinned():
    vertices, faces = sphere(40, 50, (0.08, 0.1, 0.09), (0, 0, 0))
    true = np.clip(-vertices[:, 1] / 0.05, 0, 1)
    displacement = opened(vertices, true[:, None]) - vertices
    rigid = np.full(len(vertices), np.nan)
    rigid[:10] = 0.0
    weights = hinge_weights(vertices, displacement, TRUE, edge_graph(vertices, faces), rigid, smoothing=2)
    far = np.linalg.norm(vertices[:, 1:] - TRUE.point[1:], axis=1) > 0.03
    assert np.abs(weights - true)[far].max() < 0.08
    assert (weights[:10] == 0).all() and weights.min() >= 0 and weights.max() <= 1
