"""--vfr keep: every picture is shown when it was shown, with the mouth of that moment."""

from fractions import Fraction

import numpy as np
import pytest

from lipsync.pipeline import LipSync
from lipsync.settings import Settings
from lipsync.source import open_source
from tests.lipsync_material import make_sound, save_tiny_generator
from tests.test_native_frames import BOX
from tests.test_video import make, make_numbered
from video import MediaError, VideoWriter, native_layout, probe, read_frames, read_native_frames
from video.timed import FOURCC, even_count, grid_frame, grid_rate, picture_times

MILLISECONDS = [0, 33, 67, 100, 233, 250, 283, 500, 533, 1011, 1020]  # two are 9 apart


def uneven(path, pix_fmt="yuv420p"):
    """A film whose picture n is shown at MILLISECONDS[n]."""
    at = "+".join(f"eq(N,{n})*{ms}" for n, ms in enumerate(MILLISECONDS))
    return make_numbered(
        path, "-fps_mode", "passthrough", "-enc_time_base", "1:1000", "-pix_fmt", pix_fmt,
        filters=f",settb=1/1000,setpts='{at}'", fps=25, seconds=len(MILLISECONDS) / 25,
        size="96x80",
    )  # fmt: skip


def milliseconds(path):
    return [round(seconds * 1000) for seconds in picture_times(probe(path))[0]]


def corners(path):
    """How bright each picture is where no face is: it rises with the number."""
    info = probe(path)
    frames = list(read_native_frames(info, native_layout(info), Fraction(1000)))
    levels = [float(frames[ms].planes[0][:8, :8].mean()) for ms in MILLISECONDS]
    assert min(np.diff(levels)) > 2
    return levels


def test_time_stamps_are_read_without_decoding(tmp_path):
    assert milliseconds(uneven(tmp_path / "a.mkv")) == MILLISECONDS
    late = make(tmp_path / "b.mp4", "-itsoffset", 1, "-i", tmp_path / "a.mkv", "-f", "lavfi", "-i",
                "anullsrc=d=3", "-map", 0, "-map", 1, "-c:v", "libx264", "-fps_mode", "passthrough",
                "-enc_time_base", "1:1000")  # fmt: skip
    assert milliseconds(late) == [1000 + ms for ms in MILLISECONDS]
    with pytest.raises(MediaError, match="no time stamps"):
        picture_times(probe(make_sound(tmp_path / "s.wav")))


def test_the_grid_has_a_frame_for_every_picture():
    times = [Fraction(ms, 1000) for ms in MILLISECONDS]
    rate = grid_rate(times, Fraction(25))
    assert rate == 75
    assert len({grid_frame(seconds, rate) for seconds in times}) == len(times)
    crowded = [Fraction(n, 10_000) for n in range(50)]
    assert grid_rate(crowded, Fraction(25)) == 225  # and some are left out


@pytest.mark.parametrize("rate", ["25", "30000/1001", "12.5"])
def test_frames_of_an_even_rate_are_counted_by_their_time_stamps(tmp_path, rate):
    path = make_numbered(tmp_path / "a.mp4", fps=rate, seconds=1.6)
    info = probe(path)
    assert even_count(info, info.fps) == sum(1 for _ in read_frames(info))
    assert open_source(path).frame_count == even_count(info, info.fps)
    assert even_count(probe(uneven(tmp_path / "b.mkv")), Fraction(25)) is None


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_times_are_kept(tmp_path, suffix):
    face = uneven(tmp_path / "face.mkv")
    maker = LipSync(save_tiny_generator(tmp_path / "t.pth"), device="cpu", precision="fp32")
    settings = Settings(box=BOX, vfr="keep", length="video", crf=1, use_cache=False)
    audio = make_sound(tmp_path / "a.wav", 3)
    report = maker.run(face, audio, tmp_path / f"o{suffix}", settings)
    assert report.frame_count == len(MILLISECONDS)
    assert milliseconds(report.path) == MILLISECONDS
    assert corners(report.path) == pytest.approx(corners(face), abs=1.5)


def test_a_part_begins_at_zero_and_loops_go_on(tmp_path):
    source = open_source(uneven(tmp_path / "face.mkv"), vfr="keep", start=0.24, end=0.6)
    begin = round(source.start * source.fps) / source.fps
    expected = [0.25, 0.283, 0.5, 0.533]
    late = {
        number: float(number / source.fps + more + begin) for number, more in source.late.items()
    }
    assert late.pop(0) == pytest.approx(float(begin))
    kept = [seconds for seconds in late.values() if seconds < 0.6]
    assert kept == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("pix_fmt", [name for name in FOURCC if name != "bgr24"])
def test_frames_with_times_keep_their_samples(tmp_path, pix_fmt):
    info = probe(uneven(tmp_path / "a.mkv", pix_fmt))
    layout, (times, clock) = native_layout(info), picture_times(info)
    frames = list(read_native_frames(info, layout, Fraction(1000)))
    wanted = [frames[round(seconds * 1000)] for seconds in times]
    writer = VideoWriter(
        tmp_path / "b.mkv", 96, 80, 25, codec="ffv1", layout=layout, clock=clock, colour=info.colour
    )
    with writer:
        for frame, seconds in zip(wanted, times, strict=True):
            writer.write(frame, seconds)
    after = probe(tmp_path / "b.mkv")
    assert picture_times(after)[0] == times and after.pix_fmt == pix_fmt
    back = list(read_native_frames(after, native_layout(after), Fraction(1000)))
    for frame, seconds in zip(wanted, times, strict=True):
        assert np.array_equal(frame.samples, back[round(seconds * 1000)].samples)


def test_where_times_can_not_be_kept_it_is_said(tmp_path):
    with pytest.raises(MediaError, match="AVI has no times"):
        VideoWriter(tmp_path / "o.avi", 64, 48, 25, clock=Fraction(1, 1000))
