"""Pieces of sound with the lip motion that belongs to them, the samples of learning to hear."""

import logging
from collections.abc import Sequence

import numpy as np

from audio import count_frames
from corpus.clips import Clip
from corpus.errors import ClipError, CorpusError
from training.lip_truth import LipTruth, read_lip_truth
from training.windows import Sample, Windows

log = logging.getLogger(__name__)

FRAMES_OF_A_GRID = 5  # at 25 frames a second they are 16 mel columns, so that a piece begins on one
MISSING_BANDS = 20  # neighbouring ones of the mel, at most
MEASURED_CLIPS = 500
LEAST_SPREAD = 0.01  # of a number that hardly moves: its errors must not outweigh all others


class HearingPieces(Windows):
    """hp.frames frames of one clip and their sound; what lies after the clip's end is silent.

    mel: (num_mels, columns); lips: (frames, 15); contacts: (frames, 2); known: (frames,), 0 after
    the end; near_contact, shut_bursts, tucked_ends: (frames,) bool; recorded: whether a real voice.
    """

    def cut(self, clip: Clip, random: np.random.Generator) -> Sample:
        truth = read_lip_truth(clip.folder)
        mel = self.read_mel(clip, random)
        frames = min(
            len(truth.lips), count_frames((mel.shape[1] - 1) / self.hp.mels_per_second, self.hp.fps)
        )
        latest = max(0, frames - self.hp.frames) // FRAMES_OF_A_GRID
        first = FRAMES_OF_A_GRID * int(random.integers(latest + 1))
        span = slice(first, min(first + self.hp.frames, frames))
        return {"mel": self._mel_of(mel, first), **self._truth_of(truth, span)}

    def read_mel(self, clip: Clip, random: np.random.Generator) -> np.ndarray:
        """As others read it, and some bands are missing now and then."""
        mel = super().read_mel(clip, random)
        if random.random() < self.augment_sound:
            first, count = random.integers(self.hp.num_mels), random.integers(1, MISSING_BANDS + 1)
            mel = mel.copy()
            mel[first : first + count] = mel.min()
        return mel

    def _mel_of(self, mel: np.ndarray, first: int) -> np.ndarray:
        per_frame = self.hp.mels_per_second / self.hp.fps
        start, columns = round(first * per_frame), round(self.hp.frames * per_frame) + 1
        piece = mel[:, start : start + columns]
        missing = columns - piece.shape[1]
        return np.pad(piece, ((0, 0), (0, missing)), constant_values=-self.hp.max_abs_value)

    def _truth_of(self, truth: LipTruth, span: slice) -> Sample:
        missing = self.hp.frames - (span.stop - span.start)

        def piece(rows: np.ndarray) -> np.ndarray:
            return np.pad(rows[span], [(0, missing)] + [(0, 0)] * (rows.ndim - 1))

        names = ("lips", "contacts", "near_contact", "shut_bursts", "tucked_ends")
        pieces = {name: piece(getattr(truth, name)) for name in names}
        known = piece(np.ones(len(truth.lips), np.float32))
        return {**pieces, "known": known, "recorded": np.bool_(truth.recorded)}


def measure_lips(clips: Sequence[Clip]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and spread of each number over some of the clips. Raises CorpusError."""
    motions = []
    for clip in clips[:: max(1, len(clips) // MEASURED_CLIPS)]:
        try:
            motions.append(read_lip_truth(clip.folder).lips)
        except ClipError as error:
            log.warning("left out: %s: %s", clip.name, error)
    if not motions:
        raise CorpusError("of no clip the lips are known: make some with --sound_only")
    lips = np.concatenate(motions)
    return lips.mean(axis=0), np.maximum(lips.std(axis=0), LEAST_SPREAD)
