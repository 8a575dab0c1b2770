"""One film to a folder of clips and a row for each of its stretches, whole or not there."""

import json
import os
import shutil
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from audio import loudness
from corpus.description import REPORTED, read_description, write_description
from corpus.errors import CorpusError
from corpus.fingerprints import fingerprint_of, write_fingerprint
from corpus.layout import FILM, MEL, face_file
from corpus.whole_folder import whole_folder
from corpus.write import write_heard
from face_detection import Detector
from face_detection.search import Searcher
from preprocessing.clip import SkippedClip, probe_video, skipping
from preprocessing.settings import PreprocessSettings
from preprocessing.videos import SourceVideo
from preprocessing.wild.film import keep_sound, read_pieces
from preprocessing.wild.looks import Examiner
from preprocessing.wild.options import WildOptions
from preprocessing.wild.runs import OVERLAP, Cutting, Follower
from preprocessing.wild.stretches import Stretch, find_stretches
from synchrony.expert import Expert, read_expert
from synchrony.film_sound import FilmSound
from video import MediaInfo

FORMAT = "talkface film 1"
SCRATCH = ".faces"
THUMBNAILS = "left_out"  # one picture of each reason
THUMBNAIL_SIDE = 96


def preprocess_film(film: SourceVideo, settings: PreprocessSettings, detector: Detector) -> dict:
    """Make root/<film>/<number>/ of every usable stretch of a film, and root/<film>/film.json.

    Returns what film.json holds: `rows`, one a stretch, kept or left out with its reason. A film
    that cannot be read is one row, leaves nothing, and is tried again in the next run.
    """
    target = settings.root / film.name
    try:
        if not (target / FILM).is_file():
            _write_film(film, settings, detector, target)
    except SkippedClip as skipped:
        return {"film": film.name, "rows": [_whole_film(film, skipped.reason, skipped)]}
    return read_film(target)


def _write_film(
    film: SourceVideo, settings: PreprocessSettings, detector: Detector, target: Path
) -> None:
    media = probe_video(film.source)
    with whole_folder(target, FILM) as folder:
        rows, facts = _make(film, media, settings, detector, folder)
        described = {"format": FORMAT, "film": film.name, "source": film.source.name}
        described |= facts | {"settings": settings.of_a_clip(), "rows": rows}
        (folder / FILM).write_text(json.dumps(described) + "\n", encoding="utf-8")


def read_film(folder: Path) -> dict:
    """What film.json holds. Raises CorpusError for a broken one, which a failing disk leaves."""
    try:
        described = json.loads((folder / FILM).read_text(encoding="utf-8"))
        whole = described["format"] == FORMAT and isinstance(described["rows"], list)
    except (ValueError, LookupError, TypeError, RecursionError):
        whole = False
    if not whole:
        raise CorpusError(f"{folder / FILM} is broken; remove {folder} and run again")
    return described


@lru_cache(maxsize=2)
def build_judges(options: WildOptions, device: str) -> tuple[Expert, Examiner]:
    """What judges sound and faces, built once in each worker process."""
    return read_expert(options.expert, device, "auto"), Examiner(options.max_turn, device)


def _make(
    film: SourceVideo,
    media: MediaInfo,
    settings: PreprocessSettings,
    detector: Detector,
    folder: Path,
) -> tuple[list[dict], dict]:
    """The film's clips in `folder`; its rows, and its facts. Raises SkippedClip."""
    scratch = folder / SCRATCH
    scratch.mkdir()
    with skipping("no sound"):
        samples = keep_sound(film.source, settings.hp, scratch / "sound")
    with skipping("undecodable"):
        stretches, frames = _look_through(media, samples, settings, detector, scratch)
    writer = _ClipWriter(film, media, samples, settings, folder)
    rows = [writer.write(stretch) for stretch in stretches]
    if not rows:
        rows = [_whole_film(film, "no face", f"none in {frames} frames")]
    shutil.rmtree(scratch)
    facts = {"fps": str(media.fps), "size": [media.width, media.height], "frames": frames}
    return rows, facts | {"seconds": round(frames / settings.hp.fps, 3)}


def _whole_film(film: SourceVideo, reason: str, detail) -> dict:
    return {"clip": film.name, "kept": False, "reason": reason, "detail": str(detail)}


def _look_through(
    media: MediaInfo,
    samples: np.ndarray,
    settings: PreprocessSettings,
    detector: Detector,
    scratch: Path,
) -> tuple[list[Stretch], int]:
    """The film's stretches, cut out and judged in one pass; and how many frames it has."""
    options, fps = settings.wild, settings.hp.fps
    expert, examiner = build_judges(options, getattr(detector, "device", "cpu"))
    cutting = Cutting(
        fps=fps,
        pads=settings.pads,
        smooth=settings.smooth,
        crop_size=settings.crop_size,
        min_face=options.min_face,
        expert=expert,
        examiner=examiner,
        sound=FilmSound(expert, samples),
    )
    follower = Follower(Searcher(detector, settings.detect_every), cutting, scratch)
    piece = None
    for piece in read_pieces(media, fps, OVERLAP):
        follower.take(piece)
    if piece is None:
        return [], 0
    loud = loud_of(samples, settings.hp.sample_rate / fps, piece.end)
    return find_stretches(follower.finish(piece), loud, fps, options), piece.end


