"""The words of clips: forms that are read, what goes along with a video, what is said of faults."""

import json
import logging

import pytest

from corpus.errors import ClipError
from corpus.transcripts import carry_transcript, plain_words, read_transcript, read_words
from corpus.truth import TRUTH_FORMAT


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("IT'S THE  INTERNET", "it's the internet"),
        ("Don’t stop, Émile!", "don't stop émile"),
        ("page 12 -- over_there", "page 12 over there"),
        (" ... ", ""),
    ],
)
def test_words_are_plain(text, words):
    assert plain_words(text) == words


def test_the_first_line_counts_with_and_without_the_mark(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("Text:  WHEN YOU'RE COOKING\nConf:  4\n\nWORD START END\n")
    assert read_transcript(file) == "when you're cooking"
    file.write_bytes(b"\xef\xbb\xbfbin blue\r\n")
    assert read_transcript(file) == "bin blue"


@pytest.mark.parametrize("content", [b"", b"\nwords below", b"Text:  \n", b"\xff\xfe\x00bad"])
def test_a_file_without_words_is_named(tmp_path, content):
    file = tmp_path / "a.txt"
    file.write_bytes(content)
    with pytest.raises(ClipError, match=r"a\.txt"):
        read_transcript(file)


def test_words_come_from_their_file_or_from_the_truth(tmp_path):
    with pytest.raises(ClipError, match="nobody knows what is said"):
        read_words(tmp_path)
    truth = {"format": TRUTH_FORMAT, "text": "My brother plays."}
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    assert read_words(tmp_path) == "my brother plays"
    (tmp_path / "words.txt").write_text("Text:  YES\n")
    assert read_words(tmp_path) == "yes"


def test_the_text_beside_a_video_goes_along_and_one_without_words_stops_nothing(tmp_path, caplog):
    video, clip = tmp_path / "one.mp4", tmp_path / "clip"
    clip.mkdir()
    carry_transcript(video, clip)
    assert not list(clip.iterdir())
    video.with_suffix(".txt").write_text("Text:  \n")
    with caplog.at_level(logging.WARNING):
        carry_transcript(video, clip)
    assert not list(clip.iterdir()) and "one.mp4: its words are left out" in caplog.text
    video.with_suffix(".txt").write_text("Text:  HELLO\n")
    carry_transcript(video, clip)
    assert read_words(clip) == "hello"
