"""What the paper prints, to stand beside this run's numbers (EmoTaG, arXiv:2603.21332v2, Tables 1, 2, 3 and 5, §4).

Numbers keep the paper's digits (.019 reads 0.019). What the paper does not print is absent here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

EMOTAG = "EmoTaG"
"""The paper's own rows."""

Emotions = Literal["neutral", "emotional"]
"""The two test sets of Table 1."""


@dataclass(frozen=True)
class PaperRow:
    """A method's row of one of the paper's tables."""

    method: str
    values: Mapping[str, str] = field(default_factory=dict)  # metric's key in emotag.metrics.catalogue -> as printed
    training: str = "–"  # adaptation to a new person, as printed
    fps: str = "–"  # frames rendered a second, as printed


TABLE_1_METRICS = ("psnr", "lpips", "ssim", "lmd", "aue_lower", "aue_upper", "sync_c")
TABLE_2_METRICS = ("psnr", "lmd", "aue_lower", "aue_upper", "sync_c")
TABLE_3_METRICS = ("sync_e", "sync_c")
TABLE_5_METRICS = ("psnr", "lpips", "lmd", "sync_c")

HARDWARE = "A6000"
"""The GPU of every number of the paper."""

COST_MS = {"audio": "25 *", "grmn": "6", "splatting": "7"}
"""The paper's cost in ms, by step: of a frame, of audio of a whole sequence."""


def _rows(metrics: Sequence[str], lines: str) -> tuple[PaperRow, ...]:
    """Read lines of `method | number number …`, a number a metric."""
    rows = []
    for line in lines.strip().splitlines():
        method, numbers = line.split("|")
        digits = [f"0{number}" if number.startswith(".") else number for number in numbers.split()]
        rows.append(PaperRow(method.strip(), dict(zip(metrics, digits, strict=True))))
    return tuple(rows)


TABLE_1: Mapping[Emotions, Sequence[PaperRow]] = {
    "neutral": _rows(
        TABLE_1_METRICS,
        """
        Real3DPortrait  | 25.41 .053 .827 3.415 1.143 1.084 6.719
        ER-NeRF         | 28.21 .038 .847 3.549 1.314 .466 3.142
        TalkingGaussian | 28.43 .034 .844 3.582 1.167 .401 3.631
        GeneFace++      | 27.58 .044 .835 3.521 1.212 .647 3.737
        MimicTalk       | 25.26 .071 .857 3.478 .964 .781 6.341
        InsTaG          | 28.92 .029 .866 3.145 .921 .407 5.329
        EmoTaG          | 30.02 .019 .883 2.221 .685 .210 6.212
        """,
    ),
    "emotional": _rows(
        TABLE_1_METRICS,
        """
        Real3DPortrait  | 25.16 .063 .815 3.642 1.183 1.149 6.583
        ER-NeRF         | 27.31 .054 .822 4.215 1.541 .802 2.714
        TalkingGaussian | 27.84 .042 .836 4.392 1.213 .618 3.059
        GeneFace++      | 27.16 .047 .824 3.721 1.253 .961 3.588
        MimicTalk       | 25.13 .079 .842 3.577 .961 .913 6.113
        InsTaG          | 27.82 .040 .851 3.428 .995 .651 4.828
        EmoTaG          | 29.95 .022 .877 2.456 .702 .236 6.147
        """,
    ),
}
"""Self-reconstruction after five seconds."""

TABLE_2: Mapping[int, Sequence[PaperRow]] = {
    1: _rows(TABLE_2_METRICS, "InsTaG | 28.03 3.352 .968 .613 5.014\nEmoTaG | 30.01 2.367 .697 .221 6.154"),
    3: _rows(TABLE_2_METRICS, "InsTaG | 27.56 3.559 1.144 .704 4.637\nEmoTaG | 29.92 2.522 .721 .244 6.126"),
}
"""Emotion intensity, by level of the test clip; adapted on level 2 (MEAD)."""

TABLE_3: Mapping[str, Sequence[PaperRow]] = {
    "voice": _rows(TABLE_3_METRICS, "InsTaG | 9.921 4.722\nEmoTaG | 9.133 5.814"),
    "language": _rows(TABLE_3_METRICS, "InsTaG | 10.033 4.391\nEmoTaG | 9.662 5.432"),
}
"""New audio: another person's voice, another language."""

TABLE_5: Sequence[PaperRow] = _rows(
    TABLE_5_METRICS,
    """
    full        | 29.95 .022 2.456 6.147
    w/o L_score | 29.52 .026 2.731 5.874
    w/o L_KL    | 29.36 .031 2.985 5.712
    w/o both    | 29.01 .034 3.067 5.541
    w/o gate    | 28.77 .036 3.358 5.004
    w/o residual | 28.52 .038 3.572 4.896
    w/o AdaIN   | 28.38 .040 4.021 4.621
    """,
)
"""Ablation on the emotional set."""

EFFICIENCY: Sequence[PaperRow] = (
    PaperRow("Real3DPortrait", fps="8.9"),
    PaperRow("ER-NeRF", training="2 h", fps="33.2"),
    PaperRow("TalkingGaussian", training="27 min", fps="118.4"),
    PaperRow("GeneFace++", training="7 h", fps="19.3"),
    PaperRow("MimicTalk", training="17 min", fps="8.6"),
    PaperRow("InsTaG", training="13 min", fps="82.5"),
    PaperRow(EMOTAG, training="11 min", fps="76.4"),
)
"""Time to adapt to a new person and frames rendered a second (the last columns of Table 1)."""


def printed(rows: Sequence[PaperRow], method: str, metric: str) -> str | None:
    """Give one number as the paper prints it, or None where it prints none."""
    return next((row.values.get(metric) for row in rows if row.method == method), None)
