"""What is known of the lips of a clip: lip motion frame by frame, and when lips must touch."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from corpus.errors import ClipError
from corpus.truth import TRUTH_FILE, read_truth
from models.lip_motion import FPS, INDEX, SHUT_OPENING, TUCKED_ROLL, from_blendshapes, opening

# Visemes of synthesis/speech/visemes.py in which something touches: p b m, and f v.
SHUT, TUCKED = "p", "f"
BEFORE_SECONDS, AFTER_SECONDS = 0.02, 0.06  # around a contact, where its frames weigh more


@dataclass(frozen=True)
class LipTruth:
    """One clip's. A contact ends at its burst; frame i lasts from i / FPS to (i + 1) / FPS."""

    lips: np.ndarray  # (frames, 15) float32
    contacts: (
        np.ndarray
    )  # (frames, 2) float32: 1 where lips are shut for a p b m, tucked for an f v
    near_contact: np.ndarray  # (frames,) bool: lips come together, touch or part
    shut_bursts: np.ndarray  # (frames,) bool: a p b m is heard to open in this frame
    tucked_ends: np.ndarray  # (frames,) bool: an f v ends in this frame
    recorded: bool  # a real voice, whose phones somebody aligned


@lru_cache(maxsize=65536)  # a clip of 6 s: 10 kB
def read_lip_truth(folder: Path) -> LipTruth:
    """Of the clip in this folder. Raises ClipError."""
    truth = read_truth(folder / TRUTH_FILE)
    if truth is None or truth["fps"] != FPS:
        raise ClipError(f"no {TRUTH_FILE} of {FPS} frames a second")
    try:
        weights = {name: np.asarray(row, np.float32) for name, row in truth["weights"].items()}
        lips = from_blendshapes(weights, np.asarray(truth["tongue"], np.float32))
        spans = [(viseme, float(start), float(end)) for viseme, start, end in truth["visemes"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ClipError(f"its {TRUTH_FILE} does not say what the lips do") from error
    if not np.isfinite(lips).all():
        raise ClipError(f"its {TRUTH_FILE} has numbers that are none")
    contacts = [span for span in spans if span[0] in (SHUT, TUCKED)]
    frames = len(lips)
    shut = _near(contacts, frames, SHUT) & (opening(lips) < SHUT_OPENING)
    tucked = _near(contacts, frames, TUCKED) & (lips[:, INDEX["mouthRollLower"]] > TUCKED_ROLL)
    return LipTruth(
        lips=lips,
        contacts=np.stack([shut, tucked], axis=1).astype(np.float32),
        near_contact=_near(contacts, frames, SHUT) | _near(contacts, frames, TUCKED),
        shut_bursts=_ends(contacts, SHUT, frames),
        tucked_ends=_ends(contacts, TUCKED, frames),
        recorded="recording" in truth,
    )


def _near(contacts: list, frames: int, kind: str) -> np.ndarray:
    near = np.zeros(frames, bool)
    for viseme, start, end in contacts:
        if viseme != kind:
            continue
        first, last = (start - BEFORE_SECONDS) * FPS, (end + AFTER_SECONDS) * FPS
        near[max(0, int(first)) : max(0, int(last) + 1)] = True
    return near


def _ends(contacts: list, kind: str, frames: int) -> np.ndarray:
    at = np.zeros(frames, bool)
    ends = np.array([int(end * FPS) for viseme, _, end in contacts if viseme == kind], int)
    at[ends[ends < frames]] = True
    return at
