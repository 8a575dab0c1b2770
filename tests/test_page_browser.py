"""The page in a real browser: runs, faults, two sessions, a phone, nothing from outside."""

import json
import time
from pathlib import Path

import numpy as np
import pytest

from audio import as_16_bit, load_wav, save_wav
from tests.page_server import PATIENCE_MS, ROOT, browser, cut, running

pytest.importorskip("gradio", reason="the page needs Gradio (pip install -r requirements-app.txt)")
pytestmark = pytest.mark.page

FACE, VOICE = ROOT / "sample_data" / "face.mp4", ROOT / "sample_data" / "speech_en.wav"

# Whether the camera gives pictures: who is faster than it photographs nothing.
SEES = "[...document.querySelectorAll('video')].some(one => one.videoWidth && one.currentTime > 0)"
LOOKED_AT = "#faces .face, #face-fault .fault"  # what was given: a face, or words on why none


@pytest.fixture(scope="module")
def chromium():
    with browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def address(chromium, folder):
    with running(folder) as url:
        yield url


@pytest.fixture(scope="module")
def clips(folder) -> tuple[Path, Path]:
    """A small face of a second, and a voice that is a little longer."""
    face = cut(FACE, folder / "anna.mp4", 1.0, "-vf", "scale=192:192")
    return face, cut(VOICE, folder / "hello.wav", 1.4)


@pytest.fixture
def page(chromium, address):
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    opened = open_page(context, address)
    yield opened
    context.close()


def open_page(context, address: str):
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE_MS)
    opened.asked = []
    opened.on("request", lambda request: opened.asked.append(request.url))
    opened.goto(address)
    opened.wait_for_selector("#face-shown video")
    return opened


def give(page, what: str, file: Path) -> None:
    """Put a file where another is already."""
    page.locator(f"#{what} button[aria-label='Clear']").click()
    page.locator(f"#{what} input[type=file]").set_input_files(str(file))


def give_clips(page, clips) -> None:
    for what, file in zip(("face", "voice"), clips, strict=True):
        give(page, what, file)
        page.wait_for_selector(f"#{what}-shown >> text={file.name}")


def make(page) -> None:
    page.click("#make")
    page.wait_for_selector("#result")


def plays(page, selector: str) -> bool:
    """Whether a video's time advances once it is started."""
    page.eval_on_selector(selector, "video => { video.muted = true; return video.play() }")
    script = "selector => document.querySelector(selector).currentTime > 0.2"
    page.wait_for_function(script, arg=selector)
    return True


def uploads(folder: Path) -> list[Path]:
    (root,) = (folder / "tmp").glob("talkface-page-*")
    return [path for path in root.rglob("*") if path.is_file() and path.stat().st_size]


def test_the_sample_is_there_and_becomes_a_video_that_plays(page, clips):
    page.wait_for_selector("#faces .face")
    give_clips(page, clips)
    make(page)
    assert plays(page, "#result")
    page.wait_for_selector(".score .verdict")
    links = page.eval_on_selector_all(".downloads a", "links => links.map(link => link.download)")
    assert links == [
        "talkface_result.mp4", "talkface_sheet.png", "talkface_lip_motion.csv",
        "talkface_report.json",
    ]  # fmt: skip
    for link in page.locator(".downloads a").all():
        answer = page.request.get(link.evaluate("link => link.href"))
        assert answer.ok and len(answer.body()) > 500
    assert page.locator("#cancel").count() == 0 or not page.locator("#cancel").is_visible()


def test_nothing_is_asked_from_outside(page, address):
    page.wait_for_selector("#faces .face")
    for tab in ("Score", "Lip motion", "About"):
        page.get_by_role("tab", name=tab, exact=True).click()
    foreign = [url for url in page.asked if not url.startswith((address, "data:", "blob:"))]
    assert page.asked and foreign == []


