"""video.native and lipsync.canvas: samples that nobody changes stay, to the bit."""

from dataclasses import replace

import numpy as np
import pytest

from face_detection import Box
from lipsync.canvas import Canvas, apart
from lipsync.plan import make_plan
from lipsync.render import open_writer, render
from lipsync.settings import Settings
from lipsync.source import open_source
from models.generator import Patch
from tests.lipsync_material import EllipseDetector, backend, make_sound
from tests.test_video import make
from video import MediaError, VideoWriter, native_layout, probe, read_frames, read_native_frames
from video.colour import SHARES, ColourCoding
from video.encoders import has_nvdec, quality_options, usual_codec
from video.mastering import Mastering, read_mastering
from video.native import FrameLayout, NativeFrame
from video.pixels import planar_format

# A smooth picture in all colours: what two ways of spreading colour agree on.
SMOOTH = (
    "color=gray:s={size}:r=25:d=0.2,format=gbrp,"
    "geq=r='128+90*sin((X+N)/19)':g='128+90*cos(Y/17)':b=2*X"
)
TAGS = {"bt601": "smpte170m", "bt709": "bt709", "bt2020": "bt2020nc"}
BOX = Box(30, 20, 66, 70)


def film(path, pix_fmt="yuv420p", *, size="96x80", matrix="bt709", full=False, more=""):
    """A short film of those samples, lossless."""
    scale = f",scale=out_color_matrix={matrix}:out_range={'pc' if full else 'tv'},format={pix_fmt}"
    tags = f",setparams=colorspace={TAGS[matrix]}{more}"
    return make(
        path, "-f", "lavfi", "-i", SMOOTH.format(size=size) + scale + tags, "-c:v", "ffv1",
        "-color_range", "pc" if full else "tv",
    )  # fmt: skip


def native(path):
    info = probe(path)
    return list(read_native_frames(info, native_layout(info), info.fps))


def layout(pix_fmt, width=96, height=80, **coding) -> FrameLayout:
    return FrameLayout(planar_format(pix_fmt), width, height, ColourCoding(**coding))


def random_frame(*words, **coding) -> NativeFrame:
    frame = NativeFrame(layout(*words, **coding))
    noise = np.random.default_rng(0)
    for plane in frame.planes:
        plane[:] = noise.integers(0, frame.layout.pixels.peak, plane.shape, endpoint=True)
    return frame


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("size", ["96x80", "95x79"])
@pytest.mark.parametrize(
    "pix_fmt", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p12le", "yuva420p"]
)
def test_what_is_decoded_is_encoded(tmp_path, pix_fmt, size, full):
    before = probe(film(tmp_path / "a.mkv", pix_fmt, size=size, full=full))
    given = native(before.path)
    writer = VideoWriter(
        tmp_path / "b.mkv", before.width, before.height, 25, codec="ffv1",
        layout=native_layout(before), colour=before.colour,
    )  # fmt: skip
    with writer:
        for frame in given:
            writer.write(frame)
    after = probe(tmp_path / "b.mkv")
    assert (after.pix_fmt, after.full_range) == (pix_fmt, full)
    assert after.colour.split("/")[0] == "bt709"
    for frame, other in zip(given, native(after.path), strict=True):
        for plane, kept in zip(frame.planes, other.planes, strict=True):
            assert np.array_equal(plane, kept[: plane.shape[0], : plane.shape[1]])


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", TAGS)
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p", "yuv420p10le"])
def test_colours_are_those_that_ffmpeg_shows(tmp_path, pix_fmt, matrix, full):
    path = film(tmp_path / "a.mkv", pix_fmt, matrix=matrix, full=full)
    for frame, shown in zip(native(path), read_frames(path), strict=True):
        off = np.abs(frame.bgr()[2:-2, 2:-2].astype(float) - shown[2:-2, 2:-2])
        assert off.mean() < 0.6 and off.max() < 4


