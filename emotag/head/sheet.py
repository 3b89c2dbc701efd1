"""A contact sheet that shows at a glance what a head model can do and where its landmarks are."""

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
import torch

from emotag.head.mesh_render import Raster, View, render
from emotag.head.model import HeadModel, LandmarkEmbedding
from emotag.head.portrait import portrait

Tile = Callable[..., np.ndarray]
"""`_tile` of one model: (vertices, caption, yaw, …) to a picture."""

_TILE = 300
_COLUMNS = 6
_SUPERSAMPLING = 2
_CAPTION = 26
_DOT = (20, 60, 230)
_JAW_OPEN = 0.40

_NAMED: tuple[tuple[str, dict[str, float], float, tuple[float, float]], ...] = (
    # caption, expression, jaw radians, gaze (pitch, yaw) radians
    ("jaw open", {}, _JAW_OPEN, (0.0, 0.0)),
    ("smile AU12+6", {"mouthSmile": 0.9, "cheekSquint": 0.6, "mouthUpperUp": 0.2}, 0.06, (0.0, 0.0)),
    ("blink AU45", {"eyeBlink": 1.0}, 0.0, (0.0, 0.0)),
    ("surprise AU1+2+5+26", {"browInnerUp": 1, "browOuterUp": 1, "eyeWide": 1}, 0.22, (0.0, 0.0)),
    ("angry AU4+7+9+24", {"browDown": 1, "eyeSquint": 0.6, "noseSneer": 0.3, "mouthPress": 0.8}, 0.0, (0.0, 0.0)),
    ("sad AU1+4+15", {"browInnerUp": 1, "browDown": 0.3, "mouthFrown": 1.0, "mouthShrugLower": 0.5}, 0.0, (0.2, 0.0)),
    ("pucker AU18", {"mouthPucker": 1.0}, 0.0, (0.0, 0.0)),
    ("funnel AU22", {"mouthFunnel": 1.0}, 0.15, (0.0, 0.0)),
    ("jaw open + close lips", {"mouthClose": 0.5}, 0.21, (0.0, 0.0)),
    ("upper lip up, lower down", {"mouthUpperUp": 0.9, "mouthLowerDown": 1.0}, 0.08, (0.0, 0.0)),
    ("gaze to the left", {"eyeLookOut_L": 1.0, "eyeLookIn_R": 1.0}, 0.0, (0.0, 0.45)),
    ("neck turned", {}, 0.0, (0.0, 0.0)),
)


def contact_sheet(model: HeadModel) -> np.ndarray:  # (H, W, 3) uint8 RGB
    """Neutral from around, landmarks, identities at ±2 and random, and expressions (named or the first modes)."""
    paint = portrait(model, model.landmarks68.points(model.template, model.faces).double().numpy())
    tile = partial(_tile, model, paint)
    tiles = _neutral(model, tile) + _identities(model, tile) + _expressions(model, tile)
    rows = [np.hstack(tiles[start : start + _COLUMNS]) for start in range(0, len(tiles), _COLUMNS)]
    return np.vstack(rows)


def _neutral(model: HeadModel, tile: Tile) -> list[np.ndarray]:
    vertices = _pose(model)
    return [
        tile(vertices, "neutral", 0.0),
        tile(vertices, "three quarters", 40.0),
        tile(vertices, "side", 90.0),
        tile(vertices, "back", 180.0),
        tile(vertices, "iBUG 68", 12.0, marks=model.landmarks68, close=True),
        tile(vertices, "Face Mesh 468", -12.0, marks=model.landmarks468, close=True),
    ]


def _identities(model: HeadModel, tile: Tile) -> list[np.ndarray]:
    shapes = []
    for mode, sign in ((0, 2.0), (0, -2.0)):
        shape = torch.zeros(model.n_shape)
        shape[mode] = sign
        shapes.append((f"shape {mode} = {sign:+.0f}", shape))
    generator = torch.Generator().manual_seed(4)
    shapes += [(f"random person {index}", torch.randn(model.n_shape, generator=generator)) for index in range(1, 5)]
    return [tile(_pose(model, shape=shape), name, 20.0) for name, shape in shapes]


