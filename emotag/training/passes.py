"""The passes of a training step: first half, rasterizer, second half; on CUDA the halves are replayed as graphs.

The halves are hundreds of small kernels, which a host launches more slowly than a GPU runs them. gsplat in between asks
the device how many intersections there are, which no graph can.
"""

from collections.abc import Callable

from torch import Tensor, nn

from emotag.avatar import optics
from emotag.motion.grmn import GRMN
from emotag.replay import Replay
from emotag.splats.posed import PosedSplats
from emotag.splats.rasterize import Render, rasterize
from emotag.timing import section
from emotag.training.clip import ClipFrames
from emotag.training.losses.total import Terms, stack_terms
from emotag.training.prepared import Prepared
from emotag.training.sample import Sample
from emotag.training.scene import Scene, Shot
from emotag.training.settings import TrainingSettings
from emotag.training.state import SPLAT_PARAMETERS
from emotag.training.step import Window, head_half, picture_half, weight_table

MOST_REPLAYS = 16
"""Graphs that are kept, three or so for a clip; steps of further clips run as they are."""

Key = tuple[int, str]  # the clip's id, what is replayed; a replay holds its clip, so that the id stays the clip's


class Passes:
    """Computes the terms of steps."""

    def __init__(self, grmn: GRMN, prepared: Prepared, settings: TrainingSettings) -> None:
        self._grmn, self._prepared, self._settings = grmn, prepared, settings
        self._table = weight_table(settings.weights)
        self._replays: dict[Key, Replay] = {}
        self._names: dict[Key, tuple[str, ...]] = {}

    def terms(
        self,
        windows: list[Window],  # the first is the one whose frames are rendered
        background: Tensor,  # (3,)
        *,
        joint: bool,
        predicted: bool,
    ) -> tuple[Terms, Tensor]:  # terms that have a weight, mean square error of the head's window
        """Give everything that a step compares (see `head_half` and `picture_half`)."""
        scene, sample = windows[0].scene, windows[0].sample
        shot, weights = sample.shot, self._settings.weights
        geometry = shot.geometry is not None and (weights.depth > 0 or weights.normal > 0)
        replayed = len(windows) == 1 and self._can_replay(sample)
        posed, opacities, moved = (self._replayed_head if replayed else self._head)(windows, joint, predicted, geometry)
        frames = shot.frames
        view, intrinsics = optics(frames.camera, frames.window, posed.means.device)
        with section("rasterizer"):
            render = rasterize(
                posed.means, posed.quaternions, posed.scales, opacities, scene.splats.sh, view, intrinsics,
                frames.window.width, frames.window.height, with_depth=geometry, features=posed.normals,
            )  # fmt: skip
        seen, square = (self._replayed_picture if replayed else self._picture)(shot, sample.index, render, background)
        return moved + seen, square.detach()

    def _head(
        self, windows: list[Window], joint: bool, predicted: bool, geometry: bool
    ) -> tuple[PosedSplats, Tensor, Terms]:
        posed, opacities, terms = head_half(
            self._grmn, windows, self._prepared, joint=joint, predicted=predicted, with_geometry=geometry
        )
        return posed, opacities, stack_terms(terms, self._table)

    def _picture(self, shot: Shot, index: Tensor, render: Render, background: Tensor) -> tuple[Terms, Tensor]:
        terms, square = picture_half(shot, index, render, background, self._settings.weights)
        return stack_terms(terms, self._table), square

    def _can_replay(self, sample: Sample) -> bool:
        """Whether the step is one of many alike, and all that its halves read stays where it is."""
        known = any(clip == id(sample.shot) for clip, _ in self._replays)
        return (
            self._settings.cuda_graphs
            and sample.place.is_cuda
            and len(sample.inside) == self._settings.batch
            and self._prepared.fixed_streams
            and isinstance(sample.shot.frames, ClipFrames)
            and (known or len(self._replays) < MOST_REPLAYS)
        )

    def _replay(self, key: Key, function: Callable[..., tuple[Tensor, ...]], leaves: list[nn.Parameter]) -> Replay:
        if key not in self._replays:
            self._replays[key] = Replay(function, leaves)
        return self._replays[key]

    def _replayed_head(
        self, windows: list[Window], joint: bool, predicted: bool, geometry: bool
    ) -> tuple[PosedSplats, Tensor, Terms]:
        scene, sample = windows[0].scene, windows[0].sample
        key = (id(sample.shot), f"head {joint} {predicted}")

        def half(place: Tensor, inside: Tensor, index: Tensor) -> tuple[Tensor, ...]:
            again = Sample(sample.shot, sample.length, place, inside, index, None)
            posed, opacities, terms = self._head([Window(scene, again)], joint, predicted, geometry)
            self._names[key] = terms.names
            normals = () if posed.normals is None else (posed.normals,)
            return posed.means, posed.quaternions, posed.scales, *normals, opacities, terms.values

        with section("first half, replayed"):
            replay = self._replay(key, half, self._leaves(scene, joint))
            means, quaternions, scales, *normals, opacities, values = replay(sample.place, sample.inside, sample.index)
        posed = PosedSplats(means, quaternions, scales, normals[0] if normals else None)
        return posed, opacities, Terms(self._names[key], values)

    def _leaves(self, scene: Scene, joint: bool) -> list[nn.Parameter]:
        """Give the parameters that the first half reads: not the colours, which only the rasterizer does."""
        own = [getattr(scene.splats, name) for name in SPLAT_PARAMETERS if name != "sh"]
        return own + (list(self._grmn.parameters()) if joint else [])

    def _replayed_picture(self, shot: Shot, index: Tensor, render: Render, background: Tensor) -> tuple[Terms, Tensor]:
        key = (id(shot), "picture")
        with_geometry = render.depth is not None and render.features is not None

        def half(index: Tensor, background: Tensor, colour: Tensor, alpha: Tensor, *more: Tensor) -> tuple[Tensor, ...]:
            again = Render(colour, alpha, *more) if with_geometry else Render(colour, alpha)
            terms, square = self._picture(shot, index, again, background)
            self._names[key] = terms.names
            return terms.values, square

        with section("second half, replayed"):
            replay = self._replay(key, half, [])
            parts = [part for part in (render.colour, render.alpha, render.depth, render.features) if part is not None]
            values, square = replay(index, background, *parts)
        return Terms(self._names[key], values), square
