"""The corpus as training finds it: what is usable, what is not and why; packed or not."""

import json
import shutil

import numpy as np
import pytest

import audio
from corpus import pack
from corpus.clips import Clip, Corpus, examine_clip, read_corpus, window_starts
from corpus.errors import ClipError, CorpusError
from corpus.filelists import read_filelist
from corpus.mel import mel_numbers
from corpus.pack import pack_clip
from corpus.truth import TRUTH_FILE, TRUTH_FORMAT
from tests.toy_corpus import make_clip, make_corpus
from training.blendshapes import read_shapes
from training.windows import GeneratorWindows


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    make_corpus(folder, 8, frames=30, size=40)
    return folder


@pytest.fixture
def clip_folder(tmp_path):
    make_clip(tmp_path / "speaker" / "clip", frames=20, size=32)
    return tmp_path / "speaker" / "clip"


def slow_starts(frames, columns, hp):
    """The rule, frame by frame."""
    present = set(frames.tolist())
    return [
        frame
        for frame in frames.tolist()
        if all(frame + k in present for k in range(5)) and int(80 * frame / 25) + 16 <= columns
    ]


@pytest.mark.parametrize("seed", range(5))
def test_starts_are_those_of_the_slow_rule(hp, seed):
    random = np.random.default_rng(seed)
    frames = np.flatnonzero(random.random(200) < 0.85).astype(np.int32)
    columns = int(random.integers(100, 700))
    assert window_starts(frames, columns, hp).tolist() == slow_starts(frames, columns, hp)