@pytest.mark.parametrize("siting", ["left", "center", "topleft"])
@pytest.mark.parametrize("matrix", SHARES)
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p", "yuv440p", "yuv411p", "yuv444p12le"])
def test_a_change_comes_out_as_it_was_wanted(pix_fmt, matrix, siting):
    """Of even colours all of a change is there; what is not changed keeps its samples."""
    frame = NativeFrame(layout(pix_fmt, matrix=matrix, siting=siting))
    for plane, level in zip(frame.planes, (0.4, 0.5, 0.55), strict=True):
        plane[:] = round(level * frame.layout.pixels.peak)
    before, region = frame.copy(), (16, 16, 64, 48)
    given = frame.bgr(region)
    new = given + np.float32([30, 10, -20]) if given.dtype == np.float32 else given.copy()
    if given.dtype == np.uint8:
        new[:] = (given.astype(int) + [30, 10, -20]).clip(0, 255)
    frame.change(region, given, new)
    middle = (slice(6, -6), slice(6, -6))
    assert np.abs(frame.bgr(region)[middle].astype(float) - new[middle]).max() < 2.5
    for plane, kept in zip(frame.planes, before.planes, strict=True):
        lines, columns = plane.shape[0] / 80, plane.shape[1] / 96
        inside = np.zeros(plane.shape, bool)
        inside[int(16 * lines) : int(48 * lines), int(16 * columns) : int(64 * columns)] = True
        assert np.array_equal(plane[~inside], kept[~inside])


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p10le", "yuv444p16le", "yuva420p"])
def test_a_canvas_that_nothing_new_is_painted_on_gives_the_very_samples(pix_fmt):
    frame = random_frame(pix_fmt, 95, 79)
    before = frame.copy()
    canvas = Canvas(frame, [(3, 5, 50, 60), (40, 30, 95, 79)])
    given = canvas.picture[5:60, 3:50].copy()
    canvas.paint(Patch(3, 5, given, np.ones((55, 47), np.float32)))
    canvas.paint(Patch(3, 5, 255 - given, np.zeros((55, 47), np.float32)))
    assert np.array_equal(canvas.finish().samples, before.samples)


def test_half_of_a_new_mouth_keeps_the_depth_of_the_samples():
    """Eight bits between black and white would leave steps of four in ten bits."""
    frame = NativeFrame(layout("yuv444p10le", full_range=True))
    ramp = np.linspace(100, 900, 96).round().astype(np.uint16)
    for plane, values in zip(frame.planes, (ramp, 512, 512), strict=True):
        plane[:] = values
    canvas = Canvas(frame, [(0, 0, 96, 80)])
    assert canvas.picture.dtype == np.float32 and canvas.levels.dtype == np.uint8
    grey = np.full((80, 96, 3), 128, np.uint8)
    canvas.paint(Patch(0, 0, grey, np.full((80, 96), 0.5, np.float32)))
    expected = (ramp + 128 * 1023 / 255) / 2
    assert np.abs(canvas.finish().planes[0] - expected).max() <= 0.51


