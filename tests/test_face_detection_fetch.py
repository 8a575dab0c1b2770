"""Fetching the weights: in place with the right hash, or not there at all."""

import hashlib
import http.server
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from face_detection import fetch as fetch_module
from face_detection.fetch import main
from models.pretrained import FetchError, fetch

WEIGHTS = bytes(range(256)) * 9000  # more than one block
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()[:10]


class _Handler(http.server.BaseHTTPRequestHandler):
    requests = 0

    def do_GET(self):
        type(self).requests += 1
        if self.path == "/none":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(WEIGHTS)))
        self.end_headers()
        self.wfile.write(WEIGHTS[:-1000] if self.path == "/cut_short" else WEIGHTS)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "detection" / "sfd" / "s3fd.pth"


def files_left(target: Path) -> list[Path]:
    return list(target.parent.glob("*"))


def test_the_weights_land_in_place(server, target):
    assert fetch(f"{server}/s3fd", target, SHA256) == target
    assert target.read_bytes() == WEIGHTS and files_left(target) == [target]


def test_weights_that_are_there_are_not_fetched_again(server, target):
    fetch(f"{server}/s3fd", target, SHA256)
    before = _Handler.requests
    fetch(f"{server}/s3fd", target, SHA256)
    assert _Handler.requests == before


@pytest.mark.parametrize(
    "page, sha256, fault",
    [
        ("/s3fd", "0123456789", "sha256 begins with"),
        ("/cut_short", SHA256, "ended after"),
        ("/none", SHA256, "404"),
    ],
)
def test_a_bad_download_leaves_nothing(server, target, page, sha256, fault):
    with pytest.raises(FetchError, match=fault):
        fetch(server + page, target, sha256)
    assert files_left(target) == []


def test_what_was_there_survives_a_bad_download(server, target):
    target.parent.mkdir(parents=True)
    target.write_bytes(b"the user's own")
    with pytest.raises(FetchError):
        fetch(f"{server}/cut_short", target, SHA256)
    assert target.read_bytes() == b"the user's own"


def test_the_command_prints_the_path_or_one_line_of_error(server, target, monkeypatch, capsys):
    monkeypatch.setattr(fetch_module, "S3FD", replace(fetch_module.S3FD, sha256=SHA256))
    main(["--url", f"{server}/s3fd", "--target", str(target)])
    assert capsys.readouterr().out.strip() == str(target)
    with pytest.raises(SystemExit, match="error: http://127.0.0.1:1/x could not be downloaded"):
        main(["--url", "http://127.0.0.1:1/x", "--target", str(target.with_name("other"))])
