"""The renderer of an actor: posed vertices in, a picture and its truth out."""

import threading
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from emotag.actors.look.anatomy import MOUTH, Anatomy, Material, anatomy
from emotag.actors.look.atlas import make_atlas
from emotag.actors.look.background import paint_background, vignette
from emotag.actors.look.clothes import cloth_offset
from emotag.actors.look.colour import film_curve
from emotag.actors.look.facial_hair import make_facial_hair
from emotag.actors.look.hair import make_hair, shadowed
from emotag.actors.look.lids import lid_curves
from emotag.actors.look.light import make_room, polynomial
from emotag.actors.look.look import Look
from emotag.actors.look.occlusion import ShadowMaps, shadow_maps, transfer
from emotag.actors.look.posing import Rigid, RigidPart
from emotag.actors.look.raster_kernels import NOTHING, normals, project, rasterize
from emotag.actors.look.shading_kernels import Canvas, Posed, expose, resolve
from emotag.actors.look.skin import base_tone
from emotag.actors.look.strand_pass import StrandPass, seen_strands
from emotag.actors.look.texture import make_texels
from emotag.camera import CAMERA_DISTANCE, Camera
from emotag.head.model import HeadModel

_TEXELS_A_PIXEL = 1.75  # height of the atlas over the picture's
_ATLAS_RANGE = (384, 2048)
_OPEN_JAW = 0.10  # radians: the mouth is a little open when shadows are measured, so that inner lips see light
_MOUTH_FADE = 0.026  # metres behind the lips at which the mouth's light has fallen to a third
_OPENING = 0.022  # metres between the lips that let all light in
_SOFTNESS = 0.9  # pixels of a picture of 512 at Lens.softness = 1, standard deviation
_SHARP = 0.15  # pixels: less blur than this is none
_NOISE_LEVELS = 2.6  # standard deviation of camera noise at Lens.noise = 1, display values


@dataclass(frozen=True)
class Frame:
    """A rendered picture."""

    rgb: np.ndarray  # (H, W, 3) uint8


