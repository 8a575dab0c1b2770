"""One clock for the pictures and the sound of a file, wherever it is begun, in every container."""

import subprocess

import imageio_ffmpeg
import numpy as np
import pytest

from video import VideoWriter, probe, read_frames, read_sound

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
# Black, then white, and silence, then a tone, each from 1 s of the file's time on.
FLASH = "color=black:s=64x48:r=25:d={seconds},drawbox=color=white:t=fill:enable='gte(t,{at})'"
TONE = "sine=300:r=48000:d={seconds},volume=0:enable='lt(t,{at})'"
CODECS = {
    ".ogv": ("-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus", "-f", "ogg"),
    ".mkv": ("-c:v", "libx264", "-c:a", "mp2"),
}
MPEG = ("-c:v", "mpeg2video", "-c:a", "mp2")


def make(path, *arguments):
    command = [FFMPEG, "-nostdin", "-v", "error", "-y", *map(str, arguments), str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


def make_late(path, *, picture=0.0, sound=0.0):
    """A file of 2 s whose pictures, or whose sound, begin so many seconds after the other."""
    flash = FLASH.format(seconds=2 - picture, at=1 - picture)
    tone = TONE.format(seconds=2 - sound, at=1 - sound)
    return make(
        path, "-itsoffset", picture, "-f", "lavfi", "-i", flash,
        "-itsoffset", sound, "-f", "lavfi", "-i", tone, *CODECS.get(path.suffix, MPEG),
    )  # fmt: skip


def flash_at(path, **span):
    """Seconds from `start` to the first white picture."""
    bright = [frame.mean() > 128 for frame in read_frames(path, 25, **span)]
    return bright.index(True) / 25


def tone_at(path, **span):
    return int(np.argmax(np.abs(read_sound(path, 16000, **span)) > 0.02)) / 16000


@pytest.mark.parametrize("suffix", [".mkv", ".ts", ".m2ts", ".mpg", ".vob", ".ogv"])
@pytest.mark.parametrize("late", [{"sound": 0.5}, {"picture": 0.4}])
def test_late_pictures_and_late_sound_keep_their_place(tmp_path, suffix, late):
    path = make_late(tmp_path / f"a{suffix}", **late)
    assert flash_at(path) == pytest.approx(1, abs=0.06)
    assert tone_at(path) == pytest.approx(1, abs=0.03)
    assert flash_at(path, start=0.6) == pytest.approx(0.4, abs=0.06)
    assert tone_at(path, start=0.6) == pytest.approx(0.4, abs=0.03)
    assert len(list(read_frames(path, 25, start=0.2, end=0.8))) == 15


def test_joined_broadcast_pieces_are_read_on_as_one(tmp_path):
    """The clock of the second piece begins anew; a player goes on, and so do both readers."""
    piece = make_late(tmp_path / "a.ts", sound=0.5)
    (tmp_path / "b.ts").write_bytes(piece.read_bytes() * 2)
    assert len(list(read_frames(tmp_path / "b.ts", 25))) == pytest.approx(100, abs=2)
    assert len(read_sound(tmp_path / "b.ts", 16000)) / 16000 == pytest.approx(4, abs=0.08)
    assert flash_at(tmp_path / "b.ts", start=2.2) == pytest.approx(0.8, abs=0.06)


@pytest.mark.parametrize("start, at", [(0.0, 1.0), (0.6, 0.4), (-0.3, 1.3)])
@pytest.mark.parametrize("suffix", [".mkv", ".ts"])
def test_a_written_sound_begins_where_it_is_told_to(tmp_path, suffix, start, at):
    """Below 0 it is silence that comes first."""
    speech = make_late(tmp_path / f"a{suffix}", sound=0.5)
    with VideoWriter(
        tmp_path / "o.mkv", 64, 48, 25, sound=speech, sound_start=start, sound_end=1.8
    ) as writer:
        for _ in range(50):
            writer.write(np.zeros((48, 64, 3), np.uint8))
    assert tone_at(tmp_path / "o.mkv") == pytest.approx(at, abs=0.04)
    sound = read_sound(tmp_path / "o.mkv", 16000)
    assert len(sound) / 16000 == pytest.approx(1.8 - start, abs=0.08)


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.webm"])
def test_a_picture_that_stands_long_is_shown_until_the_next(tmp_path, name):
    """Frame 24 stands from 0.96 s to 13 s: longer than a seek looks back."""
    source = (
        "color=gray:s=64x48:r=25:d=2,format=gray,geq=lum=20+4*N,settb=1/1000,"
        "setpts='if(lt(N,25),N*40,12000+N*40)'"
    )
    codec = {"a.mkv": ("ffv1",), "a.mp4": ("libx264", "-qp", 1)}.get(
        name, ("libvpx", "-crf", 4, "-b:v", "2M", "-deadline", "realtime")
    )
    path = make(
        tmp_path / name, "-f", "lavfi", "-i", source, "-fps_mode", "passthrough",
        "-enc_time_base", "1:1000", "-c:v", *codec,
    )  # fmt: skip
    for start, shown in ((6, 24), (12.4, 24), (13.2, 30)):
        (frame,) = read_frames(path, 25, start=start, end=start + 0.04)
        assert round((frame.mean() - 20) / 4) == shown


@pytest.mark.parametrize("name", ["a.webm", "a.h264"])
def test_damage_where_no_length_is_stated(tmp_path, name):
    whole = make(
        tmp_path / name, "-f", "lavfi", "-i", "testsrc=s=64x48:r=25:d=1",
        *(("-c:v", "libvpx", "-live", 1) if name == "a.webm" else ("-c:v", "libx264")),
    )  # fmt: skip
    data = bytearray(whole.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 400] = bytes(400)
    whole.write_bytes(data)
    assert probe(whole).duration is None
    assert len(list(read_frames(whole))) >= 5
