"""Which triangles belong to the mouth: teeth, tongue, inner lips as one connected patch (EmoTaG §3.2.3)."""

import numpy as np
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components, dijkstra
from torch import Tensor

from emotag.head.model import HeadModel

INNER_MOUTH_68 = tuple(range(60, 68))
"""iBUG-68: the inner lip contour."""

GROWTH_STEP = 0.001  # metres of surface distance that a round of growing adds
GROWTH_BOUND = 0.012  # metres: growing stops here even when the patch is not connected


def mouth_triangles(head: HeadModel) -> Tensor:
    """Give a mask (F,) of the triangles in the mouth region.

    The inner-lip landmarks are lifted to the surface by their barycentric weights, snapped to the nearest vertex, and
    grown along the surface until they are one connected patch, never further than GROWTH_BOUND; the mouth interior
    (socket, gums, tongue, teeth) joins whole. A triangle belongs when all its corners do.
    """
    device = head.faces.device
    head = head.to("cpu")
    template, faces = head.template, head.faces
    landmarks = head.landmarks68.points(template, faces)[list(INNER_MOUTH_68)]
    seeds = torch.cdist(landmarks, template).argmin(dim=1).unique().numpy()

    graph = _edge_graph(template.numpy(), faces.numpy())
    distance = dijkstra(graph, indices=seeds, min_only=True, limit=GROWTH_BOUND)
    reach = GROWTH_STEP
    while reach < GROWTH_BOUND and not _connected(graph, distance <= reach, seeds):
        reach += GROWTH_STEP

    inside = torch.from_numpy(distance <= reach)
    interior = head.regions.get("mouth_interior")
    if interior is not None and len(interior):
        inside[interior] = True
    return inside[faces].all(dim=1).to(device)


def interior_triangles(head: HeadModel) -> Tensor:
    """Give a mask (F,) of the triangles behind the inner lips: socket, gums, tongue, teeth."""
    return _within(head, "mouth_interior")


def tooth_triangles(head: HeadModel) -> Tensor:
    """Give a mask (F,) of the triangles of the teeth, which ride on skull and jaw and do not deform."""
    return _within(head, "upper_teeth") | _within(head, "lower_teeth")


def _within(head: HeadModel, region: str) -> Tensor:  # (F,) bool: all corners in the region
    inside = torch.zeros(head.n_vertices, dtype=torch.bool, device=head.faces.device)
    inside[head.regions.get(region, inside.new_zeros(0, dtype=torch.int64))] = True
    return inside[head.faces].all(dim=1)


def _edge_graph(template: np.ndarray, faces: np.ndarray) -> coo_matrix:
    edges = np.concatenate((faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]))
    edges = np.unique(np.sort(edges, axis=1), axis=0)
    # A zero weight would read as "no edge"; coincident vertices (seams) are neighbours all the same.
    lengths = np.maximum(np.linalg.norm(template[edges[:, 0]] - template[edges[:, 1]], axis=1), 1e-9)
    count = len(template)
    one_way = coo_matrix((lengths, (edges[:, 0], edges[:, 1])), shape=(count, count))
    return (one_way + one_way.T).tocsr()


def _connected(graph: coo_matrix, inside: np.ndarray, seeds: np.ndarray) -> bool:
    members = np.flatnonzero(inside)
    _, labels = connected_components(graph[members][:, members], directed=False)
    label_of = dict(zip(members.tolist(), labels.tolist(), strict=True))
    return len({label_of[seed] for seed in seeds.tolist()}) == 1
