"""Containers: what each holds, and ffmpeg's graph that puts coded pictures and sound into one."""

import os
import tempfile
from pathlib import Path
from typing import NamedTuple

import ffmpeg

from atomic import held, new_partial
from video.info import MediaError, MediaInfo
from video.process import exit_reason, keep_clock, open_input, start, stop, url, words_of
from video.read import no_sound_message, probe

# Muxer of each suffix, and the sound codecs that it carries and that its usual players play.
CONTAINERS = {
    ".mp4": ("mp4", ("aac", "mp3", "ac3", "eac3", "alac")),
    ".m4v": ("mp4", ("aac", "mp3", "ac3", "eac3", "alac")),
    ".mov": ("mov", ("aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s24le")),
    ".mkv": ("matroska", ("aac", "mp3", "ac3", "eac3", "alac", "flac", "opus", "vorbis",
                          "mp2", "pcm_s16le", "pcm_s24le", "pcm_f32le")),
    ".webm": ("webm", ("opus", "vorbis")),
    ".avi": ("avi", ("mp3", "ac3", "mp2", "pcm_s16le")),
}  # fmt: skip


def prepare_output(path: str | Path) -> Path:
    """Make the folder of a video to write, or raise MediaError if it cannot be put there."""
    path = Path(path)
    if path.suffix.lower() not in CONTAINERS:
        raise MediaError(
            f"cannot write {path}: the suffix {path.suffix!r} is none of {', '.join(CONTAINERS)}"
        )
    if path.is_dir():
        raise MediaError(f"cannot write {path}: it is a folder")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise MediaError(f"cannot write into {path.parent}: {error.strerror}") from error
    return path


def comment_tag(comment: str) -> dict:
    return {"metadata": f"comment={comment}"} if comment else {}


class SoundPart(NamedTuple):
    """A part of a sound track; before the file's beginning, at seconds below 0, lies silence."""

    info: MediaInfo
    track: int
    start: float
    end: float | None

    @property
    def stream(self) -> int:
        if self.track >= len(self.info.sounds):
            raise MediaError(no_sound_message(self.info, self.track))
        return self.info.sounds[self.track].stream

    @property
    def seconds(self) -> float | None:
        """How much is read, from the file's beginning or from `start`."""
        return None if self.end is None else max(self.end - max(self.start, 0.0), 0.001)

    def can_be_copied(self, target: Path) -> bool:
        """Whether its packets can be, and in sync: a cut is seldom between two."""
        codec = self.info.sounds[self.track].codec
        return self.start == 0 and codec in CONTAINERS[target.suffix.lower()][1]


def output_graph(video, options: dict, partial: Path, path: Path, sound: SoundPart | None):
    """The whole graph: coded pictures, and sound if there is any, into the partial file."""
    muxer = CONTAINERS[path.suffix.lower()][0]
    options = {**options, "format": muxer}
    if muxer in ("mp4", "mov"):
        options["movflags"] = "+faststart"
    if sound is None:
        return ffmpeg.output(video, url(partial), **options).overwrite_output()
    used = sound.stream
    if sound.can_be_copied(path):
        source = open_input(sound.info.path, **_bounds("t", sound.seconds))
        stream, coding = source[str(used)], {"c:a": "copy"}
    else:
        source = open_input(sound.info.path, **_bounds("ss", max(sound.start, 0.0) or None))
        stream, coding = _filtered(source[str(used)], sound), _sound_options(path)
    output = ffmpeg.output(video, stream, url(partial), **options, **coding)
    return keep_clock(output, source, sound.info, used, sound.seconds).overwrite_output()


def join(
    pictures,
    options: dict,
    path: Path,
    *,
    sound: str | Path | None,
    sound_start: float,
    sound_end: float | None,
    comment: str,
) -> None:
    """Put coded pictures, an input of ffmpeg-python, and sound into a video, whole or absent."""
    heard = sound and SoundPart(probe(sound), 0, sound_start, sound_end)
    partial = new_partial(path)
    with held(partial), tempfile.TemporaryFile() as words:
        options = {"c:v": "copy"} | options | comment_tag(comment)
        process = start(output_graph(pictures, options, partial, path, heard), stderr=words)
        try:
            process.wait()
        finally:
            stop(process)
        if process.returncode != 0:
            reason = words_of(words) or exit_reason(process.returncode)
            raise MediaError(f"cannot write {path}: {reason}")
        os.replace(partial, path)


def _bounds(name: str, seconds: float | None) -> dict:
    return {} if seconds is None else {name: seconds}


def _filtered(stream, sound: SoundPart):
    stream = stream.filter("atrim", **_bounds("end", sound.seconds))
    if sound.start < 0:
        stream = stream.filter("asetpts", f"PTS+{-sound.start}/TB")
    return stream.filter("aresample", **{"async": 1, "first_pts": 0})


def _sound_options(path: Path) -> dict:
    return {"c:a": "libopus"} if path.suffix.lower() == ".webm" else {"c:a": "aac", "b:a": "192k"}
