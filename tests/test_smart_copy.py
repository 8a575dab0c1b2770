"""--smart_copy: what stays is copied packet by packet, and no seam is seen or heard of."""

import logging
import subprocess
from fractions import Fraction

import numpy as np
import pytest

from face_detection import Box
from lipsync.pipeline import LipSync
from lipsync.plan import make_plan
from lipsync.render import open_writer, render
from lipsync.settings import Settings
from lipsync.smart_copy import choose_copied
from tests.lipsync_material import (
    HEIGHT,
    WIDTH,
    EllipseDetector,
    backend,
    face_frame,
    make_sound,
)
from tests.test_video import FFMPEG, make
from video import MediaError, VideoWriter, native_layout, probe, read_native_frames, read_sound
from video.packets import KEY, Packets, free_set_number, read_packets

FRAMES, GOP = 80, 16
FACELESS = [*range(30), *range(50, 80)]  # of which whole groups are 0-16 and 64-80
PARAMETERS = {
    "libx264": ("x264-params", f"keyint={GOP}:scenecut=0:sps-id=0"),
    "libx265": ("x265-params", f"log-level=error:keyint={GOP}:min-keyint={GOP}:open-gop=0"),
}


def film(path, codec="libx264", *, more="", fps=25, pix_fmt="yuv420p", faceless=FACELESS):
    """A film with a face in the middle, each of whose frames is told from its neighbours."""
    name, asked = PARAMETERS[codec]
    coding = {"codec": codec, "pix_fmt": pix_fmt, "more": {name: asked + more}}
    noise = np.random.default_rng(0)
    with VideoWriter(path, WIDTH, HEIGHT, fps, preset="veryfast", **coding) as writer:
        for number in range(FRAMES):
            frame = face_frame(number, with_face=number not in faceless)
            frame[:16] = noise.integers(40, 160, (1, WIDTH, 3))
            writer.write(frame)
    return path


def slow(*values):
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """An .mp4 with a face in the middle, and its sound."""
    folder = tmp_path_factory.mktemp("smart_copy")
    return film(folder / "a.mp4"), make_sound(folder / "a.wav", 3.2)


class Maker(LipSync):
    """With a painter in place of networks."""

    def __init__(self) -> None:
        self.backend, self._detector = backend(batch_size=8), EllipseDetector()


def made(face, audio, outfile, **settings):
    settings = {"use_cache": False, "detect_every": 1, "no_face": "keep"} | settings
    return Maker().run(face, audio, outfile, Settings(preset="veryfast", **settings))


def samples(path):
    info = probe(path)
    frames = read_native_frames(info, native_layout(info), info.fps)
    return np.stack([frame.samples for frame in frames]).astype(int)


def assert_plays(path, frames):
    """Without a word of the decoder, each packet after the last, each frame at its time."""
    command = [FFMPEG, "-v", "error", "-xerror", "-i", path, "-f", "null", "-"]
    told = subprocess.run(command, capture_output=True, check=False)
    assert (told.returncode, told.stderr) == (0, b"")
    packets = read_packets(path)
    assert len(packets) == frames and packets.first_frame(probe(path).fps) == 0
    command = [
        FFMPEG,
        "-v",
        "error",
        "-i",
        path,
        "-map",
        "0:v",
        "-c",
        "copy",
        "-f",
        "framecrc",
        "-",
    ]
    listed = subprocess.run(command, capture_output=True, check=True).stdout.decode().splitlines()
    decoded = [int(line.split(",")[1]) for line in listed if not line.startswith("#")]
    assert all(before < after for before, after in zip(decoded, decoded[1:], strict=False))


@pytest.mark.parametrize(
    "codec, more, given, suffix, fps, pix_fmt",
    [
        ("libx264", "", ".mp4", ".mp4", 25, "yuv420p"),
        slow("libx264", ":bframes=0", ".mkv", ".mkv", Fraction(30000, 1001), "yuv420p"),
        slow("libx264", ":b-pyramid=0", ".mov", ".mkv", 30, "yuv422p10le"),
        slow("libx265", "", ".mkv", ".mp4", 25, "yuv420p10le"),
        slow("libx265", ":bframes=0", ".mp4", ".mkv", Fraction(24000, 1001), "yuv420p"),
    ],
)  # fmt: skip
def test_frames_without_a_face_are_the_films_own(
    tmp_path, codec, more, given, suffix, fps, pix_fmt
):
    face = film(tmp_path / f"a{given}", codec, more=more, fps=fps, pix_fmt=pix_fmt)
    audio, result = make_sound(tmp_path / "a.wav", float(FRAMES / fps)), tmp_path / f"b{suffix}"
    report = made(face, audio, result, smart_copy=True)
    copied = [*range(16), *range(64, 80)]
    assert report.tally.copied == copied and report.tally.changed == list(range(30, 50))
    assert report.tally.faceless == FACELESS
    assert "32 of 80 frames (40%) copied as they are coded" in "".join(report.notes())
    before, after, rest = samples(face), samples(result), np.arange(16, 64)
    assert np.array_equal(before[copied], after[copied])
    stays = np.setdiff1d(rest, report.tally.changed)
    off = np.abs(after[stays, None] - before[None]).mean(2)  # of each from every one of the film
    assert (off.argmin(1) == stays).all()
    was, info = probe(face), probe(result)
    assert (info.fps, info.pix_fmt, info.colour) == (was.fps, pix_fmt, was.colour)
    assert_plays(result, FRAMES)
    assert len(read_sound(result, 16000)) == pytest.approx(16000 * FRAMES / fps, abs=1100)
    assert {path.name for path in tmp_path.iterdir()} == {face.name, "a.wav", result.name}


