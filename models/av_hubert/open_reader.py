"""A lip reader out of a file, ours or a published one, with all that reading needs."""

import logging
from dataclasses import dataclass
from pathlib import Path

import torch

from models.av_hubert.lip_reader import LipReader
from models.av_hubert.mouths import VIEWS
from models.av_hubert.tokens import Tokens
from models.checkpoint import Checkpoint, CheckpointError, read_checkpoint
from models.fairseq_file import TextSide

log = logging.getLogger(__name__)

SMOOTHING = 0.1  # of labels, in AV-HuBERT's trainings
FACE = (96, 96)  # height and width of the crops that a reader of faces is shown


@dataclass(frozen=True)
class Reader:
    """A network, what its tokens stand for, and what it was taught to look at."""

    network: LipReader
    tokens: Tokens
    view: str  # out of VIEWS
    face: tuple[int, int] = FACE
    smoothing: float = SMOOTHING
    hears: bool = True  # whether its encoder was ever given sound
    terms: str | None = None  # of its publisher


def open_reader(path: str | Path, device: str | torch.device = "cpu") -> Reader:
    """Raises CheckpointError or FileNotFoundError."""
    checkpoint = read_checkpoint(path, "lip_reader")
    tokens, network = tokens_of(checkpoint), checkpoint.build(device)
    if len(tokens) != network.vocabulary:
        raise CheckpointError(
            f"{path}: {network.vocabulary} tokens are read, but {len(tokens)} are named"
        )
    view = checkpoint.extra.get("view", "frame")
    if view not in VIEWS:
        raise CheckpointError(f"{path}: its view is {view!r:.40}, not {' or '.join(VIEWS)}")
    numbers = checkpoint.hparams
    face = tuple(int(numbers.get(name, size)) for name, size in
                 zip(("img_height", "img_width"), FACE, strict=True))  # fmt: skip
    smoothing = checkpoint.extra.get("label_smoothing") or numbers.get("label_smoothing")
    return Reader(
        network, tokens, view, face,
        SMOOTHING if smoothing is None else smoothing,
        hears=bool(checkpoint.extra.get("hears", True)),
        terms=checkpoint.extra.get("terms"),
    )  # fmt: skip


def tokens_of(checkpoint: Checkpoint) -> Tokens:
    """What a lip reader's tokens stand for. Raises CheckpointError where its file does not say."""
    stated, text = checkpoint.extra.get("tokens"), checkpoint.extra.get("text")
    try:
        if isinstance(stated, dict):
            return Tokens.restored(stated)
        if isinstance(text, TextSide):
            return _published(text, len(checkpoint.state_dict["decoder.embed_tokens.weight"]))
    except ValueError as error:
        raise CheckpointError(f"{checkpoint.path}: {error}") from error
    raise CheckpointError(f"{checkpoint.path} does not say what its tokens stand for")


def _published(text: TextSide, vocabulary: int) -> Tokens:
    """From the SentencePiece model where it can be read, else from the dictionary alone."""
    if text.sentencepiece:
        try:
            found = Tokens.of_sentencepiece(text.sentencepiece)
        except (ValueError, RuntimeError) as error:
            log.warning("words cannot be divided into this reader's tokens: %s", error)
        else:
            if len(found) == vocabulary:
                return found
    symbols = text.symbols(vocabulary)
    if symbols is None:
        raise ValueError(f"no dictionary of {vocabulary} tokens lies in it")
    return Tokens(symbols)
