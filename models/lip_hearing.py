"""Hearing: from the sound of a whole clip to its lip motion, by convolutions over time.

Ours. Dilated residual convolutions, as in temporal convolutional networks (Bai et al., 2018).
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from models.arguments import keeps_arguments
from models.lip_motion import CLOSE_PER_JAW, FPS, HIGHEST, LOWEST, NAMES, LipMotion

BANDS = 80  # of the mel
COLUMNS_PER_SECOND = 80  # of the mel; column c stands for the time c / 80
MEL_LIMIT = 4.0  # the mel lies within plus and minus this
STRIDE = 2  # mel columns that one column inside stands for: 25 ms
KERNEL = 5
DILATIONS = (1, 2, 4, 1, 2, 1)
DROPOUT = 0.1  # while training: synthetic voices are alike, and real ones are few
# Columns inside that a causal network may look ahead. With the stem (25 ms), the straight line
# between two columns (12.5 ms) and half a mel window (25 ms) that makes 187.5 ms.
CAUSAL_AHEAD = 5
CAUSAL_REACH = (1.1, 0.19)  # seconds before and after a moment
CONTACTS = ("shut", "tucked")  # p b m: lip on lip; f v: lower lip under the upper teeth
OUTPUTS = len(NAMES) + len(CONTACTS)
# How sure of a contact the network is when it begins to be made, and when it is whole.
BEGUN, WHOLE = 0.15, 0.4
RANGE = (LOWEST, HIGHEST)
SHUT_MARGIN = 0.03  # mouthClose beyond what the jaw asks for, for heads whose lips rest apart
TUCKED_ROLL = 0.52  # mouthRollLower of a whole f


@keeps_arguments
class LipHearing(nn.Module):
    """mel -> the numbers of lip motion, and whether lips touch, at the times that are asked for.

    It hears 600 ms before and after a frame; causal, 1.1 s before and at most 200 ms after. What
    the numbers are on average and how far they spread lies within, so that a file is enough.
    A contact is told by itself, since the likeliest number of a lip that may touch is half open.
    """

    def __init__(self, channels: int = 144, causal: bool = False):
        super().__init__()
        self.register_buffer("causal", torch.tensor(causal))
        self.register_buffer("mean", torch.zeros(len(NAMES)))
        self.register_buffer("spread", torch.ones(len(NAMES)))
        self.stem = nn.Conv1d(BANDS, channels, KERNEL, stride=STRIDE, padding=KERNEL // 2)
        ahead = list(_taps_ahead(causal))
        self.blocks = nn.ModuleList(
            Block(channels, dilation, taps) for dilation, taps in zip(DILATIONS, ahead, strict=True)
        )
        self.head = nn.Sequential(
            nn.BatchNorm1d(channels), nn.SiLU(), nn.Conv1d(channels, STRIDE * OUTPUTS, 1)
        )

    @property
    def reach(self) -> tuple[float, float] | None:
        """Seconds of sound before and after a moment that it hears; None if it can't run live."""
        return CAUSAL_REACH if self.causal else None

    def forward(self, mel: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """The numbers in spreads from their mean, then the contacts' logits: (B, len(places), 17).

        mel: (B, 80, columns); places: in columns, ascending, between two by a straight line.
        """
        columns = self.columns(mel)
        left = places.floor().long().clamp(0, columns.shape[-1] - 1)
        right = (left + 1).clamp(max=columns.shape[-1] - 1)
        share = (places - left).clamp(0, 1)
        return torch.lerp(columns[..., left], columns[..., right], share).transpose(1, 2)

    def columns(self, mel: torch.Tensor) -> torch.Tensor:
        """The same at every column of the mel. (B, 17, columns) float32"""
        odd = mel.shape[-1] % STRIDE
        features = self.stem(F.pad(mel, (0, odd), value=-MEL_LIMIT) / MEL_LIMIT)
        for block in self.blocks:
            features = block(features)
        predicted = self.head(features).float()
        predicted = predicted.unflatten(1, (OUTPUTS, STRIDE)).transpose(2, 3).flatten(2)
        return predicted[..., : mel.shape[-1]]

    @torch.inference_mode()
    def hear(self, mel: np.ndarray, seconds: np.ndarray) -> np.ndarray:
        """The numbers at these times. mel: (80, columns) -> (len(seconds), 15) float32"""
        return self.finish(self._tell(mel, seconds)).cpu().numpy()

    @torch.inference_mode()
    def contacts(self, mel: np.ndarray, seconds: np.ndarray) -> np.ndarray:
        """How sure it is that lips are shut, and tucked, at these times. (len(seconds), 2)"""
        return self._tell(mel, seconds)[:, len(NAMES) :].sigmoid().cpu().numpy()

    def _tell(self, mel: np.ndarray, seconds: np.ndarray) -> torch.Tensor:
        device = self.mean.device
        if not len(seconds):
            return torch.zeros(0, OUTPUTS, device=device)
        places = torch.as_tensor(np.asarray(seconds) * COLUMNS_PER_SECOND, dtype=torch.float32)
        sound = torch.as_tensor(mel, dtype=torch.float32, device=device)
        return self(sound[None], places.to(device))[0]

    def finish(self, predicted: torch.Tensor) -> torch.Tensor:
        """What forward says, as the numbers of lip motion, contacts made. (..., 17) -> (..., 15)"""
        values = predicted[..., : len(NAMES)] * self.spread + self.mean
        sure = predicted[..., len(NAMES) :].sigmoid()
        made = ((sure - BEGUN) / (WHOLE - BEGUN)).clamp(0, 1)
        values = make_contacts(values, *made.unbind(-1))
        return values.clamp(*(torch.as_tensor(end, device=values.device) for end in RANGE))

    def lip_motion(self, mel: np.ndarray, frames: int | None = None) -> LipMotion:
        """Of the whole sound, or of so many frames at 25 a second. mel: (80, columns)"""
        if frames is None:
            frames = round((mel.shape[1] - 1) / COLUMNS_PER_SECOND * FPS)
        return LipMotion(self.hear(mel, (np.arange(frames) + 0.5) / FPS))


def make_contacts(values: torch.Tensor, shut: torch.Tensor, tucked: torch.Tensor) -> torch.Tensor:
    """The numbers with lips that touch as far as these shares say. values: (..., 15)"""
    numbers = dict(zip(NAMES, values.unbind(-1), strict=True))
    touching = torch.maximum(shut, tucked)
    numbers["mouthLowerDown"] = numbers["mouthLowerDown"] * (1 - touching)
    numbers["mouthUpperUp"] = numbers["mouthUpperUp"] * (1 - shut)
    wanted = CLOSE_PER_JAW * numbers["jawOpen"].clamp(min=0)
    least = torch.maximum(shut * (wanted + SHUT_MARGIN), tucked * wanted)
    numbers["mouthClose"] = torch.maximum(numbers["mouthClose"], least)
    numbers["mouthRollLower"] = torch.maximum(numbers["mouthRollLower"], tucked * TUCKED_ROLL)
    return torch.stack(list(numbers.values()), dim=-1)


def lip_opening(values: torch.Tensor) -> torch.Tensor:
    """As lip_motion.opening, of tensors and with gradients. values: (..., 15) -> (...)"""
    numbers = dict(zip(NAMES, values.unbind(-1), strict=True))
    bridged = F.relu(numbers["jawOpen"] - numbers["mouthClose"] / CLOSE_PER_JAW)
    return bridged + 0.3 * (numbers["mouthLowerDown"] + numbers["mouthUpperUp"])


class Block(nn.Module):
    """Adds what a wide and a narrow convolution make of the features."""

    def __init__(self, channels: int, dilation: int, ahead: int):
        """ahead: how many of the kernel's taps lie after the column that is made."""
        super().__init__()
        before = KERNEL - 1 - ahead
        self.pad = (before * dilation, ahead * dilation)
        self.body = nn.Sequential(
            nn.BatchNorm1d(channels),
            nn.SiLU(),
            nn.Conv1d(channels, channels, KERNEL, dilation=dilation),
            nn.BatchNorm1d(channels),
            nn.SiLU(),
            nn.Conv1d(channels, channels, 1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        norm, act, wide, *narrow = self.body
        made = wide(F.pad(act(norm(x)), self.pad))
        for layer in narrow:
            made = layer(made)
        return x + F.dropout(made, DROPOUT, self.training)


def _taps_ahead(causal: bool) -> Iterator[int]:
    """Of each block's kernel: half of it, or what is left of CAUSAL_AHEAD; the first come first."""
    left = CAUSAL_AHEAD if causal else sum(DILATIONS) * KERNEL
    for dilation in DILATIONS:
        taps = min(KERNEL // 2, left // dilation)
        left -= taps * dilation
        yield taps
