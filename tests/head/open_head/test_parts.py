"""Ears, eyeballs, teeth, gums, tongue and lining of the open head: closed, symmetric, of human size, apart."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from emotag.head.mesh_render import vertex_normals
from emotag.head.open_head.arch import fit_arch
from emotag.head.open_head.dental import OVERBITE, OVERJET, UPPER_EDGE, lower_row, teeth, upper_row
from emotag.head.open_head.ear import Pinna, ear, seated
from emotag.head.open_head.eyeball import EYE_RADIUS, LIMBUS_RADIUS, PUPIL_RADIUS, eyeball, iris_coordinate
from emotag.head.open_head.gums import gums
from emotag.head.open_head.mesh import Mesh, fan_faces, grid_faces, joined, strip_faces
from emotag.head.open_head.parts import parts
from emotag.head.open_head.socket import Bag, socket
from emotag.head.open_head.surface import Part

MM = 1e-3
EYES = np.array([[0.031, 0.0075, 0.057], [-0.031, 0.0075, 0.057]])
BUDGETS = {
    Part.LEFT_EAR: 350,
    Part.RIGHT_EAR: 350,
    Part.LEFT_EYE: 200,
    Part.RIGHT_EYE: 200,
    Part.UPPER_TEETH: 550,
    Part.LOWER_TEETH: 550,
    Part.UPPER_GUMS: 450,
    Part.LOWER_GUMS: 400,
    Part.TONGUE: 250,
    Part.SOCKET: 450,
}
CLOSED = tuple(part for part in BUDGETS if part not in (Part.UPPER_GUMS, Part.LOWER_GUMS, Part.SOCKET))


def lip_ring(count: int = 44) -> np.ndarray:  # (count, 3)
    """A closed slit 50 mm wide with a height of 1.2 mm, counter-clockwise from the left corner."""
    turn = 2 * np.pi * np.arange(count) / count
    x, y = 0.025 * np.cos(turn), 0.0006 * np.sin(turn)
    return np.stack((x, y - 0.062, 0.088 - 16 * x**2), axis=1)


@pytest.fixture(scope="module")
def made() -> dict[Part, Mesh]:
    return dict(parts(lip_ring(), EYES))


def border(faces: np.ndarray) -> np.ndarray:  # (E, 2)
    """Directed edges without an opposite one. Fails when an edge is used twice in the same direction."""
    edges = np.concatenate((faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]))
    forth = set(map(tuple, edges.tolist()))
    assert len(forth) == len(edges), "faces are not oriented alike or an edge has three faces"
    return np.array([edge for edge in forth if edge[::-1] not in forth]).reshape(-1, 2)


def pieces(mesh: Mesh) -> tuple[int, np.ndarray]:
    """Number of connected pieces and the piece of each vertex."""
    edges = np.concatenate((mesh.faces[:, :2], mesh.faces[:, 1:]))
    size = len(mesh.vertices)
    return connected_components(coo_array((np.ones(len(edges)), edges.T), shape=(size, size)), directed=False)


def winding(mesh: Mesh, points: np.ndarray) -> np.ndarray:  # (N,)
    """Generalised winding number (Jacobson et al. 2013): 1 inside an outward closed mesh, 0 outside."""
    a, b, c = (mesh.vertices[mesh.faces[:, corner]][None] - points[:, None] for corner in range(3))
    la, lb, lc = (np.linalg.norm(corner, axis=-1) for corner in (a, b, c))
    triple = np.einsum("nfi,nfi->nf", a, np.cross(b, c))
    rest = la * lb * lc + (a * b).sum(-1) * lc + (b * c).sum(-1) * la + (c * a).sum(-1) * lb
    return np.arctan2(triple, rest).sum(1) / (2 * np.pi)


def samples(mesh: Mesh) -> np.ndarray:
    """Vertices, middles of faces, middles of edges."""
    corners = mesh.vertices[mesh.faces]
    return np.concatenate((mesh.vertices, corners.mean(1), (corners + np.roll(corners, 1, axis=1)).reshape(-1, 3) / 2))


def cuts(first: Mesh, second: Mesh) -> bool:
    """Whether a sample of one lies inside the other (both closed)."""
    return bool((winding(first, samples(second)) > 0.5).any() or (winding(second, samples(first)) > 0.5).any())


def mirror_distance(mesh: Mesh) -> float:
    """Largest distance of a mirrored vertex to the nearest vertex, metres."""
    gap = mesh.vertices[:, None] * (-1, 1, 1) - mesh.vertices[None]
    return float(np.linalg.norm(gap, axis=-1).min(1).max())


def single_teeth(mesh: Mesh) -> list[Mesh]:
    """The crowns of a row, from the right to the left."""
    count, piece = pieces(mesh)
    crowns = []
    for index in range(count):
        ids = np.flatnonzero(piece == index)
        own = mesh.faces[piece[mesh.faces[:, 0]] == index]
        crowns.append(Mesh(mesh.vertices[ids], np.searchsorted(ids, own)))
    return crowns


class TestMesh:
    def test_mirrored_stays_outward(self) -> None:
        ball = eyeball((0.02, 0.0, 0.0))
        assert ball.mirrored().volume() == pytest.approx(ball.volume()) and ball.volume() > 0

    def test_joined_and_moved(self) -> None:
        ball = eyeball((0.0, 0.0, 0.0))
        both = joined(ball, ball.moved((0.1, 0.0, 0.0)))
        assert both.volume() == pytest.approx(2 * ball.volume())
        assert pieces(both)[0] == 2

    def test_pieces_of_faces_look_at_the_reader(self) -> None:
        corners = np.array([[-1.0, 1, 0], [1, 1, 0], [-1, -1, 0], [1, -1, 0]])  # rows run down, columns to the right
        page = Mesh(corners, grid_faces(np.arange(4).reshape(2, 2)))
        np.testing.assert_allclose(vertex_normals(page.vertices, page.faces)[:, 2], 1.0)
        turn = 2 * np.pi * np.arange(9) / 9
        disc = np.stack((np.cos(turn), np.sin(turn), 0 * turn), axis=1)
        for faces in (strip_faces(np.arange(9)), fan_faces(np.arange(9), 9)):
            points = np.concatenate((disc, np.zeros((1, 3))))
            doubled = np.cross(points[faces[:, 1]] - points[faces[:, 0]], points[faces[:, 2]] - points[faces[:, 0]])
            assert (doubled[:, 2] > 0).all()
            assert doubled[:, 2].sum() / 2 == pytest.approx(9 / 2 * np.sin(2 * np.pi / 9))


class TestAll:
    def test_order_and_budgets(self, made: dict[Part, Mesh]) -> None:
        assert list(made) == [part for part in Part if part != Part.SKIN]
        for part, mesh in made.items():
            assert len(mesh.vertices) <= BUDGETS[part], part
            assert np.array_equal(np.unique(mesh.faces), np.arange(len(mesh.vertices))), part

    @pytest.mark.parametrize("part", CLOSED)
    def test_closed_and_outward(self, made: dict[Part, Mesh], part: Part) -> None:
        mesh = made[part]
        assert len(border(mesh.faces)) == 0
        assert mesh.volume() > 0

    def test_no_flat_triangle(self, made: dict[Part, Mesh]) -> None:
        for part, mesh in made.items():
            a, b, c = np.moveaxis(mesh.vertices[mesh.faces], 1, 0)
            area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
            assert area.min() > 1e-10, part  # 1e-4 mm²

    @pytest.mark.parametrize(
        "part", [Part.UPPER_TEETH, Part.LOWER_TEETH, Part.UPPER_GUMS, Part.LOWER_GUMS, Part.TONGUE]
    )
    def test_symmetric(self, made: dict[Part, Mesh], part: Part) -> None:
        assert mirror_distance(made[part]) < 1e-12

    @pytest.mark.parametrize(("left", "right"), [(Part.LEFT_EAR, Part.RIGHT_EAR), (Part.LEFT_EYE, Part.RIGHT_EYE)])
    def test_mirror_images(self, made: dict[Part, Mesh], left: Part, right: Part) -> None:
        np.testing.assert_array_equal(made[right].vertices, made[left].vertices * (-1, 1, 1))

    def test_deterministic(self, made: dict[Part, Mesh]) -> None:
        for part, mesh in parts(lip_ring(), EYES):
            np.testing.assert_array_equal(mesh.vertices, made[part].vertices)
            np.testing.assert_array_equal(mesh.faces, made[part].faces)

    def test_exception_eyes(self) -> None:
        with pytest.raises(ValueError, match="eye centres"):
            parts(lip_ring(), EYES[:1])


class TestEyeball:
    def test_human_size(self) -> None:
        ball = eyeball((0.0, 0.0, 0.0))
        low, high = ball.vertices.min(0), ball.vertices.max(0)
        assert 2 * EYE_RADIUS * 0.97 < high[1] - low[1] <= 2 * EYE_RADIUS
        assert 0.0240 < high[2] - low[2] < 0.0256  # axial length of the globe
        limbus = ball.vertices[np.isclose(iris_coordinate(ball.vertices, (0, 0, 0)), 1.0)]
        assert len(limbus) == 18
        assert 0.0022 < high[2] - limbus[:, 2].mean() < 0.0030  # the cornea's height over the limbus

    def test_rings_for_painting(self) -> None:
        centre = np.array([0.031, 0.0075, 0.057])
        for radius in (EYE_RADIUS, 0.0135):
            ball = eyeball(centre, radius)
            coordinate = iris_coordinate(ball.vertices, centre, radius)
            assert coordinate[0] == pytest.approx(0.0, abs=1e-9)
            assert np.isclose(coordinate, PUPIL_RADIUS / LIMBUS_RADIUS).sum() == 18
            assert coordinate[-1] > 1.0
            assert np.linalg.norm(ball.vertices - centre, axis=1).min() > 0.99 * radius


class TestTeeth:
    WIDTHS = (8.5, 6.5, 7.5, 7.0, 7.0, 10.0), (5.0, 5.5, 7.0, 7.0, 7.0, 11.0)

    @pytest.mark.parametrize(("row", "widths"), [(upper_row(), WIDTHS[0]), (lower_row(), WIDTHS[1])])
    def test_widths_of_the_literature(self, row, widths) -> None:  # type: ignore[no-untyped-def]
        crowns = single_teeth(teeth(row))
        assert len(crowns) == 12
        for crown, tooth, width in zip(crowns[6:], row.teeth[6:], widths, strict=True):
            across = crown.vertices @ tooth.axes[0]
            assert np.ptp(across) == pytest.approx(width * MM, rel=0.03)
            assert len(crown.vertices) <= 50

    def test_overbite_and_overjet(self, made: dict[Part, Mesh]) -> None:
        upper, lower = (single_teeth(made[part])[6].vertices for part in (Part.UPPER_TEETH, Part.LOWER_TEETH))
        upper_tip, lower_tip = upper[upper[:, 1].argmin()], lower[lower[:, 1].argmax()]
        np.testing.assert_allclose(upper_tip[1:], UPPER_EDGE[1:], atol=0.6e-3)
        assert lower_tip[1] - upper_tip[1] == pytest.approx(OVERBITE, abs=0.4e-3)
        labial = lower[lower[:, 1] > lower_tip[1] - 0.5e-3, 2].max()
        assert UPPER_EDGE[2] - labial == pytest.approx(OVERJET, abs=0.3e-3)

    def test_arch_widths(self, made: dict[Part, Mesh]) -> None:
        canine, molar = (single_teeth(made[Part.UPPER_TEETH])[index].vertices for index in (8, 11))
        tip = canine[canine[:, 1].argmin()]
        assert 0.032 < 2 * tip[0] < 0.037
        table = molar[molar[:, 1] < np.quantile(molar[:, 1], 0.5)]
        assert 0.045 < 2 * table[:, 0].mean() < 0.053

    def test_apart_at_rest(self, made: dict[Part, Mesh]) -> None:
        assert not cuts(made[Part.UPPER_TEETH], made[Part.LOWER_TEETH])

    @pytest.mark.parametrize("part", [Part.UPPER_TEETH, Part.LOWER_TEETH])
    def test_neighbours_apart(self, made: dict[Part, Mesh], part: Part) -> None:
        crowns = single_teeth(made[part])
        assert not any(cuts(*pair) for pair in pairwise(crowns))

    def test_incisors_meet_the_edge(self) -> None:
        """A moved edge moves every tooth by as much."""
        offset = np.array([0.0, 0.001, -0.002])
        moved = teeth(lower_row(np.array(UPPER_EDGE) + offset)).vertices
        np.testing.assert_allclose(moved, teeth(lower_row()).vertices + offset, atol=1e-12)

    def test_exception_arch(self) -> None:
        with pytest.raises(ValueError, match="no dental arch"):
            fit_arch(np.zeros(3), (0.010, 0.017), (0.040, 0.026), 0.1)


class TestGums:
    @pytest.mark.parametrize("row", [upper_row(), lower_row()])
    def test_band(self, row) -> None:  # type: ignore[no-untyped-def]
        mesh = gums(row)
        assert len(border(mesh.faces)) > 0
        assert pieces(mesh)[0] == 1
        outwards = mesh.vertices - (0.0, mesh.vertices[:, 1].mean(), 0.03)
        foremost = mesh.vertices[:, 2] > np.quantile(mesh.vertices[:, 2], 0.9)
        normals = vertex_normals(mesh.vertices, mesh.faces)
        assert (np.einsum("ij,ij->i", normals, outwards)[foremost] > 0).mean() > 0.9

    @pytest.mark.parametrize("row", [upper_row(), lower_row()])
    def test_necks_are_covered_and_crowns_are_not(self, row) -> None:  # type: ignore[no-untyped-def]
        """A look from outside at each tooth's middle meets gum over the root and enamel over the crown."""
        mesh = gums(row)
        a, b, c = np.moveaxis(mesh.vertices[mesh.faces], 1, 0)
        for tooth in row.teeth:
            distal, outward, edge = tooth.axes
            for height, covered in ((1.10, True), (0.75, False), (0.4, False)):
                inside = tooth.origin - edge * height * tooth.crown.height * MM
                assert _hits(inside, outward, a, b, c) == covered, (tooth.crown.kind, height)
            beside = tooth.origin - edge * 0.75 * tooth.crown.height * MM + distal * tooth.crown.width / 2 * MM
            assert _hits(beside, outward, a, b, c), f"no papilla beside {tooth.crown.kind}"

    def test_palate_is_vaulted(self) -> None:
        mesh = gums(upper_row())
        middle = mesh.vertices[np.abs(mesh.vertices[:, 0]) < 1e-9]
        palate = middle[middle[:, 2] < 0.06]
        assert palate[:, 1].min() > mesh.vertices[:, 1].max() - 0.008
        normals = vertex_normals(mesh.vertices, mesh.faces)
        on_palate = (np.abs(mesh.vertices[:, 0]) < 1e-9) & (mesh.vertices[:, 2] < 0.06)
        assert (normals[on_palate, 1] < -0.5).all()


