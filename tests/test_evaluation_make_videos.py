"""The protocols' videos: lists read and made, and what is made of them, or left out."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import lipsync.pipeline
import video
from audio import load_wav
from evaluation import make_filelist, make_videos
from evaluation.protocols import mismatched_pairs, read_pairs
from face_detection import Pads
from models.checkpoint import save_weights
from models.talkface import TalkFace
from tests.talking_ellipse import FixedBox, openings, voice, write_sound, write_video

EXAMPLE = Path(make_videos.__file__).parent / "test_filelists" / "example.txt"


@pytest.fixture(autouse=True)
def _own_cache_and_detector(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(lipsync.pipeline, "make_detector", lambda *args, **kwargs: FixedBox())


@pytest.fixture
def corpus(tmp_path) -> Path:
    """Two speakers' clips, 30 and 40 frames long, a tiny generator, and the example's list."""
    for name, frames in (("speaker_a", 30), ("speaker_b", 40)):
        sound = write_sound(tmp_path / f"{name}.wav", voice(openings(frames)))
        write_video(tmp_path / "data" / name / "00001.mp4", openings(frames), sound)
    hparams = {"img_height": 32, "img_width": 32, "multiplier": 0.0625}
    save_weights(tmp_path / "tiny.safetensors", TalkFace(32, 32, 0.0625), hparams)
    return tmp_path


def make(corpus: Path, *flags: str, filelist: Path = EXAMPLE) -> int:
    return make_videos.main([
        "--filelist", str(filelist), "--data_root", str(corpus / "data"),
        "--results_dir", str(corpus / "made"), "--device", "cpu",
        "--checkpoint_path", str(corpus / "tiny.safetensors"), *flags,
    ])  # fmt: skip


def written(corpus: Path) -> dict[str, float]:
    """Names of the videos made, and how many frames each has."""
    return {
        path.stem: sum(1 for _ in video.read_frames(path)) for path in (corpus / "made").glob("*")
    }


A_SAYS_B = "speaker_a_00001__speaker_b_00001"
B_SAYS_A = "speaker_b_00001__speaker_a_00001"


def test_the_papers_protocol_leaves_out_videos_shorter_than_their_speech(corpus, capsys):
    assert make(corpus) == 0
    assert written(corpus) == {B_SAYS_A: 30}
    printed = capsys.readouterr()
    assert f"left out: {A_SAYS_B}: the video is shorter (1.2 s) than its speech" in printed.err
    assert "1 of 2 videos" in printed.out


def test_real_videos_begin_again_when_the_speech_is_longer(corpus):
    assert make(corpus, "--mode", "random") == 0
    assert written(corpus) == {B_SAYS_A: 30, A_SAYS_B: 40}


@pytest.mark.slow
def test_for_tts_the_video_is_stretched_to_the_speech(corpus):
    assert make(corpus, "--mode", "tts") == 0
    assert written(corpus) == {B_SAYS_A: 30, A_SAYS_B: 40}


def test_dubbed_videos_speak_their_own_sound(corpus):
    (corpus / "list.txt").write_text("speaker_a/00001\n")
    assert make(corpus, "--mode", "dubbed", filelist=corpus / "list.txt") == 0
    assert written(corpus) == {"speaker_a_00001": 30}


def test_silence_is_as_long_as_the_speech_and_the_name_the_same(corpus):
    assert make(corpus, "--silent") == 0
    assert written(corpus) == {B_SAYS_A: 30}
    assert abs(load_wav(corpus / "made" / f"{B_SAYS_A}.mp4", 16000)).max() < 1e-3


def test_videos_that_are_there_are_kept_and_broken_ones_do_not_stop_the_rest(corpus, capsys):
    (corpus / "made").mkdir()
    kept = corpus / "made" / f"{A_SAYS_B}.mp4"
    kept.write_bytes(b"there already")
    (corpus / "data" / "broken.mp4").write_bytes(b"no video")
    listed = EXAMPLE.read_text() + "speaker_a/00001 broken\n"
    (corpus / "list.txt").write_text(listed)
    assert make(corpus, filelist=corpus / "list.txt") == 0
    assert kept.read_bytes() == b"there already"
    assert (corpus / "made" / f"{B_SAYS_A}.mp4").exists()
    assert "left out: broken__speaker_a_00001" in capsys.readouterr().err


def test_a_list_of_which_most_fails_is_a_failure(corpus):
    (corpus / "data" / "broken.mp4").write_bytes(b"no video")
    (corpus / "list.txt").write_text("speaker_a/00001 broken\n")
    assert make(corpus, filelist=corpus / "list.txt") == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("speaker_a/00001\n", "line 1: expected audio_id video_id"),
        ("# no\n\nspeaker_a/00001 nobody\n", "line 3: no file"),
        ("\n", "lists nothing"),
    ],
)
def test_wrong_lists_are_refused_by_line(corpus, content, words):
    (corpus / "list.txt").write_text(content)
    with pytest.raises((ValueError, FileNotFoundError), match=words):
        read_pairs(corpus / "list.txt", corpus / "data", "filelist")
    assert make(corpus, filelist=corpus / "list.txt") == 1


def test_every_pair_has_a_name_of_its_own(tmp_path):
    long = "y" * 150
    for name in ("a/b.mp4", "a_b.mp4", "c.wav", f"{long}.mp4", f"{long}.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "list.txt").write_text(f"c a/b\nc a_b\nc a/b\nc c\n{long}.wav {long}\n")
    pairs = read_pairs(tmp_path / "list.txt", tmp_path, "filelist")
    names = [pair.name for pair in pairs]
    assert names[0] == names[2] and len(set(names)) == 4 and names[3] == "c"
    assert names[0].startswith("a_b__c-") and names[1].startswith("a_b__c-")
    assert all(len(name) <= 220 for name in names)
    (tmp_path / "list.txt").write_text("c a/b\n")
    assert read_pairs(tmp_path / "list.txt", tmp_path, "filelist")[0].name == "a_b__c"


@pytest.mark.parametrize(("frames", "wanted"), [(20, 33), (20, 20), (20, 7)])
def test_stretching_repeats_or_leaves_out_evenly(tmp_path, frames, wanted):
    with video.VideoWriter(tmp_path / "ramp.mp4", 32, 32, 25, crf=1) as writer:
        for number in range(frames):
            writer.write(np.full((32, 32, 3), 10 * number + 20, np.uint8))
    made = make_videos.stretch(tmp_path / "ramp.mp4", wanted / 25, tmp_path / "out.mkv")
    shown = [round((frame.mean() - 20) / 10) for frame in video.read_frames(made)]
    assert shown == [number * frames // wanted for number in range(wanted)]


def test_settings_of_the_protocols():
    assert make_videos.settings_for("filelist", 1080).pads == Pads(0, 0, 0, 0)
    assert make_videos.settings_for("filelist", 1080).resize_factor == 1
    factors = [
        make_videos.settings_for("random", lines).resize_factor for lines in (720, 721, 2160)
    ]
    assert factors == [1, 2, 3]


def test_mismatched_pairs_use_every_video_alike_and_never_its_own_sound():
    ids = [f"clip{number}" for number in range(10)]
    pairs = mismatched_pairs(ids, 35)
    assert pairs == mismatched_pairs(ids, 35)
    assert pairs != mismatched_pairs(ids, 35, seed=1)
    assert all(audio != video_id for audio, video_id in pairs)
    assert set(Counter(video_id for _, video_id in pairs).values()) == {3, 4}
    with pytest.raises(ValueError, match="two videos or more"):
        mismatched_pairs(["one", "one"], 3)


def test_a_list_is_made_from_the_corpus_own_list(tmp_path, capsys):
    (tmp_path / "test.txt").write_text("a/1 NF 000 MV 000\n\nb/2 NF 001 MV 000\n")
    assert make_filelist.main([str(tmp_path / "test.txt"), "--count", "4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sorted(set(lines)) == ["a/1 b/2", "b/2 a/1"]
    assert make_filelist.main([str(tmp_path / "none.txt")]) == 1