@pytest.mark.parametrize(
    ("what", "name", "words"),
    [
        ("face", "note.mp4", "note.mp4 cannot be read as video or sound"),
        ("face", "hello.wav", "hello.wav has no pictures, only sound"),
        ("voice", "silent.mp4", "silent.mp4 has no sound track"),
    ],
)
def test_a_wrong_file_is_told_where_it_was_given(page, clips, folder, what, name, words):
    (folder / "note.mp4").write_text("no film")
    cut(FACE, folder / "silent.mp4", 0.4, "-an")
    give(page, what, folder / name)
    fault = page.wait_for_selector(f"#{what}-fault .fault")
    assert words in fault.inner_text() and "/tmp" not in fault.inner_text()
    other = {"face": "voice", "voice": "face"}[what]
    assert page.locator(f"#{other}-fault .fault").count() == 0


def test_cancel_ends_a_run_and_leaves_nothing(page, folder):
    page.wait_for_selector("#faces .face")
    page.click("#make")
    page.wait_for_selector("#status .progress")
    page.click("#cancel")
    page.wait_for_selector("#status >> text=Cancelled")
    assert page.locator("#result").count() == 0
    assert page.locator("#make").is_enabled()
    wait_until_gone(lambda: not [path for path in uploads(folder) if "result" in path.name])


def test_the_microphone_gives_a_voice(page):
    page.get_by_role("tab", name="Speak").click()
    page.get_by_role("button", name="Record").first.click()
    page.wait_for_timeout(1500)
    page.get_by_role("button", name="Stop").first.click()
    page.wait_for_selector("#voice-shown >> text=audio")
    assert page.locator("#voice-fault .fault").count() == 0


def test_the_webcam_gives_a_face_or_says_that_there_is_none(page):
    """Chromium's fake camera shows a drawn pattern; what it shows arrives and is looked at."""
    page.get_by_role("tab", name="Photograph").click()
    page.get_by_text("Click to Access Webcam").last.click()
    page.wait_for_function(SEES)
    page.get_by_role("button", name="capture photo").click()
    page.wait_for_selector("#face-shown img")
    page.wait_for_selector(LOOKED_AT)
    assert page.locator(LOOKED_AT).count() == 1


def test_a_film_from_the_webcam_is_a_face_with_its_sound(page):
    page.get_by_role("tab", name="Film yourself").click()
    page.get_by_text("Click to Access Webcam").first.click()
    record = page.get_by_role("button", name="start recording")  # its name while it records too
    record.click()
    page.wait_for_timeout(2000)
    record.click()
    page.wait_for_function("!document.querySelector('#face-shown').innerText.includes('face.mp4')")
    page.wait_for_selector(LOOKED_AT)
    assert page.locator(LOOKED_AT).count() == 1


def test_another_videos_lips_move_the_mouth(page, clips, folder):
    give_clips(page, clips)
    page.get_by_role("button", name="More").click()
    page.locator("#driving input[type=file]").set_input_files(str(clips[0]))
    page.wait_for_selector("#driving >> text=anna")
    make(page)
    assert plays(page, "#result")


def test_whoever_speaks_is_told_by_the_videos_own_sound(page, clips):
    give_clips(page, clips)
    page.get_by_role("button", name="More").click()
    page.get_by_label("Only whoever speaks").check()
    page.click("#make")
    page.wait_for_selector("#result, #status .fault, #face-fault .fault")
    words = page.locator("#status, #face-fault").all_inner_texts()
    assert page.locator("#result").count() or any("speak" in text for text in words)


def test_one_frame_is_shown_before_a_long_run(page, clips):
    give_clips(page, clips)
    page.click("#try-frame")
    picture = page.wait_for_selector("#preview img")
    page.wait_for_function("() => document.querySelector('#preview img').naturalWidth > 300")
    assert picture.is_visible()


