"""Sound files in, as the one waveform format of the pipeline."""

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from emotag.errors import InputError
from emotag.perception.audio.protocol import SAMPLE_RATE


def load_waveform(path: Path | str) -> NDArray[np.float32]:  # (N,) in [-1, 1]
    """Read the first sound stream of any file FFmpeg knows as 16 kHz mono.

    Raises InputError when the file is missing, is no sound or holds no sample.
    """
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise InputError(f"{path}: holds no sound; give a file with an audio stream")
            resampler = av.AudioResampler(format="fltp", layout="mono", rate=SAMPLE_RATE)
            blocks = [
                block.to_ndarray()[0]
                for frame in container.decode(container.streams.audio[0])
                for block in resampler.resample(frame)
            ]
            blocks += [block.to_ndarray()[0] for block in resampler.resample(None)]
    except FileNotFoundError:
        raise InputError(f"{path}: not found; run the stage that makes it (`dvc repro`) or check the name") from None
    except av.error.FFmpegError as error:
        raise InputError(f"{path}: cannot be read as sound ({error.strerror}); is the file complete?") from None
    waveform = np.concatenate(blocks).astype(np.float32) if blocks else np.zeros(0, np.float32)
    if not waveform.size:
        raise InputError(f"{path}: its sound stream is empty")
    return np.nan_to_num(np.clip(waveform, -1.0, 1.0))
