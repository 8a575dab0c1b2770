"""inference.py as a user runs it: flags, bad input, jobs, interruption."""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
import pytest

import inference
from jobs.arguments import SAMPLE_FACE, build_parser
from jobs.checks import complete
from lipsync import contact_sheet
from lipsync.source import open_source
from tests.lipsync_material import face_frame, make_face_video, make_sound, save_tiny_generator
from video import probe, read_frames

ROOT = Path(inference.__file__).parent
BOX = ("--box", "20", "70", "30", "66")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder of its own with a checkpoint, a face and a speech; the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    save_tiny_generator(tmp_path / "tiny.pth")
    make_face_video(tmp_path / "face.mp4")
    make_sound(tmp_path / "speech.wav")
    return tmp_path


def run(*extra, face="face.mp4", audio="speech.wav", checkpoint="tiny.pth"):
    return inference.main(
        ["--checkpoint_path", checkpoint, f"--face={face}", f"--audio={audio}",
         "--device", "cpu", *map(str, extra)]
    )  # fmt: skip


def listing(folder):
    """Every file below a folder with its bytes; the cache aside."""
    files = [path for path in Path(folder).rglob("*") if path.is_file()]
    return {path: path.read_bytes() for path in files if "cache" not in path.parts}


def test_default_output_is_made_with_its_folder(here, capsys):
    assert run(*BOX) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "results/result_voice.mp4"
    assert len(list(read_frames("results/result_voice.mp4"))) == 25


@pytest.mark.parametrize(
    "flags",
    [
        ("--static",),
        ("--pads", 0, 20, 0, 0, "--nosmooth", "--face_det_batch_size", 4),
        ("--resize_factor", 2, "--crop", 0, -1, 0, 48, "--box", 10, 35, 15, 33),
        ("--rotate", "--box", 30, 66, 10, 60),
        ("--wav2lip_batch_size", 7, "--blend", "none", "--silence", "keep"),
        ("--start", 0.2, "--end", 0.8, "--length", "video", "--loop", "pingpong"),
        ("--codec", "ffv1", "--pix_fmt", "bgr0", "--outfile", "o.mkv"),
        ("--crf", 30, "--preset", "ultrafast", "--legacy_timing", "--audio_offset_ms", -40),
        ("--precision", "fp32", "--seed", 3, "--quiet", "--no_cache", "--detect_every", 2),
    ],
)
def test_flags_are_taken(here, flags):
    assert run(*(() if "--box" in flags else BOX), *flags) == 0


def test_sides_come_in_the_originals_order(here):
    out = ("--outfile", "o.mkv", "--codec", "ffv1")
    assert run("--box", 20, 70, 30, 66, *out, "--blend", "none") == 0
    before, after = (next(open_source(name).native_frames()) for name in ("face.mp4", "o.mkv"))
    changed = before.planes[0] != after.planes[0]
    rows, columns = np.nonzero(changed)
    assert rows.min() >= 20 and rows.max() <= 69 and columns.min() >= 30 and columns.max() <= 65
    assert changed[20:70, 30:66].mean() > 0.8


def test_quiet_prints_only_the_path(here, capsys):
    assert run(*BOX, "--quiet") == 0
    captured = capsys.readouterr()
    assert captured.out == "results/result_voice.mp4\n" and captured.err == ""


def test_preview_is_one_picture(here, capsys):
    assert run(*BOX, "--preview", 0.5, "--outfile", "look/here.mp4") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "look/here.png"
    assert os.listdir("look") == ["here.png"]
    assert cv2.imread("look/here.png").shape[1] > 800


def test_sheet_has_the_face_of_every_frame_given_and_made(here, capsys):
    assert run(*BOX, "--sheet", "--blend", "none") == 0
    assert "contact sheet: results/result_voice.png" in capsys.readouterr().out
    sheet = cv2.imread("results/result_voice.png")
    side, columns = contact_sheet.FACE_HEIGHT, contact_sheet.COLUMNS
    assert sheet.shape[:2] == (2 * (2 * side + 6), contact_sheet.MARGIN + columns * side)
    faces = sheet[:, contact_sheet.MARGIN :]
    given, made = faces[:side], faces[side : 2 * side]
    frame = next(read_frames("face.mp4"))[20:70, 30:66]
    wanted = cv2.resize(frame, (side, side), interpolation=cv2.INTER_AREA)
    assert np.abs(given[:, :side].astype(int) - wanted).mean() < 1
    assert np.abs(made[:, :side].astype(int) - wanted).mean() > 10
    last_line = faces[2 * side + 6 :]
    assert last_line[:, : 9 * side].any() and not last_line[:, 10 * side :].any()