def test_two_mouths_in_regions_that_overlap_are_painted_once_each():
    frame = NativeFrame(layout("yuv444p"))
    for plane, level in zip(frame.planes, (100, 128, 128), strict=True):
        plane[:] = level
    regions = [(0, 0, 40, 40), (30, 30, 80, 70)]
    canvas = Canvas(frame, regions)
    for left, top, right, bottom in regions:
        lighter = canvas.picture[top:bottom, left:right] + np.uint8(20)
        canvas.paint(Patch(left, top, lighter))
    luma = canvas.finish().planes[0].astype(int) - 100
    step = 20 * 219 / 255
    assert luma[10, 10] == luma[60, 60] == round(step) and luma[35, 35] == round(2 * step)
    assert luma[10, 60] == 0
    assert apart([*regions, (90, 0, 95, 5)]) == [(0, 0, 80, 70), (90, 0, 95, 5)]


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p10le"])
def test_outside_of_the_face_a_result_has_the_samples_of_its_source(tmp_path, pix_fmt):
    face = film(tmp_path / "face.mkv", pix_fmt)
    settings = Settings(box=BOX, use_cache=False, length="video", codec="ffv1")
    maker = backend(batch_size=2)
    audio = make_sound(tmp_path / "a.wav")
    plan = make_plan(face, audio, settings, maker, EllipseDetector)
    with open_writer(tmp_path / "o.mkv", plan) as writer:
        for frame in render(plan, maker):
            writer.write(frame)
    for before, after in zip(native(face), native(tmp_path / "o.mkv"), strict=True):
        for plane, kept in zip(before.planes, after.planes, strict=True):
            lines, columns = 80 // len(plane), 96 // plane.shape[1]
            box = (slice(20 // lines, 70 // lines), slice(30 // columns, 66 // columns))
            assert not np.array_equal(plane[box], kept[box])
            plane[box] = kept[box] = 0
            assert np.array_equal(plane, kept)


@pytest.mark.parametrize("crop", [(0, -1, 0, -1), (10, 60, 12, 80), (11, 60, 13, 80)])
@pytest.mark.parametrize("rotate", [False, True])
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p10le"])
def test_edited_frames_are_the_same_pictures(tmp_path, pix_fmt, rotate, crop):
    source = open_source(film(tmp_path / "a.mkv", pix_fmt), rotate=rotate, crop=crop)
    for frame, shown in zip(source.native_frames(), source.frames(), strict=True):
        assert (frame.layout.width, frame.layout.height) == source.size
        off = np.abs(frame.bgr()[2:-2, 2:-2].astype(float) - shown[2:-2, 2:-2])
        assert off.mean() < 0.8


def test_transparency_is_kept_where_the_container_can(tmp_path):
    path = film(tmp_path / "a.mkv", "yuva420p")
    info = probe(path)
    for name, codec, kept in (
        ("o.mov", "prores_ks", True),
        ("o.mkv", "ffv1", True),
        ("o.webm", "libvpx-vp9", True),
        ("o.mp4", None, False),
    ):
        writer = VideoWriter(tmp_path / name, 96, 80, 25, codec=codec, layout=native_layout(info))
        assert writer.drops_alpha is not kept
        with writer:
            for frame in native(path):
                writer.write(frame)
        after = probe(tmp_path / name)
        assert after.has_alpha is kept
        if kept:
            (given, *_), (got, *_) = native(path), native(after.path)
            peak = got.layout.pixels.peak / given.layout.pixels.peak
            assert np.abs(given.planes[3] - got.planes[3] / peak).max() <= 2


def test_the_usual_encoder_holds_what_is_given():
    assert usual_codec(".mp4", None) == usual_codec(".mkv", planar_format("yuv422p")) == "libx264"
    assert usual_codec(".mp4", planar_format("yuv420p10le")) == "libx265"
    assert usual_codec(".webm", planar_format("yuv420p10le")) == "libvpx-vp9"


def test_quality_is_told_to_each_encoder_in_its_own_figures():
    assert quality_options("libx264", 23, "fast") == {"c:v": "libx264", "crf": 23, "preset": "fast"}
    assert quality_options("h264_nvenc", 18, None)["cq"] == 19
    assert quality_options("hevc_videotoolbox", 18, None)["q:v"] == 65
    assert quality_options("libvpx-vp9", 51, None)["crf"] == 63
    assert "crf" not in quality_options("ffv1", 18, None)


@pytest.mark.parametrize("codec", ["h264_nvenc", "h264_qsv", "hevc_vaapi"])
def test_an_encoder_without_its_hardware_says_what_it_needs(tmp_path, codec):
    frame = np.zeros((256, 256, 3), np.uint8)
    try:
        with VideoWriter(tmp_path / "o.mp4", 256, 256, 25, codec=codec) as writer:
            for _ in range(3):
                writer.write(frame)
    except MediaError as error:
        assert "its driver" in str(error) and "--codec libx264" in str(error)
        assert list(tmp_path.iterdir()) == []
    else:
        assert probe(tmp_path / "o.mp4").has_picture  # on a machine that has it


def test_deep_frames_become_hevc_and_keep_their_tags(tmp_path):
    hdr = ":color_primaries=bt2020:color_trc=smpte2084"
    path = film(tmp_path / "a.mkv", "yuv420p10le", matrix="bt2020", more=hdr)
    info = probe(path)
    with VideoWriter(
        tmp_path / "o.mp4", 96, 80, 25, layout=native_layout(info), colour=info.colour
    ) as writer:
        for frame in native(path):
            writer.write(frame)
    after = probe(tmp_path / "o.mp4")
    assert after.pix_fmt == "yuv420p10le" and after.colour == "bt2020nc/bt2020/smpte2084"
    assert after.is_hdr


GRADED = Mastering(
    (0.68, 0.32), (0.265, 0.69), (0.15, 0.06), (0.3127, 0.329), (0.005, 1000.0), (1000, 400)
)


@pytest.mark.parametrize(("codec", "suffix"), [("libx265", ".mp4"), ("libx264", ".mkv")])
def test_what_an_hdr_film_says_of_its_screen_is_kept(tmp_path, codec, suffix):
    hdr = ":color_primaries=bt2020:color_trc=smpte2084"
    info = probe(film(tmp_path / "a.mkv", "yuv420p10le", matrix="bt2020", more=hdr))
    assert read_mastering(info) is None  # ffv1 says nothing
    given, layout = info, native_layout(info)
    for told, path in ((GRADED, tmp_path / f"b{suffix}"), ("as given", tmp_path / f"c{suffix}")):
        mastering = told if told is GRADED else read_mastering(given)
        coding = {"layout": layout, "colour": info.colour, "mastering": mastering}
        with VideoWriter(path, 96, 80, 25, codec=codec, **coding) as writer:
            for frame in native(info.path):
                writer.write(frame)
        given = probe(path)
        assert read_mastering(given) == GRADED


def test_numbers_for_encoders_are_counted_in_their_own_steps():
    display, light = GRADED.parameters("libx265")
    assert display == (
        "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
    )
    assert light == "max-cll=1000,400"
    assert GRADED.parameters("libsvtav1")[0].endswith("WP(0.3127,0.329)L(1000,0.005)")
    assert GRADED.parameters("ffv1") == []


@pytest.mark.gpu
@pytest.mark.skipif(not has_nvdec(), reason="no NVDEC here")
def test_nvdec_gives_the_samples_that_the_cpu_gives(tmp_path):
    info = probe(make(tmp_path / "a.mp4", "-i", film(tmp_path / "a.mkv", size="256x256")))
    there = read_native_frames(replace(info, on_gpu=True), native_layout(info), info.fps)
    for frame, other in zip(native(info.path), there, strict=True):
        assert np.array_equal(frame.samples, other.samples)


def test_two_fields_of_a_frame_become_one_picture(tmp_path):
    """A bar that moves between the fields has combs where they are shown as they lie."""
    bar = "color=black:s=96x80:r=50:d=0.4,format=gray,geq=lum='255*between(X,20+4*N,40+4*N)'"
    lacing = ",format=yuv420p,tinterlace=mode=interleave_top,fieldorder=tff"
    path = make(tmp_path / "a.mpg", "-f", "lavfi", "-i", bar + lacing, "-c:v", "mpeg2video",
                "-flags", "+ilme+ildct", "-q:v", 2)  # fmt: skip
    info = probe(path)
    assert info.is_interlaced

    def combs(frame):
        lines = frame.planes[0].astype(float)
        return np.abs(lines[1:-1] - (lines[:-2] + lines[2:]) / 2).mean()

    mended = native(path)
    as_is = replace(info, is_interlaced=False)
    laced = list(read_native_frames(as_is, native_layout(info), info.fps))
    before, after = (np.mean([combs(one) for one in some[2:-2]]) for some in (laced, mended))
    assert after < before / 3 and len(mended) == len(laced)
