"""preprocess.py --layout talklip: what it writes, resuming, shards, lists, faults."""

import shutil
import wave

import numpy as np
import pytest

import preprocess
from face_detection import Box
from face_detection.boxes import middle_box
from tests.drawn_talker import write_clip


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    root = tmp_path_factory.mktemp("videos")
    write_clip(root / "main/a.mp4")
    shutil.copyfile(root / "main/a.mp4", root / "main/b.mp4")
    return root


def run(videos, out, *flags) -> int:
    folders = ["--audio_root", out / "audio", "--bbx_root", out / "bbx"]
    line = ["--layout", "talklip", "--data_root", videos, *folders, "--detector", "haar"]
    with pytest.raises(SystemExit) as stopped:
        preprocess.main([*map(str, line), "--quiet", "--workers", "1", *map(str, flags)])
    return stopped.value.code


def test_sound_and_boxes_of_listed_videos_and_what_is_there_stays(videos, tmp_path, capsys):
    (tmp_path / "train.txt").write_text("main/a\nmain/gone\nmain/b NF\n")
    flags = ["--filelist", tmp_path / "train.txt"]
    assert run(videos, tmp_path, *flags, "--num_shards", "2", "--shard_index", "0") == 0
    assert sorted(path.name for path in tmp_path.glob("*/main/*")) == [
        "a.npy", "a.wav", "b.npy", "b.wav",
    ]  # fmt: skip
    with wave.open(str(tmp_path / "audio/main/a.wav")) as sound:
        assert (sound.getframerate(), sound.getnchannels()) == (16000, 1)
    boxes = np.load(tmp_path / "bbx/main/a.npy")
    assert boxes.shape == (30, 4) and (boxes[:, 2:] > boxes[:, :2]).all()
    made = (tmp_path / "bbx/main/a.npy").stat().st_mtime_ns
    assert run(videos, tmp_path, *flags) == 0
    assert (tmp_path / "bbx/main/a.npy").stat().st_mtime_ns == made
    assert "left out main/gone: no such video" in capsys.readouterr().err


@pytest.mark.parametrize(
    "flags",
    [
        ["--layout", "talklip", "--audio_root", "a"],
        ["--layout", "talklip", "--audio_root", "a", "--bbx_root", "b", "--preprocessed_root", "c"],
        ["--preprocessed_root", "c", "--bbx_root", "b"],
        [],
    ],
)
def test_folders_of_the_other_layout_are_wrong_flags(tmp_path, flags):
    with pytest.raises(SystemExit) as stopped:
        preprocess.main(["--data_root", str(tmp_path), *flags])
    assert stopped.value.code == 2


def test_the_middle_stands_for_a_face_that_was_not_found():
    assert middle_box(160, 160) == Box(32, 32, 128, 128)
    assert middle_box(80, 200) == Box(0, 52, 80, 148)
