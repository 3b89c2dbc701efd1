"""The renderer of an actor: posed vertices in, a picture and its truth out."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from emotag.actors.look.anatomy import MOUTH, Anatomy, Material, anatomy
from emotag.actors.look.atlas import make_atlas
from emotag.actors.look.background import paint_background, vignette
from emotag.actors.look.clothes import cloth_offset
from emotag.actors.look.colour import film_curve
from emotag.actors.look.facial_hair import make_facial_hair
from emotag.actors.look.glasses import make_glasses
from emotag.actors.look.hair import core, make_hair, shadowed
from emotag.actors.look.lids import lid_curves
from emotag.actors.look.light import make_room, polynomial
from emotag.actors.look.look import Look
from emotag.actors.look.occlusion import ShadowMaps, shadow_maps, transfer
from emotag.actors.look.posing import Rigid, RigidPart, firmly
from emotag.actors.look.raster_kernels import NOTHING, normals, project, rasterize
from emotag.actors.look.shading_kernels import Canvas, Posed, expose, resolve
from emotag.actors.look.skin import base_tone
from emotag.actors.look.strand_pass import StrandPass, seen_strands
from emotag.actors.look.texture import make_texels
from emotag.actors.look.truth import Frame, soften, truth_maps
from emotag.camera import CAMERA_DISTANCE, Camera
from emotag.head.model import JOINTS, HeadModel

_TEXELS_A_PIXEL = 1.75  # height of the atlas over the picture's
_ATLAS_RANGE = (384, 2048)
_OPEN_JAW = 0.10  # radians: the mouth is a little open when shadows are measured, so that inner lips see light
_MOUTH_FADE = 0.026  # metres behind the lips at which the mouth's light has fallen to a third
_LITTLE = 0.02  # share of a joint below which its shadows do not count
_OPENING = 0.022  # metres between the lips that let all light in
_SOFTNESS = 0.9  # pixels of a picture of 512 at Lens.softness = 1, standard deviation
_NOISE_LEVELS = 2.6  # standard deviation of camera noise at Lens.noise = 1, display values


class Renderer:
    """Draws one person; everything that does not move is prepared here. Safe to call from several threads."""

    def __init__(
        self, head: HeadModel, shape: Tensor, look: Look, camera: Camera, *, strand_share: float = 1.0
    ) -> None:
        """`shape` (S,); the picture has the camera's size; `strand_share` below 1 draws fewer, wider hairs."""
        self.look, self.camera = look, camera
        self._head = head
        self._body = body = anatomy(head, shape)
        rng = np.random.default_rng(look.seed)
        size = int(np.clip(_TEXELS_A_PIXEL * max(camera.width, camera.height), *_ATLAS_RANGE)) // 8 * 8
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
        hair = make_hair(body, look.hair, rng, strand_share)
        maps = self._shadow_maps(head, shape, None if hair is None else hair.points.reshape(-1, 3))
        kinds = [make_facial_hair(body, look, rng, strand_share)]
        if hair is not None:
            dark = shadowed(hair, maps)
            layers = [dark] if look.hair.style == "short" else [core(dark, body, look.hair, rng), dark]
            kinds += [seen_strands(layer, body, room, self.canvas) for layer in layers]
        if look.glasses:
            kinds.append(make_glasses(body, rng))
        self._strands = StrandPass(kinds, body, room, self.canvas)
        self._bind(head, body)
        self._scratch = threading.local()

    def _bind(self, head: HeadModel, body: Anatomy) -> None:
        """Find the rigid parts and what shadows each vertex."""
        ids = {name: part.cpu().numpy() for name, part in head.regions.items()}
        trunk = ids["shoulders"] if len(ids.get("shoulders", ())) else ids["neck_bottom"]
        follows = head.skinning.cpu().numpy()
        self._skull = RigidPart(body.vertices, firmly(ids["scalp"], follows[:, JOINTS.index("neck")]))
        self._trunk = RigidPart(body.vertices, firmly(trunk, follows[:, JOINTS.index("root")]))
        self._eyes = [RigidPart(body.vertices, ids[name]) for name in ("left_eye", "right_eye")]
        kind = np.full(head.n_vertices, int(Material.SKIN))
        kind[body.faces] = body.material[:, None]
        self._inside = np.flatnonzero(np.isin(kind, MOUTH))
        lips = body.landmarks[62]
        self._depth = np.exp(-np.maximum(lips[2] - 0.004 - body.vertices[self._inside, 2], 0) / _MOUTH_FADE)
        # Shadows turn with the head or with the trunk; the neck's skin has a share of both.
        trunk_share = follows[:, :1].astype(np.float32)
        shares = (1 - trunk_share, trunk_share)
        kept = [np.flatnonzero(share[self._skin, 0] > _LITTLE) for share in shares]
        self._lit = [self._skin[which] for which in kept]
        self._shares = [share[ids] for share, ids in zip(shares, self._lit)]
        self._transfers = [self._transfer.only(which) for which in kept]

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
        truth: bool = False,
    ) -> Frame:
        """Draw one frame; with `truth`, its maps as well."""
        nearness, identity, posed = self._visible(np.ascontiguousarray(vertices, np.float32))
        picture = np.empty((self.camera.height, self.camera.width, 3), np.float32)
        resolve(self.canvas, posed, nearness, identity, np.empty(4, np.int32), np.empty(4, np.bool_), picture)
        rgb = self._expose(soften(picture, self._sigma), index)
        return Frame(rgb, truth_maps(self.canvas, posed, nearness, identity, self._sigma) if truth else None)

    def frames(
        self,
        vertices: Iterable[np.ndarray],  # T × (V, 3)
        truth: bool = False,
        workers: int = 1,  # threads; kernels release the interpreter's lock
    ) -> Iterator[Frame]:
        """Draw a clip in order; the same frames whatever the number of workers."""
        with ThreadPoolExecutor(workers) as pool:
            waiting: deque[Future[Frame]] = deque()
            for index, posed in enumerate(vertices):
                waiting.append(pool.submit(self.frame, posed, index, truth))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _visible(self, vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray, Posed]:
        """Find what each sample sees."""
        height, width = np.float32(self.camera.height), np.float32(self.camera.width)
        skull, trunk = self._skull.fit(vertices), self._trunk.fit(vertices)
        points, turned = np.empty_like(vertices), np.empty_like(vertices)
        normals(vertices, self.canvas.faces, turned)
        dressed = vertices + turned * self._cloth
        project(dressed, self.canvas.focal, width, height, np.float32(CAMERA_DISTANCE), points)
        nearness, identity = self._buffers()
        rasterize(points, self.canvas.faces, nearness, identity)
        hair = self._strands.draw(vertices, skull, nearness, identity)
        return nearness, identity, self._posed(vertices, points, turned, skull, trunk, hair)

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
        shade = np.zeros_like(vertices)
        for part, ids, turn, share in zip(self._transfers, self._lit, (skull.turn, trunk.turn), self._shares):
            shade[ids] += share * part.shade(self._room, turn, self._bounce)
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
