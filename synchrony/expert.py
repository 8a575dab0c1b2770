"""The lip-sync expert as a judge: faces and sound in, unit vectors out."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from audio import expert_window_start, mel_window, melspectrogram
from hparams import ClipHParams
from models.checkpoint import read_checkpoint
from models.devices import resolve_precision
from models.folding import fold_batch_norms
from models.inputs import fit_face, lip_window, to_faces
from synchrony.shifts import WINDOW_FRAMES

# Between the published expert's means for a voice of the face (0.52) and for another (0.15-0.25).
FITS_FROM = 0.375


@dataclass(frozen=True)
class Expert:
    """A network with embed_sound and embed_mouths, and the numbers that it was trained with."""

    network: nn.Module
    hp: ClipHParams
    device: str | torch.device = "cpu"
    fits_from: float = FITS_FROM  # the mean similarity from which a voice is called a face's own
    dtype: torch.dtype = torch.float32  # in which the network computes

    def prepare(self, face: np.ndarray) -> np.ndarray:
        """A face of any size at the expert's: BGR uint8 (img_height, img_width, 3)."""
        return fit_face(face, self.hp.img_height, self.hp.img_width)

    @torch.inference_mode()
    def embed_faces(self, faces: list[np.ndarray], every: int = 1) -> torch.Tensor:
        """n prepared faces in consecutive frames -> (n - 4, D): each window of five.

        every: frames from the beginning of one window to that of the next.
        """
        images = torch.from_numpy(np.stack(faces)).to(self.device)
        windows = to_faces(images).unfold(0, WINDOW_FRAMES, every).movedim(-1, 2)
        return self._whole(self.network.embed_mouths(lip_window(windows).to(self.dtype)))

    @torch.inference_mode()
    def embed_sound(self, mel: np.ndarray, frames: range) -> torch.Tensor:
        """What is heard in the window that begins at each frame: (len(frames), D)."""
        starts = [expert_window_start(frame, self.hp.fps, self.hp) for frame in frames]
        return self.embed_mels(np.stack([mel_window(mel, start, self.hp) for start in starts]))

    @torch.inference_mode()
    def embed_mels(self, windows: np.ndarray) -> torch.Tensor:
        """(n, num_mels, mel_step_size) -> (n, D)."""
        mels = torch.from_numpy(windows)[:, None].to(self.device, self.dtype)
        return self._whole(self.network.embed_sound(mels))

    def _whole(self, vectors: torch.Tensor) -> torch.Tensor:
        """Of length 1 in 32 bits too."""
        return vectors if self.dtype == torch.float32 else F.normalize(vectors.float(), dim=1)

    def mel(self, wav: np.ndarray) -> np.ndarray:
        """The spectrogram of mono sound at hp.sample_rate."""
        return melspectrogram(wav, self.hp)

    def count_sound_windows(self, mel: np.ndarray) -> int:
        """How many frames there are whose window of sound lies wholly within the mel."""
        last = mel.shape[1] - self.hp.mel_step_size
        count = 0
        while expert_window_start(count, self.hp.fps, self.hp) <= last:
            count += 1
        return count


def read_expert(
    path: str | Path, device: str | torch.device = "cpu", precision: str = "fp32"
) -> Expert:
    """The expert in a checkpoint file, ready to judge.

    precision: with "auto" it is up to five times as fast and its cosines are off by about 0.001.
    Raises models.checkpoint.CheckpointError or FileNotFoundError.
    """
    if not Path(path).exists():
        raise FileNotFoundError(
            f"no lip-sync expert at {path}; give one with --syncnet_checkpoint_path, "
            "or train one with color_syncnet_train.py"
        )
    checkpoint = read_checkpoint(path, "expert")
    network = checkpoint.build()
    hp = ClipHParams.from_dict({**checkpoint.hparams, **checkpoint.shape_numbers()})
    fits_from = checkpoint.extra.get("fits_from", FITS_FROM)
    dtype = resolve_precision(precision, torch.device(device))
    network = fold_batch_norms(network).to(device, dtype, memory_format=torch.channels_last)
    return Expert(network, hp, device, fits_from, dtype)