def test_sheet_does_not_replace_the_picture_it_is_made_from(here, capsys):
    cv2.imwrite("still.png", face_frame(0))
    before = Path("still.png").read_bytes()
    assert run(*BOX, "--sheet", "--outfile", "still.mp4", face="still.png") == 1
    assert "still.png is an input" in capsys.readouterr().err
    assert Path("still.png").read_bytes() == before and not Path("still.mp4").exists()


def test_demo_takes_the_sample_data_unless_told_otherwise():
    args = build_parser().parse_args(["--demo", "--audio", "mine.wav"])
    complete(args)
    assert (args.face, args.audio) == (str(SAMPLE_FACE), "mine.wav")
    assert (args.outfile, args.sheet, args.score) == ("results/demo.mp4", True, True)


@pytest.mark.parametrize(
    "name", ["a b'c\"d.mp4", "名前é.mp4", "-dash.mp4", "a:b%d.mp4", "no suffix", "dots.in.name.mp4"]
)
def test_any_name_will_do(here, name):
    os.rename("face.mp4", name)
    os.rename("speech.wav", name + ".wav")
    assert run(*BOX, f"--outfile=out {name}.mp4", face=name, audio=name + ".wav") == 0
    assert len(list(read_frames(here / f"out {name}.mp4"))) == 25


def test_alias_of_the_batch_size():
    args = build_parser().parse_args(["--wav2lip_batch_size", "5"])
    assert args.talkface_batch_size == 5


def spoil_text(here):
    Path("face.mp4").write_text("I am no video.\n" * 100)


