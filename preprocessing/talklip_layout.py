"""The folders that TalkLip's own preparation makes: <id>.wav in one, boxes <id>.npy in another.

The videos stay where they are. Sound is 16 kHz mono; boxes are (frames, 4) left, top, right,
bottom at 25 frames a second, as found: without padding or smoothing, and the middle 96 x 96 where
no face was. The boxes are written last: with them a clip is done.
"""

from pathlib import Path

import numpy as np

from atomic import whole_or_absent
from audio import save_wav
from corpus.errors import CorpusError
from corpus.filelists import read_filelist
from corpus.videos import video_files
from face_detection import Detector, NoFaceError, Tracks
from face_detection.boxes import middle_box
from preprocessing.clip import FrameSource, SkippedClip, find_faces, probe_video, read_sound
from preprocessing.settings import PreprocessSettings
from preprocessing.videos import SourceVideo


def find_listed(data_root: Path, filelist: Path | None) -> list[SourceVideo]:
    """Videos by their path below data_root without suffix; those of a list, or all.

    Raises CorpusError.
    """
    if not data_root.is_dir():
        raise CorpusError(f"no such folder: {data_root}; --data_root is the folder of the videos")
    if filelist is not None:
        return [SourceVideo(name, data_root / f"{name}.mp4") for name in read_filelist(filelist)]
    found = {path.relative_to(data_root).with_suffix("").as_posix(): path
             for path in sorted(video_files(data_root))}  # fmt: skip
    if not found:
        raise CorpusError(f"{data_root} has no videos")
    return [SourceVideo(name, path) for name, path in sorted(found.items())]


def is_prepared(clip: SourceVideo, settings: PreprocessSettings) -> bool:
    """Whether both of the clip's files are there."""
    return _boxes_file(clip, settings).is_file() and _sound_file(clip, settings).is_file()


def prepare_talklip(clip: SourceVideo, settings: PreprocessSettings, detector: Detector) -> dict:
    """Write a video's sound and boxes; its row of the report."""
    try:
        if not is_prepared(clip, settings):
            _write(clip, settings, detector)
    except SkippedClip as skipped:
        return {"clip": clip.name, "kept": False, "reason": skipped.reason, "detail": str(skipped)}
    return talklip_row(clip, settings)


def talklip_row(clip: SourceVideo, settings: PreprocessSettings) -> dict:
    """What the report says of a clip that is done. Raises CorpusError for broken boxes."""
    path = _boxes_file(clip, settings)
    try:
        boxes = np.load(path, allow_pickle=False)
        heights = boxes[:, 3] - boxes[:, 1]
    except (OSError, ValueError, EOFError, IndexError) as error:
        raise CorpusError(f"{path} is broken ({error}); remove it and run again") from error
    return {
        "clip": clip.name,
        "kept": True,
        "seconds": round(len(boxes) / settings.hp.fps, 3),
        "frames": len(boxes),
        "faces": len(boxes),
        "median_face_height": float(np.median(heights)),
        "source_fps": str(settings.hp.fps),
    }


def _write(clip: SourceVideo, settings: PreprocessSettings, detector: Detector) -> None:
    if not clip.source.is_file():
        raise SkippedClip("no such video", str(clip.source))
    media = probe_video(clip.source)
    sound = read_sound(clip.source, settings)
    tracks = find_faces(FrameSource(media, settings.hp.fps).first_time(), media, settings, detector)
    boxes = boxes_of(tracks, settings.max_missing)
    for path in (_sound_file(clip, settings), _boxes_file(clip, settings)):
        path.parent.mkdir(parents=True, exist_ok=True)
    with whole_or_absent(_sound_file(clip, settings)) as partial:
        save_wav(partial, sound, settings.hp.sample_rate)
    with whole_or_absent(_boxes_file(clip, settings)) as partial, partial.open("wb") as file:
        np.save(file, boxes)


def boxes_of(tracks: Tracks, max_missing: float) -> np.ndarray:
    """(frames, 4) int64, within the picture. Raises SkippedClip where too few have a face."""
    try:
        (path,) = tracks.paths("largest", smooth=False)
    except NoFaceError as error:
        raise SkippedClip("no face", str(error)) from error
    missing = np.isnan(path[:, 0])
    if missing.mean() > max_missing:
        raise SkippedClip(
            "too many frames without a face",
            f"{missing.sum()} of {len(path)}; see --max_missing",
        )
    path = np.where(missing[:, None], middle_box(tracks.width, tracks.height), path)
    edges = (tracks.width, tracks.height, tracks.width, tracks.height)
    return np.clip(path.round(), 0, edges).astype(np.int64)


def _boxes_file(clip: SourceVideo, settings: PreprocessSettings) -> Path:
    return settings.bbx_root / f"{clip.name}.npy"


def _sound_file(clip: SourceVideo, settings: PreprocessSettings) -> Path:
    return settings.audio_root / f"{clip.name}.wav"