@pytest.mark.slow
def test_what_is_rendered_is_what_a_run_without_makes(tmp_path, given):
    face, audio = given
    made(face, audio, tmp_path / "smart.mp4", smart_copy=True)
    made(face, audio, tmp_path / "plain.mp4")
    off = np.abs(samples(tmp_path / "smart.mp4") - samples(tmp_path / "plain.mp4")).mean(1)
    assert off.max() < 3


@pytest.mark.parametrize("suffix", [".mp4", slow(".mkv")])
def test_pauses_are_copied_from_a_part_of_a_film_that_is_looped(tmp_path, suffix):
    face = film(tmp_path / "a.mp4", faceless=[])
    loud, silent = "sine=300", "anullsrc=r=16000"
    audio = make(
        tmp_path / "a.wav", "-f", "lavfi", "-i", f"{loud}:d=0.5", "-f", "lavfi",
        "-i", f"{silent}:d=3.1", "-filter_complex", "concat=n=2:v=0:a=1",
    )  # fmt: skip
    chosen = {"box": Box(30, 20, 66, 70), "silence": "keep", "start": 0.2}
    report = made(face, audio, tmp_path / f"b{suffix}", smart_copy=True, **chosen)
    copied = report.tally.copied
    assert copied and copied[0] in (11, 27) and copied[-1] == 74 and report.frame_count == 90
    assert not set(copied) & set(report.tally.changed)
    before, after = samples(face), samples(tmp_path / f"b{suffix}")
    assert np.array_equal(before[np.array(copied) + 5], after[copied])
    assert np.abs(after[75:] - before[5:20]).mean(1).max() < 3
    assert_plays(tmp_path / f"b{suffix}", 90)


@pytest.mark.slow
def test_a_film_that_stays_whole_is_copied_whole(tmp_path):
    face = film(tmp_path / "a.mp4", faceless=[])
    audio = make_sound(tmp_path / "a.wav", 3.2, source="anullsrc=r=16000")
    chosen = {"box": Box(30, 20, 66, 70), "silence": "keep"}
    report = made(face, audio, tmp_path / "b.mp4", smart_copy=True, **chosen)
    assert report.copied_share == 1 and not report.tally.changed
    assert np.array_equal(samples(face), samples(tmp_path / "b.mp4"))
    again = made(tmp_path / "b.mp4", audio, tmp_path / "c.mkv", smart_copy=True, **chosen)
    assert again.copied_share == 1


@pytest.mark.slow
def test_a_result_is_a_film_like_any_other(tmp_path, given):
    """Two kinds of parameter sets are in it, and a third comes."""
    face, audio = given
    made(face, audio, tmp_path / "b.mp4", smart_copy=True)
    report = made(tmp_path / "b.mp4", audio, tmp_path / "c.mp4", smart_copy=True)
    assert {*range(16), *range(64, 80)} <= set(report.tally.copied)
    assert np.array_equal(samples(face)[:16], samples(tmp_path / "c.mp4")[:16])
    assert_plays(tmp_path / "c.mp4", FRAMES)


def refusal(caplog, face, audio, outfile, **chosen):
    """What is said where nothing is copied."""
    chosen = {"use_cache": False, "box": Box(30, 20, 66, 60)} | chosen
    plan = make_plan(face, audio, Settings(**chosen), backend(), EllipseDetector)
    with caplog.at_level(logging.WARNING):
        assert choose_copied(plan, outfile) is None
    assert "every frame is coded: " in caplog.text
    return caplog.text