def _expressions(model: HeadModel, tile: Tile) -> list[np.ndarray]:
    tiles = []
    if not model.expression_names:
        tiles.append(tile(_pose(model, jaw=_JAW_OPEN), "jaw open", 15.0, close=True))
        for mode in range(min(5, model.n_expression)):
            expression = torch.zeros(model.n_expression)
            expression[mode] = 2.0
            tiles.append(tile(_pose(model, expression), f"expression {mode} = +2", 15.0, close=True))
        return _filled(tiles)
    for caption, weights, jaw, gaze in _NAMED:
        expression = torch.tensor([_weight(weights, name) for name in model.expression_names])
        neck = (0.0, 0.5, 0.0) if caption == "neck turned" else (0.0, 0.0, 0.0)
        vertices = _pose(model, expression, jaw=jaw, gaze=gaze, neck=neck)
        tiles.append(tile(vertices, caption, 0.0 if any(neck) else 15.0, close=not any(neck)))
    return _filled(tiles)


def _filled(tiles: list[np.ndarray]) -> list[np.ndarray]:
    lacking = -len(tiles) % _COLUMNS
    return tiles + [np.full_like(tiles[0], 255)] * lacking


def _weight(weights: dict[str, float], name: str) -> float:
    return float(weights.get(name, weights.get(name.removesuffix("_L").removesuffix("_R"), 0.0)))


def _pose(
    model: HeadModel,
    expression: torch.Tensor | None = None,
    shape: torch.Tensor | None = None,
    jaw: float = 0.0,
    gaze: tuple[float, float] = (0.0, 0.0),
    neck: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> torch.Tensor:  # (1, V, 3)
    zero = torch.zeros(1, 3)
    return model.vertices(
        torch.zeros(model.n_shape) if shape is None else shape,
        (torch.zeros(model.n_expression) if expression is None else expression)[None],
        torch.tensor([[jaw, 0.0, 0.0]]),
        torch.tensor([neck]),
        torch.tensor([[*gaze, 0.0, *gaze, 0.0]]),
        zero,
        zero,
    )


def _tile(
    model: HeadModel,
    paint: Callable[[Raster], np.ndarray],  # of the model's portrait
    vertices: torch.Tensor,  # (1, V, 3)
    caption: str,
    yaw: float,  # degrees
    marks: LandmarkEmbedding | None = None,
    close: bool = False,
) -> np.ndarray:
    faces = model.faces.numpy()
    template = model.template.double().numpy()
    face = template[model.regions["face"].numpy()]
    low, high = (face.min(0), face.max(0)) if close else (template.min(0), template.max(0))
    middle = (low + high) / 2
    extent = float(high[1] - low[1]) * (1.25 if close else 1.12)
    view = View(np.radians(yaw), 0.0, (0.0, middle[1], middle[2] if close else 0.0), 1.2, extent, _TILE)
    image, raster = render(vertices[0].double().numpy(), faces, paint, view, (0.94, 0.95, 0.96), _SUPERSAMPLING)
    image = np.ascontiguousarray(image)
    if marks is not None:
        points = view.project(marks.points(vertices, model.faces)[0].double().numpy())
        for x, y, depth in points:
            column, row = (int(np.clip(value * _SUPERSAMPLING, 0, raster.depth.shape[0] - 1)) for value in (x, y))
            if depth < raster.depth[row, column] + 0.004:
                cv2.circle(image, (round(x * 16), round(y * 16)), 24, _DOT, -1, cv2.LINE_AA, shift=4)
    strip = np.full((_CAPTION, _TILE, 3), 255, np.uint8)
    cv2.putText(strip, caption, (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (60, 60, 60), 1, cv2.LINE_AA)
    return np.vstack((image, strip))