def _hits(origin: np.ndarray, direction: np.ndarray, a: np.ndarray, b: np.ndarray, c: np.ndarray) -> bool:
    """Whether a ray leaves through a triangle (Möller–Trumbore)."""
    across, along = b - a, c - a
    p = np.cross(direction, along)
    determinant = np.einsum("ij,ij->i", across, p)
    safe = np.where(np.abs(determinant) < 1e-15, np.inf, determinant)
    u = ((origin - a) * p).sum(1) / safe
    q = np.cross(origin - a, across)
    v = (q @ direction) / safe
    distance = (along * q).sum(1) / safe
    return bool(((u >= 0) & (v >= 0) & (u + v <= 1) & (distance > 0) & (distance < 0.012)).any())


class TestTongue:
    def test_inside_the_lower_arch(self, made: dict[Part, Mesh]) -> None:
        body, lower = made[Part.TONGUE], made[Part.LOWER_TEETH]
        assert not cuts(body, lower) and not cuts(body, made[Part.UPPER_TEETH])
        incisors = lower.vertices[np.abs(lower.vertices[:, 0]) < 0.005]
        assert 0 < incisors[:, 2].min() - body.vertices[0, 2] < 0.005  # the tip lies close behind them
        assert body.vertices[:, 2].argmax() == 0

    def test_size_and_groove(self, made: dict[Part, Mesh]) -> None:
        body = made[Part.TONGUE].vertices
        assert 0.028 < np.ptp(body[:, 0]) < 0.050
        rings = body[1:-1].reshape(-1, 16, 3)
        top, beside = rings[:, 0, 1], rings[:, [2, -2], 1].mean(1)
        deep = rings[:, :, 1].max(1) - top
        assert 0.0003 < deep.max() < 0.003 and np.ptp(top - beside) > 0


