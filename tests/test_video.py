"""video against files made here: what a player would show and play is what must come out."""

import math
import os
import resource
import signal
import subprocess
import sys
import time
import zlib
from fractions import Fraction
from pathlib import Path

import cv2
import ffmpeg
import imageio_ffmpeg
import numpy as np
import pytest

from video import MediaError, VideoWriter, probe, read_frames, read_sound

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
GRID = Path(__file__).parents[2] / "shared/data/grid_s1"
# Frame n is filled with grey 20 + 4 n, so that a decoded frame tells its own number.
NUMBERED = "color=gray:s={size}:r={fps}:d={seconds},format=gray,geq=lum=20+4*N"


def make(path, *arguments):
    command = [FFMPEG, "-nostdin", "-v", "error", "-y", *map(str, arguments), str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


def make_numbered(path, *arguments, size="64x48", fps=25, seconds=2, filters=""):
    source = NUMBERED.format(size=size, fps=fps, seconds=seconds) + filters
    lossless = () if path.suffix == ".mp4" else ("-c:v", "ffv1")
    return make(path, "-f", "lavfi", "-i", source, *lossless, *arguments)


def numbers(frames):
    """Which numbered frames these are."""
    return [round((float(frame[8:-8, 8:-8].mean()) - 20) / 4) for frame in frames]


def quadrants(tmp_path):
    """A still of 80x48: red, green above; blue, white below (BGR values)."""
    image = np.zeros((48, 80, 3), np.uint8)
    image[:24, :40], image[:24, 40:] = (0, 0, 255), (0, 255, 0)
    image[24:, :40], image[24:, 40:] = (255, 0, 0), (255, 255, 255)
    cv2.imwrite(str(tmp_path / "quadrants.png"), image)
    return tmp_path / "quadrants.png", image


@pytest.mark.parametrize(
    "rate", ["24000/1001", "25", "30000/1001", "50", "60000/1001", "60", "12.5"]
)
def test_rates_are_exact_and_every_frame_comes_once(tmp_path, rate):
    path = make_numbered(tmp_path / "a.mkv", fps=rate, seconds=0.8)
    info = probe(path)
    assert info.fps == Fraction(rate)
    frames = numbers(read_frames(path))
    assert frames == list(range(len(frames)))
    assert len(frames) == pytest.approx(0.8 * float(Fraction(rate)), abs=1)


@pytest.mark.parametrize("fps", [25, Fraction(30000, 1001), 10, 60])
def test_variable_rate_is_resampled_by_time_stamps(tmp_path, fps):
    path = make_numbered(
        tmp_path / "vfr.mkv", "-fps_mode", "passthrough", "-enc_time_base", "1:1000",
        filters=",settb=1/1000,setpts='floor(N*20+N*N*0.6)'", fps=25, seconds=2,
    )  # fmt: skip
    shown_at = [Fraction(math.floor(n * 20 + n * n * 0.6), 1000) for n in range(50)]
    frames = numbers(read_frames(path, fps))
    expected = [
        max(
            n
            for n, seconds in enumerate(shown_at)
            if math.floor(seconds * fps + Fraction(1, 2)) <= frame
        )
        for frame in range(len(frames))
    ]
    assert frames == expected
    assert len(frames) == pytest.approx(float(shown_at[-1] * fps), abs=3)


@pytest.mark.parametrize("name", ["late.mkv", "late.mp4"])
def test_a_late_picture_is_shown_from_the_start(tmp_path, name):
    """The sound begins at 0, the picture 0.4 s later: its first frame stands for 10 frames."""
    make_numbered(tmp_path / "clip.mkv", seconds=1)
    path = make(
        tmp_path / name, "-f", "lavfi", "-i", "sine=d=1.4", "-itsoffset", 0.4,
        "-i", tmp_path / "clip.mkv", "-c:v", "libx264", "-qp", 1,
    )  # fmt: skip
    frames = numbers(read_frames(path, 25))
    assert frames == [0] * 10 + list(range(25))


def test_late_sound_begins_with_silence(tmp_path):
    make(tmp_path / "tone.wav", "-f", "lavfi", "-i", "sine=440:d=1")
    path = make(
        tmp_path / "a.mkv", "-f", "lavfi", "-i", "color=s=64x48:d=1.5", "-itsoffset", 0.5,
        "-i", tmp_path / "tone.wav", "-c:a", "copy",
    )  # fmt: skip
    sound = read_sound(path, 16000)
    assert not sound[:7900].any()
    assert np.abs(sound[8100:23900]).max() > 0.05
    assert len(sound) == pytest.approx(24000, abs=100)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mpg", ".ts"])
@pytest.mark.parametrize("start", [0.04, 1.0, 5.48, 7.2])
def test_starting_later_gives_the_same_frames(tmp_path, suffix, start):
    codec = {".mkv": (), ".mp4": ("-c:v", "libx264", "-qp", 10)}.get(suffix, ("-c:v", "mpeg2video"))
    size, filters = "96x64", ",geq=lum=20+4*mod(N\\,50)"
    path = make_numbered(
        tmp_path / f"a{suffix}", *codec, "-g", 40, size=size, seconds=9, filters=filters
    )
    whole = numbers(read_frames(path, 25))
    first = round(start * 25)
    assert numbers(read_frames(path, 25, start=start, end=start + 0.4)) == whole[first : first + 10]
    assert numbers(read_frames(path, 25, start=start)) == whole[first:]


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation_is_undone(tmp_path, degrees):
    still, image = quadrants(tmp_path)
    make(tmp_path / "flat.mp4", "-loop", 1, "-i", still, "-t", 0.4, "-pix_fmt", "yuv444p")
    turned = make(
        tmp_path / "turned.mp4", "-display_rotation", degrees, "-i", tmp_path / "flat.mp4",
        "-c", "copy",
    )  # fmt: skip
    info, frame = probe(turned), next(read_frames(turned))
    expected = np.rot90(image, degrees // 90)  # both turn counter-clockwise
    assert (info.height, info.width) == expected.shape[:2] == frame.shape[:2]
    assert np.abs(frame.astype(int) - expected).mean() < 8


def test_a_slant_turns_the_picture_in_its_own_frame(tmp_path):
    flat = make_numbered(tmp_path / "flat.mp4", seconds=0.2)
    path = make(tmp_path / "b.mp4", "-display_rotation", 60, "-i", flat, "-c", "copy")
    assert (probe(path).width, probe(path).height) == (64, 48)
    assert next(read_frames(path)).shape == (48, 64, 3)


def test_anamorphic_pixels_become_square(tmp_path):
    path = make_numbered(tmp_path / "a.mkv", size="72x64", filters=",setsar=16/9")
    assert (probe(path).width, probe(path).height) == (128, 64)
    assert next(read_frames(path)).shape == (64, 128, 3)


def test_anamorphic_and_turned(tmp_path):
    make_numbered(tmp_path / "a.mp4", size="72x64", filters=",setsar=2")
    path = make(tmp_path / "b.mp4", "-display_rotation", 90, "-i", tmp_path / "a.mp4", "-c", "copy")
    assert (probe(path).width, probe(path).height) == (64, 144)
    assert next(read_frames(path)).shape == (144, 64, 3)


def test_ten_bit_input(tmp_path):
    path = make_numbered(tmp_path / "a.mkv", "-pix_fmt", "yuv420p10le", "-color_range", "tv")
    assert probe(path).pix_fmt == "yuv420p10le"
    assert len(list(read_frames(path))) == 50


def test_odd_sizes_are_read_whole_and_padded_by_one_line_on_writing(tmp_path):
    path = make_numbered(tmp_path / "a.mkv", size="63x47")
    frames = list(read_frames(path))
    assert frames[0].shape == (47, 63, 3)
    with VideoWriter(tmp_path / "b.mp4", 63, 47, 25) as writer:
        for frame in frames:
            writer.write(frame)
    back = list(read_frames(tmp_path / "b.mp4"))
    assert back[0].shape == (48, 64, 3)
    assert numbers(back) == numbers(frames)


@pytest.mark.parametrize(
    "pix_fmt, codec, size",
    [("nv12", "libx264", (64, 48)), ("nv21", "libx264", (64, 48)), ("nv16", "libx264", (64, 47)),
     ("yuv411p", "ffv1", (64, 47)), ("yuv410p", "ffv1", (64, 48)), ("yuv440p", "ffv1", (63, 48))],
)  # fmt: skip
def test_odd_sizes_are_padded_as_the_format_asks(tmp_path, pix_fmt, codec, size):
    with VideoWriter(tmp_path / "o.mkv", 63, 47, 25, pix_fmt=pix_fmt, codec=codec) as writer:
        writer.write(np.full((47, 63, 3), 60, np.uint8))
    assert (probe(tmp_path / "o.mkv").width, probe(tmp_path / "o.mkv").height) == size
    assert next(read_frames(tmp_path / "o.mkv")).mean() == pytest.approx(60, abs=2)


@pytest.mark.parametrize("codec, pix_fmt", [("libx264", "yuv420p"), ("libx264rgb", "bgr24")])
def test_quality_reaches_the_encoder(tmp_path, codec, pix_fmt):
    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    for crf in (5, 45):
        path = tmp_path / f"{crf}.mkv"
        with VideoWriter(path, 64, 48, 25, codec=codec, pix_fmt=pix_fmt, crf=crf) as writer:
            writer.write(noise)
    assert (tmp_path / "5.mkv").stat().st_size > 3 * (tmp_path / "45.mkv").stat().st_size


def test_odd_sizes_stay_where_the_format_allows(tmp_path):
    with VideoWriter(tmp_path / "b.mp4", 63, 47, 25, pix_fmt="yuv444p") as writer:
        writer.write(np.zeros((47, 63, 3), np.uint8))
    assert (probe(tmp_path / "b.mp4").width, probe(tmp_path / "b.mp4").height) == (63, 47)


def test_shrinking(tmp_path):
    path = make_numbered(tmp_path / "a.mkv", size="128x96")
    assert next(read_frames(path, height=30)).shape == (30, 40, 3)
    assert next(read_frames(path, height=500)).shape == (96, 128, 3)


def test_one_frame_video(tmp_path):
    path = make_numbered(tmp_path / "a.mp4", seconds=0.04)
    assert numbers(read_frames(path, 25)) == [0]


def test_several_sound_tracks(tmp_path):
    path = make(
        tmp_path / "a.mkv", "-f", "lavfi", "-i", "sine=220:d=1",
        "-f", "lavfi", "-i", "sine=880:d=1", "-map", 0, "-map", 1, "-c:a", "flac",
    )  # fmt: skip
    assert len(probe(path).sounds) == 2
    for track, hertz in ((0, 220), (1, 880)):
        spectrum = np.abs(np.fft.rfft(read_sound(path, 16000, track=track)[:16000]))
        assert spectrum.argmax() == hertz
    with pytest.raises(MediaError, match="no sound track 2; it has 2"):
        read_sound(path, 16000, track=2)


def test_a_track_that_cannot_be_decoded_is_not_counted(tmp_path):
    """The first of two sounds is of an unknown kind: track 0 is the second, of 880 Hz."""
    path = make(
        tmp_path / "a.mkv", "-f", "lavfi", "-i", "color=s=64x48:d=1", "-f", "lavfi", "-i",
        "sine=220:d=1", "-f", "lavfi", "-i", "sine=880:d=1", "-map", 0, "-map", 1, "-map", 2,
        "-c:a", "aac",
    )  # fmt: skip
    path.write_bytes(path.read_bytes().replace(b"A_AAC", b"A_XXX", 1))
    assert [sound.stream for sound in probe(path).sounds] == [2]
    assert np.abs(np.fft.rfft(read_sound(path, 16000)[:16000])).argmax() == 880
    with VideoWriter(tmp_path / "o.mp4", 64, 48, 25, sound=path) as writer:
        writer.write(np.zeros((48, 64, 3), np.uint8))
    assert np.abs(np.fft.rfft(read_sound(tmp_path / "o.mp4", 16000)[:16000])).argmax() == 880


@pytest.mark.parametrize(
    "name, text",
    [("a.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\na.ts\n#EXT-X-ENDLIST\n"),
     ("a.txt", "ffconcat version 1.0\nfile a.ts\n")],
)  # fmt: skip
def test_a_playlist_names_no_other_file(tmp_path, name, text):
    make_numbered(tmp_path / "a.ts", "-c:v", "mpeg2video", seconds=1)
    (tmp_path / name).write_text(text)
    with pytest.raises(MediaError, match="playlist"):
        probe(tmp_path / name)


def test_sound_is_cut_to_the_sample(tmp_path):
    path = make(tmp_path / "a.flac", "-f", "lavfi", "-i", "sine=300:d=2", "-ar", 16000)
    whole = read_sound(path, 16000)
    part = read_sound(path, 16000, start=0.5, end=1.25)
    assert np.array_equal(part, whole[8000:20000])


def test_stereo_is_mixed_and_stays_in_range(tmp_path):
    path = make(
        tmp_path / "a.wav", "-f", "lavfi", "-i",
        "aevalsrc=0.8*sin(880*PI*t)|0.4*sin(880*PI*t):d=1:s=48000",
    )  # fmt: skip
    sound = read_sound(path, 16000)
    assert sound.dtype == np.float32 and sound.ndim == 1
    assert np.abs(sound).max() == pytest.approx(0.6, abs=0.02)


def test_cover_picture_is_no_video(tmp_path):
    still, _ = quadrants(tmp_path)
    path = make(
        tmp_path / "song.mp3", "-f", "lavfi", "-i", "sine=d=1", "-i", still, "-map", 0, "-map", 1,
        "-c:v", "png", "-disposition:v", "attached_pic",
    )  # fmt: skip
    assert probe(path).kind == "sound"
    assert len(read_sound(path, 16000)) > 15000
    with pytest.raises(MediaError, match="no pictures, only sound"):
        read_frames(path)


def test_still_is_turned_by_its_exif_tag(tmp_path):
    _, image = quadrants(tmp_path)
    encoded = cv2.imencode(".jpg", image)[1].tobytes()
    orientation_6 = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    tag = b"\xff\xe1" + (len(orientation_6) + 2).to_bytes(2, "big") + orientation_6
    (tmp_path / "turned.jpg").write_bytes(encoded[:2] + tag + encoded[2:])
    info = probe(tmp_path / "turned.jpg")
    assert (info.kind, info.width, info.height) == ("image", 48, 80)
    (frame,) = read_frames(tmp_path / "turned.jpg")
    assert np.abs(frame.astype(int) - np.rot90(image, -1)).mean() < 8


@pytest.mark.parametrize("channels, alpha", [(3, False), (4, True)])
def test_transparency_is_known(tmp_path, channels, alpha):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((32, 32, channels), np.uint8))
    assert probe(tmp_path / "a.png").has_alpha == alpha
    assert next(read_frames(tmp_path / "a.png")).shape == (32, 32, 3)


@pytest.mark.parametrize(
    "transfer, is_hdr", [("smpte2084", True), ("arib-std-b67", True), ("bt709", False)]
)
def test_hdr_is_known_by_its_transfer(tmp_path, transfer, is_hdr):
    source = ffmpeg.input("testsrc2=d=0.2:s=64x64:r=10", format="lavfi")
    source = source.filter("format", "yuv420p10le").filter("setparams", color_trc=transfer)
    path = tmp_path / "a.mkv"
    source.output(str(path), vcodec="ffv1").run(cmd=imageio_ffmpeg.get_ffmpeg_exe(), quiet=True)
    assert probe(path).is_hdr == is_hdr


@pytest.mark.parametrize("end", [b".png", b"\xff.png", b".dat"], ids=ascii)
def test_a_still_is_known_by_its_content_whatever_its_name(tmp_path, end):
    path = tmp_path / os.fsdecode(b"a" + end)
    path.write_bytes(cv2.imencode(".png", np.zeros((32, 40, 3), np.uint8))[1].tobytes())
    assert (probe(path).kind, probe(path).width, probe(path).height) == ("image", 40, 32)
    assert next(read_frames(path)).shape == (32, 40, 3)


def test_jpegs_in_a_row_are_a_video_and_an_exr_can_be_read(tmp_path):
    film = make(tmp_path / "a.mjpeg", "-f", "lavfi", "-i", "testsrc=s=64x48:d=0.4")
    assert probe(film).kind == "video" and len(list(read_frames(film))) == 10
    still = make(tmp_path / "a.exr", "-f", "lavfi", "-i", "testsrc=s=64x48", "-frames:v", 1)
    assert next(read_frames(still)).shape == (48, 64, 3)


def png_of_a_side(side):
    """A PNG that says that it is so large, and holds next to nothing."""
    data = bytearray(cv2.imencode(".png", np.zeros((8, 8), np.uint8))[1].tobytes())
    data[16:24] = side.to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    return bytes(data)


@pytest.mark.parametrize(
    "data, words",
    [(b"", "is empty"), (png_of_a_side(40000), "cannot be decoded"), (b"\x89PNG", "damaged")],
    ids=["empty", "40000x40000", "head only"],
)
def test_pictures_that_cannot_be_decoded_are_named(tmp_path, data, words):
    (tmp_path / "0.png").write_bytes(data)
    for path in (tmp_path / "0.png", tmp_path):
        with pytest.raises(MediaError, match=rf"0\.png.* {words}"):
            probe(path)


def test_folder_of_frames_is_read_in_the_order_of_numbers(tmp_path):
    for n in (0, 1, 2, 10, 11):
        cv2.imwrite(str(tmp_path / f"{n}.png"), np.full((32, 32, 3), 20 + 4 * n, np.uint8))
    (tmp_path / ".3.png").write_bytes(b"hidden")
    (tmp_path / "notes.txt").write_text("no picture")
    assert numbers(read_frames(tmp_path)) == [0, 1, 2, 10, 11]
    assert numbers(read_frames(tmp_path, 10, start=0.1, end=0.3)) == [1, 2]
    assert next(read_frames(tmp_path, height=16)).shape == (16, 16, 3)


def test_folder_with_two_sizes_names_the_file(tmp_path):
    cv2.imwrite(str(tmp_path / "0.png"), np.zeros((32, 32, 3), np.uint8))
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((32, 40, 3), np.uint8))
    with pytest.raises(MediaError, match=r"1\.png is 40x32, the frames before it 32x32"):
        list(read_frames(tmp_path))


