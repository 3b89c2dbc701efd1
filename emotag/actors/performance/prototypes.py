"""Expression of the six basic emotions: EMFACS prototypes as action units, and what emotion does to speech and head.

P. Ekman, W. V. Friesen and J. C. Hager, Facial Action Coding System (2002), Investigator's Guide, table of emotion
predictions (EMFACS).
"""

from dataclasses import dataclass, field

AU_SHAPES: dict[int, dict[str, float]] = {
    1: {"browInnerUp": 1.0},
    2: {"browOuterUp": 1.0},
    4: {"browDown": 1.0},
    5: {"eyeWide": 1.0},
    6: {"cheekSquint": 0.75, "cheekRaiser": 0.25},
    7: {"eyeSquint": 1.0},
    9: {"noseSneer": 1.0},
    10: {"mouthUpperUp": 1.0},
    12: {"mouthSmile": 1.0},
    14: {"mouthDimple": 1.0},
    15: {"mouthFrown": 1.0},
    16: {"mouthLowerDown": 1.0},
    17: {"mouthShrugLower": 1.0},
    20: {"mouthStretch": 1.0},
    23: {"mouthPress": 0.5, "mouthRollLower": 0.35, "mouthRollUpper": 0.2},
    24: {"mouthPress": 1.0},
}
"""Action unit at full strength -> ARKit expressions (both sides). AU25 and AU26 are lips and jaw."""

UPPER_UNITS = (1, 2, 4, 5, 6, 7, 9)


@dataclass(frozen=True)
class Articulation:
    """What an emotion at full strength does to the mouth's speech."""

    jaw: float = 1.0  # scale of the jaw's opening
    lips: float = 1.0  # scale of lip shapes
    seal: float = 0.0  # added lip press on p b m


@dataclass(frozen=True)
class Bearing:
    """How an emotion at full strength holds and moves head and trunk."""

    pitch: float = 0.0  # radians; + is down
    forward: float = 0.0  # metres towards the listener
    height: float = 0.0  # metres: shoulders up or down
    roll: float = 0.0  # radians of tilt, its side drawn per clip
    yaw: float = 0.0  # radians of turning away, its side drawn per clip
    mobility: float = 1.0  # scale of sway and nods
    tremor: float = 0.0  # radians
    blinks: float = 1.0  # scale of the blink rate
    gaze_down: float = 0.0  # radians
    aversion: float = 1.0  # scale of how often the gaze leaves the camera


@dataclass(frozen=True)
class Prototype:
    """One emotion at full strength (level 3 at its apex)."""

    units: dict[int, float]  # action unit -> strength in [0, 1]
    jaw: float = 0.0  # radians of AU26, beneath speech
    lids: float = 0.0  # drooping upper lids, as eyeBlink
    onset_s: tuple[float, float] = (0.4, 0.7)
    articulation: Articulation = field(default_factory=Articulation)
    bearing: Bearing = field(default_factory=Bearing)


PROTOTYPES: dict[str, Prototype] = {
    "happy": Prototype(
        {6: 1.00, 12: 1.00, 7: 0.10, 10: 0.15, 2: 0.10},
        onset_s=(0.4, 0.7),
        articulation=Articulation(jaw=1.12, lips=1.0),
        bearing=Bearing(pitch=-0.02, roll=0.045, mobility=1.25, blinks=1.1),
    ),
    "sad": Prototype(
        {1: 1.00, 4: 0.45, 15: 1.00, 17: 0.55, 7: 0.10},
        lids=0.16,
        onset_s=(0.7, 1.1),
        articulation=Articulation(jaw=0.68, lips=0.80),
        bearing=Bearing(pitch=0.11, forward=-0.002, height=-0.003, roll=0.05, mobility=0.6, blinks=0.9, gaze_down=0.10,
                        aversion=1.6),
    ),
    "angry": Prototype(
        {4: 1.00, 5: 0.35, 7: 0.85, 23: 0.90, 24: 0.45, 10: 0.20, 9: 0.35},
        onset_s=(0.25, 0.5),
        articulation=Articulation(jaw=1.22, lips=1.12, seal=0.35),
        bearing=Bearing(pitch=0.055, forward=0.006, mobility=1.35, blinks=0.7, aversion=0.3),
    ),
    "fear": Prototype(
        {1: 1.00, 2: 0.60, 4: 0.55, 5: 1.00, 7: 0.30, 20: 0.95},
        jaw=0.050,
        onset_s=(0.2, 0.4),
        articulation=Articulation(jaw=0.92, lips=1.05),
        bearing=Bearing(pitch=-0.025, forward=-0.006, height=0.003, mobility=0.8, tremor=0.0035, blinks=0.45,
                        aversion=0.8),
    ),
    "surprise": Prototype(
        {1: 1.00, 2: 1.00, 5: 0.90},
        jaw=0.130,
        onset_s=(0.15, 0.3),
        articulation=Articulation(jaw=1.18, lips=1.0),
        bearing=Bearing(pitch=-0.075, forward=-0.005, height=0.002, mobility=1.1, blinks=0.6, aversion=0.5),
    ),
    "disgust": Prototype(
        {9: 1.00, 10: 0.45, 15: 0.50, 16: 0.35, 4: 0.40, 7: 0.50, 17: 0.35},
        onset_s=(0.35, 0.6),
        articulation=Articulation(jaw=0.90, lips=0.95),
        bearing=Bearing(pitch=-0.035, forward=-0.003, yaw=0.05, mobility=0.9, aversion=1.3),
    ),
    "neutral": Prototype({}),
}  # fmt: skip
"""emotag.vocabulary.EMOTIONS -> prototype."""
