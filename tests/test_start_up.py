"""What inference.py loads and when, and that its threads wait without spinning."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ANSWERS = """
import contextlib, sys
import inference
for flags in (["--help"], ["--nonsense"], ["--face", "a", "--audio", "b", "--fps", "0"]):
    with contextlib.suppress(SystemExit):
        inference.main(flags)
print("loaded:", *sorted({"torch", "numpy", "cv2", "scipy", "ffmpeg"} & sys.modules.keys()))
"""
LOADS = """
import os, sys
import inference
assert "torch" not in sys.modules
inference.main(["--face", "no.mp4", "--audio", "no.wav"])
print(os.environ["OMP_WAIT_POLICY"])
heavy = {"torch", "torch._dynamo", "sympy", "scipy", "numba"}
print("loaded:", *sorted(heavy & sys.modules.keys()))
"""


def said_by(script: str) -> list[str]:
    """The lines that a process of its own prints."""
    free = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    command = [sys.executable, "-c", script]
    ended = subprocess.run(command, cwd=ROOT, env=free, capture_output=True, text=True, check=True)
    return ended.stdout.splitlines()


def test_help_and_wrong_flags_load_nothing():
    assert said_by(ANSWERS)[-1].split() == ["loaded:"]


def test_a_video_loads_torch_and_not_its_compiler_nor_scipy():
    """Torch's compiler and scipy take 1.5 s; how threads wait is said before torch is loaded."""
    assert said_by(LOADS) == ["PASSIVE", "loaded: torch"]
