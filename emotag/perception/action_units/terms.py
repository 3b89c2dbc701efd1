"""Which measures speak for which action unit, and in which direction: the FACS manual's meaning, written as signs.

The calibration may weigh a term, also by 0; it never turns its sign. Meanings are spelled out in docs/action-units.md.
"""

from emotag.perception.action_units import appearance, measures

_TERMS = {
    # inner brow raiser: inner brows away from the lids, nose root stretched, level wrinkles on the forehead
    "01": "+brow_inner_y +brow_oblique +brow_lid +nose_root +glabella_wing | +forehead_along",
    # outer brow raiser
    "02": "+brow_outer_y +brow_mid_y +brow_arch -brow_oblique +brow_lid +glabella_wing | +forehead_along +brow_across",
    # brow lowerer: brows down and together, upright lines between them
    "04": "-brow_inner_eye -brow_inner_y -brow_arch -brow_gap -nose_root | +glabella_across +glabella_along",
    # upper lid raiser
    "05": "+upper_lid_y +aperture -bag_y -lower_lid_y | +brow_across",
    # cheek raiser: cheeks and bags up, mouth corners follow (AU12), crow's feet, deeper fold
    "06": "+cheek_y +cheek_z +bag_y +wing_y +corner_x +inner_mouth_width -aperture"
    " | +crow_along -nasolabial_slope +bag_slope",
    # lid tightener
    "07": "-aperture +lower_lid_y +cheek_y -nose_root -glabella_wing | +bag_slope -eye_across",
    # nose wrinkler: wings and upper lip up, root shortened, wrinkles on it
    "09": "+wing_y -nose_root -brow_inner_eye +upper_lip_y +bag_y -aperture | +nose_root_along +nose_side_along",
    # upper lip raiser: upper lip up, thinner, fold beside the nose, teeth shown
    "10": "+upper_lip_inner_y +upper_lip_side_y -philtrum +alar_width -upper_lip_thickness +bag_y"
    " | +nasolabial_across +nasolabial_along +lips_across",
    # lip corner puller: corners out and up along the zygomatic, fold beside the nose
    "12": "+corner_x +corner_y +inner_mouth_width +corner_above_centre +corner_above_outline"
    " | +nasolabial_along -nasolabial_slope +corner_slope",
    # dimpler: corners drawn in towards the cheek, lips stretched thin
    "14": "+corner_above_lip +inner_mouth_width +corner_x -corner_cheek -lower_lip_thickness"
    " | +corner_slope +corner_along",
    # lip corner depressor
    "15": "-corner_y -corner_above_lip | +chin_along +mouth_slope",
    # chin raiser: boss forward, lower lip up, mouth shut in an arc, wrinkled chin
    "17": "+lower_lip_y +lower_lip_z +chin_boss_z -corner_above_outline"
    " | +chin_along -mouth_across -lips_along -chin_fold_bright",
    # lip stretcher
    "20": "+corner_x +inner_mouth_width +jaw_width -corner_y -corner_cheek -lower_lip_thickness",
    # lip tightener: thin, narrow, closed
    "23": "-upper_lip_thickness -lower_lip_thickness -lips_height -corner_x +lower_lip_y | -mouth_across",
    # lips part
    "25": "+lips_part +lips_part_side +corner_above_outline -lower_lip_z | +mouth_across +lips_along",
    # jaw drop
    "26": "+corner_wing -chin_y -chin_boss_y -chin_fold_y -lower_lip_inner_y -upper_lip_inner_y +lips_part"
    " | -lips_bright",
    # blink
    "45": "+blink +blink_deep +blink_deepest | -eye_across +bag_slope",
}


def _parse(text: str) -> dict[str, int]:
    return {word[1:]: 1 if word[0] == "+" else -1 for word in text.split()}


def _split(text: str) -> tuple[dict[str, int], dict[str, int]]:
    geometry, _, shading = text.partition("|")
    return _parse(geometry), _parse(shading)


GEOMETRY_TERMS = {unit: _split(text)[0] for unit, text in _TERMS.items()}
"""Action unit -> measure -> sign."""

APPEARANCE_TERMS = {unit: _split(text)[1] for unit, text in _TERMS.items()}
"""Action unit -> shading cue -> sign."""

SIGNALS = (*measures.NAMES, *appearance.NAMES)
"""Every measure, then every shading cue: the columns that a calibration weighs."""

N_GEOMETRY = len(measures.NAMES)
