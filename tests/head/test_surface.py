import numpy as np
from scipy.spatial import cKDTree

from emotag.head.decimate import boundary_edges, decimate
from emotag.head.surface import boundary_loops, clip, closed_path, components, edge_graph, enclosed, nearest_on_surface

from .conftest import sphere


def volume(vertices, faces):
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


def euler(faces):
    edges = {tuple(sorted((f[i], f[(i + 1) % 3]))) for f in faces.tolist() for i in range(3)}
    return len(np.unique(faces)) - len(edges) + len(faces)


def test_clip_keeps_the_volume_on_its_side_and_interpolates():
    vertices, faces = sphere(40, 60, (1, 1, 1), (0, 0, 0))
    cut = clip(faces, vertices[:, 1] - 0.25)
    extended = cut.extend(vertices)
    assert extended[cut.faces][..., 1].min() > 0.25 - 1e-9
    ring = boundary_loops(cut.faces)
    assert len(ring) == 1
    np.testing.assert_allclose(extended[ring[0]][:, 1], 0.25, atol=1e-12)
    area = lambda v, f: np.linalg.norm(np.cross(v[f[:, 1]] - v[f[:, 0]], v[f[:, 2]] - v[f[:, 0]]), axis=1).sum() / 2  # noqa: E731
    np.testing.assert_allclose(area(extended, cut.faces), 2 * np.pi * 0.75, rtol=0.01)  # Archimedes' cap
    assert euler(cut.faces) == 1
    doubled = cut.extend(np.stack((vertices, 2 * vertices)))
    np.testing.assert_allclose(doubled[1], 2 * extended)


def test_decimation_keeps_vertices_topology_and_shape():
    vertices, faces = sphere(50, 80, (1, 1, 1), (0, 0, 0))
    open_cap = clip(faces, vertices[:, 1] + 0.5)
    points = open_cap.extend(vertices)
    locked = np.zeros(len(points), bool)
    locked[[100, 700, 1500]] = True
    kept, made = decimate(points[None], open_cap.faces, np.full(len(points), 0.2), locked, 600)
    assert len(kept) == 600 and made.max() == 599 and len(np.unique(made)) == 600
    assert set(np.flatnonzero(locked)) <= set(kept)
    assert euler(made) == 1  # still one disc
    assert len(boundary_loops(made)) == 1
    directed = [tuple(e) for f in made.tolist() for e in ((f[0], f[1]), (f[1], f[2]), (f[2], f[0]))]
    assert len(directed) == len(set(directed))  # every edge at most once each way
    normal = np.cross(*(points[kept][made[:, k]] - points[kept][made[:, 0]] for k in (1, 2)))
    assert ((normal * points[kept][made].mean(1)).sum(1) > 0).all()  # no face turned over
    np.testing.assert_allclose(volume(points[kept], made), volume(points, open_cap.faces), rtol=0.02)


def test_decimation_is_denser_where_shorter_edges_are_wanted():
    vertices, faces = sphere(50, 80, (1, 1, 1), (0, 0, 0))
    wanted = np.where(vertices[:, 2] > 0, 0.05, 0.3)
    kept, _ = decimate(vertices[None], faces, wanted, np.zeros(len(vertices), bool), 900)
    front = (vertices[kept][:, 2] > 0.05).sum()
    assert front > 5 * (vertices[kept][:, 2] < -0.05).sum()


def test_decimation_heeds_every_pose():
    """A flat sheet that folds in its second pose keeps the fold's vertices."""
    x, y = np.meshgrid(np.linspace(0, 1, 31), np.linspace(0, 1, 31), indexing="ij")
    flat = np.stack((x.ravel(), y.ravel(), np.zeros(x.size)), axis=1)
    index = np.arange(x.size).reshape(x.shape)
    a, b, c, d = index[:-1, :-1].ravel(), index[1:, :-1].ravel(), index[:-1, 1:].ravel(), index[1:, 1:].ravel()
    faces = np.concatenate((np.stack((a, b, c), 1), np.stack((b, d, c), 1)))
    folded = flat.copy()
    folded[:, 2] = np.abs(flat[:, 0] - 0.5)
    kept, made = decimate(np.stack((flat, folded)), faces, np.full(len(flat), 1.0), np.zeros(len(flat), bool), 60)
    middle = folded[kept][made].mean(1)
    off = np.abs(middle[:, 2] - np.abs(middle[:, 0] - 0.5))
    assert off.max() < 0.02
    assert len(boundary_edges(made)) == len(np.unique(boundary_edges(made)))


def test_rings_and_patches():
    vertices, faces = sphere(30, 40, (1, 1, 1), (0, 0, 0))
    graph = edge_graph(vertices, faces)
    corner = lambda x, y: int(cKDTree(vertices).query((x, y, np.sqrt(1 - x * x - y * y)))[1])  # noqa: E731
    through = [corner(0.4, 0.0), corner(0.0, 0.4), corner(-0.4, 0.0), corner(0.0, -0.4)]
    ring = closed_path(graph, through)
    assert set(through) <= set(ring) and len(set(ring.tolist())) == len(ring)
    steps = np.linalg.norm(vertices[ring] - vertices[np.roll(ring, -1)], axis=1)
    assert steps.max() < 0.25  # along edges all around
    patch = enclosed(graph, ring, np.array([corner(0.0, 0.0)]))
    assert vertices[patch][:, 2].min() > 0.8 and corner(0.1, 0.1) in patch and corner(0.6, 0.3) not in patch


def test_boundary_loop_is_ordered():
    vertices, faces = sphere(20, 24, (1, 1, 1), (0, 0, 0), open_below=0.2)
    (loop,) = boundary_loops(faces)
    assert len(loop) == 24
    angle = np.unwrap(np.arctan2(vertices[loop, 0], vertices[loop, 2]))
    assert (np.diff(angle) > 0).all() or (np.diff(angle) < 0).all()
    assert components(faces, len(vertices)).max() == 0


def test_nearest_on_surface_agrees_with_dense_sampling():
    random = np.random.default_rng(0)
    vertices, faces = sphere(8, 10, (1, 0.8, 1.2), (0, 0, 0))
    points = random.normal(size=(40, 3))
    triangle, weights = nearest_on_surface(points, vertices, faces)
    found = (vertices[faces[triangle]] * weights[..., None]).sum(1)
    samples = random.dirichlet((0.6, 0.6, 0.6), size=(len(faces), 800))
    dense = np.einsum("fnk,fkc->fnc", samples, vertices[faces]).reshape(-1, 3)
    reference = cKDTree(dense).query(points)[0]
    distance = np.linalg.norm(found - points, axis=1)
    assert (distance <= reference + 1e-9).all() and (distance > reference - 0.05).all()
    np.testing.assert_allclose(weights.sum(1), 1)
    assert weights.min() >= -1e-12
