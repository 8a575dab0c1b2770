"""Recordings whose phones are known: TextGrids, where stops open, and the mouth that follows."""

import json
import wave
from itertools import pairwise

import numpy as np
import pytest

from models.lip_motion import from_blendshapes, opening
from synthesis import make_corpus
from synthesis.speech.alignments import IPA, AlignmentError, ipa_of, read_alignment, read_textgrid
from synthesis.speech.bursts import mark_aligned_bursts
from synthesis.speech.espeak import Phone
from synthesis.speech.real_speech import take_aligned
from synthesis.speech.visemes import VISEME_OF_SOUND, gestures
from tests.espeak_mark import needs_espeak

RATE = 16000
PHONES = [("sil", 0.0, 0.4), ("AA1", 0.4, 0.8), ("M", 0.8, 0.95), ("AA0", 0.95, 1.3),
          ("P", 1.3, 1.45), ("AH0", 1.45, 1.7), ("sp", 1.7, 2.0)]  # fmt: skip


def write_textgrid(path, tiers: dict) -> None:
    text = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0\nxmax = 2\n'
    text += f"tiers? <exists>\nsize = {len(tiers)}\nitem []:\n"
    for number, (name, intervals) in enumerate(tiers.items(), 1):
        text += f'\titem [{number}]:\n\t\tclass = "IntervalTier"\n\t\tname = "{name}"\n'
        text += f"\t\txmin = 0.0\n\t\txmax = 2.0\n\t\tintervals: size = {len(intervals)}\n"
        for index, (label, start, end) in enumerate(intervals, 1):
            text += f"\t\t\tintervals [{index}]:\n\t\t\t\txmin = {start}\n\t\t\t\txmax = {end}\n"
            text += f'\t\t\t\ttext = "{label}"\n'
    path.write_text(text)


def speak_them() -> np.ndarray:
    """Vowels as a buzz, m as its low part, p as silence with a puff at 1.40 s."""
    seconds = np.arange(2 * RATE) / RATE
    buzz = sum(np.sin(2 * np.pi * 120 * n * seconds) / n for n in range(1, 40))
    sound = np.zeros_like(seconds)
    for label, start, end in PHONES:
        inside = (seconds >= start) & (seconds < end)
        if label.startswith("A"):
            sound[inside] = 0.1 * buzz[inside]
        elif label == "M":
            sound[inside] = 0.1 * np.sin(2 * np.pi * 120 * seconds[inside])
    puff = (seconds >= 1.40) & (seconds < 1.45)
    sound[puff] = 0.05 * np.random.default_rng(0).standard_normal(puff.sum())
    return sound + 1e-5 * np.random.default_rng(1).standard_normal(len(sound))


