"""lipsync/provenance.py, credentials.py, version.py: what a result says of itself."""

import json
import struct
import tomllib
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

import video
from lipsync import provenance
from lipsync.credentials import MP4_UUID, carries_credential
from lipsync.version import TAG, VERSION
from models.pretrained import hash_of
from tests.lipsync_material import make_face_video
from tests.toy_methods import MovedPixels, infer

ROOT = Path(__file__).resolve().parents[1]
BOX = ("--box", 20, 70, 30, 66)


def test_the_version_is_the_projects():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert VERSION == project["version"] and VERSION in TAG


@pytest.mark.parametrize("suffix", list(video.CONTAINERS))
def test_every_container_keeps_a_comment(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    codec = "libvpx-vp9" if suffix == ".webm" else "libx264"
    said = 'synthetic: "lips"; a=b \\ # 1'
    with video.VideoWriter(path, 32, 32, 25, codec=codec, comment=said) as writer:
        writer.write(np.zeros((32, 32, 3), np.uint8))
    assert video.probe(path).comment == said


def test_results_say_that_they_are_made_unless_told_not_to(toy_folder, capsys):
    assert infer(MovedPixels(), *BOX, "--outfile", "tagged.mkv") == 0
    assert infer(MovedPixels(), *BOX, "--outfile", "plain.mkv", "--no_tag") == 0
    capsys.readouterr()
    assert provenance.main(["tagged.mkv"]) == 0
    assert capsys.readouterr().out == f"tagged.mkv: {TAG}\n"
    assert provenance.main(["plain.mkv"]) == 0
    assert capsys.readouterr().out == "plain.mkv: no tag of talkface\n"


def test_a_report_says_what_went_in_and_what_was_changed(toy_folder, capsys):
    made = ("--outfile", "out.mkv", "--report", "out.json", "--silence", "keep")
    assert infer(MovedPixels(), *BOX, *made) == 0
    content = json.loads(Path("out.json").read_text())
    assert content["result"]["sha256"] == hash_of(Path("out.mkv"))
    assert content["inputs"]["face"][0]["sha256"] == hash_of(Path("face.mkv"))
    assert content["inputs"]["audio"][0]["sha256"] == hash_of(Path("speech.wav"))
    assert content["weights"][0]["sha256"] and content["versions"]["talkface"] == VERSION
    assert content["settings"]["silence"] == "keep"
    frames, (span,) = content["frames"], content["seconds_changed"]
    assert 0 < frames["changed"] < frames["count"] == 50  # pauses keep the given mouth
    assert round(25 * (span[1] - span[0])) == frames["changed"]
    capsys.readouterr()
    assert provenance.main(["out.json"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(TAG) and "beside this report, unchanged" in said
    Path("out.mkv").write_bytes(b"other")
    assert provenance.main(["out.json"]) == 0
    assert "CHANGED since" in capsys.readouterr().out


def test_a_report_takes_the_place_of_no_input(toy_folder, capsys):
    assert infer(MovedPixels(), *BOX, "--report", "speech.wav") == 1
    assert "speech.wav is an input" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "other"}', '{"format": null}'])
def test_what_is_no_report_is_refused_in_one_line(tmp_path, capsys, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    assert provenance.main([str(path)]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"error: {path} is no report of talkface") and said.count("\n") == 1


@pytest.mark.parametrize(
    ("frames", "expected"),
    [([], []), ([0, 1, 2], [(0, 0.12)]), ([1, 3, 4], [(0.04, 0.08), (0.12, 0.2)])],
)
def test_frames_are_told_as_spans(frames, expected):
    assert provenance.spans(frames, Fraction(25)) == expected


def mp4_with_credential(path: Path) -> None:
    film = make_face_video(path.with_name("plain.mp4"), frames=2).read_bytes()
    store = MP4_UUID + b"\0\0\0\0manifest\0" + bytes(40)
    box = struct.pack(">I4s", 8 + len(store), b"uuid") + store
    path.write_bytes(film + box)


def jpeg_with_credential(path: Path) -> None:
    picture = cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    store = b"JP\0\1\0\0\0\1" + struct.pack(">I4s", 50, b"jumb") + bytes(12) + b"c2pa\0"
    segment = b"\xff\xeb" + struct.pack(">H", 2 + len(store)) + store
    path.write_bytes(picture[:2] + segment + picture[2:])


def png_with_credential(path: Path) -> None:
    picture = cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    chunk = struct.pack(">I4s", 4, b"caBX") + b"jumb" + bytes(4)
    path.write_bytes(picture[:33] + chunk + picture[33:])  # after the header's chunk


def wav_with_credential(path: Path) -> None:
    chunk = struct.pack("<4sI", b"C2PA", 3) + b"abc\0"
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WAVE" + chunk)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("a.mp4", mp4_with_credential),
        ("a.jpg", jpeg_with_credential),
        ("a.png", png_with_credential),
        ("a.wav", wav_with_credential),
    ],
)
def test_credentials_are_noticed_where_they_stand_and_nowhere_else(tmp_path, name, make):
    path = tmp_path / name
    make(path)
    assert carries_credential(path)
    whole = path.read_bytes()
    for mark in (MP4_UUID, b"c2pa", b"caBX", b"C2PA"):
        path.write_bytes(whole.replace(mark, bytes(len(mark))))
        assert carries_credential(path) == (mark not in whole)
    for end in range(len(whole[:200])):  # cut short anywhere: an answer, and no error
        path.write_bytes(whole[:end])
        carries_credential(path)


def test_an_input_with_a_credential_is_named(toy_folder, capsys):
    mp4_with_credential(Path("signed.mp4"))
    assert infer(MovedPixels(), *BOX, "--face", "signed.mp4", "--report", "r.json") == 0
    assert "signed.mp4 carries a C2PA credential" in capsys.readouterr().err
    assert json.loads(Path("r.json").read_text())["inputs"]["face"][0]["c2pa"] is True
