"""A lip reader in training: its losses by stage, and what it reads of sentences it has not seen."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from hparams import LipReaderHParams
from models.av_hubert import LipReader
from models.av_hubert.decoder import BEGIN, END, PADDING
from models.av_hubert.mouths import normalised
from models.av_hubert.search import greedy_search
from models.av_hubert.tokens import Tokens
from models.lip_motion import NAMES
from training.reading_losses import reading_loss
from training.sentences import ADAPTING, LIPS, SEEING
from training.word_errors import WordErrors

Batch = dict[str, torch.Tensor]
Values = dict[str, torch.Tensor]
TOKENS_A_FRAME = 0.5  # at most, where reading must end


class LipsIn(nn.Module):
    """Lip motion in the place of what is seen of mouths: how a reader learns before it can see."""

    def __init__(self, width: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(len(NAMES)))
        self.register_buffer("spread", torch.ones(len(NAMES)))
        self.proj = nn.Linear(len(NAMES), width)

    def forward(self, lips: torch.Tensor, noise: float = 0.0) -> torch.Tensor:
        """(B, T, 15) -> (B, T, width); noise: of each frame and of each clip, in spreads."""
        values = (lips - self.mean) / self.spread
        if noise:
            values = values + noise * torch.randn_like(values)
            values = values + noise * torch.randn_like(values[:, :1])
        return self.proj(values)


@dataclass(frozen=True)
class Mask:
    """Spans of frames that are hidden, so that words are guessed from their neighbours."""

    share: float  # the chance that a clip has one
    frames: int  # of a span, at most

    def hide(self, codes: torch.Tensor) -> torch.Tensor:
        """(B, T, width) with some steps set to 0."""
        batch, steps = codes.shape[:2]
        length = torch.rand(batch, 1) * self.frames * (torch.rand(batch, 1) < self.share)
        first = torch.rand(batch, 1) * steps
        places = torch.arange(steps)
        hidden = (places >= first) & (places < first + length)
        return codes.masked_fill(hidden.to(codes.device)[..., None], 0)


class ReaderInTraining(nn.Module):
    """Reader and lip motion as distributed training calls them: batch -> sums and counts."""

    def __init__(self, reader: LipReader, lips_in: LipsIn, hp: LipReaderHParams, *, several: bool):
        super().__init__()
        self.reader, self.lips_in, self.hp, self.several = reader, lips_in, hp, several
        self.mask = Mask(hp.time_mask, hp.time_mask_frames)
        self.knows_lips = True  # that they have codes, which eyes can be taught

    def forward(self, batch: Batch, stage: str) -> Values:
        video = self.reader.encoder.w2v_model.feature_extractor_video
        known = ~batch["lips"][..., 0].isnan()
        lips = batch["lips"].nan_to_num()
        values = {}
        if stage == LIPS:
            seen = self.lips_in(lips, self.hp.lips_noise)
        elif stage == ADAPTING:
            seen = batch["seen"]
        else:
            seen = video(normalised(batch["mouths"][:, None]))
            if self.knows_lips:
                with torch.no_grad():
                    wanted = self.lips_in(lips)
                values["seeing"] = seeing_error(seen, wanted, known)
        if stage != SEEING:
            values |= self.read(seen, batch)
        values["loss"] = self.loss(values)
        if self.several:  # who takes no part in a stage is still waited for
            idle = sum(parameter.sum() for parameter in self.parameters())
            values["loss"] = values["loss"] + 0 * idle
        return values

    def read(self, seen: torch.Tensor, batch: Batch) -> Values:
        """Cross-entropy of the decoder and of CTC, both a token; how many it has right."""
        padding, tokens = padding_of(batch), batch["tokens"]
        encoder = self.reader.encoder.w2v_model
        encoded = encoder.join(None, self.mask.hide(seen), padding)
        before = tokens.roll(1, dims=1)  # what is said before each; END begins a sentence
        before[:, 0] = END
        before = before.masked_fill(tokens == PADDING, PADDING)
        logits = self.reader.decoder(before, encoded, padding)
        reading = reading_loss(logits, tokens, self.hp.label_smoothing)
        values = {"attention": reading.loss / reading.total}
        values["token_accuracy"] = reading.correct / reading.total
        if self.reader.ctc is not None:
            values["ctc"] = ctc_loss(self.reader.ctc(encoded), batch) / reading.total
        return values

    def loss(self, values: Values) -> torch.Tensor:
        total = self.hp.seeing_wt * values["seeing"] if "seeing" in values else 0.0
        if "attention" in values:
            share = self.hp.ctc_wt if "ctc" in values else 0.0
            total = total + (1 - share) * values["attention"]
        if "ctc" in values:
            total = total + self.hp.ctc_wt * values["ctc"]
        return total


def seeing_error(seen: torch.Tensor, wanted: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Mean square of what codes (B, T, width) are off where the lips are known, (B, T)."""
    apart = (seen.float() - wanted.float()).square().mean(-1)
    return (apart * known).sum() / known.sum().clamp(min=1)