class TestSocket:
    @pytest.mark.parametrize("order", [1, -1])
    @pytest.mark.parametrize("start", [0, 13])
    def test_ring_is_kept_and_lining_looks_inwards(self, order: int, start: int) -> None:
        ring = np.roll(lip_ring(), start, axis=0)[::order]
        mesh = socket(ring, upper_row())
        np.testing.assert_array_equal(mesh.vertices[: len(ring)], ring)
        edges = border(mesh.faces)
        assert len(edges) == len(ring) and edges.max() < len(ring)
        around = winding(mesh, np.array([[0.0, -0.062, 0.05], [0.02, -0.05, 0.06], [0.0, -0.07, 0.02]]))
        np.testing.assert_allclose(around, -1.0, atol=0.05)

    def test_holds_teeth_and_tongue(self, made: dict[Part, Mesh]) -> None:
        for part in (Part.UPPER_TEETH, Part.LOWER_TEETH, Part.TONGUE):
            assert winding(made[Part.SOCKET], samples(made[part])).max() < -0.5, part

    def test_lips_go_to_roof_and_floor(self) -> None:
        bag = Bag()
        ring = lip_ring()
        mesh = socket(ring, upper_row(), bag)
        deep = mesh.vertices[:-1].reshape(-1, len(ring), 3)[4]
        assert (deep[1:22, 1] > deep[23:, 1].max()).all()  # left corner, upper lip, right corner, lower lip
        assert deep[11, 1] == pytest.approx(bag.roof, abs=0.004) and deep[33, 1] == pytest.approx(bag.floor, abs=0.004)
        assert deep[0, 0] > 0.9 * bag.half_width and deep[22, 0] < -0.9 * bag.half_width
        assert mesh.vertices[-1, 2] == bag.throat == mesh.vertices[:, 2].min()

    def test_exception(self) -> None:
        with pytest.raises(ValueError, match="inner lips"):
            socket(lip_ring() + np.array([0.1, 0, 0]), upper_row())
        with pytest.raises(ValueError, match="inner lips"):
            socket(lip_ring()[:, :2], upper_row())


