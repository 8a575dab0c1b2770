"""One preprocessed clip examined: its faces, its sound, and whether they belong together."""

from pathlib import Path

import cv2
import numpy as np

from audio import as_16_bit, load_wav, melspectrogram
from corpus.description import read_description
from corpus.errors import ClipError, CorpusError
from corpus.fingerprints import Fingerprint, fingerprint_of
from corpus.layout import DONE, SOUND, face_file, face_numbers
from synchrony.evidence import Evidence
from synchrony.expert import Expert
from synchrony.film_sound import FilmSound
from synchrony.fit import Fit, fit_of
from video import MediaError

MOST_FRAMES = 300  # of a clip that are judged, from its middle
FEWEST_FACES = 16  # as training needs
SURE = 0.3  # of the certainty that the sound is the face's own; a film tells more than its clip
FPS = 25


def examine_clip(root: Path, name: str, expert: Expert) -> tuple[dict, Fingerprint | None]:
    """The clip's row of a report, and its fingerprint where it can be used."""
    folder = root / name
    try:
        facts, made = _facts(folder, expert)
    except ClipError as error:
        return {"clip": name, "kept": False, "reason": str(error), "detail": str(folder)}, None
    row = {"clip": name, "kept": True} | facts
    reason = _fault(facts)
    if reason:
        row |= {"kept": False, "reason": reason, "detail": f"offset {facts['offset']}"}
    return row, made


def _fault(facts: dict) -> str | None:
    if facts["certainty"] < SURE:
        return "the sound fits at no shift"
    return "out of sync" if abs(facts["offset"]) > 1 else None


def _facts(folder: Path, expert: Expert) -> tuple[dict, Fingerprint]:
    numbers = face_numbers(folder)
    if len(numbers) < FEWEST_FACES:
        raise ClipError(f"fewer than {FEWEST_FACES} faces")
    try:
        wav = load_wav(folder / SOUND, expert.hp.sample_rate)
    except MediaError as error:
        raise ClipError(f"no {SOUND} that can be read") from error
    fit, heights = _judge(folder, numbers, wav, expert)
    described = _described(folder)
    power = float(np.square(wav).mean())
    facts = {
        "seconds": round((numbers[-1] + 1) / FPS, 3),
        "frames": numbers[-1] + 1,
        "faces": len(numbers),
        "median_face_height": described.get("median_face_height", float(np.median(heights))),
        "source_fps": described.get("source_fps"),
        "offset": fit.offset,
        "similarity": round(fit.similarity, 4),
        "rank": round(fit.rank, 4),
        "peak": round(fit.peak, 4),
        "certainty": round(fit.certainty, 4),
        "loudness": round(10 * np.log10(max(power, 1e-12)), 1),
    }
    return facts, fingerprint_of(folder, melspectrogram(wav, expert.hp))


def _described(folder: Path) -> dict:
    if not (folder / DONE).is_file():
        return {}  # made by another tool
    try:
        return read_description(folder)
    except CorpusError as error:
        raise ClipError(f"{DONE} is broken") from error


def _judge(
    folder: Path, numbers: list[int], wav: np.ndarray, expert: Expert
) -> tuple[Fit, list[int]]:
    """How the middle of the clip fits, and the heights of its faces' files."""
    begin = max(0, (len(numbers) - MOST_FRAMES) // 2)
    chosen = numbers[begin : begin + MOST_FRAMES]
    sound = FilmSound(expert, as_16_bit(wav))
    scores, heights = [], []
    for run in _runs(chosen):
        faces = [cv2.imread(str(face_file(folder, number))) for number in run]
        if any(face is None for face in faces):
            raise ClipError("a face's JPEG is broken")
        heights += [len(face) for face in faces]
        evidence = Evidence(run[0])
        evidence.add([expert.prepare(face) for face in faces], expert, sound, run[0])
        scores.append(evidence.settle()[1])
    return fit_of(np.concatenate(scores)), heights


def _runs(numbers: list[int]) -> list[list[int]]:
    """Consecutive frames together."""
    breaks = np.flatnonzero(np.diff(numbers) > 1) + 1
    return [part.tolist() for part in np.split(np.array(numbers), breaks)]
