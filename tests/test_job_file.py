"""jobs/job_file.py: lines of JSON as flags."""

import pytest

from jobs.job_file import read_jobs


def read(tmp_path, text):
    (tmp_path / "jobs.jsonl").write_text(text)
    return list(read_jobs(tmp_path / "jobs.jsonl"))


def test_values_become_flags(tmp_path):
    text = '# two\n\n{"face": "-a b.mp4", "pads": [0, -1, 0, 0], "static": true, "crf": 20}\n'
    ((line, arguments),) = read(tmp_path, text)
    assert line == 3
    assert arguments == ["--face=-a b.mp4", "--pads", "0", "-1", "0", "0", "--static", "--crf=20"]


def test_false_and_null_mean_not_given(tmp_path):
    ((_, arguments),) = read(tmp_path, '{"static": false, "end": null}')
    assert arguments == []


@pytest.mark.parametrize(
    "line, words", [("{face: 1}", "not JSON"), ("[1]", "a job is an object"),
                    ('{"pads": {"top": 1}}', "pads: expected a value or a list")]
)  # fmt: skip
def test_a_bad_line_is_an_error_of_its_own(tmp_path, line, words):
    (first, error), (second, arguments) = read(tmp_path, line + '\n{"face": "a"}')
    assert (first, second) == (1, 2)
    assert words in str(error) and arguments == ["--face=a"]


def test_files_of_other_editors_are_read(tmp_path):
    """With the mark that some editors put first, their line ends, and any separator in a name."""
    file = tmp_path / "jobs.jsonl"
    text = '\ufeff{"face": "a\u2028b"}\r\n{"face": "c\x85d"}\r\n'
    file.write_bytes(text.encode())
    assert list(read_jobs(file)) == [(1, ["--face=a\u2028b"]), (2, ["--face=c\x85d"])]


def test_unreadable_files(tmp_path):
    with pytest.raises(FileNotFoundError):
        list(read_jobs(tmp_path / "none"))
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="no text file"):
        list(read_jobs(tmp_path / "binary"))
