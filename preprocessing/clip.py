"""One clip: from a video of any kind to a folder of crops, sound and mel, whole or not there."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import video
from audio import as_16_bit, exact_fps, load_wav
from corpus.description import REPORTED, read_description, write_description
from corpus.layout import DONE
from corpus.transcripts import carry_transcript
from corpus.truth import carry_truth
from corpus.whole_folder import whole_folder
from corpus.write import at_most, write_face, write_heard
from face_detection import Box, Detector, NoFaceError, Tracks, crop_box, find_tracks
from preprocessing.settings import PreprocessSettings
from preprocessing.videos import SourceVideo
from video import MediaError, MediaInfo

FRAMES_IN_MEMORY = 256 << 20  # bytes; a longer clip is decoded a second time


Write = Callable[[SourceVideo, PreprocessSettings, Detector, Path], None]


class SkippedClip(ValueError):
    """A clip that cannot be used. `reason` is one of a few, to count by; the text has the rest."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def preprocess_clip(
    clip: SourceVideo,
    settings: PreprocessSettings,
    detector: Detector,
    write: Write | None = None,
) -> dict:
    """Make root/<name>/{0.jpg, 1.jpg, ..., audio.wav, mel.npy, clip.json} of a video.

    What lies beside the video goes along: <clip>.txt, its words, as words.txt.
    write: what to make in place of that, clip.json last.

    Returns its row of the report: kept, and how large and long it is, or skipped, and why.
    """
    target = settings.root / clip.name
    try:
        if not (target / DONE).is_file():
            with whole_folder(target) as folder:
                (write or write_clip)(clip, settings, detector, folder)
    except SkippedClip as skipped:
        return {"clip": clip.name, "kept": False, "reason": skipped.reason, "detail": str(skipped)}
    return report_row(clip, settings)


def report_row(clip: SourceVideo, settings: PreprocessSettings) -> dict:
    """What the report says of a clip that is done: also if of other settings or another video.

    Raises CorpusError for a broken description, which only a failing disk leaves.
    """
    described = read_description(settings.root / clip.name)
    row = {"clip": clip.name, "kept": True} | {key: described[key] for key in REPORTED}
    if settings.differ_from(described["settings"]):
        row["other_settings"] = True
    now = size_in_bytes(clip.source)
    if now is not None and described.get("source_bytes", now) != now:
        row["other_video"] = True
    return row


def size_in_bytes(path: Path) -> int | None:
    """Bytes of a file; None where it is gone, as it may be once its clip is made."""
    with suppress(OSError):
        return path.stat().st_size
    return None


def write_clip(
    clip: SourceVideo, settings: PreprocessSettings, detector: Detector, folder: Path
) -> None:
    """The files of a clip of a sentence."""
    opened = OpenClip.of(clip.source, settings, detector)
    boxes = _crop_boxes(opened, settings)
    with skipping("undecodable"):
        _write_crops(opened.frames.again(), boxes, settings.crop_size, folder)
    write_heard(folder, opened.sound, settings.hp)
    carry_truth(clip.source, settings.hp.fps, len(boxes), folder)
    carry_transcript(clip.source, folder)
    write_description(
        folder,
        boxes,
        fps=settings.hp.fps,
        settings=settings.of_a_clip() | detector.settings,
        **opened.described(),
    )


@contextmanager
def skipping(reason: str) -> Iterator[None]:
    """A block in which media that cannot be read leave the clip out, for that reason."""
    try:
        yield
    except MediaError as error:
        raise SkippedClip(reason, str(error)) from error


def find_faces(
    frames: Iterator[np.ndarray], media: MediaInfo, settings: PreprocessSettings, detector: Detector
) -> Tracks:
    """The faces in a clip's frames. Raises SkippedClip."""
    with skipping("undecodable"):
        return find_tracks(
            frames,
            detector,
            fps=settings.hp.fps,
            full_size=(media.width, media.height),
            detect_every=settings.detect_every,
        )