def test_mel_is_made_once_and_kept(hp, clip_folder):
    clip = examine_clip(clip_folder, "a/b", hp)
    made = clip_folder / "mel.npy"
    stamp = made.stat().st_mtime_ns
    assert clip.read_mel().shape == (80, clip.columns) == (80, 1 + 20 * 640 // 200)
    examine_clip(clip_folder, "a/b", hp)
    assert made.stat().st_mtime_ns == stamp


def test_holes_end_windows(hp, clip_folder):
    (clip_folder / "7.jpg").unlink()
    starts = examine_clip(clip_folder, "a/b", hp).starts
    assert starts.tolist() == [0, 1, 2, 8, 9, 10, 11, 12, 13, 14, 15]


def test_unusable_clips_are_counted_with_their_reasons(tiny_hp, root, tmp_path):
    make_clip(tmp_path / "s/good", frames=20, size=32)
    make_clip(tmp_path / "s/good2", frames=20, size=32)
    make_clip(tmp_path / "s/good3", frames=20, size=32)
    make_clip(tmp_path / "s/silent", frames=20, size=32)
    (tmp_path / "s/silent/audio.wav").unlink()
    make_clip(tmp_path / "s/short", frames=8, size=32)
    (tmp_path / "val.txt").write_text("s/good\ns/silent\ns/short\ns/good2\ns/gone\ns/good3\n")
    corpus = read_corpus(tmp_path, tmp_path / "val.txt", tiny_hp)
    assert [clip.name for clip in corpus.clips] == ["s/good", "s/good2", "s/good3"]
    assert corpus.unusable["s/silent"] == "no audio.wav"
    assert "too short" in corpus.unusable["s/short"]
    assert corpus.unusable["s/gone"] == "no such folder"
    assert "3 of 6 clips can be used" in corpus.summary()
    assert "no audio.wav (the first: s/silent)" in corpus.summary()


def test_a_mostly_broken_corpus_is_an_error(tiny_hp, tmp_path):
    make_clip(tmp_path / "s/good", frames=20, size=32)
    (tmp_path / "val.txt").write_text("s/good\ns/gone\ns/away\n")
    with pytest.raises(CorpusError, match="2 left out: no such folder"):
        read_corpus(tmp_path, tmp_path / "val.txt", tiny_hp)


def test_broken_files_are_named(tiny_hp, clip_folder):
    (clip_folder / "mel.npy").write_bytes(b"no array")
    with pytest.raises(ClipError, match="mel.npy is broken"):
        examine_clip(clip_folder, "a/b", tiny_hp)
    (clip_folder / "mel.npy").unlink()
    (clip_folder / "audio.wav").write_bytes(b"no sound")
    with pytest.raises(ClipError, match="audio.wav cannot be read"):
        examine_clip(clip_folder, "a/b", tiny_hp)


def test_lists_take_the_first_word_once(tmp_path):
    path = tmp_path / "train.txt"
    path.write_text("a/1 NF MV\n\na/2\na/1 NF MV\n")
    assert read_filelist(path) == ["a/1", "a/2"]
    path.write_text("\n")
    with pytest.raises(CorpusError, match="names no clip"):
        read_filelist(path)
    with pytest.raises(CorpusError, match="--filelists"):
        read_filelist(tmp_path / "none.txt")


def test_lists_of_any_making_name_each_clip_once(tmp_path):
    path = tmp_path / "train.txt"
    path.write_bytes(b"\xef\xbb\xbfa/1\r\n./a/1 NF\na//1\na/./2/\ra/\xe2\x80\xa8b\n")
    assert read_filelist(path) == ["a/1", "a/2", "a"]
    path.write_bytes("a/1\na/é\n".encode("latin-1"))
    with pytest.raises(CorpusError, match="train.txt, line 2 is not UTF-8"):
        read_filelist(path)


@pytest.mark.parametrize("kind", ["loose", "packed"])
def test_a_mel_of_other_numbers_is_refused(tiny_hp, clip_folder, kind):
    for numbers, told in (
        ("hop_size=160", "hop_size 160, not 200"),
        ("fmin=90", "fmin 90, not 55"),
    ):
        other = tiny_hp.with_overrides(numbers)
        if kind == "packed":
            pack_clip(clip_folder, other)
        examine_clip(clip_folder, "a/b", other)
        with pytest.raises(ClipError, match=told):
            examine_clip(clip_folder, "a/b", tiny_hp)
        for file in (*clip_folder.glob("mel.*"), *clip_folder.glob("faces*")):
            file.unlink()
    examine_clip(clip_folder, "a/b", tiny_hp)


def test_the_numbers_that_preprocessing_wrote_down_count(tiny_hp, clip_folder):
    examine_clip(clip_folder, "a/b", tiny_hp)
    (clip_folder / "mel.json").unlink()
    described = {"settings": {"sample_rate": 16000, "preemphasis": 0.5}}
    (clip_folder / "clip.json").write_text(json.dumps(described))
    with pytest.raises(ClipError, match="preemphasis 0.5, not 0.97; remove mel.npy"):
        examine_clip(clip_folder, "a/b", tiny_hp)
    (clip_folder / "mel.npy").unlink()
    examine_clip(clip_folder, "a/b", tiny_hp)


def test_the_numbers_of_a_mel_are_all_that_its_making_reads(hp):
    read = set()

    class Watched:
        def __getattr__(self, name):
            read.add(name)
            return getattr(hp, name)

    audio.mel_filters.cache_clear()
    audio.melspectrogram(np.zeros(2000, np.float32), Watched())
    assert read == set(mel_numbers(hp))


def test_a_mel_without_a_word_of_its_numbers_is_measured(tiny_hp, clip_folder):
    examine_clip(clip_folder, "a/b", tiny_hp.with_overrides("hop_size=160"))
    (clip_folder / "mel.json").unlink()
    with pytest.raises(ClipError, match="81 columns and its sound makes 65: another hop_size"):
        examine_clip(clip_folder, "a/b", tiny_hp)


def test_mels_are_float32_and_hold_numbers(tiny_hp, clip_folder):
    clip = examine_clip(clip_folder, "a/b", tiny_hp)
    mel = clip.read_mel().astype(np.float64)
    np.save(clip_folder / "mel.npy", mel)
    assert clip.read_mel().dtype == np.float32
    mel[3, 4] = np.nan
    np.save(clip_folder / "mel.npy", mel)
    with pytest.raises(ClipError, match="values that are no numbers"):
        clip.read_mel()


def test_late_sound_is_told_at_any_hop(tiny_hp, root):
    hp = tiny_hp.with_overrides("hop_size=160")
    clip = Clip("a", root, np.arange(100), 1 + 400, np.arange(90))  # 4 s of both
    assert Corpus((clip,), {}, 25, hp.mels_per_second).late_share == 0
    assert Corpus((clip,), {}, 25, tiny_hp.mels_per_second).late_share == 1


def test_a_jpeg_that_is_cut_off_is_not_trained_on(tiny_hp, clip_folder):
    face = clip_folder / "6.jpg"
    whole = face.read_bytes()
    clip = examine_clip(clip_folder, "a/b", tiny_hp)
    for length in (0, 300, len(whole) // 2, len(whole) - 2):
        face.write_bytes(whole[:length])
        with pytest.raises(ClipError, match="6.jpg"):
            clip.read_faces(np.array([5, 6]), 32, 32)
    preview = whole[:2] + b"\xff\xe1" + (len(whole) + 2).to_bytes(2, "big") + whole + whole[2:]
    face.write_bytes(preview[:-9])
    with pytest.raises(ClipError, match="6.jpg is cut off"):
        clip.read_faces(np.array([5, 6]), 32, 32)
    face.write_bytes(preview + b"\0" * 9)
    clip.read_faces(np.array([5, 6]), 32, 32)


def test_numbers_of_faces_are_frames(tiny_hp, clip_folder):
    for name in ("20230101123456.jpg", "00003.jpg", "cover.jpg", "²0.jpg"):
        shutil.copy(clip_folder / "5.jpg", clip_folder / name)
    assert examine_clip(clip_folder, "a/b", tiny_hp).frames.tolist() == list(range(20))
    for number in range(20):
        (clip_folder / f"{number}.jpg").rename(clip_folder / f"{number:05d}.jpg")
    with pytest.raises(ClipError, match="without leading zeros"):
        examine_clip(clip_folder, "a/b", tiny_hp)


def test_packed_faces_are_those_of_the_jpegs(tiny_hp, clip_folder):
    (clip_folder / "3.jpg").unlink()
    loose = examine_clip(clip_folder, "a/b", tiny_hp)
    pack_clip(clip_folder, tiny_hp)
    tight = examine_clip(clip_folder, "a/b", tiny_hp)
    assert tight.packed and not loose.packed
    np.testing.assert_array_equal(tight.starts, loose.starts)
    for frames in (np.arange(5, 10), np.array([4, 12, 2, 19])):
        np.testing.assert_array_equal(
            tight.read_faces(frames, 32, 32), loose.read_faces(frames, 32, 32)
        )
    assert tight.read_faces(np.array([5]), 16, 24).shape == (1, 16, 24, 3)


def test_packing_a_corpus_by_command(tiny_hp, root, tmp_path):
    make_corpus(tmp_path, 3, frames=14, size=32)
    (tmp_path / "speaker0/00000/5.jpg").write_bytes(b"")
    arguments = ["--data_root", str(tmp_path), "--hparams", "img_size=32"]
    assert pack.main(arguments) == 0
    made = sorted(path.parent.name for path in tmp_path.rglob("faces_32x32.safetensors"))
    assert made == ["00001", "00002"]
    (tmp_path / "deep/er").mkdir(parents=True)
    (tmp_path / "speaker2").rename(tmp_path / "deep/er/speaker2")
    assert pack.main(arguments) == 0
    assert (tmp_path / "deep/er/speaker2/00002/faces_32x32.safetensors").exists()
    (tmp_path / "deep/er/speaker2").rename(tmp_path / "speaker2")
    corpus = read_corpus(tmp_path, tmp_path / "filelists/train.txt", tiny_hp)
    sample = GeneratorWindows(corpus.clips, tiny_hp, seed=0)[0]
    assert sample["targets"].shape == (5, 32, 32, 3)


def test_a_broken_pack_is_named(tiny_hp, clip_folder):
    pack_clip(clip_folder, tiny_hp).write_bytes(b"{")
    with pytest.raises(ClipError, match="faces_32x32.safetensors is broken"):
        examine_clip(clip_folder, "a/b", tiny_hp)


def test_a_truth_without_end_is_unknown(clip_folder):
    truth = {"format": TRUTH_FORMAT, "fps": 25, "frames": 20}
    truth["weights"] = {"jawOpen": [float("inf")] + [0.1] * 19, "mouthPress_L": [0.1] * 20}
    (clip_folder / TRUTH_FILE).write_text(json.dumps(truth))
    shapes = read_shapes(clip_folder)
    assert np.isnan(shapes[:, 0]).all() and np.isfinite(shapes[:, 1:]).all()


def test_packing_needs_a_worker(tmp_path, capsys):
    with pytest.raises(SystemExit):
        pack.main(["--data_root", str(tmp_path), "--workers", "0"])
    assert "--workers must be 1 or more" in capsys.readouterr().err
