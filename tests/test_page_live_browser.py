"""The Live tab's page in a real browser, with a fake microphone and camera; toy networks behind."""

import threading
import time

import pytest

for package in ("fastapi", "aiortc", "uvicorn"):
    pytest.importorskip(package, reason="needs requirements-app.txt")

from page import live_tab  # noqa: E402
from page.limits import Limits  # noqa: E402
from tests.lipsync_material import make_face_video  # noqa: E402
from tests.page_server import browser  # noqa: E402
from tests.test_lipsync_live import Loud, maker_of  # noqa: E402

pytestmark = pytest.mark.slow
PATIENCE_SECONDS = 60
# What has come by WebRTC, and where the player is.
RECEIVED = """async () => {
    const none = { frames: 0, energy: 0 }, shown = document.getElementById('shown');
    const found = { time: shown.currentTime, video: none, audio: none };
    (await peer.getStats()).forEach((part) => {
        if (part.type === 'inbound-rtp')
            found[part.kind] = { frames: part.framesDecoded, energy: part.totalAudioEnergy,
                                 packets: part.packetsReceived };
    });
    return found;
}"""


@pytest.fixture(scope="module")
def chromium():
    with browser() as opened:
        yield opened


@pytest.fixture
def address(tmp_path, monkeypatch):
    """A server of the tab's routes alone."""
    import fastapi
    import uvicorn

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    face = make_face_video(tmp_path / "face.mkv", frames=20)
    monkeypatch.setattr(live_tab, "SAMPLE_FACE", face)
    app = fastapi.FastAPI()
    live_tab.add_live(app, lambda: maker_of(Loud()), Limits(), lambda: None)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


@pytest.fixture
def live(chromium, address):
    page = open_live(chromium, address)
    yield page
    page.close()


def open_live(chromium, address: str):
    page = chromium.new_page(viewport={"width": 390, "height": 700})
    page.set_default_timeout(1000 * PATIENCE_SECONDS)
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.goto(f"{address}/live/")
    return page


def begin(page, face: str) -> None:
    page.locator("#face").select_option(face)
    page.locator("#heard").check()
    page.locator("#start").click()


def wait_for_words(page, words: str) -> None:
    page.wait_for_function(f"document.getElementById('said').textContent.includes('{words}')")


def wait_for_more(page, before: dict) -> dict:
    """Until more pictures and louder sound have come than before."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        page.wait_for_timeout(300)
        found = page.evaluate(RECEIVED)
        if (
            found["video"]["frames"] > before["video"]["frames"] + 5
            and found["audio"]["energy"] > before["audio"]["energy"]
            and found["time"] > before["time"]
        ):
            return found
    pytest.fail(f"nothing more comes than {found}")


@pytest.mark.parametrize("face", ["sample", "camera"])
def test_a_voice_moves_a_face_and_comes_back(live, face):
    begin(live, face)
    wait_for_words(live, "Live: speak.")
    nothing = {"video": {"frames": 0}, "audio": {"energy": 0}, "time": 0}
    wait_for_more(live, wait_for_more(live, nothing))
    live.locator("#stop").click()
    wait_for_words(live, "Stopped.")
    assert not live.faults


def test_a_file_of_ones_own_is_shown(live, tmp_path):
    begin(live, "file")
    wait_for_words(live, "Choose a video or a picture first.")
    live.locator("#file").set_input_files(make_face_video(tmp_path / "mine.mp4", frames=8))
    live.locator("#start").click()
    wait_for_words(live, "Live: speak.")
    nothing = {"video": {"frames": 0}, "audio": {"energy": 0}, "time": 0}
    wait_for_more(live, nothing)
    assert not live.faults


def test_a_face_that_is_none_is_said_where_it_was_given(live, tmp_path):
    (tmp_path / "a.mp4").write_text("no video")
    live.locator("#face").select_option("file")
    live.locator("#file").set_input_files(tmp_path / "a.mp4")
    live.locator("#start").click()
    live.wait_for_selector("#said.fault")
    assert "face.mp4" in live.locator("#said").inner_text()


def test_one_at_a_time(chromium, address, live):
    begin(live, "sample")
    wait_for_words(live, "Live: speak.")
    other = open_live(chromium, address)
    begin(other, "sample")
    wait_for_words(other, "somebody else is live here")
    live.locator("#stop").click()
    other.wait_for_timeout(3000)
    begin(other, "sample")
    wait_for_words(other, "Live: speak.")
    assert "Stopped." in live.locator("#said").inner_text()
    other.close()