def write_text(path):
    path.write_text("this is no video\n" * 50)


def cut_off_head(path):
    make_numbered(path)
    path.write_bytes(path.read_bytes()[:900])


@pytest.mark.parametrize(
    "spoil, words",
    [
        (lambda path: None, "no such file"),
        (lambda path: path.touch(), "is empty"),
        (lambda path: path.mkdir(), "no pictures"),
        (write_text, "cannot be read as video or sound"),
        (cut_off_head, "cannot be read as video or sound"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, spoil, words):
    path = tmp_path / "bad.mp4"
    spoil(path)
    for read in (read_frames, lambda path: read_sound(path, 16000)):
        with pytest.raises(MediaError, match=words) as error:
            list(read(path))
        assert str(path) in str(error.value)


def test_video_without_sound(tmp_path):
    with pytest.raises(MediaError, match="has no sound track"):
        read_sound(make_numbered(tmp_path / "a.mp4"), 16000)


def test_sound_without_samples(tmp_path):
    path = make(tmp_path / "a.wav", "-f", "lavfi", "-i", "sine=d=1", "-t", 0)
    with pytest.raises(MediaError, match="no sound could be decoded"):
        read_sound(path, 16000)


def truncated(tmp_path):
    path = make(
        tmp_path / "cut.mp4", "-f", "lavfi", "-i", "testsrc=d=4:s=160x120",
        "-movflags", "+faststart", "-g", 10,
    )  # fmt: skip
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def test_truncated_video_says_how_far_it_goes(tmp_path):
    path = truncated(tmp_path)
    with pytest.raises(MediaError, match=r"cut short or damaged.*--end") as error:
        list(read_frames(path))
    end = float(str(error.value).split("--end ")[1].split()[0])
    assert 0.5 < end < 3.5
    assert len(list(read_frames(path, end=end))) == round(end * 25)


def test_start_after_the_end(tmp_path):
    path = make_numbered(tmp_path / "a.mp4")
    with pytest.raises(MediaError, match="ends before"):
        list(read_frames(path, start=20))
    with pytest.raises(MediaError, match="no frames between 1 s and 1 s"):
        read_frames(path, start=1, end=1)


# The last is no UTF-8, which older disks hold.
NAMES = ["-dash.mp4", "a b'c\".mp4", "名前é.mp4", "100%d.mp4", "a:b.mp4", os.fsdecode(b"a\xff.mp4")]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_names_are_taken_literally(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    make("tone.wav", "-f", "lavfi", "-i", "sine=d=1")
    os.rename("tone.wav", name + ".wav")
    with VideoWriter(name, 64, 48, 25, sound=name + ".wav") as writer:
        for _ in range(25):
            writer.write(np.full((48, 64, 3), 60, np.uint8))
    assert len(list(read_frames(name))) == 25
    assert len(read_sound(name, 16000)) >= 16000
    assert sorted(os.listdir()) == sorted([name, name + ".wav"])


def write_video(path, sound=None, frames=25, **options):
    with VideoWriter(path, 64, 48, 25, sound=sound, **options) as writer:
        for number in range(frames):
            writer.write(np.full((48, 64, 3), 20 + 4 * number, np.uint8))


@pytest.mark.parametrize(
    "sound, target, codec",
    [
        ("a.m4a", "o.mp4", "aac"), ("a.mp3", "o.mp4", "mp3"), ("a.wav", "o.mp4", "aac"),
        ("a.wav", "o.mkv", "pcm_s16le"), ("a.flac", "o.mkv", "flac"), ("a.flac", "o.mp4", "aac"),
    ],
)  # fmt: skip
def test_sound_is_copied_where_the_container_allows(tmp_path, sound, target, codec):
    make(tmp_path / sound, "-f", "lavfi", "-i", "sine=d=1:r=44100")
    write_video(tmp_path / target, tmp_path / sound)
    (track,) = probe(tmp_path / target).sounds
    assert track.codec == codec
    if codec == probe(tmp_path / sound).sounds[0].codec:
        assert packet_hash(tmp_path / sound) == packet_hash(tmp_path / target)


def packet_hash(path):
    command = [
        FFMPEG,
        "-v",
        "error",
        "-i",
        path,
        "-map",
        "0:a",
        "-c",
        "copy",
        "-f",
        "streamhash",
        "-",
    ]
    return subprocess.run(command, check=True, capture_output=True).stdout


def test_sound_bounds(tmp_path):
    make(tmp_path / "a.wav", "-f", "lavfi", "-i", "sine=d=3")
    whole = read_sound(tmp_path / "a.wav", 44100)
    for start, tolerance in ((0, 1e-4), (0.5, 0.02)):  # copied; encoded again
        write_video(tmp_path / "o.mkv", tmp_path / "a.wav", sound_start=start, sound_end=1.5)
        sound = read_sound(tmp_path / "o.mkv", 44100)
        expected = whole[round(start * 44100) : round(1.5 * 44100)]
        assert len(sound) == pytest.approx(len(expected), abs=4096)
        shared = slice(0, len(expected) - 2048)
        assert np.abs(sound[shared] - expected[shared]).max() < tolerance


@pytest.mark.parametrize(
    "colour", ["bt709", "smpte170m", "", "bt2020nc/bt2020/smpte2084", "bt470bg/unknown/unknown"]
)
def test_colours_survive(tmp_path, colour):
    colours = np.array([[(30, 60, 200), (20, 180, 90)], [(220, 60, 40), (128, 128, 128)]], np.uint8)
    image = colours.repeat(32, 0).repeat(32, 1)
    with VideoWriter(tmp_path / "a.mp4", 64, 64, 25, colour=colour, crf=5) as writer:
        for _ in range(5):
            writer.write(image)
    assert probe(tmp_path / "a.mp4").colour == colour
    frame = list(read_frames(tmp_path / "a.mp4"))[2]
    centres = frame[16::32, 16::32].astype(int)
    assert np.abs(centres - colours).max() <= 3


def test_dead_encoder_speaks_and_leaves_nothing(tmp_path):
    (tmp_path / "o.mp4").write_bytes(b"the user's own")
    with pytest.raises(MediaError, match="Unknown encoder 'nonsense'"):
        write_video(tmp_path / "o.mp4", frames=200, codec="nonsense")
    assert os.listdir(tmp_path) == ["o.mp4"]
    assert (tmp_path / "o.mp4").read_bytes() == b"the user's own"


def test_exception_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        with VideoWriter(tmp_path / "o.mp4", 64, 48, 25) as writer:
            writer.write(np.zeros((48, 64, 3), np.uint8))
            raise KeyboardInterrupt
    assert os.listdir(tmp_path) == []


def test_file_size_limit_leaves_nothing(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(MediaError, match="cannot write .*o.mp4"):
            with VideoWriter(tmp_path / "o.mp4", 320, 240, 25, crf=0) as writer:
                for _ in range(100):
                    writer.write(np.random.randint(0, 255, (240, 320, 3), np.uint8))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert os.listdir(tmp_path) == []


def test_interrupted_program_leaves_nothing(tmp_path):
    script = (
        "import sys, time, numpy as np; from video import VideoWriter\n"
        "with VideoWriter(sys.argv[1], 64, 48, 25) as writer:\n"
        "    writer.write(np.zeros((48, 64, 3), np.uint8)); print('on', flush=True)\n"
        "    time.sleep(60)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "o.mp4")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=Path(__file__).parents[1]
    ) as child:
        assert child.stdout.readline() == b"on\n"
        time.sleep(0.2)
        child.send_signal(signal.SIGINT)
        assert child.wait(20) != 0
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "path, words",
    [("o.xyz", "'.xyz' is none of"), ("taken", "suffix"), ("file/o.mp4", "cannot write into")],
)  # fmt: skip
def test_impossible_targets_are_refused_before_work(tmp_path, path, words):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(MediaError, match=words):
        VideoWriter(tmp_path / path, 64, 48, 25)


def test_frame_of_another_size_is_refused(tmp_path):
    with pytest.raises(ValueError, match="frame is uint8"):
        with VideoWriter(tmp_path / "o.mp4", 64, 48, 25) as writer:
            writer.write(np.zeros((40, 64, 3), np.uint8))


def test_real_clip_agrees_with_opencv_frame_by_frame():
    path = GRID / "bbaf2n.mpg"
    if not path.exists():
        pytest.skip("needs the GRID clips of ../shared/data")
    capture = cv2.VideoCapture(str(path))
    for frame in read_frames(path):
        # OpenCV rounds down and does not interpolate colour.
        assert np.abs(frame.astype(int) - capture.read()[1]).mean() < 2
    assert not capture.read()[0]


def test_reading_and_writing_changes_no_colour(tmp_path):
    """Losslessly coded, so that only the way to yuv420p and back is seen."""
    path = make(tmp_path / "a.mp4", "-f", "lavfi", "-i", "gradients=s=160x120:seed=1:d=0.4")
    frames = list(read_frames(path))
    with VideoWriter(tmp_path / "b.mkv", 160, 120, 25, codec="ffv1", colour="") as writer:
        for frame in frames:
            writer.write(frame)
    change = np.stack(list(read_frames(tmp_path / "b.mkv"))) - np.stack(frames).astype(float)
    assert abs(change.mean()) < 0.1
    assert np.abs(change).mean() < 0.5
