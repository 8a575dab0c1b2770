"""The sound of a film of any length, embedded piece by piece: no whole spectrogram is held."""

import numpy as np
import torch

from audio import expert_window_start, melspectrogram
from synchrony.expert import Expert
from synchrony.shifts import MAX_SHIFT, SHIFTS, SoundWindows

MARGIN_COLUMNS = 4  # that a piece of mel is made with on each side, and that are cut off again


class FilmSound:
    """What an expert makes of a film's sound at each frame.

    samples: int16 mono at the expert's rate; may lie on disk.
    """

    def __init__(self, expert: Expert, samples: np.ndarray) -> None:
        self._expert, self._samples = expert, samples
        self._sounds = SoundWindows(self._embed, self._count_windows(), np.nan)

    def scores(self, first: int, starts: np.ndarray, mouths: torch.Tensor) -> np.ndarray:
        """(n, 31) cosines of windows of mouths, (n, D), that begin at frames `starts`.

        first: a frame before which none is asked for from now on. NaN where there is no sound.
        """
        end = int(starts.max()) + MAX_SHIFT + 1
        heard = self._sounds.span(first - MAX_SHIFT, end)
        at = torch.from_numpy(np.asarray(starts) - first)[:, None] + torch.arange(len(SHIFTS))
        return (mouths.cpu()[:, None] * heard.cpu()[at]).sum(dim=2).numpy()

    def _count_windows(self) -> int:
        hp = self._expert.hp
        columns = 1 + len(self._samples) // hp.hop_size
        seconds = (columns - hp.mel_step_size) / hp.mels_per_second
        count = max(0, int(seconds * hp.fps))
        while expert_window_start(count, hp.fps, hp) <= columns - hp.mel_step_size:
            count += 1
        return count

    def _embed(self, frames: range) -> torch.Tensor:
        """As Expert.embed_sound of the whole film's mel."""
        hp = self._expert.hp
        starts = [expert_window_start(frame, hp.fps, hp) for frame in frames]
        first = max(0, starts[0] - MARGIN_COLUMNS)
        end = starts[-1] + hp.mel_step_size + MARGIN_COLUMNS
        piece = np.asarray(self._samples[first * hp.hop_size : end * hp.hop_size])
        mel = melspectrogram(piece.astype(np.float32) / 32768, hp)
        windows = [mel[:, start - first : start - first + hp.mel_step_size] for start in starts]
        return self._expert.embed_mels(np.stack(windows))
