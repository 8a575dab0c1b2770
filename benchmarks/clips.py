"""Clips of any size and length to measure on, out of the sample or of any video with a face."""

from pathlib import Path

import ffmpeg
import imageio_ffmpeg
import numpy as np

from face_detection import find_tracks_in_video, make_detector
from jobs.arguments import SAMPLE_FACE

SEGMENT_SECONDS = 10  # that is encoded; what is longer repeats it
WIDTHS = {480: 854, 720: 1280, 1080: 1920, 2160: 3840}  # by height


def make_clip(
    path: Path,
    height: int,
    seconds: float,
    face: Path | None = None,
    *,
    grain: int = 0,
    crf: int = 18,
) -> Path:
    """A clip of 16:9, 25 frames a second, with sound. face: a video; None takes the sample.

    The whole picture is seen, before a blurred one that fills the frame; `grain` puts a camera's
    noise on it, of so many grey levels: upscaled pictures alone encode too easily. Only
    SEGMENT_SECONDS are encoded; they are repeated by copying packets.
    """
    segment = path.with_name(f"{path.stem}_segment{path.suffix}")
    source = ffmpeg.input(str(face or SAMPLE_FACE), stream_loop=-1)
    picture = _filled(source.video.filter("fps", 25).split(), height)
    if grain:
        picture = picture.filter("noise", alls=grain, allf="t")
    length = min(seconds, SEGMENT_SECONDS)
    coded = {"vcodec": "libx264", "preset": "veryfast", "crf": crf, "pix_fmt": "yuv420p"}
    run(ffmpeg.output(picture, source.audio, str(segment), t=length, acodec="aac", **coded))
    if seconds <= SEGMENT_SECONDS:
        return segment.rename(path)
    repeated = ffmpeg.input(str(segment), stream_loop=-1)
    run(ffmpeg.output(repeated, str(path), t=seconds, c="copy"))
    segment.unlink()
    return path


def _filled(pictures, height: int):
    """A picture in the middle of a frame of that height that it fills with its own blur."""
    width = WIDTHS[height]
    cover = {"force_original_aspect_ratio": "increase"}
    around = pictures[0].filter("scale", width // 8, height // 8, **cover)
    around = around.filter("crop", width // 8, height // 8).filter("boxblur", 4)
    around = around.filter("scale", width, height)
    fit = {"force_original_aspect_ratio": "decrease"}
    middle = pictures[1].filter("scale", width, height, **fit)
    return ffmpeg.overlay(around, middle, x="(W-w)/2", y="(H-h)/2")


def box_flag(clip: Path) -> list[str]:
    """The place of the largest face in a clip, as inference.py's --box."""
    tracks = find_tracks_in_video(str(clip), make_detector("auto"), fps=25)
    left, top, right, bottom = np.nanmedian(tracks.paths("largest")[0], axis=0).round().astype(int)
    return ["--box", *map(str, (max(top, 0), bottom, max(left, 0), right))]


def run(output) -> None:
    """Run what ffmpeg-python has put together, without a word unless it fails."""
    quiet = output.global_args("-nostdin", "-v", "error").overwrite_output()
    quiet.run(cmd=imageio_ffmpeg.get_ffmpeg_exe())