def probe_video(source: Path) -> MediaInfo:
    """What is known of a file with pictures. Raises SkippedClip."""
    with skipping("undecodable"):
        media = video.probe(source)
    if not media.has_picture:
        raise SkippedClip("no pictures", f"{source} has only sound")
    return media


def read_sound(source: Path, settings: PreprocessSettings) -> np.ndarray:
    """16-bit mono samples, as audio.wav holds them."""
    with skipping("no sound"):
        samples = load_wav(source, settings.hp.sample_rate)
    if not np.isfinite(samples).all():
        raise SkippedClip("no sound", f"{source}: samples that are no numbers")
    return as_16_bit(samples)


class FrameSource:
    """The frames of one clip, to be read twice; decoded once where they fit in memory."""

    def __init__(self, media: MediaInfo, fps: float) -> None:
        self._media, self._fps = media, exact_fps(fps)
        self._kept: list[np.ndarray] | None = []

    def first_time(self) -> Iterator[np.ndarray]:
        """All frames."""
        for frame in video.read_frames(self._media, self._fps):
            if self._kept is not None:
                self._kept.append(frame)
                if len(self._kept) * frame.nbytes > FRAMES_IN_MEMORY:
                    self._kept = None
            yield frame

    def again(self) -> Iterator[np.ndarray]:
        """All frames once more."""
        if self._kept is not None:
            return iter(self._kept)
        return video.read_frames(self._media, self._fps)


@dataclass(frozen=True)
class OpenClip:
    """A video whose sound is read and whose faces are found."""

    source: Path
    media: MediaInfo
    sound: np.ndarray  # 16-bit mono
    frames: FrameSource
    tracks: Tracks

    @classmethod
    def of(cls, source: Path, settings: PreprocessSettings, detector: Detector) -> "OpenClip":
        """Raises SkippedClip."""
        media = probe_video(source)
        sound = read_sound(source, settings)
        frames = FrameSource(media, settings.hp.fps)
        tracks = find_faces(frames.first_time(), media, settings, detector)
        return cls(source, media, sound, frames, tracks)

    def main_face(self, settings: PreprocessSettings) -> np.ndarray:
        """The largest face's box in each frame, NaN where it is not. Raises SkippedClip."""
        try:
            (path,) = self.tracks.paths("largest", smooth=settings.smooth)
        except NoFaceError as error:
            raise SkippedClip("no face", str(error)) from error
        return path

    def described(self) -> dict:
        """What clip.json says of the video."""
        return {
            "source": self.source.name,
            "source_bytes": size_in_bytes(self.source),
            "source_fps": self.media.fps,
            "source_size": (self.media.width, self.media.height),
        }


def _crop_boxes(opened: OpenClip, settings: PreprocessSettings) -> list[Box | None]:
    """What is cut out of each frame: the main face, None where it is not. Raises SkippedClip."""
    path = opened.main_face(settings)
    boxes = [_crop_or_none(box, opened.tracks, settings) for box in path]
    missing = boxes.count(None)
    if missing > settings.max_missing * len(boxes):
        raise SkippedClip(
            "too many frames without a face", f"{missing} of {len(boxes)}; see --max_missing"
        )
    least = 3 * settings.hp.syncnet_T
    if len(boxes) - missing <= least:
        raise SkippedClip(
            "too short", f"a face in {len(boxes) - missing} frames; training needs over {least}"
        )
    return boxes


def _crop_or_none(box: np.ndarray, tracks: Tracks, settings: PreprocessSettings) -> Box | None:
    if np.isnan(box[0]):
        return None
    try:
        return crop_box(box, settings.pads, tracks.width, tracks.height)
    except ValueError:  # the face has left the picture
        return None


def _write_crops(
    frames: Iterator[np.ndarray], boxes: list[Box | None], crop_size: int, folder: Path
) -> None:
    for number, (image, box) in enumerate(zip(frames, boxes, strict=True)):
        if box is None:
            continue
        crop = at_most(image[box.top : box.bottom, box.left : box.right], crop_size)
        write_face(folder, number, crop)