def spoil_truncated(here):
    make_sound(here / "speech.wav", 6)
    make_face_video(here / "long.mp4", frames=200)
    data = (here / "long.mp4").read_bytes()
    (here / "face.mp4").write_bytes(data[: len(data) // 2])


def spoil_sound(here):
    subprocess.run([*ffmpeg(), "-i", "face.mp4", "-c", "copy", "-an", "mute.mp4"], check=True)


def ffmpeg():
    return [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y"]


def spoil_checkpoint(here):
    from models.checkpoint import save_checkpoint
    from models.syncnet import SyncNet

    save_checkpoint("expert.pth", {"state_dict": SyncNet(multiplier=0.1).state_dict()})


def spoil_faceless(here):
    make_face_video(here / "face.mp4", frames=12, faceless=range(12))


def spoil_zero_length(here):
    (here / "zero.wav").write_bytes((here / "speech.wav").read_bytes()[:78])  # the header alone


def spoil_picture(here):
    cv2.imwrite("still.png", face_frame(0))


def spoil_frames(here):
    (here / "frames").mkdir()
    for number in range(2):
        cv2.imwrite(f"frames/{number}.png", face_frame(0))


def spoil_frame(here):
    spoil_frames(here)
    (here / "frames/0.png").write_bytes(b"")


def spoil_folder(here):
    (here / "taken").write_text("a file")


BAD_INPUT = {
    "missing face": (None, {"face": "none.mp4"}, BOX, "no such file: none.mp4"),
    "missing sound": (None, {"audio": "none.wav"}, BOX, "no such file: none.wav"),
    "missing checkpoint": (None, {"checkpoint": "none.pth"}, BOX, "no such checkpoint: none.pth"),
    "text as video": (spoil_text, {}, BOX, "cannot be read as video or sound"),
    "truncated video": (spoil_truncated, {}, BOX, "cut short or damaged"),
    "truncated, no box given": (spoil_truncated, {}, (), "cut short or damaged"),
    "no face at all": (spoil_faceless, {}, ("--detector", "haar"), "any of 12 frames.*--box"),
    "sound without sound": (spoil_sound, {"audio": "mute.mp4"}, BOX, "has no sound track"),
    "zero-length sound": (spoil_zero_length, {"audio": "zero.wav"}, BOX, "zero.wav"),
    "sound as face": (None, {"face": "speech.wav"}, BOX, "no pictures, only sound"),
    "wrong checkpoint": (spoil_checkpoint, {"checkpoint": "expert.pth"}, BOX,
                         "lip-sync expert, not a generator"),
    "video as checkpoint": (None, {"checkpoint": "face.mp4"}, BOX, "face.mp4"),
    "box outside": (None, {}, ("--box", 20, 90, 30, 66), "not lie inside the picture of 96x80"),
    "pads too large": (None, {}, ("--pads", 0, 500, 0, 0), "larger than the picture of 96x80"),
    "crop outside": (None, {}, ("--crop", 0, 500, 0, 50), "not lie inside the picture of 96x80"),
    "unwritable folder": (spoil_folder, {}, (*BOX, "--outfile", "taken/o.mp4"), "cannot write"),
    "unknown container": (None, {}, (*BOX, "--outfile", "o.xyz"), "suffix '.xyz'"),
    "unknown encoder": (None, {}, (*BOX, "--codec", "h999"), "Unknown encoder 'h999'"),
    "unknown pixels": (None, {}, (*BOX, "--pix_fmt", "yuv999"), "yuv999"),
    "result over face": (None, {}, (*BOX, "--outfile", "face.mp4"), "is an input"),
    "preview over face": (spoil_picture, {"face": "still.png"},
                          (*BOX, "--preview", 0, "--outfile", "still.mp4"), "is an input"),
    "no such device": (None, {}, (*BOX, "--device", "cuda:77"), "no device cuda:77"),
    "no S3FD": (None, {}, ("--s3fd_path", "none.pth"), "none.pth"),
    "start too late": (None, {}, (*BOX, "--start", 50), "face.mp4"),
    "start far too late": (None, {}, (*BOX, "--start", 1e9), "face.mp4"),
    "preview far too late": (None, {}, (*BOX, "--preview", 1e9), "face.mp4"),
    "no byte in a picture": (spoil_frame, {"face": "frames"}, BOX, "0.png is empty"),
    "sheet over a frame": (spoil_frames, {"face": "frames"},
                           (*BOX, "--outfile", "frames/1.mp4", "--sheet"), "1.png is an input"),
    "preview too late": (None, {}, (*BOX, "--preview", 50), "face.mp4"),
    "unreadable boxes": (None, {}, ("--boxes", "speech.wav"), "speech.wav"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_ends_in_one_line_and_leaves_no_trace(here, capsys, case):
    spoil, inputs, flags, words = BAD_INPUT[case]
    if spoil:
        spoil(here)
    before = listing(here)
    assert run(*flags, "--quiet", **inputs) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.strip().splitlines()
    assert line.startswith("error: ") and re.search(words, line)
    assert listing(here) == before


@pytest.mark.parametrize(
    "flags", [(), ("--checkpoint_path", "a"), ("--pads", "1"), ("--blend", "magic"), ("--fps", "0"),
              ("--talkface_batch_size", "0"), ("--nonsense",), ("--start", "nan"), ("--end", "inf"),
              ("--fps", "inf"), ("--audio_offset_ms", "1e999"), ("--preview", "nan"),
              ("--seed", "9" * 30)]
)  # fmt: skip
def test_wrong_flags_exit_with_2(flags, capsys):
    complete = ("--checkpoint_path", "a", "--face", "b", "--audio", "c") if len(flags) == 2 else ()
    with pytest.raises(SystemExit) as stopped:
        inference.main([*(() if "--checkpoint_path" in flags else complete), *flags])
    assert stopped.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_full_disk(here, capsys):
    before = listing(here)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, limits[1]))
    try:
        assert run(*BOX, "--quiet", "--outfile", "o.mp4") == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "cannot write o.mp4" in capsys.readouterr().err
    assert listing(here) == before


def jobs_file(*jobs):
    Path("jobs.jsonl").write_text("\n".join(map(json.dumps, jobs)))
    return "jobs.jsonl"


def test_jobs_go_on_past_a_failed_one(here, capsys):
    good = {"face": "face.mp4", "audio": "speech.wav", "box": [20, 70, 30, 66]}
    file = jobs_file(
        good | {"outfile": "one.mp4", "length": "video"},
        good | {"face": "none.mp4"},
        good | {"outfile": "one.mp4"},
        good | {"nonsense": 1},
        good | {"device": "cuda"},
        {"face": "face.mp4"},
        good,
    )
    code = inference.main(
        ["--checkpoint_path", "tiny.pth", "--device", "cpu", "--jobs", file, "--quiet"]
    )
    captured = capsys.readouterr()
    assert code == 1
    assert captured.out.splitlines() == ["one.mp4", "results/007_face_speech.mp4"]
    assert len(list(read_frames("one.mp4"))) == 30
    for words in ("line 2: no such file", "line 3: one.mp4 is the outfile of line 1", "line 4: ",
                  "line 5: device holds for all jobs", "line 6: --face and --audio",
                  "5 of 7 jobs failed"):  # fmt: skip
        assert words in captured.err


def test_odd_jobs_are_errors_of_their_own(here, capsys):
    good = {"face": "face.mp4", "audio": "speech.wav", "box": [20, 70, 30, 66]}
    spoil_frame(here)
    file = jobs_file(
        good | {"help": True},
        good | {"end": float("inf")},
        good | {"face": "frames"},
        good | {"outfile": "one.mp4", "sheet": True, "length": "shortest"},
        good | {"outfile": "one.mkv", "sheet": True},
        good | {"outfile": "one.avi", "preview": 0},
    )
    command = ["--checkpoint_path", "tiny.pth", "--device", "cpu", "--jobs", file, "--quiet"]
    assert inference.main(command) == 1
    captured = capsys.readouterr()
    assert captured.out.splitlines()[-1] == "one.mp4"
    for words in ("line 1: unrecognized", "line 2: .*--end", "line 3: .*0.png is empty",
                  "line 5: one.png is the outfile of line 4 already",
                  "line 6: one.png is the outfile of line 4", "5 of 6 jobs failed"):  # fmt: skip
        assert re.search(words, captured.err)


@pytest.mark.slow
def test_a_name_that_is_no_utf_8_is_taken_and_printed_as_it_is(here):
    """In a process of its own: what it prints are bytes."""
    name = os.fsdecode(b"\xff face.mp4")
    (here / "face.mp4").rename(name)
    command = [sys.executable, str(ROOT / "inference.py"), "--checkpoint_path", "tiny.pth",
               "--face", name, "--audio", "speech.wav", "--device", "cpu", *BOX,
               "--outfile", os.fsdecode(b"\xfe.mp4")]  # fmt: skip
    ended = subprocess.run(command, cwd=here, capture_output=True, check=True)
    assert ended.stdout.splitlines()[-1] == b"\xfe.mp4"
    assert len(list(read_frames(here / os.fsdecode(b"\xfe.mp4")))) == 25


def test_jobs_that_all_succeed_exit_with_0(here):
    file = jobs_file({"face": "face.mp4", "audio": "speech.wav", "outfile": "o.mp4"})
    command = ["--checkpoint_path", "tiny.pth", "--device", "cpu", "--jobs", file, "--box"]
    assert inference.main([*command, "20", "70", "30", "66"]) == 0
    assert probe("o.mp4").kind == "video"


def start(here, *extra):
    """The script as a process of its own, once it has begun to write."""
    command = [sys.executable, str(ROOT / "inference.py"), "--checkpoint_path", "tiny.pth",
               "--face", "face.png", "--audio", "long.wav", "--device", "cpu",
               *BOX, *extra]  # fmt: skip
    return subprocess.Popen(
        command, cwd=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interruption_leaves_nothing(here, number):
    """Nor does a second signal, while the first is heeded."""
    cv2.imwrite("face.png", face_frame(0))
    make_sound(here / "long.wav", 600)
    before = listing(here)
    with start(here, "--outfile", "out/o.mp4") as child:
        wait_for(lambda: list(here.glob("out/.*.partial*")))
        child.send_signal(number)
        time.sleep(0.02)
        child.send_signal(number)
        _, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert err.strip().splitlines()[-1] == "error: interrupted; no half-written file is left"
    assert "Traceback" not in err
    assert listing(here) == before


@pytest.mark.slow
def test_two_runs_at_once_in_one_folder(here):
    cv2.imwrite("face.png", face_frame(0))
    make_sound(here / "long.wav", 20)
    runs = [start(here) for _ in range(2)]
    for child in runs:
        out, err = child.communicate(timeout=120)
        assert child.returncode == 0, err
        assert out.splitlines()[-1] == "results/result_voice.mp4"
    assert os.listdir("results") == ["result_voice.mp4"]
    assert len(list(read_frames("results/result_voice.mp4"))) == 500


def wait_for(condition, seconds=60):
    for _ in range(seconds * 20):
        if condition():
            time.sleep(0.3)
            return
        time.sleep(0.05)
    raise AssertionError("waited in vain")
