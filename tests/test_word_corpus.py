"""A corpus of words on disk: windows of sound, holes, names, and what makes it."""

import json

import cv2
import numpy as np
import pytest

import preprocess
from corpus.errors import ClipError, CorpusError
from corpus.words import (
    FRAMES,
    HEARD,
    UNKNOWN,
    VISEMES,
    hear_windows,
    read_word_corpus,
    write_word_files,
    write_words,
)
from preprocessing.word_clip import find_words
from synthesis import make_corpus
from synthesis.speech.visemes import VISEMES as SPOKEN
from synthesis.speech.word_utterance import say_word
from synthesis.speech.words import sentence_with, word_list, word_of_clip
from tests.drawn_talker import write_clip
from tests.espeak_mark import needs_espeak
from tests.synthetic_sounds import synthetic_sounds
from tests.word_trees import SIDE, write_tree


@pytest.mark.parametrize("name", ["vowelish"])
def test_windows_equal_matlabs(request, name):
    golden = np.load(request.path.parent / "data" / "golden_relatives_features.npz")
    expected = golden[f"davs_windows.{name}"]
    found = hear_windows(synthetic_sounds()[name])
    count = min(len(found), len(expected))
    np.testing.assert_allclose(found[:count], expected[:count], atol=1e-9)


def test_a_frame_shows_the_viseme_of_its_middle(tmp_path):
    clip = read_word_corpus(write_tree(tmp_path), "train").clips[0]
    said = [["p", 0.1, 0.3], ["a", 0.3, 0.5], ["click", 0.5, 1.16]]
    (clip.folder / "clip.json").write_text(json.dumps({"visemes": said}))
    found = clip.read_visemes([0, 2, 6, 7, 11, 12])  # frame 2: 80 to 120 ms, its middle at 100
    p, a = VISEMES.index("p"), VISEMES.index("a")
    assert found.tolist() == [UNKNOWN, p, p, a, a, UNKNOWN]  # 12: of a viseme that has no number
    (clip.folder / "clip.json").write_text("broken")
    assert (clip.read_visemes([3]) == UNKNOWN).all()


def test_visemes_are_those_that_lips_are_drawn_by():
    assert VISEMES == tuple(SPOKEN)


def test_silence_is_heard_as_numbers():
    np.testing.assert_allclose(hear_windows(np.zeros(18560)), 0, atol=1e-9)


def test_a_tree_is_read_back(tmp_path):
    corpus = read_word_corpus(write_tree(tmp_path), "val")
    assert corpus.words == ("no", "yes") and [clip.word for clip in corpus.clips] == [0, 0, 1, 1]
    clip = corpus.clips[3]
    assert clip.name == "val/1/1"
    assert clip.read_faces([28])[0].shape == (SIDE, SIDE, 3)
    written = np.fromfile(clip.folder / "mfcc20" / "7.bin").reshape(20, 12)
    np.testing.assert_array_equal(clip.read_heard([7])[0], written.astype(np.float32))


@pytest.mark.parametrize(
    ("lost", "told"),
    [("align_face256/28.jpg", "val/1/0 lacks align_face256/28.jpg"), ("mfcc20/2.bin", "mfcc20/2")],
)
def test_a_tree_with_holes_is_refused(tmp_path, lost, told):
    root = write_tree(tmp_path)
    (root / "val/1/0" / lost).unlink()
    with pytest.raises(CorpusError, match=told):
        read_word_corpus(root, "val")
    assert len(read_word_corpus(root, "train").clips) == 4


def test_no_tree_says_what_makes_one(tmp_path):
    with pytest.raises(CorpusError, match="--layout lrw"):
        read_word_corpus(tmp_path, "train")


def test_too_few_frames_make_no_clip(tmp_path):
    with pytest.raises(ClipError, match="3 frames"):
        write_word_files(tmp_path, [np.zeros((8, 8, 3), np.uint8)] * 3, np.zeros(16000))


def test_a_broken_window_is_named(tmp_path):
    root = write_tree(tmp_path)
    (root / "val/0/0/mfcc20/3.bin").write_bytes(b"abc")
    with pytest.raises(ClipError, match="3.bin: 0 numbers"):
        read_word_corpus(root, "val").clips[0].read_heard([2, 3])


def test_other_words_are_not_mixed_in(tmp_path):
    write_words(tmp_path, ("a", "b"))
    write_words(tmp_path, ("a", "b"))
    with pytest.raises(CorpusError, match="other words"):
        write_words(tmp_path, ("a", "c"))


def test_sentences_hold_their_word():
    words, rng = word_list(50), np.random.default_rng(0)
    assert len(words) == 50 and list(words) == sorted(words)
    for word in words:
        text, position = sentence_with(word, rng)
        assert text[position : position + len(word)].lower() == word
    with pytest.raises(ValueError, match="not 9999"):
        word_list(9999)
    assert [word_of_clip(words, clip) for clip in (0, 49, 50)] == [(0, 0), (49, 0), (0, 1)]


@needs_espeak
def test_a_word_lies_in_the_middle_of_its_clip():
    from synthesis.speech.voices import draw_voice

    voice = draw_voice("train", np.random.default_rng(1), ("en",))
    said, (start, end) = say_word(voice, "breakfast", FRAMES, np.random.default_rng(2))
    assert start + end == pytest.approx(1.16, abs=1e-6) and 0.2 < end - start < 1.16
    assert len(said.clean) == 18560 and np.abs(said.clean[6000:12000]).max() > 0.02
    edges = [(phone.start, phone.end) for phone in said.phones]
    assert edges[0][0] == 0 and edges[-1][1] == pytest.approx(1.16)
    assert all(a[1] == pytest.approx(b[0]) for a, b in zip(edges, edges[1:], strict=False))


@pytest.mark.slow
def test_lrws_folders_become_davss_tree(tmp_path):
    videos, out = tmp_path / "lrw", tmp_path / "tree"
    write_clip(videos / "YES" / "train" / "YES_00001.mp4", frames=31)
    write_clip(videos / "NO" / "val" / "NO_00007.mp4", frames=20)
    clips, words = find_words(videos)
    assert words == ("NO", "YES") and [c.name for c in clips] == ["train/1/1", "val/0/7"]
    flags = ["--data_root", str(videos), "--preprocessed_root", str(out), "--layout", "lrw"]
    with pytest.raises(SystemExit) as stopped:
        preprocess.main([*flags, "--detector", "haar", "--quiet", "--workers", "1"])
    assert stopped.value.code == 0
    rows = [json.loads(line) for line in (out / "report.jsonl").read_text().splitlines()]
    assert [row.get("reason") for row in rows] == [None, "too short"]
    (clip,) = read_word_corpus(out, "train").clips
    assert clip.word == 1 and cv2.imread(str(clip.folder / "align_face256/0.jpg")).shape[0] == 260
    assert clip.read_heard(HEARD).shape == (25, 20, 12)


def test_a_folder_that_is_not_lrws_is_told(tmp_path):
    write_clip(tmp_path / "anna" / "1.mp4", frames=2)
    with pytest.raises(CorpusError, match="LRW's folders"):
        find_words(tmp_path)


@pytest.mark.parametrize("flag", ["--languages=fr", "--speech=x"])
def test_words_take_no_other_speech(flag, capsys):
    with pytest.raises(SystemExit) as stopped:
        make_corpus.main(["--sound_only", "--out", "out", "--words", "5", flag])
    assert stopped.value.code == 2 and "--words" in capsys.readouterr().err