def loud_of(samples: np.ndarray, samples_per_frame: float, frames: int) -> np.ndarray:
    """Decibels of each frame of int16 sound that may lie on disk."""
    parts = []
    for first in range(0, frames, 4096):
        count = min(4096, frames - first)
        begin, end = (round(n * samples_per_frame) for n in (first, first + count))
        parts.append(loudness(samples[begin:end] / np.float32(32768), samples_per_frame, count))
    return np.concatenate(parts)


class _ClipWriter:
    """Writes the stretches of one film; counts its clips."""

    def __init__(
        self,
        film: SourceVideo,
        media: MediaInfo,
        samples: np.ndarray,
        settings: PreprocessSettings,
        folder: Path,
    ) -> None:
        self._film, self._media, self._samples = film, media, samples
        self._settings, self._folder = settings, folder
        self._count = 0
        self._shown: set[str] = set()

    def write(self, stretch: Stretch) -> dict:
        """The stretch's row; its clip, if it is kept."""
        if stretch.reason:
            return self._left_out(stretch)
        number = f"{self._count:05d}"
        self._count += 1
        folder = self._folder / number
        folder.mkdir()
        heard = self._sound(stretch)
        write_heard(folder, heard, self._settings.hp)
        boxes = self._move_faces(stretch, folder)
        write_fingerprint(folder, fingerprint_of(folder, np.load(folder / MEL)))
        facts = self._facts(stretch) | {"loudness": _decibels(heard)}
        write_description(
            folder,
            boxes,
            fps=self._settings.hp.fps,
            source=self._film.source.name,
            source_fps=self._media.fps,
            source_size=(self._media.width, self._media.height),
            settings=self._settings.of_a_clip(),
            extra=facts,
        )
        described = read_description(folder)
        row = {"clip": f"{self._film.name}/{number}", "kept": True}
        return row | {key: described[key] for key in REPORTED} | facts

    def _facts(self, stretch: Stretch) -> dict:
        fps, fit = self._settings.hp.fps, stretch.fit
        return {
            "film": self._film.name,
            "from": round(stretch.begin / fps, 3),
            "to": round(stretch.end / fps, 3),
            "track": stretch.run.track,
            "middle": _middle_column(stretch),
            "offset": fit.offset,
            "offset_kept": 0 if self._settings.wild.sync_correct else fit.offset,
            "similarity": round(fit.similarity, 4),
            "rank": round(fit.rank, 4),
            "peak": round(fit.peak, 4),
            "certainty": round(fit.certainty, 4),
        }

    def _sound(self, stretch: Stretch) -> np.ndarray:
        """Moved to where it fits; silence where the film has none."""
        per_frame = self._settings.hp.sample_rate / self._settings.hp.fps
        moved = stretch.fit.offset if self._settings.wild.sync_correct else 0
        begin = round((stretch.begin - moved) * per_frame)
        heard = np.zeros(round(stretch.frames * per_frame), np.int16)
        first, end = max(begin, 0), min(begin + len(heard), len(self._samples))
        heard[first - begin : max(end, first) - begin] = self._samples[first : max(end, first)]
        return heard

    def _move_faces(self, stretch: Stretch, folder: Path) -> list:
        run = stretch.run
        boxes = run.boxes[stretch.begin - run.first : stretch.end - run.first]
        for number, box in enumerate(boxes):
            if box:
                os.replace(face_file(run.folder, stretch.begin + number), face_file(folder, number))
        return boxes

    def _left_out(self, stretch: Stretch) -> dict:
        facts = self._facts(stretch)
        picture = self._thumbnail(stretch)
        seconds = facts["to"] - facts["from"]
        row = {
            "clip": f"{self._film.name}@{facts['from']:g}-{facts['to']:g}",
            "kept": False,
            "reason": stretch.reason,
            "detail": f"{seconds:.1f} s from {facts['from']:g} s on, face {stretch.run.track}",
            "seconds": round(seconds, 3),
        }
        return row | facts | ({"picture": picture} if picture else {})

    def _thumbnail(self, stretch: Stretch) -> str | None:
        """A face of the film's first stretch that is left out for this reason."""
        middle = (stretch.begin + stretch.end) // 2
        crop = face_file(stretch.run.folder, middle)
        if stretch.reason in self._shown or not crop.is_file():
            return None
        self._shown.add(stretch.reason)
        image = cv2.imread(str(crop))
        target = self._folder / THUMBNAILS / f"{len(self._shown)}.jpg"
        target.parent.mkdir(exist_ok=True)
        size = (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        target.write_bytes(cv2.imencode(".jpg", small)[1].tobytes())
        return f"{self._film.name}/{THUMBNAILS}/{target.name}"


def _middle_column(stretch: Stretch) -> int:
    """Around which the face is, in the film's pixels."""
    run = stretch.run
    boxes = [box for box in run.boxes[stretch.begin - run.first : stretch.end - run.first] if box]
    return round(float(np.median([(box.left + box.right) / 2 for box in boxes]))) if boxes else 0


def _decibels(heard: np.ndarray) -> float:
    power = float(np.square(heard / 32768.0).mean()) if len(heard) else 0.0
    return round(10 * np.log10(max(power, 1e-12)), 1)
