"""--wild: films to clips. Parts by themselves, then a whole film of a drawn talker."""

import numpy as np
import pytest

from preprocessing.wild.stretches import split_at_pauses
from synchrony.evidence import EVERY, Evidence
from synchrony.film_sound import FilmSound
from synchrony.fit import fit_of
from synchrony.shifts import MAX_SHIFT, SHIFTS
from synchrony.turns import who_speaks, without_short
from tests import talking_ellipse


def scores(frames: int, offset: int, seed: int = 0, strength: float = 0.4):
    """Windows that fit best where the sound is `offset` frames early."""
    rng = np.random.default_rng(seed)
    starts = np.arange(0, frames - 4, EVERY)
    by_shift = rng.uniform(0.1, 0.5, (len(starts), len(SHIFTS)))
    by_shift[:, MAX_SHIFT - offset] += strength
    return starts, by_shift


def test_the_fit_finds_the_offset_and_is_sure_of_it():
    fit = fit_of(scores(75, 6)[1])
    assert fit.offset == 6
    assert fit.certainty > 0.9


def test_the_fit_is_unsure_where_no_shift_is_better():
    assert fit_of(scores(75, 0, strength=0.0)[1]).certainty < 0.1


def test_the_fit_of_nothing_and_of_silence_is_none():
    assert fit_of(np.empty((0, 31))).certainty == 0
    assert fit_of(np.full((20, 31), np.nan)).certainty == 0


def test_who_speaks_changes_with_the_voice():
    starts, first = scores(200, 3)
    _, second = scores(200, 3, seed=1)
    column = MAX_SHIFT - 3
    first[starts >= 100, column] -= 0.4
    second[starts < 100, column] -= 0.4
    speaks = who_speaks([(starts, first), (starts, second)], 0, 200, least=30)
    assert (speaks[:85] == 0).all()
    assert (speaks[115:] == 1).all()


def test_short_turns_go_to_those_about_them():
    course = np.array([0] * 20 + [1] * 5 + [0] * 20 + [1] * 30)
    assert without_short(course, 10).tolist() == [0] * 45 + [1] * 30


def test_long_stretches_are_split_where_it_is_quiet():
    loud = np.zeros(500)
    loud[230:240] = -60
    pieces = split_at_pauses(loud, 0, 500, 300)
    assert pieces[0][0] == 0
    assert pieces[-1][1] == 500
    assert 228 <= pieces[0][1] <= 242
    assert all(end - begin <= 300 for begin, end in pieces)


def test_evidence_of_pieces_equals_that_of_the_whole():
    expert = talking_ellipse.expert()
    opened = talking_ellipse.openings(120)
    faces = [talking_ellipse.face(value) for value in opened]
    samples = (talking_ellipse.voice(opened) * 32767).astype(np.int16)
    whole, pieces = Evidence(0), Evidence(0)
    whole.add(faces, expert, FilmSound(expert, samples), 0)
    sound = FilmSound(expert, samples)
    for first in range(0, 120, 17):
        pieces.add(faces[first : first + 17], expert, sound, max(0, first - 8))
    for one, other in zip(whole.settle(), pieces.settle(), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-3)
    assert fit_of(whole.settle()[1]).offset == 0


@pytest.mark.parametrize("early", [-5, 4])
def test_evidence_tells_by_how_much_the_sound_is_early(early):
    expert = talking_ellipse.expert()
    opened = talking_ellipse.openings(150)
    wav = talking_ellipse.voice(opened)
    samples = (np.roll(wav, -early * 640) * 32767).astype(np.int16)
    evidence = Evidence(0)
    faces = [talking_ellipse.face(value) for value in opened]
    evidence.add(faces, expert, FilmSound(expert, samples), 0)
    assert fit_of(evidence.settle()[1]).offset == early
