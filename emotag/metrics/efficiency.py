"""Where an avatar's time goes: seconds of each part, measured while its frames are made."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from emotag.timing import Stopwatch

T = TypeVar("T")


def timed(items: Iterable[T], watch: Stopwatch, name: str) -> Iterator[T]:
    """Give the items, and measure under `name` the time that making them takes (not what the reader does with them)."""
    iterator = iter(items)
    while True:
        with watch.measure(name):
            try:
                item = next(iterator)
            except StopIteration:
                return
        yield item


@dataclass(frozen=True)
class Speed:
    """Seconds of the parts that make one clip."""

    frames: int
    audio: float  # audio features of the whole clip
    grmn: float  # motion network over the whole clip
    skinning: float  # posing the mesh and the splats on it
    splatting: float  # the rasterizer
    composition: float  # laying the head over the frame
    encoding: float  # H.264

    @staticmethod
    def of(
        seconds: Mapping[str, float],  # "audio", "grmn"; "rasterizer" inside "renders" inside "frames"; "scoring" and
        # "frames" inside "writing"
        frames: int,
    ) -> "Speed":
        """Take nested measurements apart."""
        return Speed(
            frames,
            seconds["audio"],
            seconds["grmn"],
            seconds["renders"] - seconds["rasterizer"],
            seconds["rasterizer"],
            seconds["frames"] - seconds["renders"],
            seconds["writing"] - seconds["frames"] - seconds["scoring"],
        )

    def summary(self, fps: float) -> dict[str, Any]:
        """Give numbers for JSON.

        `fps` is what the peers call FPS: motion, skinning, splatting and composition; `fps_in_all` counts audio
        features and encoding too. `audio_s_per_s` is seconds of computing for a second of sound.
        """
        parts = {name: getattr(self, name) for name in ("grmn", "skinning", "splatting", "composition", "encoding")}
        seen = sum(parts.values()) - self.encoding
        return {
            "fps": self.frames / seen,
            "fps_in_all": self.frames / (seen + self.encoding + self.audio),
            "audio_s_per_s": self.audio * fps / self.frames,
            "ms_per_frame": {name: 1000 * value / self.frames for name, value in parts.items()},
            "motion_seconds": self.grmn,
        }
