import numpy as np
import pytest
import torch

from emotag.errors import InputError
from emotag.head.landmark_fit import fit_landmarks, pictures_of, skin_faces, with_landmarks
from emotag.head.model import LandmarkEmbedding
from emotag.head.portrait import LIPS
from emotag.perception.landmarks.ibug68 import IBUG68


def lips_finder(image, box):
    """A detector that really looks: every landmark is the middle of the lip-coloured pixels (their hue, any light)."""
    _, y, side = (int(value) for value in box)
    seen = image.astype(float) / np.maximum(image.sum(-1, keepdims=True), 1)
    colour = np.array(LIPS) / sum(LIPS)
    match = np.linalg.norm(seen - colour, axis=-1) < 0.02
    match[: max(y, 0)] = match[y + side :] = False
    rows, columns = np.nonzero(match)
    if len(rows) < 5:
        return None
    return np.tile([columns.mean() + 0.5, rows.mean() + 0.5, 0.0], (468, 1))


def test_marks_come_to_lie_on_what_they_mark(small_head):
    calls = []
    fit = fit_landmarks(small_head, lips_finder, heads=1, size=192, progress=lambda: calls.append(1))
    assert len(calls) == fit.tried == pictures_of(1) and fit.pictures == fit.tried
    point = fit.embedding.points(small_head.template, small_head.faces)[0].numpy()
    middle = small_head.template[small_head.regions["lips"]].mean(0).numpy()
    assert np.linalg.norm(point - middle) < 0.004
    assert fit.scatter.max() < 0.004
    assert torch.isin(fit.embedding.triangles, torch.from_numpy(skin_faces(small_head))).all()
    torch.testing.assert_close(fit.embedding.weights.sum(1), torch.ones(468))


def test_outlying_pictures_do_not_pull(small_head):
    count = 0

    def sometimes_wrong(image, box):
        nonlocal count
        count += 1
        marks = lips_finder(image, box)
        return marks - (0.0, 45.0, 0.0) if count % 4 == 0 else marks

    fit = fit_landmarks(small_head, sometimes_wrong, heads=1, size=192)
    point = fit.embedding.points(small_head.template, small_head.faces)[0].numpy()
    middle = small_head.template[small_head.regions["lips"]].mean(0).numpy()
    assert np.linalg.norm(point - middle) < 0.005


def test_no_face_is_an_input_error(small_head):
    with pytest.raises(InputError, match="found a face in 0 of"):
        fit_landmarks(small_head, lambda image, box: None, heads=0, size=64)


def test_68_points_are_taken_from_468_only_when_there_are_none(small_head):
    embedding = LandmarkEmbedding(torch.arange(468) % len(small_head.faces), torch.full((468, 3), 1 / 3))
    made = with_landmarks(small_head, embedding)
    assert made.landmarks68.triangles.tolist() == (IBUG68 % len(small_head.faces)).tolist()
    other = LandmarkEmbedding(embedding.triangles + 1, embedding.weights)
    assert torch.equal(with_landmarks(made, other).landmarks68.triangles, made.landmarks68.triangles)