@pytest.mark.parametrize(
    "suffix, chosen, reason",
    [
        (".mp4", {}, "no stretch between two clean key frames"),
        (".avi", {}, ".avi can't hold it"),
        (".mp4", {"crop": (0, 64, 0, -1)}, "not the film's as they are"),
        (".mp4", {"codec": "libx265"}, "coded as by libx264, and not libx265"),
        (".mp4", {"pix_fmt": "yuv444p"}, "has yuv420p, and not yuv444p"),
        (".mp4", {"vfr": "keep"}, "times of their own"),
    ],
)
def test_what_cannot_be_copied_is_told(given, caplog, suffix, chosen, reason):
    assert reason in refusal(caplog, *given, given[0].with_name(f"b{suffix}"), **chosen)


def test_a_key_frame_that_others_look_past_is_no_seam(tmp_path, given, caplog):
    face = film(tmp_path / "a.mp4", more=":open-gop=1")
    audio = make_sound(tmp_path / "a.wav", 3.2, source="anullsrc=r=16000")
    chosen = {"silence": "keep", "start": 0.04}  # nothing is changed, but for the first frame out
    assert "no stretch" in refusal(caplog, face, audio, tmp_path / "b.mp4", **chosen)


@pytest.mark.parametrize(
    "arguments, reason",
    [
        (("-vf", "setpts=PTS+gt(N\\,30)*0.3/TB", "-fps_mode", "vfr"), "constant"),
        (("-vf", "setsar=4/3"), "not square"),
        (("-vf", "setfield=tff", "-x264-params", "tff=1:log-level=error"), "interlaced"),
        (("-c:v", "mpeg4"), "the film is mpeg4"),
        (("-c", "copy", "-f", "mpegts"), "no MP4, MOV or Matroska"),
    ],
)
def test_films_that_become_others_are_told(tmp_path, given, caplog, arguments, reason):
    face = make(tmp_path / "a.mkv", "-i", given[0], *arguments)
    assert reason in refusal(caplog, face, given[1], tmp_path / "b.mp4")


def test_after_a_failure_nothing_is_left(tmp_path, given):
    face, audio = given
    settings = Settings(use_cache=False, detect_every=1, no_face="keep", smart_copy=True)
    runs = backend(batch_size=8)
    plan = make_plan(face, audio, settings, runs, EllipseDetector)
    copied = choose_copied(plan, tmp_path / "b.mp4")
    with pytest.raises(KeyboardInterrupt), open_writer(tmp_path / "b.mp4", plan, copied) as writer:
        for frame in render(plan, runs, copied=copied):
            writer.write(frame)
            raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def packets(shown, clock=Fraction(1, 25), flags=KEY):
    shown = np.array(shown)
    return Packets("h264", (96, 80), True, clock, shown, np.full(len(shown), flags))


def test_a_cut_is_clean_where_nothing_crosses_it():
    stream = packets([0, 2, 1, 4, 3, 6, 5, 7])  # packet 3 is shown after, 5 is what it seems
    assert stream.clean_cuts(np.array([0, 4, 7])).tolist() == [0, 3, 7, 8]
    crossed = packets([0, 2, 1, 5, 3, 4, 6])  # 3 and 4 are shown before the key frame
    assert crossed.clean_cuts(np.array([0, 5])).tolist() == [0, 3, 7]
    assert packets([0, 4, 2, 1, 3, 5]).delay == 2
    mixed = packets([0, 2, 3, 1, 4])  # 1 is shown before what was decoded before it
    assert mixed.clean_cuts(np.array([0, 3, 4])).tolist() == [0, 4, 5]
    assert packets([0, 1, 2], flags=0).clean_cuts(np.array([1])).tolist() == [3]


def test_a_constant_rate_is_told_from_others():
    assert packets([3, 5, 4]).first_frame(Fraction(25)) == 3
    rounded = packets([0, 33, 67, 100, 133], Fraction(1, 1000))
    assert rounded.first_frame(Fraction(30)) == 0
    for shown in ([0, 1, 3], [0, 0, 1], [-1, 0, 1]):
        with pytest.raises(MediaError, match="constant"):
            packets(shown).first_frame(Fraction(25))
    with pytest.raises(MediaError, match="constant"):  # as near to one frame as to the next
        packets([20, 60], Fraction(1, 1000)).first_frame(Fraction(25))


def test_a_number_is_found_that_no_parameter_set_has():
    sequence, picture = b"\0\0\0\1\x67\x64\0\x1f", b"\0\0\1\x68"  # then the number, 0 as 1...
    assert free_set_number(sequence + b"\x80" + picture + b"\x80") == 1
    assert free_set_number(sequence + b"\x40" + picture + b"\x40") == 0
    assert free_set_number(sequence + b"\x80" + picture + b"\x40") == 2
