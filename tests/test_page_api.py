"""The HTTP API of a running app.py, and Gradio's own client, over the same queue."""

import json
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import video
from lipsync.version import TAG
from tests.page_server import ROOT, cut, running

pytest.importorskip("gradio", reason="the API needs requirements-app.txt")
pytestmark = pytest.mark.page

FACE, VOICE = ROOT / "sample_data" / "face.mp4", ROOT / "sample_data" / "speech_en.wav"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def address(folder):
    with running(
        folder, "--max_upload_mb", "1", "--max_seconds", "8", "--max_jobs_each", "2"
    ) as url:
        yield url


@pytest.fixture(scope="module")
def clips(folder) -> dict[str, Path]:
    return {
        "face": cut(FACE, folder / "anna.mp4", 0.6, "-vf", "scale=192:192"),
        "audio": cut(VOICE, folder / "hello.wav", 0.8),
    }


def ask(url: str, method: str = "GET", data: bytes | None = None, **headers):
    """(status, JSON or bytes) of an answer, whatever its code."""
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        answer = urllib.request.urlopen(request, timeout=120)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        body = answer.read()
        is_json = "json" in answer.headers.get("Content-Type", "")
        return answer.status, json.loads(body) if is_json and body else body


def post(address: str, files: dict[str, Path], headers: dict | None = None, **choices):
    """A multipart form, by hand: the API must take what any program sends."""
    edge = b"--talkface-test"
    parts = [
        b'%s\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\n\r\n%s\r\n'
        % (edge, name.encode(), path.name.encode(), path.read_bytes())
        for name, path in files.items()
    ]
    parts += [
        b'%s\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
        % (edge, name.encode(), str(value).encode())
        for name, value in choices.items()
    ]
    kind = {"Content-Type": f"multipart/form-data; boundary={edge[2:].decode()}"}
    data = b"".join(parts) + edge + b"--\r\n"
    return ask(f"{address}/api/jobs", "POST", data, **kind, **(headers or {}))


def ended(address: str, job: dict) -> dict:
    for _ in range(600):
        status, job = ask(f"{address}/api/jobs/{job['id']}")
        assert status == 200
        if job["state"] in ("done", "failed", "cancelled"):
            return job
        time.sleep(0.3)
    pytest.fail(f"the job does not end: {job}")


def test_a_job_is_taken_followed_fetched_and_removed(address, clips, tmp_path):
    status, job = post(address, clips, strength="0.9", score="false")
    assert status == 202 and job["state"] in ("waiting", "running")
    done = ended(address, job)
    assert done["state"] == "done" and done["files"] == ["result", "sheet", "lip_motion", "report"]
    status, body = ask(f"{address}/api/jobs/{job['id']}/result")
    film = tmp_path / "result.mp4"
    film.write_bytes(body)
    info = video.probe(film)
    assert (status, info.width, info.comment) == (200, 192, TAG) and info.sounds
    status, report = ask(f"{address}/api/jobs/{job['id']}/report")
    assert report["settings"]["options"]["strength"] == 0.9
    assert ask(f"{address}/api/jobs/{job['id']}", "DELETE")[0] == 204
    assert ask(f"{address}/api/jobs/{job['id']}")[0] == 404


@pytest.mark.parametrize(
    ("files", "choices", "code", "words"),
    [
        ({"face": "face"}, {}, 400, "audio is missing"),
        ({"face": "face", "audio": "audio"}, {"strength": 9}, 400, "strength must be a number"),
        ({"face": "face", "audio": "audio"}, {"outfile": "/x"}, 400, "unknown choice 'outfile'"),
        ({"face": "audio", "audio": "audio"}, {}, 400, "has no pictures, only sound"),
        ({"face": "text", "audio": "audio"}, {}, 400, "cannot be read as video or sound"),
        ({"face": "face", "audio": "long"}, {}, 413, "takes up to 8 s"),
        ({"face": "large", "audio": "audio"}, {}, 413, "MB"),
    ],
)
def test_bad_input_is_one_line_and_a_clear_code(
    address, clips, tmp_path, files, choices, code, words
):
    own = clips | {name: tmp_path / f"{name}.bin" for name in ("text", "long", "large")}
    own["text"].write_text("no film")
    if "long" in files.values():
        cut(VOICE, tmp_path / "long.mp3", 9, "-af", "apad")
        own["long"] = tmp_path / "long.mp3"
    own["large"].write_bytes(bytes(5_000_000))
    status, answer = post(address, {name: own[file] for name, file in files.items()}, **choices)
    assert status == code and words in answer["error"] and "\n" not in answer["error"]
    assert str(tmp_path) not in answer["error"] and "talkface-page" not in answer["error"]


def test_what_is_not_there_is_said(address, clips):
    assert ask(f"{address}/api/jobs/none")[0] == 404
    status, job = post(address, clips, score="false")
    status, answer = ask(f"{address}/api/jobs/{job['id']}/result")
    assert status == 409 and "no result is there" in answer["error"]
    assert ask(f"{address}/api/jobs/{job['id']}/secrets")[0] == 404
    assert ask(f"{address}/api/jobs/{job['id']}/cancel", "POST")[0] == 200
    cancelled = ended(address, job)
    assert cancelled["state"] == "cancelled" and cancelled["files"] == []


def test_the_queue_is_finite_and_other_sites_are_refused(address, clips):
    jobs = [post(address, clips) for _ in range(3)]
    assert [status for status, _ in jobs] == [202, 202, 429]
    assert "of your jobs wait already" in jobs[2][1]["error"]
    for _, job in jobs[:2]:
        ask(f"{address}/api/jobs/{job['id']}", "DELETE")
    status, answer = post(address, clips, headers={"Origin": "https://elsewhere.example"})
    assert status == 403 and "other sites" in answer["error"]


def test_gradios_client_gets_the_same_files(address, clips, tmp_path):
    client = pytest.importorskip("gradio_client")
    caller = client.Client(address, download_files=str(tmp_path), verbose=False)
    given = [client.handle_file(str(clips[name])) for name in ("face", "audio")]
    files = caller.predict(*given, {"score": False}, api_name="/lip_sync")
    names = [Path(file).name for file in files]
    assert names == ["result.mp4", "sheet.png", "lip_motion.csv", "report.json"]
    address = {"path": "https://example.com/face.mp4", "meta": {"_type": "gradio.FileData"}}
    for face, choices, words in (
        (given[0], {"strength": 9}, "strength must be a number"),
        (address, {}, "never fetched from an address"),
    ):
        with pytest.raises(ValueError, match=words):  # gradio_client's AppError
            caller.predict(face, given[1], choices, api_name="/lip_sync")


def test_a_login_is_asked_of_programs_too(tmp_path):
    with running(tmp_path, "--auth", "anna:secret") as address:
        assert ask(f"{address}/api/limits")[0] == 401
        assert ask(f"{address}/api/limits", Authorization="Basic YW5uYTp3cm9uZw==")[0] == 401
        status, limits = ask(f"{address}/api/limits", Authorization="Basic YW5uYTpzZWNyZXQ=")
        assert status == 200 and limits["upload_mb"] == 500 and "strength" in limits["choices"]
