"""Files that are whole or absent."""

import pytest

from atomic import whole_or_absent, write_whole


def test_text_goes_into_folders_that_are_made(tmp_path):
    write_whole(tmp_path / "a" / "b.txt", "häuser")
    assert (tmp_path / "a" / "b.txt").read_text(encoding="utf-8") == "häuser"
    assert len(list((tmp_path / "a").iterdir())) == 1


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    target = tmp_path / "a.pth"
    target.write_text("old")
    with pytest.raises(RuntimeError), whole_or_absent(target) as partial:
        assert partial.suffix == ".pth"
        partial.write_text("half")
        raise RuntimeError("disk full")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]