def test_two_sessions_wait_for_each_other_and_see_nothing_of_each_other(
    chromium, address, clips, folder
):
    contexts = [chromium.new_context() for _ in range(2)]
    first, second = (open_page(context, address) for context in contexts)
    long = folder / "long.wav"  # so that the first job is not done before the second is asked for
    save_wav(long, np.tile(as_16_bit(load_wav(clips[1], 16000)), 20), 16000)
    for page, given in ((first, (clips[0], long)), (second, clips)):
        give_clips(page, given)
        page.wait_for_selector("#faces .face")
    first.click("#make")
    first.wait_for_selector("#status .progress")
    second.click("#make")
    second.wait_for_selector("#status >> text=1 job is before yours")
    for page in (first, second):
        page.wait_for_selector("#result")
    sources = [page.eval_on_selector("#result", "video => video.src") for page in (first, second)]
    assert sources[0] != sources[1]
    contexts[0].close()
    wait_until_gone(lambda: second.request.get(sources[0]).status in (403, 404))
    assert second.request.get(sources[1]).ok
    contexts[1].close()
    wait_until_gone(lambda: not [path for path in uploads(folder) if path.name == "anna.mp4"])


def wait_until_gone(gone) -> None:
    end = time.monotonic() + 60
    while not gone():
        assert time.monotonic() < end, "files of a closed session are still there"
        time.sleep(0.5)


def test_curves_are_heard_drawn_over_exported_and_made_into_a_video(page, clips):
    give_clips(page, clips)
    page.get_by_role("tab", name="Lip motion").click()
    page.click("#hear")
    page.wait_for_selector(".curves-names [data-name=jawOpen]")
    heard = json.loads(page.evaluate("talkfaceCurves()"))
    jaw = heard["names"].index("jawOpen")
    box = page.locator("#curves canvas").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 30, box["y"] + 30, steps=8)
    page.mouse.up()
    drawn = json.loads(page.evaluate("talkfaceCurves()"))
    assert max(row[jaw] for row in drawn["frames"]) > 0.8 > max(r[jaw] for r in heard["frames"])
    page.click("#export")
    link = page.wait_for_selector("#exported a")
    rows = page.request.get(link.evaluate("link => link.href")).text().splitlines()
    assert (
        rows[0].startswith("frame,jawOpen") and max(float(r.split(",")[1]) for r in rows[1:]) > 0.8
    )
    page.click("#remake")
    page.wait_for_selector("#motion-pair video#result")
    assert plays(page, "#motion-pair video#result")


def test_a_video_is_scored(page, folder):
    page.get_by_role("tab", name="Score").click()
    page.click("#score")
    assert "a video is needed" in page.wait_for_selector("#score-fault .fault").inner_text()
    film = cut(FACE, folder / "scored.mp4", 1.6, "-vf", "scale=192:192")
    page.locator("#scored input[type=file]").set_input_files(str(film))
    page.wait_for_selector("#scored >> text=scored")
    page.click("#score")
    verdict = page.wait_for_selector("#score-report .verdict").inner_text()
    assert "voice" in verdict and page.locator("#score-report .charts.wide svg").count() == 2


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen(chromium, address, clips, width):
    context = chromium.new_context(viewport={"width": width, "height": 844})
    page = open_page(context, address)
    page.wait_for_selector("#faces .face")
    for tab in ("Lip-sync", "Score", "Lip motion", "About"):
        page.get_by_role("tab", name=tab, exact=True).first.click()
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def test_a_login_is_asked_where_one_is_set(chromium, tmp_path):
    with running(tmp_path, "--auth", "anna:secret") as address:
        context = chromium.new_context()
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(address)
        page.wait_for_selector("input[type=password]")
        assert page.locator("#face").count() == 0
        page.locator("input").nth(0).fill("anna")
        page.locator("input[type=password]").fill("secret")
        page.get_by_role("button", name="Login").click()
        page.wait_for_selector("#face-shown video")
        page.get_by_role("tab", name="Live").click()
        frame = page.frame_locator("iframe.live")
        frame.locator("#start").wait_for()
        asked_again = page.request.get(f"{address}/live/")
        assert asked_again.ok  # by the page's cookie
        context.close()
        assert chromium.new_context().request.get(f"{address}/live/").status == 401