def padding_of(batch: Batch) -> torch.Tensor:
    """(B, T), True where a clip has ended."""
    steps = torch.arange(batch["lips"].shape[1], device=batch["lips"].device)
    return steps >= batch["frames"][:, None]


def ctc_loss(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Summed over clips; logits (B, T, vocabulary), blank BEGIN. END is no sound of a mouth."""
    said = (batch["tokens"] != PADDING) & (batch["tokens"] != END)
    chances = logits.float().log_softmax(-1).transpose(0, 1)
    return F.ctc_loss(
        chances, batch["tokens"].masked_fill(~said, BEGIN), batch["frames"], said.sum(1),
        blank=BEGIN, reduction="sum", zero_infinity=True,
    )  # fmt: skip


@torch.inference_mode()
def read_batch(
    reader: LipReader, seen: torch.Tensor, batch: Batch, tokens: Tokens
) -> tuple[list[str], list[str]]:
    """What the decoder and what CTC read of the codes of mouths, (B, T, width)."""
    padding = padding_of(batch)
    encoded = reader.encoder.w2v_model.join(None, seen, padding)
    longest = max(8, int(TOKENS_A_FRAME * seen.shape[1]))
    found = greedy_search(reader.decoder, encoded, padding, longest=longest)
    return [tokens.decode(one) for one in found], read_frames(reader, encoded, padding, tokens)


def read_frames(
    reader: LipReader, encoded: torch.Tensor, padding: torch.Tensor, tokens: Tokens
) -> list[str]:
    """What CTC reads: each frame's likeliest token, repetitions and blanks left out."""
    if reader.ctc is None:
        return []
    likeliest = reader.ctc(encoded).argmax(-1).masked_fill(padding, BEGIN)
    return [tokens.decode(row.unique_consecutive().tolist()) for row in likeliest]


class ReadingScore:
    """Errors over a validation set, of the decoder and of CTC, and the first few readings."""

    SHOWN = 4

    def __init__(self):
        self.decoder, self.ctc, self.shown = WordErrors(), WordErrors(), []

    def add(self, read: tuple[list[str], list[str]], said: list[str]) -> None:
        decoded, framed = read
        for found, words in zip(decoded, said, strict=True):
            self.decoder.add(found, words)
            if len(self.shown) < self.SHOWN:
                self.shown.append((words, found))
        for found, words in zip(framed, said, strict=False):
            self.ctc.add(found, words)

    def read(self, runtime) -> dict[str, float]:
        """wer, cer and ctc_wer over all processes' shares."""
        sums = runtime.gather((self.decoder, self.ctc))
        decoder, ctc = WordErrors(), WordErrors()
        for total, place in ((decoder, 0), (ctc, 1)):
            for parts in sums:
                for name, value in vars(parts[place]).items():
                    setattr(total, name, getattr(total, name) + value)
        scores = {"wer": decoder.wer, "cer": decoder.cer}
        return scores | ({"ctc_wer": ctc.wer} if ctc.words else {})
