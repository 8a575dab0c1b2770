"""What TalkLip's generator pays: pictures, words that are read off them, sound that fits mouths.

"Seeing What You Said: Talking Face Generation Guided by a Lip Reading Expert" (Wang et al.,
CVPR 2023).
"""

from typing import NamedTuple

import torch

from hparams import TalkLipHParams
from models.av_hubert.decoder import END, PADDING
from models.av_hubert.mouths import mouth_levels, normalised, paste_levels
from models.av_hubert.open_reader import Reader
from models.inputs import generator_input, to_faces
from models.talklip import TalkLipGenerator
from training.engine.runtime import Runtime
from training.reading_losses import Reading, contrastive_loss, draw_negatives, reading_loss

Batch = dict[str, torch.Tensor]


class Made(NamedTuple):
    """What the generator made of a batch's picked frames."""

    faces: torch.Tensor  # (N, 3, H, W) in [0, 1]
    targets: torch.Tensor  # (N, 3, H, W)
    heard: torch.Tensor  # (N, width): the sound's code of each of them


def make_faces(generator: TalkLipGenerator, batch: Batch, *, frozen_ears: bool) -> Made:
    """frozen_ears: the encoder of sound takes no part in learning, not by dropout either."""
    targets, references = to_faces(batch["targets"]), to_faces(batch["references"])
    with torch.set_grad_enabled(torch.is_grad_enabled() and not frozen_ears):
        codes = generator.hear(batch["sound"], padding_of(batch))
    heard = codes.flatten(0, 1)[batch["columns"]]
    faces = generator.paint(generator.audio_map(heard), generator_input(targets, references))
    return Made(faces, targets, heard)


def padding_of(batch: Batch) -> torch.Tensor | None:
    """(B, T), True where a sentence has ended; None where all are as long."""
    steps = torch.arange(batch["mouths"].shape[1], device=batch["mouths"].device)
    padding = steps >= batch["lengths"][:, None]
    return padding if bool(padding.any()) else None


class Listener:
    """The frozen lip reader, shown sentences with the generated faces in them."""

    def __init__(self, reader: Reader, runtime: Runtime, hp: TalkLipHParams):
        self.reader, self.runtime, self.hp = reader, runtime, hp
        runtime.place(reader.network).eval().requires_grad_(False)

    def encode(self, batch: Batch, faces: torch.Tensor | None) -> torch.Tensor:
        """(B, T, width): codes of the mouths; faces None: those of the true sentences."""
        levels = batch["mouths"].float().flatten(0, 1)
        if faces is not None:
            levels = levels.index_copy(0, batch["columns"], self._seen(batch, levels, faces))
        shown = normalised(levels).unflatten(0, batch["mouths"].shape[:2])
        padding = padding_of(batch)
        if padding is not None:  # after a sentence's end there is nothing, not a black mouth
            shown = shown.masked_fill(padding[..., None, None], 0)
        with self.runtime.autocast():
            return self.reader.network.encoder(mouths=shown[:, None], padding=padding)

    def _seen(self, batch: Batch, levels: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
        """(N, 88, 88) of the picked frames with the generated faces."""
        if self.reader.view == "face":
            return mouth_levels(faces)
        return paste_levels(levels[batch["columns"]], faces, batch["places"])

    def read(self, batch: Batch, encoded: torch.Tensor) -> Reading:
        """How well the sentences are read; the words before each are given."""
        tokens = batch["tokens"]
        before = tokens.roll(1, dims=1).masked_fill(tokens == PADDING, PADDING)
        before[:, 0] = END
        with self.runtime.autocast():
            logits = self.reader.network.decoder(before, encoded, padding_of(batch))
        return reading_loss(logits, tokens, self.reader.smoothing)

    def contrast(
        self, generator: TalkLipGenerator, batch: Batch, encoded: torch.Tensor, made: Made
    ) -> torch.Tensor:
        """Each picked frame's sound against its own generated mouth."""
        mouths = encoded.flatten(0, 1)[batch["columns"]].float()
        sound = generator.sync_net(made.heard.float())
        negatives = draw_negatives(len(sound)).to(sound.device)
        return contrastive_loss(sound, torch.nn.functional.normalize(mouths, dim=1), negatives)


class Curriculum:
    """Stages by validation L1: painting, then the encoder's last layers too, then reading.

    A stage ends after `patience` + 1 validations without a new least L1, which stays over stages.
    """

    LAST = 2

    def __init__(self, first: int, patience: int):
        self.stage, self.patience = first, patience
        self.least, self.waited = float("inf"), 0

    @property
    def is_read(self) -> bool:
        """Whether the lip reader has its say."""
        return self.stage >= self.LAST

    @property
    def is_through(self) -> bool:
        return self.stage > self.LAST

    def judge(self, l1: float) -> bool:
        """Take in a validation's L1; whether a new stage begins."""
        if l1 < self.least:
            self.least, self.waited = l1, 0
            return False
        self.waited += 1
        if self.waited <= self.patience:
            return False
        self.stage, self.waited = self.stage + 1, 0
        return True

    def state_dict(self) -> dict:
        return {"stage": self.stage, "least": self.least, "waited": self.waited}

    def load_state_dict(self, state: dict) -> None:
        self.stage, self.waited = int(state["stage"]), int(state["waited"])
        self.least = float(state["least"])
