"""A running app.py for the tests of the page and the API, and a browser to look at it."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import imageio_ffmpeg
import pytest

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = Path("/usr/bin/chromium")
# As Debian's Chromium starts in a container without a screen and without the outside.
FLAGS = (
    "--no-sandbox --headless --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--autoplay-policy=no-user-gesture-required --use-fake-device-for-media-stream "
    "--use-fake-ui-for-media-stream"
).split()
PATIENCE_MS = 180_000  # a busy machine is slow


@contextmanager
def running(folder: Path, *flags: str) -> Iterator[str]:
    """The address of app.py, which ends with the block and must end well."""
    own = {"TMPDIR": str(folder / "tmp"), "XDG_CACHE_HOME": str(folder / "cache")}
    (folder / "tmp").mkdir()
    log = (folder / "server.log").open("w")
    server = subprocess.Popen(
        [sys.executable, "app.py", "--port", "0", "--device", "cpu", *flags], cwd=ROOT,
        env=os.environ | own, stdout=subprocess.PIPE, stderr=log, text=True,
    )  # fmt: skip
    try:
        address = re.search(r"http://\S+", server.stdout.readline())
        assert address, (folder / "server.log").read_text()
        _wait_until_it_answers(address[0], server)
        yield address[0]
    finally:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(60)
        finally:
            server.kill()
            log.close()


def _wait_until_it_answers(address: str, server: subprocess.Popen) -> None:
    end = time.monotonic() + 120
    while server.poll() is None and time.monotonic() < end:
        try:
            urllib.request.urlopen(f"{address}/", timeout=30).close()
        except urllib.error.HTTPError:
            return  # it wants a login
        except OSError:
            time.sleep(0.5)
        else:
            return
    pytest.fail("the server does not answer")


def cut(source: Path, target: Path, seconds: float, *options: str) -> Path:
    """The beginning of a film or a sound."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-i", str(source)]
    subprocess.run([*command, "-t", str(seconds), *options, str(target)], check=True)
    return target


@contextmanager
def browser() -> Iterator[object]:
    """Debian's Chromium, driven by Playwright; skips where either is not there."""
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright (pip install)")
    if not CHROMIUM.exists():
        pytest.skip("needs Chromium (apt-get install chromium)")
    with api.sync_playwright() as play:
        opened = play.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield opened
        opened.close()
