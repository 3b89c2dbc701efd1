import numpy as np

from emotag.head.mesh_render import NO_TRIANGLE, View, interpolate, rasterize, render

from .conftest import sphere

VIEW = View(yaw=0.3, pitch=-0.2, target=(0.01, -0.02, 0.0), distance=1.0, extent=0.3, size=96)


def test_a_pixel_lies_where_its_barycentric_point_projects():
    vertices, faces = sphere(12, 16, (0.1, 0.1, 0.1), (0, 0, 0))
    raster = rasterize(VIEW.project(vertices), faces, 96, 96)
    points = interpolate(raster, faces, vertices)
    projected = VIEW.project(points)
    rows, columns = np.nonzero(raster.hit)
    np.testing.assert_allclose(projected[:, 0], columns + 0.5, atol=1e-3)
    np.testing.assert_allclose(projected[:, 1], rows + 0.5, atol=1e-3)
    np.testing.assert_allclose(projected[:, 2], raster.depth[raster.hit], atol=1e-5)


def test_the_nearest_surface_wins_and_back_faces_are_dropped():
    near, near_faces = sphere(12, 16, (0.03,) * 3, (0, 0, 0.1))
    far, far_faces = sphere(12, 16, (0.1,) * 3, (0, 0, 0))
    vertices, faces = np.concatenate((far, near)), np.concatenate((far_faces, near_faces + len(far)))
    view = View(0.0, 0.0, (0.0, 0.0, 0.0), 1.0, 0.3, 64)
    raster = rasterize(view.project(vertices), faces, 64, 64)
    assert raster.triangles[32, 32] >= len(far_faces)
    assert raster.triangles[0, 0] == NO_TRIANGLE
    assert abs(raster.depth[32, 32] - (1.0 - 0.13)) < 2e-3
    inside_out = rasterize(view.project(far), far_faces[:, ::-1], 64, 64)
    assert abs(inside_out.depth[32, 32] - 1.1) < 2e-3  # only the far wall, seen from inside


def test_yaw_shows_the_left_side():
    left = View(np.radians(60), 0.0, (0.0, 0.0, 0.0), 1.0, 0.3, 64)
    assert left.position()[0] > 0.5  # the person's left is +x
    x, y, depth = left.project(np.array([[0.1, 0.05, 0.0]]))[0]
    assert depth < 1.0 and y < 32 and x > 32


def test_render_shades_and_composes():
    vertices, faces = sphere(12, 16, (0.1,) * 3, (0, 0, 0))
    view = View(0.0, 0.0, (0.0, 0.0, 0.0), 1.0, 0.3, 64)
    image, _ = render(vertices, faces, lambda raster: np.full((raster.hit.sum(), 3), 0.8), view, (0, 0, 1), 2)
    assert image.dtype == np.uint8 and image.shape == (64, 64, 3)
    assert image[0, 0].tolist() == [0, 0, 255]
    assert image[22, 32, 0] > image[48, 32, 0] > 0  # lit from above