class TestEar:
    def test_human_size(self) -> None:
        upright = ear(Pinna(inclination=0.0, lean=0.0)).vertices
        assert 0.058 < np.ptp(upright[:, 1]) < 0.066
        assert 0.031 < np.ptp(upright[:, 2]) < 0.038
        assert 0.015 < upright[:, 0].max() - Pinna().centre[0] < 0.022

    def test_sizes_follow_the_parameters(self) -> None:
        pinna = Pinna(height=0.070, width=0.030, protrusion=0.024, inclination=0.0, lean=0.0)
        vertices = ear(pinna).vertices
        assert np.ptp(vertices[:, 1]) == pytest.approx(pinna.height, rel=0.01)
        assert np.ptp(vertices[:, 2]) == pytest.approx(pinna.width, rel=0.01)
        assert vertices[:, 0].max() - pinna.centre[0] == pytest.approx(pinna.protrusion, rel=0.01)

    def test_top_leans_backwards_and_outwards(self) -> None:
        vertices = ear().vertices
        upper, lower = (vertices[keep] for keep in (vertices[:, 1] > 0.015, vertices[:, 1] < -0.033))
        angle = np.arctan2(lower[:, 2].mean() - upper[:, 2].mean(), upper[:, 1].mean() - lower[:, 1].mean())
        assert np.radians(5) < angle < np.radians(25)
        assert upper[:, 0].max() > lower[:, 0].max()

    def test_relief(self) -> None:
        """Across the ear's middle, from behind forwards: helix, scapha, antihelix, concha, tragus."""
        upright = ear(Pinna(centre=(0.0, 0.0, 0.0), inclination=0.0, lean=0.0))
        a, b, c = np.moveaxis(upright.vertices[upright.faces], 1, 0)
        heights = {
            name: _height(upright, a, b, c, up * MM, -back * MM)
            for name, up, back in (
                ("helix", 8, 15.4), ("scapha", 8, 11.8), ("antihelix", 6, 8.2), ("concha", -2.5, -1.5),
                ("tragus", -5, -7.5), ("antitragus", -16, -3.5), ("fossa", 18, -1.5), ("superior crus", 18, 3.3),
            )
        }  # fmt: skip
        assert heights["helix"] > heights["scapha"] + 1 * MM
        assert heights["antihelix"] > heights["scapha"]
        assert heights["antihelix"] > heights["concha"] + 8 * MM
        assert heights["tragus"] > heights["concha"] + 3 * MM
        assert heights["antitragus"] > heights["concha"] + 3 * MM
        assert heights["superior crus"] > heights["fossa"] + 1 * MM

    def test_root_is_buried(self) -> None:
        """The border between back and front at the cheek lies inside a skull that touches the ear's middle."""
        pinna = Pinna(centre=(0.0, 0.0, 0.0), inclination=0.0, lean=0.0)
        vertices = ear(pinna).vertices
        foremost = vertices[vertices[:, 2] > 0.0155]
        assert len(foremost) and (foremost[:, 0] < 0).all()
        assert vertices[-1, 0] < -3 * MM

    def test_seated_on_a_slanting_skull(self) -> None:
        up, back = np.meshgrid(np.linspace(-0.06, 0.05, 15), np.linspace(-0.06, 0.02, 12))
        skull = np.stack((0.080 + 0.1 * (up + 0.009), up, back), axis=-1).reshape(-1, 3)
        found = seated(Pinna(), skull)
        assert found.centre == pytest.approx((0.080, *Pinna().centre[1:]))
        assert found.lean == pytest.approx(np.arctan(0.1))
        with pytest.raises(ValueError, match="skin near the ear"):
            seated(Pinna(), skull + np.array([0, 1, 0]))


def _height(mesh: Mesh, a: np.ndarray, b: np.ndarray, c: np.ndarray, up: float, front: float) -> float:
    """The outermost x of the mesh over a point of the side view."""
    point = np.array([up, front])
    d1, d2, offset = b[:, 1:] - a[:, 1:], c[:, 1:] - a[:, 1:], point - a[:, 1:]
    cross = d1[:, 0] * d2[:, 1] - d1[:, 1] * d2[:, 0]
    safe = np.where(np.abs(cross) < 1e-15, np.inf, cross)
    u = (offset[:, 0] * d2[:, 1] - offset[:, 1] * d2[:, 0]) / safe
    v = (d1[:, 0] * offset[:, 1] - d1[:, 1] * offset[:, 0]) / safe
    inside = (u >= 0) & (v >= 0) & (u + v <= 1) & np.isfinite(safe)
    x = a[:, 0] + u * (b[:, 0] - a[:, 0]) + v * (c[:, 0] - a[:, 0])
    return float(x[inside].max())
