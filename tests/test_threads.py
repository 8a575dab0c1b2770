"""Threads that wait do not spin: said before torch is loaded, or it is too late."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = """
import os, sys
import inference
assert "torch" not in sys.modules
inference.main(["--face", "no.mp4", "--audio", "no.wav"])
print(os.environ["OMP_WAIT_POLICY"], "torch" in sys.modules)
"""


def test_inference_says_so_before_it_loads_torch():
    free = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    said = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env=free,
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.split() == ["PASSIVE", "True"]
