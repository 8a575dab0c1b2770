"""How well a voice fits a face: the lip-sync expert's cosine, window by window and shift by shift.

from evaluation import measure_similarity, read_expert

result = measure_similarity("talk.mp4", "talk.mp4", read_expert(path), detector)
print(result.report())
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch

from audio import load_wav
from evaluation.describe import DescribeResult, describe
from evaluation.metrics.faces import face_boxes, read_faces
from face_detection import Detector
from lipsync.watching import Progress, counted
from synchrony.expert import FITS_FROM, Expert
from synchrony.shifts import (
    MAX_SHIFT,
    SHIFTS,
    WINDOW_FRAMES,
    SoundWindows,
    runs_of_faces,
    scores_by_shift,
)

WINDOWS_AT_ONCE = 64
FEWEST_WINDOWS = 25  # one second; with fewer, neither the mean nor the shift says much
RESAMPLES = 200
BLOCK = 25  # windows drawn together: neighbours share frames, so single ones would look too sure
SURE_FROM = 0.8


@dataclass(frozen=True)
class Similarity:
    """The score of every window of a video whose face and sound are both there."""

    frames: np.ndarray  # (n,) the frame at which each scored window begins
    by_shift: np.ndarray  # (n, 31) cosine at each of SHIFTS; NaN where there is no sound to hear
    faceless: int  # windows left out because a frame has no face
    soundless: int  # windows left out because the sound has ended
    fps: float
    fits_from: float = FITS_FROM  # the expert's own

    @property
    def cosines(self) -> np.ndarray:
        """(n,) the score of each window with its own sound, in [0, 1]."""
        return self.by_shift[:, MAX_SHIFT]

    @property
    def nobs(self) -> int:
        return len(self.frames)

    def describe(self) -> DescribeResult:
        return describe(self.cosines)

    @property
    def median(self) -> float | None:
        return float(np.median(self.cosines)) if self.nobs else None

    @property
    def share_over_half(self) -> float | None:
        """The share of windows whose cosine is over 0.5."""
        return float((self.cosines > 0.5).mean()) if self.nobs else None

    @cached_property
    def curve(self) -> np.ndarray:
        """(31,) mean cosine at each of SHIFTS; NaN where no window has sound."""
        heard = np.isfinite(self.by_shift).sum(axis=0)
        return np.divide(
            np.nansum(self.by_shift, axis=0),
            heard,
            out=np.full(len(SHIFTS), np.nan),
            where=heard > 0,
        )

    @property
    def best_offset(self) -> int | None:
        """Frames by which the sound comes early: delay it by that much and it fits best.

        The sign is that of SyncNet's "AV offset".
        """
        return _best(self.curve) if self.nobs else None

    @property
    def best_mean(self) -> float | None:
        """The mean cosine once the sound is moved by best_offset."""
        return float(np.nanmax(self.curve)) if self.nobs else None

    @property
    def margin(self) -> float | None:
        """How far the best shift stands out: its mean less the median over the shifts."""
        return float(np.nanmax(self.curve) - np.nanmedian(self.curve)) if self.nobs else None

    @cached_property
    def sureness(self) -> float | None:
        """Of draws of seconds out of this video, the share that put best_offset within a frame.

        None below two seconds: there is nothing to draw from.
        """
        blocks = [self.by_shift[start : start + BLOCK] for start in range(0, self.nobs, BLOCK)]
        if len(blocks) < 2:
            return None
        sums = np.stack([np.nansum(block, axis=0) for block in blocks])
        heard = np.stack([np.isfinite(block).sum(axis=0) for block in blocks])
        random = np.random.default_rng(0)
        agreeing = 0
        for _ in range(RESAMPLES):
            drawn = random.integers(len(blocks), size=len(blocks))
            count = heard[drawn].sum(axis=0)
            curve = np.where(count > 0, sums[drawn].sum(axis=0) / count.clip(1), np.nan)
            agreeing += abs(_best(curve) - self.best_offset) <= 1
        return agreeing / RESAMPLES

    @property
    def fits(self) -> bool | None:
        """Whether the voice is this face's as it stands; None with too few windows to tell.

        A high mean is not enough where it is as high at any other shift: that is an expert which
        has learned nothing, or does not know such faces.
        """
        if self.nobs < FEWEST_WINDOWS:
            return None
        return bool(self.cosines.mean() >= self.fits_from) and self._stands_out

    @property
    def _stands_out(self) -> bool:
        return self.sureness is None or self.sureness >= SURE_FROM

    @property
    def trusted_offset(self) -> int:
        """best_offset where it is sure and there is enough to tell, else 0: what to shift by."""
        enough = self.nobs >= FEWEST_WINDOWS and self.sureness is not None
        return self.best_offset if enough and self._stands_out else 0

    def to_dict(self) -> dict:
        """Plain numbers by name; None is what could not be measured."""
        moments = self.describe()
        low, high = moments.minmax or (None, None)
        return {
            "nobs": self.nobs,
            "min": low,
            "max": high,
            "mean": moments.mean,
            "variance": moments.variance,
            "skewness": moments.skewness,
            "kurtosis": moments.kurtosis,
            "median": self.median,
            "best_offset": self.best_offset,
            "best_offset_seconds": None
            if self.best_offset is None
            else self.best_offset / self.fps,
            "best_offset_sureness": self.sureness,
            "best_offset_mean": self.best_mean,
            "margin": self.margin,
            "share_over_half": self.share_over_half,
            "fits": self.fits,
            "faceless_windows": self.faceless,
            "soundless_windows": self.soundless,
            "fps": self.fps,
            "mean_by_offset": {
                -shift: None if np.isnan(value) else float(value)
                for shift, value in zip(SHIFTS, self.curve, strict=True)
            },
        }

    def report(self) -> str:
        """The numbers as scipy prints them, and what they mean."""
        return f"{self.describe()}\n{self.in_words()}"

    def in_words(self) -> str:
        """What the numbers mean, a sentence a line."""
        return "\n".join(self.sentences())

    def sentences(self) -> list[str]:
        """The verdict first, then what it rests on."""
        left_out = [
            f"{count} windows left out {why}"
            for count, why in ((self.faceless, "without a face"), (self.soundless, "without sound"))
            if count
        ]
        if not self.nobs:
            return ["no window could be scored", *left_out]
        return [
            self._verdict(),
            f"median {self.median:.3f}; {self.share_over_half:.0%} of {self.nobs} windows over 0.5",
            self._shift_sentence(),
            *left_out,
        ]

    def _verdict(self) -> str:
        if self.fits is None:
            return (
                f"too few windows to tell: {self.nobs}, and it takes {FEWEST_WINDOWS} "
                f"({FEWEST_WINDOWS / self.fps:.1f} s with a face and sound)"
            )
        mean = f"mean similarity {self.cosines.mean():.3f}"
        if self.fits:
            return f"the voice fits the face ({mean}, {self.fits_from:g} or more)"
        if self.trusted_offset and self.best_mean >= self.fits_from:
            return f"the voice fits the face once it is shifted ({mean} as it is)"
        if not self._stands_out:
            return f"the voice does not fit the face: no shift is better than others ({mean})"
        return f"the voice does not fit the face ({mean}, under {self.fits_from:g})"

    def _shift_sentence(self) -> str:
        if self.best_offset:
            side = "early" if self.best_offset > 0 else "late"
            milliseconds = abs(self.best_offset) / self.fps * 1000
            where = f"{self.best_offset:+d} frames (the sound is {milliseconds:.0f} ms {side})"
        else:
            where = "0 frames (in sync)"
        there = f"mean {self.best_mean:.3f} there"
        if self.sureness is None:
            return f"best shift {where}, {there}; too short to say how sure"
        if not self._stands_out:
            return f"no shift stands out: best {where}, but only {self.sureness:.0%} sure, {there}"
        return f"best shift {where}, {self.sureness:.0%} sure, {there}"


def _best(curve: np.ndarray) -> int:
    return -SHIFTS[int(np.nanargmax(curve))]


def measure_similarity(
    path: str | Path,
    sound: str | Path,
    expert: Expert,
    detector: Detector,
    *,
    boxes: np.ndarray | None = None,
    select: str = "largest",
    progress: Progress | None = None,
) -> Similarity:
    """The similarity of a video's face with a sound that begins when the video does.

    boxes: (frames, 4) at expert.hp.fps, NaN where there is no face; detected if None. Frames are
    streamed; the sound is held. Raises video.MediaError where there are no pictures or no sound.
    """
    wav = load_wav(sound, expert.hp.sample_rate)
    if boxes is None:
        watch = partial(counted, progress=progress, stage="faces", total=None)
        boxes = face_boxes(path, detector, expert.hp.fps, select=select, watch=watch)
    if np.isnan(boxes).all():
        windows = max(len(boxes) - WINDOW_FRAMES + 1, 0)
        nothing = np.empty(0, int), np.empty((0, len(SHIFTS)))
        return Similarity(*nothing, windows, 0, expert.hp.fps, expert.fits_from)
    faces = counted(read_faces(path, boxes, expert.hp.fps), progress, "score", len(boxes))
    return similarity_of_faces(faces, wav, expert)


def similarity_of_faces(
    faces: Iterable[np.ndarray | None], wav: np.ndarray, expert: Expert
) -> Similarity:
    """The similarity of faces at expert.hp.fps (None: no face in that frame) with mono sound."""
    mel = expert.mel(wav)
    heard = expert.count_sound_windows(mel)
    present: list[bool] = []

    def prepared() -> Iterator[np.ndarray | None]:
        for face in faces:
            present.append(face is not None)
            yield None if face is None else expert.prepare(face)

    runs = runs_of_faces(prepared(), WINDOWS_AT_ONCE)
    pieces = ((first, expert.embed_faces(run)) for first, run in runs)
    sounds = SoundWindows(lambda frames: expert.embed_sound(mel, frames), heard, np.nan)
    frames, scores = scores_by_shift(pieces, sounds, _cosine)
    with_sound = np.isfinite(scores[:, MAX_SHIFT])
    windows = max(len(present) - WINDOW_FRAMES + 1, 0)
    return Similarity(
        frames[with_sound],
        scores[with_sound],
        faceless=windows - len(frames),
        soundless=int((~with_sound).sum()),
        fps=expert.hp.fps,
        fits_from=expert.fits_from,
    )


def _cosine(pictures: torch.Tensor, sounds: torch.Tensor) -> torch.Tensor:
    return (pictures * sounds).sum(dim=1)
