"""What a run needs in every step and need not compute in every step."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from emotag.head.model import HeadModel
from emotag.motion.grmn import GRMN, Streams
from emotag.posing import RestHead, TrackedJoints
from emotag.training.clip import ClipFeatures
from emotag.training.sample import Sample, gather
from emotag.training.scene import Scene, Shot

WINDOWS_KEPT = 256
"""Most windows of a clip whose encoded streams are kept, 64 KB each; a 5 s clip has 62."""

BLOCK = 32
"""Windows that are encoded at a time."""


@dataclass(frozen=True)
class PreparedShot:
    """A clip's tracking in the terms that a step compares."""

    joints: TrackedJoints  # T frames
    expression: Tensor  # (T, E) tracked Ψ − the person's neutral
    jaw: Tensor  # (T, 3) radians, tracked − neutral
    lips: Tensor  # (T, 20, 3) metres, tracked lip landmarks
    lids: Tensor  # (T, 12, 3) metres, those of the lids


class Prepared:
    """Keeps what does not change during a run, for as long as the scenes and clips it belongs to are there.

    Nothing of it is saved with a checkpoint: it is a function of the data and of frozen weights, computed a person, a
    clip or a window at a time, so that a resumed run finds the same numbers.
    """

    def __init__(self, head: HeadModel, grmn: GRMN) -> None:
        self.head = head
        self._grmn = grmn
        self.fixed_streams = grmn.fixed_streams
        self._fixed_mouth = grmn.fixed_mouth
        self._heads: WeakIdKeyDictionary = WeakIdKeyDictionary()  # Person -> RestHead
        self._shots: WeakIdKeyDictionary = WeakIdKeyDictionary()  # ClipFeatures -> PreparedShot
        self._windows: WeakIdKeyDictionary = WeakIdKeyDictionary()  # ClipFeatures -> {length: Streams}
        self._bases: WeakIdKeyDictionary = WeakIdKeyDictionary()  # Splats -> (rank, M, 10)

    def rest(self, scene: Scene) -> RestHead:
        """Give the person's head before expression and pose."""
        if scene.person not in self._heads:
            self._heads[scene.person] = RestHead.of(self.head, scene.person.shape, scene.person.static_offset)
        found: RestHead = self._heads[scene.person]
        return found

    @torch.no_grad()
    def shot(self, scene: Scene, shot: Shot) -> PreparedShot:
        """Give a clip's tracking."""
        features, person = shot.features, scene.person
        if features not in self._shots:
            self._shots[features] = PreparedShot(
                self.rest(scene).track(features.pose),
                features.expression - person.neutral_expression,
                features.jaw - person.neutral_jaw,
                scene.lips.points(features.expression, features.jaw),
                scene.lids.points(features.expression, features.jaw),
            )
        found: PreparedShot = self._shots[features]
        return found

    def streams(self, samples: list[Sample]) -> Streams:
        """Encode windows of one length. Where the encoders are frozen, clips of up to WINDOWS_KEPT are encoded once."""
        length = samples[0].length
        clips = [sample.shot.features for sample in samples]
        if self.fixed_streams and all(len(features) - length < WINDOWS_KEPT for features in clips):
            kept = [self._kept(features, length)[sample.first] for features, sample in zip(clips, samples)]
            return kept[0] if len(kept) == 1 else Streams.cat(kept)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.fixed_streams):
            return self._grmn.streams(gather(samples, "audio"), gather(samples, "upper_face"))

    @torch.no_grad()
    def _kept(self, features: ClipFeatures, length: int) -> Streams:
        """Encode every window of a clip."""
        kept: dict[int, Streams] = self._windows.setdefault(features, {})
        if length not in kept:
            starts = range(len(features) - length + 1)
            blocks = [
                self._grmn.streams(
                    *(
                        torch.stack([rows[start : start + length] for start in starts[first : first + BLOCK]])
                        for rows in (features.audio, features.upper_face)
                    )
                )
                for first in range(0, len(starts), BLOCK)
            ]
            kept[length] = Streams.cat(blocks)
        return kept[length]

    def mouth_basis(self, scene: Scene) -> Tensor:  # (rank, M, 10)
        """Give the spatial modes of the person's mouth splats; kept where the mouth decoder is frozen."""
        splats = scene.splats
        if not self._fixed_mouth:
            return self._grmn.mouth.basis(splats.mouth_rest)
        if splats not in self._bases:
            with torch.no_grad():
                self._bases[splats] = self._grmn.mouth.basis(splats.mouth_rest)
        found: Tensor = self._bases[splats]
        return found
