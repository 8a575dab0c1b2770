"""The image builds and answers, where a docker engine runs; what it copies is the tree's."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def docker(*words: str, seconds: float) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["docker", *words], cwd=ROOT, capture_output=True, text=True, timeout=seconds
    )


@pytest.fixture(scope="module")
def engine() -> None:
    if shutil.which("docker") is None:
        pytest.skip("there is no docker here")
    try:
        answer = docker("info", seconds=20)
    except (subprocess.TimeoutExpired, OSError) as error:
        pytest.skip(f"docker does not answer: {error}")
    if answer.returncode != 0:
        pytest.skip("no docker engine runs here")


@pytest.mark.slow
def test_the_image_builds_and_answers(engine):
    built = docker("build", "-q", "-t", "talkface-test", ".", seconds=1800)
    assert built.returncode == 0, built.stderr
    answer = docker("run", "--rm", "talkface-test", seconds=120)
    assert answer.returncode == 0 and "--face" in answer.stdout


def test_the_image_has_what_the_scripts_need():
    text = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^ENTRYPOINT .*inference\.py", text, re.MULTILINE)
    pinned = re.search(r"grep -o '(.*?)' requirements", text)[1]
    found = re.findall(pinned, (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert len(found) == 1 and found[0].startswith("torch==")
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert ".venv" in ignored and "checkpoints" not in ignored