class Renderer:
    """Draws one person; everything that does not move is prepared here. Safe to call from several threads."""

    def __init__(self, head: HeadModel, shape: Tensor, look: Look, camera: Camera) -> None:
        """`shape` (S,); the picture has the camera's size."""
        self.look, self.camera = look, camera
        self._head = head
        self._body = body = anatomy(head, shape)
        rng = np.random.default_rng(look.seed)
        size = int(np.clip(_TEXELS_A_PIXEL * max(camera.width, camera.height), *_ATLAS_RANGE)) // 2 * 2
        atlas = make_atlas(body, size)
        room = make_room(look.light, look.lens)
        self._room = room
        shown = (camera.height, camera.width)
        self.canvas = Canvas(
            faces=np.ascontiguousarray(body.faces, np.int32),
            corners=atlas.corners,
            material=body.material.astype(np.uint8),
            texels=make_texels(body, atlas, look, rng),
            light=np.stack((polynomial(room.skin), polynomial(room.matter))),
            mirrors=room.mirrors,
            curve=film_curve(),
            backdrop=paint_background(look.background, look.lens, *shown, rng),
            vignette=vignette(look.lens, *shown),
            focal=np.float32(camera.focal_length * max(shown)),
        )
        self._sigma = _SOFTNESS * look.lens.softness * max(shown) / 512
        self._cloth = cloth_offset(body, look.clothes)[:, None]
        self._noise = rng.standard_normal(2 * camera.width * camera.height + 2).astype(np.float32)
        self._bounce = 0.75 * base_tone(look.skin)
        hair = make_hair(body, look.hair, rng)
        maps = self._shadow_maps(head, shape, None if hair is None else hair.points.reshape(-1, 3))
        kinds = [make_facial_hair(body, look, rng)] + (
            [] if hair is None else [seen_strands(shadowed(hair, maps), body, room, self.canvas)]
        )
        self._strands = StrandPass(kinds, body, room, self.canvas)
        self._bind(head, body)
        self._scratch = threading.local()

    def _bind(self, head: HeadModel, body: Anatomy) -> None:
        """Find the rigid parts and what shadows each vertex."""
        ids = {name: part.cpu().numpy() for name, part in head.regions.items()}
        self._skull = RigidPart(body.vertices, ids["scalp"])
        self._trunk = RigidPart(body.vertices, ids["shoulders"] if "shoulders" in ids else ids["neck_bottom"])
        self._eyes = [RigidPart(body.vertices, ids[name]) for name in ("left_eye", "right_eye")]
        kind = np.full(head.n_vertices, int(Material.SKIN))
        kind[body.faces] = body.material[:, None]
        self._inside = np.flatnonzero(np.isin(kind, MOUTH))
        lips = body.landmarks[62]
        self._depth = np.exp(-np.maximum(lips[2] - 0.004 - body.vertices[self._inside, 2], 0) / _MOUTH_FADE)
        follows = head.skinning[:, 0].cpu().numpy()[self._skin]
        self._trunk_share = follows[:, None].astype(np.float32)

    def _shadow_maps(self, head: HeadModel, shape: Tensor, hair: np.ndarray | None) -> ShadowMaps:
        """Measure what the head hides from itself, and what each skin vertex receives."""
        still, eyes = torch.zeros(1, 3), torch.zeros(1, 6)
        jaw = torch.tensor([[_OPEN_JAW, 0.0, 0.0]])
        posed = head.vertices(shape.cpu(), torch.zeros(1, head.n_expression), jaw, still, eyes, still, still)[0]
        vertices = posed.numpy().astype(np.float64)
        low, high = vertices.min(0), vertices.max(0)
        extent = float(np.linalg.norm(high - low)) * 1.05
        maps = shadow_maps(vertices, self._body.faces, hair, extent, (low + high) / 2)
        turned = np.zeros((len(vertices), 3), np.float32)
        normals(vertices.astype(np.float32), self.canvas.faces, turned)
        self._skin = np.unique(self._body.faces[self._body.outer])
        self._transfer = transfer(maps, vertices[self._skin], turned[self._skin].astype(np.float64))
        return maps

    def frame(
        self,
        vertices: np.ndarray,  # (V, 3) posed, metres, world
        index: int = 0,  # of the frame: noise differs from frame to frame
    ) -> Frame:
        """Draw one frame."""
        shown = np.ascontiguousarray(vertices, np.float32)
        height, width = self.camera.height, self.camera.width
        nearness, identity = self._buffers()
        points = np.empty_like(shown)
        turned = np.empty_like(shown)
        normals(shown, self.canvas.faces, turned)
        shown = shown + turned * self._cloth
        project(shown, self.canvas.focal, np.float32(width), np.float32(height), np.float32(CAMERA_DISTANCE), points)
        normals(shown, self.canvas.faces, turned)
        rasterize(points, self.canvas.faces, nearness, identity)
        skull, trunk = self._skull.fit(vertices), self._trunk.fit(vertices)
        hair = self._strands.draw(shown, skull, nearness, identity)
        posed = self._posed(shown, points, turned, skull, trunk, hair)
        picture = np.empty((height, width, 3), np.float32)
        resolve(self.canvas, posed, nearness, identity, np.empty(4, np.int32), np.empty(4, np.bool_), picture)
        return Frame(self._expose(soften(picture, self._sigma), index))

    def background(self) -> np.ndarray:  # (H, W, 3) uint8
        """What a frame without noise shows where nobody is."""
        return self._expose(soften(self.canvas.backdrop, self._sigma), None)

    def _expose(self, picture: np.ndarray, index: int | None) -> np.ndarray:
        height, width = picture.shape[:2]
        start, strength = 0, np.float32(0)
        if index is not None:
            start = int(np.random.default_rng((self.look.seed, index)).integers(0, width * height))
            strength = np.float32(_NOISE_LEVELS * self.look.lens.noise)
        out = np.empty((height, width, 3), np.uint8)
        expose(picture, self._noise, start, strength, out)
        return out

    def _posed(
        self,
        vertices: np.ndarray,
        points: np.ndarray,
        turned: np.ndarray,
        skull: Rigid,
        trunk: Rigid,
        hair: np.ndarray,
    ) -> Posed:
        eyes = np.stack([eye.fit(vertices).turn for eye in self._eyes]).astype(np.float32)
        embedding = self._head.landmarks68
        corners = self._body.faces[embedding.triangles.numpy()]
        marks = np.einsum("lkc,lk->lc", points[corners][..., :2], embedding.weights.numpy())
        shade = np.ones_like(vertices)
        of_head = self._transfer.shade(self._room, skull.turn, self._bounce)
        of_trunk = self._transfer.shade(self._room, trunk.turn, self._bounce)
        shade[self._skin] = of_head + (of_trunk - of_head) * self._trunk_share
        lips = (vertices[corners[[62, 66]]] * embedding.weights.numpy()[[62, 66], :, None]).sum(1)
        gap = float(np.linalg.norm(lips[0] - lips[1]))
        shade[self._inside] = (self._depth * (0.25 + 0.75 * min(gap / _OPENING, 1.0)))[:, None]
        return Posed(
            points=points,
            normals=turned,
            shade=shade,
            turns=np.stack((skull.turn, trunk.turn)).astype(np.float32),
            eyes=eyes,
            lids=lid_curves(marks),
            hair=hair,
        )

    def _buffers(self) -> tuple[np.ndarray, np.ndarray]:
        """Clear this thread's sample buffers."""
        shape = (2 * self.camera.height, 2 * self.camera.width)
        if not hasattr(self._scratch, "nearness"):
            self._scratch.nearness = np.empty(shape, np.float32)
            self._scratch.identity = np.empty(shape, np.int32)
        self._scratch.nearness.fill(0)
        self._scratch.identity.fill(NOTHING)
        return self._scratch.nearness, self._scratch.identity


def soften(picture: np.ndarray, sigma: float) -> np.ndarray:
    """The lens: a Gaussian blur of a float32 picture."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma)) if sigma > _SHARP else picture
