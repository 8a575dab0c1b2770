"""Folders of a corpus: whole or absent, no work of a live run lost, no circle walked for ever."""

import os
import time
from pathlib import Path

import pytest

from corpus import whole_folder as module
from corpus.names import plain_name, shorten, tell_apart
from corpus.walk import walk
from corpus.whole_folder import partial_folder, whole_folder


def folders(root: Path) -> list[str]:
    return sorted(folder.relative_to(root).as_posix() for folder, _, _ in walk(root))


def test_the_work_of_a_live_run_stays(tmp_path):
    with whole_folder(tmp_path / "talk") as first:
        (first / "0.jpg").write_text("first")
        with whole_folder(tmp_path / "talk") as second:
            (second / "clip.json").write_text("second")
        assert (first / "0.jpg").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["talk"]
    assert [path.name for path in (tmp_path / "talk").iterdir()] == ["clip.json"]


def test_what_a_killed_run_left_goes_and_what_another_clip_has_stays(tmp_path):
    for name in (".talk.4711.partial", ".talk.0badcafe.partial", ".talk.final.4711.partial"):
        (tmp_path / name).mkdir()
        (tmp_path / name / module.LOCK).touch()
    with partial_folder(tmp_path / "talk") as partial:
        (partial / "0.jpg").touch()
    assert [path.name for path in tmp_path.iterdir()] == [".talk.final.4711.partial"]


def test_a_folder_without_a_lock_is_left_alone_while_it_is_young(tmp_path):
    young, old = tmp_path / ".talk.1.partial", tmp_path / ".talk.2.partial"
    young.mkdir(), old.mkdir()
    os.utime(old, (time.time() - 3600,) * 2)
    module.remove_abandoned(tmp_path / "talk")
    assert list(tmp_path.iterdir()) == [young]


def test_a_clip_that_another_run_finishes_meanwhile_is_kept(tmp_path, monkeypatch):
    replace = os.replace

    def beaten(partial, target):
        if Path(target).name == "talk":
            Path(target).mkdir()
            (Path(target) / "clip.json").write_text("theirs")
        replace(partial, target)

    monkeypatch.setattr(module.os, "replace", beaten)
    with whole_folder(tmp_path / "talk") as partial:
        (partial / "clip.json").write_text("ours")
    assert (tmp_path / "talk/clip.json").read_text() == "theirs"
    assert [path.name for path in tmp_path.iterdir()] == ["talk"]


@pytest.mark.parametrize("said_anew", [False, True])
def test_words_beside_the_original_s_crops_are_kept_unless_they_are_made_anew(tmp_path, said_anew):
    talk = tmp_path / "talk"
    talk.mkdir()
    for name in ("0.jpg", "audio.wav", "words.txt"):
        (talk / name).write_text("theirs")
    with whole_folder(talk) as partial:
        (partial / "clip.json").touch()
        if said_anew:
            (partial / "words.txt").write_text("ours")
    assert sorted(path.name for path in talk.iterdir()) == ["clip.json", "words.txt"]
    assert (talk / "words.txt").read_text() == ("ours" if said_anew else "theirs")


@pytest.mark.parametrize("length", [200, 251, 255])
def test_long_names_find_room(tmp_path, length):
    with whole_folder(tmp_path / ("x" * length)) as partial:
        (partial / "clip.json").touch()
    assert [len(path.name) for path in tmp_path.iterdir()] == [length]


def test_shortened_names_still_differ():
    names = ["ä" * 200 + end for end in "ab"]
    short = [shorten(name, 100) for name in names]
    assert all(len(name.encode()) <= 100 for name in short) and short[0] != short[1]
    assert shorten("name", 100) == "name"


def test_names_are_told_apart_in_any_order():
    names, keys = ["a", "b", "a", "b"], ["1", "2", "3", "2"]
    found = tell_apart(names, keys)
    assert found[1] == found[3] == "b" and len(set(found)) == 3
    assert tell_apart(names[::-1], keys[::-1]) == found[::-1]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/my clip", "a/my_clip"),
        ("a / b", "a_/_b"),
        (" /x", "_/x"),
        ("a/ ", "a/_"),
        (".data/x", "_.data/x"),
        ("a/\udce9t\udce9", "a/_t_"),
    ],
)
def test_names_can_stand_in_a_filelist(path, name):
    assert plain_name(Path(path), 235) == name


def test_links_are_followed_but_never_in_a_circle(tmp_path):
    outside, root = tmp_path / "outside", tmp_path / "root"
    (outside / "deep").mkdir(parents=True)
    (root / "a/.hidden/b").mkdir(parents=True)
    (root / "a/circle").symlink_to(root)
    (root / "self").symlink_to(root / "self")
    (root / "once").symlink_to(outside)
    (root / "twice").symlink_to(outside)
    (outside / "deep/back").symlink_to(root / "a")
    assert folders(root) == [
        ".", "a", "once", "once/deep", "once/deep/back", "twice", "twice/deep", "twice/deep/back"
    ]  # fmt: skip
