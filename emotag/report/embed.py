"""Files as data URIs, made small enough that one page can hold them all."""

import base64
import tempfile
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from emotag.errors import InputError
from emotag.media.audio import SAMPLE_RATE, read_audio
from emotag.media.video import AI_MARK, stream_frames, write_video

_COPY_QUALITIES = (24, 30, 35)
"""H.264 quality (CRF) of the smaller copies tried, best first."""

_POSTER_QUALITY = 80


@dataclass(frozen=True)
class EmbeddedVideo:
    """A video inside the page."""

    source: str | None  # data URI, or None when even the smallest copy is over the limit
    poster: str  # data URI of a JPEG
    width: int
    height: int
    seconds: float
    original_bytes: int
    shrunk: bool  # the page holds a smaller copy
    marked: bool  # the file's metadata says that it is AI-generated


def embed_video(file: Path, limit_bytes: int, synthetic: bool = True) -> EmbeddedVideo:
    """Give a video with its sound as a data URI of at most `limit_bytes` (before base64).

    A larger file is encoded again, at ever lower quality, marked as AI-generated if `synthetic`. Raises InputError when
    it cannot be read.
    """
    if not file.is_file():
        raise InputError(f"{file}: not found; run the stage that makes it (`dvc repro`)")
    poster, width, height, frames, rate = _look(file)
    content: bytes | None = file.read_bytes()
    original = len(content or b"")
    shrunk = original > limit_bytes
    if shrunk:
        content = _smaller_copy(file, limit_bytes, synthetic)
    return EmbeddedVideo(
        source=None if content is None else _uri("video/mp4", content),
        poster=poster,
        width=width,
        height=height,
        seconds=frames / rate,
        original_bytes=original,
        shrunk=shrunk and content is not None,
        marked=_is_marked(file),
    )


def embed_image(file: Path, most_width: int, quality: int) -> str:
    """Give an image as the data URI of a JPEG no wider than `most_width`. Raises InputError when it cannot be read."""
    image = cv2.imread(str(file), cv2.IMREAD_COLOR)
    if image is None:
        raise InputError(f"{file}: cannot be read as an image; delete it and run its stage again")
    height, width = image.shape[:2]
    if width > most_width:
        size = (most_width, max(1, round(height * most_width / width)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    elif file.suffix.lower() in (".jpg", ".jpeg"):
        return _uri("image/jpeg", file.read_bytes())
    return jpeg_uri(image, quality)


def _look(file: Path) -> tuple[str, int, int, int, float]:
    """Give the poster (the frame at a third, where somebody is likely to speak), the size, frames and frame rate."""
    try:
        with av.open(str(file)) as container:
            stream = container.streams.video[0]
            frames = sum(1 for packet in container.demux(stream) if packet.size)
            rate = float(stream.average_rate or 25)
    except (av.error.FFmpegError, IndexError) as error:
        raise InputError(f"{file}: cannot be read as video ({error}); run its stage again") from None
    picked: np.ndarray | None = None
    for index, frame in enumerate(stream_frames(file)):
        picked = frame
        if index >= frames // 3:
            break
    if picked is None:
        raise InputError(f"{file}: holds no frames; run its stage again")
    poster = jpeg_uri(cv2.cvtColor(picked, cv2.COLOR_RGB2BGR), _POSTER_QUALITY)
    return poster, picked.shape[1], picked.shape[0], frames, rate


def _smaller_copy(file: Path, limit_bytes: int, synthetic: bool) -> bytes | None:
    sound = (read_audio(file), SAMPLE_RATE) if _has_sound(file) else None
    with tempfile.TemporaryDirectory() as folder:
        for quality in _COPY_QUALITIES:
            copy = Path(folder) / f"copy-{quality}.mp4"
            comment = AI_MARK if synthetic else None
            write_video(copy, stream_frames(file), crf=quality, intra=False, audio=sound, comment=comment)
            if copy.stat().st_size <= limit_bytes:
                return copy.read_bytes()
    return None


def _is_marked(file: Path) -> bool:
    with av.open(str(file)) as container:
        return AI_MARK in container.metadata.get("comment", "")


def _has_sound(file: Path) -> bool:
    with av.open(str(file)) as container:
        return bool(container.streams.audio)


def jpeg_uri(
    image: np.ndarray,  # (H, W, 3) uint8 BGR
    quality: int,
) -> str:
    """Give an image as the data URI of a JPEG."""
    done, content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"an image of shape {image.shape} cannot be encoded as JPEG")
    return _uri("image/jpeg", content.tobytes())


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
