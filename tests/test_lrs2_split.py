"""preprocess.py --split: LRS2's lists, the folders of its release, what is said of holes."""

import pytest

import preprocess
from corpus.errors import CorpusError
from preprocessing.lrs2_split import take_split
from preprocessing.videos import SourceVideo, find_sources


@pytest.fixture
def release(tmp_path):
    """LRS2's folders and lists, with videos that nobody opens."""
    root = tmp_path / "mvlrs_v1"
    for name in ("main/11/00001", "main/11/00002", "main/22/00001", "pretrain/11/00001"):
        path = root / f"{name}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "pretrain.txt").write_text("11/00001\n")
    (lists / "train.txt").write_text("11/00001 NF\n22/00001 MV\n")
    (lists / "val.txt").write_text("11/00002\n33/00009\n")
    (lists / "test.txt").write_text("44/00001\n")
    return root, lists


def names(clips: list[SourceVideo]) -> list[str]:
    return [clip.name for clip in clips]


@pytest.mark.parametrize(
    ("split", "kept"),
    [("main", ["main/11/00001", "main/22/00001"]), ("pretrain", ["pretrain/11/00001"])],
)
def test_a_split_is_its_list_in_its_folder(split, kept, release):
    root, lists = release
    assert names(take_split(find_sources(root), root, split, lists)) == kept


def test_the_split_s_own_folder_will_do_too(release):
    root, lists = release
    inner = root / "main"
    assert names(take_split(find_sources(inner), inner, "main", lists)) == ["11/00001", "22/00001"]


def test_clips_that_are_not_there_are_named(release, caplog):
    root, lists = release
    assert names(take_split(find_sources(root), root, "val", lists)) == ["main/11/00002"]
    assert "1 of the 2 clips" in caplog.text and "33/00009" in caplog.text
    with pytest.raises(CorpusError, match="main/44/00001.mp4; --data_root is LRS2's folder"):
        take_split(find_sources(root), root, "test", lists)


def test_a_split_without_its_list_is_refused_in_one_line(release, tmp_path, capsys):
    root, lists = release
    (lists / "pretrain.txt").unlink()
    line = ["--data_root", root, "--preprocessed_root", tmp_path / "out", "--filelists", lists]
    for more, code, words in (
        (["--split", "pretrain"], "error: no filelist", "pretrain.txt"),
        (["--split", "all"], 2, "invalid choice"),
        (["--split", "main", "--make_filelists", "1,0,0"], 2, "LRS2's own lists"),
    ):
        with pytest.raises(SystemExit) as caught:
            preprocess.main([str(word) for word in (*line, *more)])
        said = capsys.readouterr().err + str(caught.value.code)
        assert str(caught.value.code).startswith(str(code)) and words in said
