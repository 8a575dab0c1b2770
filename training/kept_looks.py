"""What a lip reader's eyes see of every clip, kept while they stand still."""

import logging

import numpy as np
import torch
from torch import nn

from corpus.errors import ClipError
from models.av_hubert.mouths import SIDE, normalised
from training.sentences import StagedSentences

log = logging.getLogger(__name__)


class KeptLooks:
    """Codes of clips by their numbers, each looked at when it is first asked for."""

    def __init__(self, sentences: StagedSentences, eyes: nn.Module):
        self.sentences, self.eyes = sentences, eyes
        self._kept: dict[tuple[int, int], torch.Tensor] = {}

    def of(self, looks: torch.Tensor, steps: int) -> torch.Tensor:
        """looks: (B, 2), clip and look -> (B, steps, width), 0 after a clip's end."""
        codes = [self._of_one(*look) for look in looks.tolist()]
        padded = [nn.functional.pad(one, (0, 0, 0, steps - len(one))) for one in codes]
        return torch.stack(padded).to(looks.device).float()

    def _of_one(self, place: int, look: int) -> torch.Tensor:
        """(T, width), in 16 bits; no steps where the clip cannot be read."""
        if (place, look) not in self._kept:
            try:
                mouths = self.sentences.look_at(place, look)
            except ClipError as error:
                log.warning("seen as nothing: %s: %s", self.sentences.name_of(place), error)
                mouths = np.zeros((0, SIDE, SIDE), np.uint8)
            self._kept[place, look] = self._look(mouths).half()
        return self._kept[place, look]

    @torch.no_grad()
    def _look(self, mouths: np.ndarray) -> torch.Tensor:
        weight = self.eyes.proj.weight
        if not len(mouths):
            return weight.new_zeros(0, len(weight)).cpu()
        in_training = self.eyes.training
        codes = self.eyes.eval()(normalised(torch.from_numpy(mouths).to(weight.device))[None, None])
        self.eyes.train(in_training)
        return codes[0].cpu()
