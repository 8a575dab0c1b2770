"""TalkLip as a method of lip-syncing: the whole speech is encoded, half of a face is painted."""

import numpy as np
import torch
from torch import nn

from models.generator import Hearing
from models.masked_face import MaskedFace
from models.talklip import TalkLipGenerator

COLUMNS_PER_SECOND = 25
SPAN, OVERLAP = 1000, 250  # columns heard at a time, and of them those of the span before


class FacePainter(nn.Module):
    """The half of TalkLip's generator that runs once a face: codes and faces -> faces."""

    def __init__(self, generator: TalkLipGenerator):
        super().__init__()
        self.height, self.width = generator.height, generator.width
        self.face_encoder_blocks = generator.face_encoder_blocks
        self.face_decoder_blocks = generator.face_decoder_blocks
        self.output_block = generator.output_block

    def forward(self, codes: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
        """codes (N, 512), faces (N, 6, H, W) -> (N, 3, H, W) in [0, 1]."""
        return TalkLipGenerator.paint(self, codes, faces)


class SpeechListener(nn.Module):
    """The half that runs once a speech: sound -> the code of each of its columns."""

    def __init__(self, generator: TalkLipGenerator):
        super().__init__()
        self.audio_encoder, self.audio_map = generator.audio_encoder, generator.audio_map

    def forward(self, sound: torch.Tensor) -> torch.Tensor:
        """(104, columns) -> (columns, 512), in spans, so that memory does not grow with length.

        Speech of up to 40 s is one span. Longer speech is heard in overlapping ones, which fade
        into each other.
        """
        columns = sound.shape[1]
        codes: torch.Tensor | None = None
        for begin in range(0, max(1, columns - OVERLAP), SPAN - OVERLAP):
            heard = self.audio_map(self.audio_encoder(sound[None, :, begin : begin + SPAN]))[0]
            codes = heard if codes is None else _faded_into(codes, heard)
        return codes


def _faded_into(before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """Two runs of codes as one; the last OVERLAP of the first are the first of the second."""
    shares = torch.linspace(0, 1, OVERLAP + 2, device=before.device)[1:-1, None]
    seam = torch.lerp(before[-OVERLAP:], after[:OVERLAP], shares)
    return torch.cat((before[:-OVERLAP], seam, after[OVERLAP:]))


class TalkLip(MaskedFace):
    """Hears the whole sentence; is fed and paints as Wav2Lip."""

    def __init__(self, generator: TalkLipGenerator):
        super().__init__(FacePainter(generator), Hearing("logfbank"))
        self.companions = (SpeechListener(generator),)

    def encode_speech(self, sound: torch.Tensor, seconds: np.ndarray) -> np.ndarray:
        """(104, columns) and the frames' middles -> (frames, 512); the ends go on outside."""
        codes = self.companions[0](sound).float().cpu().numpy()
        columns = np.floor(seconds * COLUMNS_PER_SECOND).astype(int)
        return codes[columns.clip(0, len(codes) - 1)]
