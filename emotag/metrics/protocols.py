"""What a test is of, and which clip its cues come from (EmoTaG §4).

Audio is always the test clip's. Head pose, upper-face action units, torso and background come from cue frames: the test
clip's own in self-reconstruction (Tables 1 and 2), those of the clip that the avatar was adapted on where the audio is
out of distribution (Table 3), played back and forth for as long as the audio lasts. Then no frame of the render has a
true frame of the same pose, and metrics that need one are not measured (`catalogue.PAIRED`).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

ProtocolName = Literal["self", "intensity", "voice", "language"]
"""Self-reconstruction; another level of the emotion; another person's voice; another language."""

CuesName = Literal["own", "reference"]
"""The test clip's own frames; those of the clip that the avatar was adapted on."""

PROTOCOLS: tuple[ProtocolName, ...] = get_args(ProtocolName)

DEFAULT_CUES: Mapping[ProtocolName, CuesName] = MappingProxyType(
    {"self": "own", "intensity": "own", "voice": "reference", "language": "reference"}
)
"""Where the paper takes cues from."""