@pytest.fixture
def aligned(tmp_path):
    folder = tmp_path / "speech"
    folder.mkdir()
    with wave.open(str(folder / "one.wav"), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((speak_them() * 2**15).astype("<i2").tobytes())
    words = [("", 0.0, 0.4), ("ama", 0.4, 1.3), ("pa", 1.3, 1.7), ("", 1.7, 2.0)]
    write_textgrid(folder / "one.TextGrid", {"words": words, "phones": PHONES})
    return folder


def test_a_textgrid_is_read(aligned):
    said = read_textgrid(aligned / "one.TextGrid")
    assert [word for word, *_ in said.words] == ["ama", "pa"]
    assert [phone.ipa for phone in said.phones] == ["", "ɑ", "m", "ɑ", "p", "ə", ""]
    assert said.phones[2] == Phone("m", 0.8, 0.95)


@needs_espeak
def test_words_alone_are_spread_over_their_time(tmp_path):
    """GRID's form: units of 1/25000 s; a stop's closure belongs to its word."""
    path = tmp_path / "one.align"
    path.write_text("0 12500 sil\n12500 20000 place\n20000 27500 two\n27500 50000 sil\n")
    said = read_alignment(path)
    assert said.words == (("place", 0.5, 0.8), ("two", 0.8, 1.1))
    assert [phone.ipa[:1] for phone in said.phones] == ["", "p", "l", "e", "s", "t", "u", ""]
    bounds = [(phone.start, phone.end) for phone in said.phones]
    assert all(one[1] == pytest.approx(other[0]) for one, other in pairwise(bounds))
    assert bounds[1][0] == 0.5 and bounds[5][0] == pytest.approx(0.8)
    assert 0.04 < bounds[1][1] - bounds[1][0] < 0.12
    path.write_text("0 12500\n")
    with pytest.raises(AlignmentError, match="begin, end and word"):
        read_alignment(path)


def test_every_phone_of_arpabet_has_a_mouth():
    assert not [name for name, ipa in IPA.items() if set(ipa) - set(VISEME_OF_SOUND)]
    assert (ipa_of("IY1"), ipa_of("AH0"), ipa_of("AH1"), ipa_of("spn")) == ("i", "ə", "ʌ", "")


@pytest.mark.parametrize(
    ("tiers", "words"),
    [
        ({"words": [("a", 0.0, 1.0)]}, 'no tier of intervals called "phones"'),
        ({"phones": [("QQ1", 0.0, 1.0)]}, "'QQ1'"),
    ],
)
def test_what_is_no_alignment_is_named(tmp_path, tiers, words):
    write_textgrid(tmp_path / "a.TextGrid", tiers)
    with pytest.raises(AlignmentError, match=words):
        read_textgrid(tmp_path / "a.TextGrid")


def test_a_stop_opens_where_the_sound_does(aligned):
    phones = read_textgrid(aligned / "one.TextGrid").phones
    burst = mark_aligned_bursts(phones, speak_them(), RATE)[4].burst
    assert burst == pytest.approx(1.40, abs=0.006)


def test_a_stop_that_cannot_be_heard_opens_at_a_usual_place():
    silence = 1e-5 * np.random.default_rng(0).standard_normal(RATE)
    (phone,) = mark_aligned_bursts((Phone("b", 0.5, 0.6),), silence, RATE)
    assert phone.burst == pytest.approx(0.56)


@pytest.mark.parametrize("seed", range(6))
def test_a_piece_keeps_sound_and_phones_together(aligned, seed):
    """Whatever is cut, and however the voice is scaled: the p's puff follows silence."""
    taken = take_aligned(aligned, aligned, "train", 60, np.random.default_rng(seed))
    assert len(taken.sound) == 60 * 640
    ends = [phone.end for phone in taken.phones]
    assert [phone.start for phone in taken.phones] == pytest.approx([0, *ends[:-1]])
    assert ends[-1] == pytest.approx(2.4)
    (stop,) = (phone for phone in taken.phones if phone.ipa == "p")
    assert stop.end - stop.start == pytest.approx(0.15 * taken.tract, rel=0.01)
    burst = round(stop.burst * RATE)
    before, after = taken.sound[burst - 800 : burst - 160], taken.sound[burst + 80 : burst + 500]
    assert after.std() > 20 * before.std()


def test_the_mouth_follows_the_phones(aligned, tmp_path):
    out = tmp_path / "out"
    flags = ["--speech", str(aligned), "--alignments", str(aligned), "--workers", "1", "--quiet"]
    make_corpus.main(
        ["--sound_only", "--out", str(out), "--speakers", "1", "--clips", "3", *flags,
         "--seconds", "2.4"]
    )  # fmt: skip
    for path in out.glob("s0000/*/truth.json"):
        truth = json.loads(path.read_text())
        assert truth["recording"] == "one.wav" and truth["text"] == "ama pa"
        weights = {name: np.array(row) for name, row in truth["weights"].items()}
        lips = from_blendshapes(weights, np.array(truth["tongue"]))
        ends = [round(end * 25) for viseme, _, end in truth["visemes"] if viseme == "p"]
        assert len(ends) == 2
        for end in ends:
            assert opening(lips)[end - 2 : end + 1].min() < 0.02
        assert opening(lips).max() > 0.1


def test_alignments_that_are_not_there_are_named(aligned, tmp_path):
    flags = ["--sound_only", "--out", str(tmp_path / "out"), "--quiet"]
    with pytest.raises(SystemExit, match="has none for the recordings"):
        make_corpus.main([*flags, "--speech", str(aligned), "--alignments", str(tmp_path)])
    with pytest.raises(SystemExit) as stopped:
        make_corpus.main([*flags, "--alignments", str(aligned)])
    assert stopped.value.code == 2


def test_real_alignments_can_be_used(shared_data):
    for path in sorted((shared_data / "speech_aligned").glob("*.TextGrid"))[:4]:
        said = read_textgrid(path)
        assert said.words and any(g.contact == "closed" for g in gestures(said.phones))
